/* The SQL of accounts and profiles. Texts that come back live in the worker's pool. Each returns 0, or -1: the group
 * failed. */
#ifndef TITHI_AUTH_STORE_H
#define TITHI_AUTH_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "operations.h"
#include "worker.h"

struct new_account {
    const char *email, *name, *role;
    bool facilitator_pending, is_verified;
    const char *phone, *bio, *specialization, *facilitator_crm_id; /* NULL: none */
    const char *language;                                          /* NULL: English */
    const char *password_hash;
};

struct account {
    int64_t id; /* 0: there is none */
    const char *email, *name, *role;
    bool is_active, is_verified;
    /* Not of store_account_of_row(). NULL where there is no password. A hash may be renewed without a change. */
    const char *password_hash, *password_changed_at;
};

/* ret_ids[i] 0: the e-mail is taken, by an account or by an earlier one of these. */
int store_create_accounts(struct worker *worker, const struct new_account *accounts, size_t count, int64_t *ret_ids);
int store_find_accounts(struct worker *worker, const char *const *emails, size_t count, struct account *ret_accounts);
/* ret_accounts[i].id 0: there is none, or it was erased. */
int store_read_accounts(struct worker *worker, const int64_t *user_ids, size_t count, struct account *ret_accounts);
/* The same, as they are once they are locked until the end of the transaction: against changes, or (`to_change`) also
 * against who locks them like this or opens a session. */
int store_lock_accounts(struct worker *worker, const int64_t *user_ids, size_t count, bool to_change,
                        struct account *ret_accounts);
/* Only queues that lock (db_queue()). */
int store_queue_lock(struct worker *worker, const int64_t *user_ids, size_t count, bool to_change);
/* The columns id, email, name, role, is_active, is_verified from `column` on. */
struct account store_account_of_row(const PGresult *result, int row, int column, struct pool *pool);
/* Links and challenges that were asked for with the old one are void by it. */
int store_set_password(struct worker *worker, int64_t user_id, const char *hash);
/* Where the account still has the old hash. */
int store_replace_hashes(struct worker *worker, const int64_t *user_ids, const char *const *old_hashes,
                         const char *const *new_hashes, size_t count);

/* ret_profiles[i].id 0: no such account. `lock`: until the end of the transaction. */
int store_read_profiles(struct worker *worker, const int64_t *user_ids, size_t count, bool lock,
                        struct profile *ret_profiles);
/* `new_secret` becomes the webhook secret where the address changes; *ret_secret_is_new says so. */
int store_update_profile(struct worker *worker, int64_t user_id, const struct update_profile_request *change,
                         const char *new_secret, bool *ret_secret_is_new);

#endif
