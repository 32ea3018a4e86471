/* The rows of second factors and their recovery codes. Texts and bytes that come back live in the worker's pool. Each
 * returns 0, or -1: the group failed. */
#ifndef TITHI_AUTH_SECOND_FACTOR_STORE_H
#define TITHI_AUTH_SECOND_FACTOR_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codes.h"
#include "worker.h"

struct second_factor {
    bool known;          /* a secret was given out */
    bool active;         /* and a code has confirmed it */
    struct bytes secret; /* sealed */
    struct bytes recovery_salt;
};

struct factor_state {
    const char *role;         /* of the account; NULL: there is none */
    const char *confirmed_at; /* RFC 3339; NULL: not active */
    int64_t recovery_codes_left;
};

int factor_store_are_active(struct worker *worker, const int64_t *user_ids, size_t count, bool *ret_active);
int factor_store_states(struct worker *worker, const int64_t *user_ids, size_t count, struct factor_state *ret_states);
int factor_store_read(struct worker *worker, int64_t user_id, struct second_factor *ret_factor);

/* Replaces a secret that is not confirmed; *ret_begun false: there is an active one. */
int factor_store_begin(struct worker *worker, int64_t user_id, struct bytes secret, bool *ret_begun);
/* The factor with this sealed secret, which was not active yet; *ret_done false: it is another one by now. */
int factor_store_activate(struct worker *worker, int64_t user_id, struct bytes secret, int64_t step, bool *ret_done);
/* No code is good twice: *ret_spent false where the step, or a later one, is spent already. */
int factor_store_spend_step(struct worker *worker, int64_t user_id, int64_t step, bool *ret_spent);
int factor_store_spend_recovery(struct worker *worker, int64_t user_id, const unsigned char hash[RECOVERY_HASH_SIZE],
                                bool *ret_spent);
/* The former ones are void. */
int factor_store_replace_recovery(struct worker *worker, int64_t user_id, const unsigned char salt[RECOVERY_SALT_SIZE],
                                  const struct bytes *hashes, size_t count);
/* *ret_removed false: there was no active one. */
int factor_store_remove(struct worker *worker, int64_t user_id, bool *ret_removed);

struct sealed_secret {
    int64_t user_id;
    struct bytes secret;
};

/* The next ones behind this user, locked until the end of the transaction. */
int factor_store_list_secrets(struct worker *worker, int64_t after_user_id, struct sealed_secret **ret_secrets,
                              size_t *ret_count);
int factor_store_replace_secrets(struct worker *worker, const struct sealed_secret *secrets, size_t count);

#endif
