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

struct attempt throttle_attempt(const struct call *call, const char *email, int64_t user_id);

/* May these attempts be made now? Asked before any password is hashed; who makes one after the other asks and notes for
 * each, with the account locked. An address from which the account has signed in lately is not delayed by what others
 * do. 0, or -1. */
int throttle_look(struct worker *worker, struct attempt *attempts, size_t count);
/* What came of one that was made. A success ends the count that it was measured by: the account's, or that of the known
 * address for it; a failure raises those of account, address and all, and is noted (authn_login_lock) where a delay
 * follows from it. Written at the end of the transaction, in the order of the notes; throttle_look() heeds it at once.
 */
void throttle_note(struct worker *worker, const struct attempt *attempt, bool good);
/* The account's count ends, and that of the address for it: somebody has proven to own it. 0, or -1. */
int throttle_clear(struct worker *worker, int64_t user_id, const char *address);

#endif
