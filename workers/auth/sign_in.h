/* The last step of every way to sign in (password, registration, Google, answered challenge), and what ends sessions.
 * Everything here runs in the caller's transaction. */
#ifndef TITHI_AUTH_SIGN_IN_H
#define TITHI_AUTH_SIGN_IN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "operations.h"
#include "store.h"
#include "worker.h"

struct sign_in {
    struct call *call;
    struct account account; /* whose identity is proven, but for a second factor; where it was not: email as given */
    const char *user_agent; /* NULL: none was given */
    const char *otp;        /* NULL: no code came along */
    const char *method;     /* "password", "registration", "google", "second_factor": for the log of security events */
    bool factor_is_proven;  /* the second factor needs no code any more */
};

/* Opens a session for each and makes its tokens; or refuses the call: account_inactive, second_factor_required (with a
 * challenge among the details), invalid_code, or invalid_credentials where the password was changed meanwhile. A role
 * that needs a second factor which is not there gets the rights of a user. Calls that are refused already are attempts
 * that failed. ret_signed_in[i] is filled where the call was not refused. Notes what came of each for the throttle and
 * among the security events. 0, or -1. */
int sign_in_open(struct worker *worker, struct sign_in *sign_ins, size_t count, struct signed_in *ret_signed_in);

/* Refuses the call: this attempt comes `delay_s` too early. */
void sign_in_delay(struct call *call, int64_t delay_s);

/* Ends all sessions of this person but `kept` (UUID text; NULL: none), in PostgreSQL and Redis. `reason`: a value of
 * sessions.revoked_for. *ret_ended (may be NULL): how many. 0, or -1. */
int sign_in_end_all(struct worker *worker, int64_t user_id, const char *kept, const char *reason, int64_t *ret_ended);

/* Revokes all API keys of this person, in PostgreSQL and Redis: where rights are taken away. *ret_ended as above. */
int sign_in_end_keys(struct worker *worker, int64_t user_id, int64_t *ret_ended);

/* First of all in a handler that asks sign_in_confirm() or second_factor_prove() about its callers: locks their
 * accounts in one order, so that no two workers wait for each other. `calls`: the handler's array. 0, or -1. */
int sign_in_lock_callers(struct worker *worker, const void *calls, size_t call_size, size_t count);

/* Before something grave (password, address, second factor, keys, erasure): is it really this person? An account with a
 * password must give it; another must have signed in within ten minutes. Throttled like a sign-in. *ret_sure false: the
 * call is refused (invalid_credentials, reauthentication_required, sign_in_delayed). `account` is filled either way,
 * and locked against other changes until the end of the transaction. 0, or -1. */
int sign_in_confirm(struct worker *worker, struct call *call, const char *password_or_null, struct account *ret_account,
                    bool *ret_sure);

#endif
