/* Sign-ins that fail are slowed down: per account, per address and over all, with growing delays that end by
 * themselves. Measured by RATE_LIMIT_AUTH; "off" turns it off. Second factors and confirmed passwords likewise. */
#ifndef TITHI_AUTH_THROTTLE_H
#define TITHI_AUTH_THROTTLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker.h"

struct attempt {
    const char *email;      /* as given: its account need not exist; or another name for what is tried */
    int64_t user_id;        /* 0: there is none */
    const char *address;    /* the client's */
    const char *request_id; /* for the log of security events; NULL: none */
    int64_t delay_s;        /* filled by throttle_look(): > 0: not before so many seconds */
};

/* May these attempts be made now? Asked before any password is hashed. An address from which the account has signed in
 * lately is not delayed by what others do. 0, or -1. */
int throttle_look(struct worker *worker, struct attempt *attempts, size_t count);
/* What came of those that were made: good[i] ends the account's count, a failure raises those of account, address and
 * all, and is noted (authn_login_lock) where a delay follows from it. 0, or -1. */
int throttle_note(struct worker *worker, const struct attempt *attempts, const bool *good, size_t count);
/* The account's count ends, and that of the address for it: somebody has proven to own it. 0, or -1. */
int throttle_clear(struct worker *worker, int64_t user_id, const char *address);

#endif
