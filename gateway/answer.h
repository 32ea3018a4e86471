/* What a worker said, in the forms that HTTP wants: made once, shared by all requests that wait for it. */
#ifndef TITHI_ANSWER_H
#define TITHI_ANSWER_H

#include "codec.h"
#include "contract.h"
#include "envelope.h"
#include "etag.h"

struct answer {
    int references;
    const struct refusal *refusal; /* NULL: a reply */
    struct buffer body;            /* JSON of the reply, or CSV; of a refusal its details as JSON, or nothing */
    struct buffer gzip;            /* made when first asked for */
    char etag[ETAG_SIZE];          /* of reads; "" of others */
    char gzip_etag[ETAG_SIZE + 5]; /* the same of `gzip`: another representation, another tag */
    char cursor[512];              /* of the next page, "" where there is none */
    struct buffer cookies;         /* Set-Cookie lines, each with a NUL at its end */
    struct buffer location;        /* where a redirect leads; empty: nowhere */
    uint32_t retry_after_s;
};

/* With one reference. "unchanged" is for whoever knows what: here it is no answer. */
struct answer *answer_new(const struct route *route, const struct answer_header *header, struct text_span payload);
/* Of a JSON document that never changes. */
struct answer *answer_constant(struct text_span json);
void answer_release(struct answer **answer);

/* The body compressed, or an empty span where that does not pay. */
struct text_span answer_gzip(struct answer *answer);

#endif
