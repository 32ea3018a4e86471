/* All SQL of the auth worker. Texts that come back live in the worker's pool. Each returns 0, or -1: the group failed.
 */
#ifndef TITHI_AUTH_STORE_H
#define TITHI_AUTH_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "operations.h"
#include "worker.h"

#define TOKEN_HASH_SIZE 32

extern const struct statement store_sweeps[];
extern const size_t store_sweep_count;

struct new_account {
    const char *email, *name, *role;
    bool facilitator_pending;
    const char *phone, *bio, *specialization, *facilitator_crm_id; /* NULL: none */
    const char *password_hash;
};

struct account {
    int64_t id; /* 0: there is none */
    const char *email, *name, *role;
    bool is_active;
    const char *password_hash; /* of find_accounts only; NULL where there is no password */
};

struct new_session {
    const char *id;
    int64_t user_id;
    const char *address;
    uint8_t hash[TOKEN_HASH_SIZE]; /* of the refresh token */
};

struct refresh_row {
    bool known, spent, revoked, expired;
    const char *session;
    struct account account;
};

/* ret_ids[i] 0: the e-mail is taken, by an account or by an earlier one of these. */
int store_create_accounts(struct worker *worker, const struct new_account *accounts, size_t count, int64_t *ret_ids);
int store_find_accounts(struct worker *worker, const char *const *emails, size_t count, struct account *ret_accounts);
/* Where the account still has the old hash. */
int store_replace_hashes(struct worker *worker, const int64_t *user_ids, const char *const *old_hashes,
                         const char *const *new_hashes, size_t count);

int store_open_sessions(struct worker *worker, const struct new_session *sessions, size_t count);
/* Locks the tokens and their sessions until the end of the transaction. */
int store_find_refresh_tokens(struct worker *worker, const struct bytes *hashes, size_t count,
                              struct refresh_row *ret_rows);
/* Has another worker committed this very command meanwhile? */
int store_command_ran(struct worker *worker, const struct uuid *command, bool *ret_ran);
/* Spends the old tokens, adds the new ones and prolongs their sessions. */
int store_rotate_tokens(struct worker *worker, const struct bytes *spent, const struct new_session *sessions,
                        size_t count);
/* `published`: Redis has them already. */
int store_revoke_sessions(struct worker *worker, const char *const *sessions, size_t count, const char *reason,
                          bool published);

struct revocation {
    const char *session;
    int64_t left_s; /* until the last access token of that session is over anyway; >= 1 */
};

/* What Redis lacks: those of the last ACCESS_TOKEN_TTL (`all`), or only the unpublished ones. */
int store_list_revocations(struct worker *worker, bool all, struct revocation **ret_list, size_t *ret_count);
int store_mark_published(struct worker *worker, const struct revocation *list, size_t count);

/* ret_profiles[i].id 0: no such account. `lock`: until the end of the transaction. */
int store_read_profiles(struct worker *worker, const int64_t *user_ids, size_t count, bool lock,
                        struct profile *ret_profiles);
/* `new_secret` becomes the webhook secret where the address changes; *ret_secret_is_new says so. */
int store_update_profile(struct worker *worker, int64_t user_id, const struct update_profile_request *change,
                         const char *new_secret, bool *ret_secret_is_new);

#endif
