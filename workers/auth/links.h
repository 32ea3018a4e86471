/* One-time links by mail, and the challenges of second factors: random tokens, hashed at rest, expiring, used once. */
#ifndef TITHI_AUTH_LINKS_H
#define TITHI_AUTH_LINKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "links_store.h"
#include "worker.h"

/* Mails about accounts are queued in the running transaction and leave after it (mail_channel.h): one of a kind for an
 * account in a minute, further ones are dropped. `cause`, `trace`: of the call that caused it. */

/* The link that verifies this account's address. */
void links_mail_verification(struct worker *worker, int64_t user_id, const struct call_header *cause);
/* The link that sets a new password, to whoever's address that is, if anybody's. */
void links_mail_reset(struct worker *worker, const char *email, const struct call_header *cause);
/* The link that makes `email` this account's address, or a word to who has it already; and a word to the present
 * address. Links to other addresses are void from now on. 0, or -1. */
int links_mail_change(struct worker *worker, int64_t user_id, const char *old_email, const char *email,
                      const struct call_header *cause);
/* A word to the former address. */
void links_mail_changed(struct worker *worker, int64_t user_id, const char *old_email, const char *trace);
/* Tells somebody that something grave was done to the account: "password_changed", "second_factor_added",
 * "second_factor_removed", "recovery_codes_renewed", "api_key_added", "google_linked" (workers/mail/templates/). */
void links_mail_notice(struct worker *worker, int64_t user_id, const char *kind, const char *trace);

/* A new token, as text in the pool, and its hash. */
const char *links_new_token(struct pool *pool, uint8_t ret_hash[LINK_HASH_SIZE]);
void links_hash(const char *token, uint8_t ret_hash[LINK_HASH_SIZE]);

/* A challenge for the second factor of this account, good for five minutes; text in the worker's pool. NULL: the
 * transaction failed. */
const char *links_new_challenge(struct worker *worker, int64_t user_id);
/* Whose challenges are these, good or not? ret_user_ids[i] 0: none that is known. 0, or -1. */
int links_find_challenged(struct worker *worker, const char *const *challenges, size_t count, int64_t *ret_user_ids);
/* Whose challenge is that? Counts the attempt (five at most). *ret_user_id 0: none, over, or used. Locked until the end
 * of the transaction, so who locks the account does it before. 0, or -1. */
int links_look_at_challenge(struct worker *worker, const char *challenge, int64_t *ret_user_id);
int links_use_challenge(struct worker *worker, const char *challenge);

#endif
