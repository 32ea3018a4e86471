/* What a request gave, per field of a record: the step between an HTTP request's parts and its message. */
#ifndef TITHI_CODEC_GIVEN_H
#define TITHI_CODEC_GIVEN_H

#include <jansson.h>
#include <string.h>

#include "codec.h"
#include "codec_private.h"

enum given_kind { GIVEN_NOT, GIVEN_TEXT, GIVEN_JSON };

/* One value as it was given for a field. */
struct given {
    enum given_kind kind;
    bool minor;       /* money given in minor units, under NAME_minor */
    const char *name; /* the contract's name or former name it came under */
    struct text_span text;
    const json_t *json;
    struct given *next; /* the same field under a further name */
};

/* Room for every field of any record; given_clear() it first. */
struct givens {
    struct given of[RECORD_FIELD_LIMIT]; /* by the field's index */
};

static inline void given_clear(struct givens *givens, const struct record *record) {
    memset(givens->of, 0, record->field_count * sizeof givens->of[0]);
}

/* Parses a body, or adds what is wrong with it and returns NULL. */
json_t *given_parse(struct text_span body, struct problems *problems);

/* Percent-decoding into the pool; `plus`: what '+' stands for. False on a bad escape. */
bool given_decode_percent(struct pool *pool, struct text_span raw, char plus, struct text_span *ret_text);

/* Does path, query or body hold what looks like a card number? `body` may be NULL. */
bool given_holds_card(const struct request_source *source, const json_t *body, struct pool *pool);

/* Everything but a JSON body: headers, bearer token, path, query. Names that the record does not know are problems. */
void given_take_source(const struct record *record, const struct request_source *source, struct givens *givens,
                       struct problems *problems);
void given_take_object(const struct record *record, const json_t *object, struct givens *givens,
                       struct problems *problems, const struct place *place);
/* What the route itself sets. Take it last, so that a problem names what the client gave. */
void given_take_fixed(const struct record *record, const struct fixed_value *fixed, struct givens *givens,
                      struct problems *problems);

#endif
