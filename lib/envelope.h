/* The header frame of a call and of its answer: a msgpack map that precedes each payload frame (docs/protocol.md).
 * Unknown keys are skipped; a malformed header is -1. */
#ifndef TITHI_ENVELOPE_H
#define TITHI_ENVELOPE_H

#include <stdbool.h>

#include "buffer.h"
#include "pool.h"
#include "uuid.h"

struct caller {
    int64_t user_id; /* 0: nobody signed in */
    const char *role; /* "user", "facilitator", "admin"; "" for nobody */
    const char *session; /* session id (UUID text); "" for nobody */
    const char *address; /* client's IP, for throttling and audit */
};

struct call_header {
    struct uuid id;         /* "id": bin 16, UUIDv7; a re-sent call keeps it */
    const char *operation;  /* "op" */
    uint32_t ttl_ms;        /* "ttl_ms": what is left of the deadline; always packed as uint32 so that it can be patched */
    struct uuid command;    /* "command": bin 16; the id under which the effect is stored: derived from (person, Idempotency-Key), else = id */
    struct caller caller;   /* "caller": map user_id, role, session, address */
    const char *request_id; /* "request_id": X-Request-Id, for logs */
    const char *trace;      /* "trace": W3C traceparent, "" for none */
    const char *known;      /* "known": version of the answer that the caller has already, "" or NULL for none */
};

struct answer_header {
    struct uuid id;
    const char *refusal;    /* "refusal": code of errors.yaml; NULL on success. The payload is then {details: {field: reason}, retry_after_s} or empty map */
    const char *version;    /* "version": the same of two answers to the same question where they are the same; NULL: it has none */
    bool unchanged;         /* "unchanged": the version that the caller knows is still the answer; the payload is an empty map */
};

void envelope_pack_call(const struct call_header *header, struct buffer *ret_frame);
/* Texts are copied into the pool. Missing optional keys become "" or nil. id and op are required. */
int envelope_read_call(const void *bytes, size_t length, struct pool *pool, struct call_header *ret_header);
/* Only what a broker needs: no copies. 0 or -1. `ret_ttl_ms` is 0 where the header has none (then: a default); a header that
 * says 0 gives 1. */
int envelope_peek(const void *bytes, size_t length, struct uuid *ret_id, uint32_t *ret_ttl_ms);
/* Overwrites ttl_ms in place where it is packed as uint32; else leaves it. */
void envelope_patch_ttl(void *bytes, size_t length, uint32_t ttl_ms);

void envelope_pack_answer(const struct answer_header *header, struct buffer *ret_frame);
int envelope_read_answer(const void *bytes, size_t length, struct pool *pool, struct answer_header *ret_header);

#endif
