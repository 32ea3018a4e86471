/* Messages and JSON by the tables of the contract. Four directions, one table:
 *   JSON, query, path, headers -> message   codec_request()   (gateway; validates everything)
 *   message -> struct                       codec_decode()    (worker; trusts nothing either)
 *   struct -> message                       codec_encode()    (worker)
 *   message -> JSON, CSV                    codec_render()    (gateway; what the table does not list cannot leak)
 * A message is a msgpack map keyed by field->key. */
#ifndef TITHI_CODEC_H
#define TITHI_CODEC_H

#include "buffer.h"
#include "contract.h"
#include "pool.h"

#define CODEC_DEPTH_LIMIT 16

/* What is wrong with an input: field -> reason, in the order found; texts live in the pool. */
struct problem {
    const char *field;
    const char *reason;
    struct problem *next;
};

struct problems {
    struct pool *pool;
    struct problem *first;
    struct problem **end; /* NULL while empty */
    size_t count;
};

#define PROBLEM_MISSING "is required" /* the reason where nothing was given */

/* Further problems are dropped: nobody reads more. */
#define PROBLEM_LIMIT 20

void problem_add(struct problems *problems, const char *field, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

struct text_span {
    const char *bytes;
    size_t length;
};

/* Where the gateway finds a request's parts. */
struct request_source {
    struct text_span body;        /* JSON, or empty */
    struct text_span raw_body;    /* the body instead, for an operation with IN_RAW_BODY, as it is; NULL: none */
    struct text_span query;       /* raw, without '?' */
    const struct text_span *path_values; /* percent-decoded, in the order of the template's {names} */
    const char *const *path_names;
    size_t path_count;
    const char *(*header)(void *context, const char *name, size_t *ret_length); /* NULL where absent */
    const char *(*cookie)(void *context, const char *name, size_t *ret_length); /* the same */
    void *context;
    struct text_span credentials; /* the bearer token, for IN_CREDENTIALS */
    const struct fixed_value *fixed;
};

enum codec_result {
    CODEC_OK,
    CODEC_MALFORMED, /* no JSON at all (syntax, UTF-8, NUL, depth, duplicate keys): one problem, field "body" */
    CODEC_INVALID,   /* against the contract: problems name each field */
    CODEC_CARD_NUMBER, /* what looks like a payment card's number is in it: nothing more was looked at, no problems */
};

/* Appends the message to `ret_message`. Unknown fields and two names of one field with different values are problems.
 * Defaults are filled in. Map keys come in table order, so equal requests give equal bytes. Card numbers are found in
 * JSON strings, numbers and names, in the query and in the path; a raw body's operation takes them. */
enum codec_result codec_request(const struct record *record, const struct request_source *source,
                                struct buffer *ret_message, struct problems *problems);

/* Bounded: checks every length against the bytes left, depth, types, bounds of the table, missing and trailing bytes.
 * Unknown keys are skipped (a newer peer may send them). 0, or -1 with a problem. Strings are copied into the pool. */
int codec_decode(const struct record *record, const char *bytes, size_t length, struct pool *pool, void *ret_struct,
                 struct problems *problems);

void codec_encode(const struct record *record, const void *structure, struct buffer *ret_message);

/* Appends JSON. 0, or -1 where the message does not fit the record (a worker's defect). `view` may be NULL. */
int codec_render(const struct record *record, const struct view *view, const char *message, size_t length,
                 struct buffer *ret_json);

/* Appends the records of a list of the message's record as CSV (RFC 4180): a row of their fields' names, then a row for
 * each. null is an empty cell, money a decimal, and a text that a spreadsheet would take for a formula gets an apostrophe
 * before it. 0, or -1 as above. */
int codec_render_csv(const struct record *record, const struct field *list, const char *message, size_t length,
                     struct buffer *ret_csv);

/* Text of the reply's string field `key` at the top level, or NULL (the next cursor, for Link). Copied into the pool. */
const char *codec_find_text(const char *message, size_t length, const char *key, struct pool *pool);
/* Is the field `key` at the top level true? */
bool codec_is_true(const char *message, size_t length, const char *key);

/* Decimals of an ISO 4217 currency: INR 2, JPY 0, KWD 3; -1 for an unknown one. */
int currency_decimals(const char *code);

void json_append_string(struct buffer *buffer, const char *bytes, size_t length);

#endif
