/* What every call carries beside its request and reply: the first member of each generated struct NAME_call. */
#ifndef TITHI_CALL_H
#define TITHI_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "codec.h"
#include "contract.h"
#include "envelope.h"
#include "pool.h"

struct job;

struct call {
    struct call_header header;
    struct pool *pool; /* lives until the call is answered */
    struct job *job;   /* the worker runtime's own side of it */
    int64_t deadline_mono_ms;
    const struct refusal *refusal; /* NULL: the reply struct is the answer */
    struct problems details;       /* goes with the refusal */
    uint32_t retry_after_s;
    const char *version; /* of the reply, in the call's pool or longer; NULL: it has none */
    bool unchanged;      /* the version that the caller knows is the answer; the reply struct is not looked at */
};

#endif
