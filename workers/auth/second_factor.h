/* Second factors: TOTP (RFC 6238: SHA-1, 6 digits, 30 s, one step of leeway) and recovery codes. */
#ifndef TITHI_AUTH_SECOND_FACTOR_H
#define TITHI_AUTH_SECOND_FACTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker.h"

/* Which of these people have an active second factor? 0, or -1. */
int second_factors_are_active(struct worker *worker, const int64_t *user_ids, size_t count, bool *ret_active);

/* Does SECOND_FACTOR_REQUIRED name this role? */
bool second_factor_is_required(const char *role);

/* Is this the code of the app, or an unused recovery code, of this person? Each is good once: it is spent by this. The
 * account is locked already (store_lock_accounts(), `to_change`). Where *ret_good is false, the call is refused:
 * sign_in_delayed, or invalid_code with `field` among the details. Wrong codes are throttled by a count of their own,
 * which neither a right password nor a mailed link clears. Notes the use of a recovery code. 0, or -1. */
int second_factor_prove(struct worker *worker, struct call *call, int64_t user_id, const char *field, const char *code,
                        bool *ret_good);

/* Without any code: for those who have lost app and recovery codes. *ret_removed false: there was none. */
int second_factor_remove(struct worker *worker, int64_t user_id, bool *ret_removed);

/* Seals secrets anew that JWT_PREVIOUS_SECRET_KEY sealed. At the start, in a transaction of its own. 0, or -1. */
int second_factors_start(struct worker *worker);

/* "facilitator, admin": NULL, or what is wrong with SECOND_FACTOR_REQUIRED. */
const char *second_factors_check(void);

#endif
