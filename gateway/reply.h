/* Writing answers: status, headers, body, in the form that the client asked for. Each request is answered exactly once.
 */
#ifndef TITHI_REPLY_H
#define TITHI_REPLY_H

#include <h2o.h>
#include <h2o/http1.h>

#include "codec.h"
#include "contract.h"

struct answer;
struct request;

/* Reads CORS_ORIGINS: exact origins, scheme://host[:port]. -1: it is no list of them. */
int reply_read_origins(const char *list);
void reply_start(void); /* what all answers have alike */
/* The origin as CORS_ORIGINS has it, or NULL. */
const char *reply_allowed_origin(const char *origin, size_t length);

/* What a worker said, or answer_constant(). The request keeps a reference while its bytes are on their way. */
void reply_answer(struct request *request, struct answer *answer);
/* `details`: a JSON object, or NULL. `retry_after_s` 0: as the refusal says. */
void reply_refusal(struct request *request, const struct refusal *refusal, const char *details, uint32_t retry_after_s);
/* A document of the gateway's own, not kept by caches. The bytes are copied. */
void reply_document(struct request *request, int status, const char *media_type, struct text_span body);
/* A page for browsers, or what belongs to it: it may run, load and ask what has the same origin, and nothing else. The
 * bytes must live on. */
void reply_page(struct request *request, const char *media_type, struct text_span body);
/* A file of the web app, in one of its forms. The bytes and texts must live on. */
struct file {
    int status;
    const char *media_type, *cache_control;
    const char *etag;     /* NULL: none */
    const char *encoding; /* NULL: as it is */
    struct text_span bytes;
};
void reply_file(struct request *request, const struct file *file);
/* 204 with Allow, and to browsers what CORS allows. */
void reply_options(struct request *request, const char *allowed);
void reply_redirect(struct request *request, const char *location);
/* Answers whose connection h2o then gives away: `taken` gets it when the head was written, or NULL where the client has
 * gone (h2o/http1.h). Here the handshake of a WebSocket. */
void reply_upgrade(struct request *request, const char *accept, h2o_http1_upgrade_cb taken, void *owner);
/* And here a body without an end, never kept or compressed. */
void reply_stream(struct request *request, const char *media_type, h2o_http1_upgrade_cb taken, void *owner);
/* The same to HEAD, without the connection. */
void reply_stream_head(struct request *request, const char *media_type);
/* Does the client want something to look at? */
bool reply_to_browser(const struct request *request);

/* Was this answer begun by one of the above? */
bool reply_is_ours(const h2o_req_t *req);
/* For answers that h2o itself has begun: status and headers are replaced, the returned body is to be sent instead. */
struct text_span reply_instead(struct request *request, const struct refusal *refusal);

#endif
