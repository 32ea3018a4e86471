/* The SQL of sessions and their refresh tokens, and of what ends them. As store.h: texts that come back live in the
 * worker's pool; each returns 0, or -1: the group failed. */
#ifndef TITHI_AUTH_SESSIONS_STORE_H
#define TITHI_AUTH_SESSIONS_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "operations.h"
#include "store.h"
#include "worker.h"

#define TOKEN_HASH_SIZE 32

struct new_session {
    const char *id;
    int64_t user_id;
    const char *address;
    const char *device;            /* NULL: unknown */
    uint8_t hash[TOKEN_HASH_SIZE]; /* of the refresh token */
};

struct refresh_row {
    bool known, spent, revoked, expired;
    const char *session;
    int64_t left_s; /* until SESSION_TTL is over */
    struct account account;
};

int sessions_store_open(struct worker *worker, const struct new_session *sessions, size_t count);
/* Locks the tokens and their sessions until the end of the transaction. */
int sessions_store_find_tokens(struct worker *worker, const struct bytes *hashes, size_t count,
                               struct refresh_row *ret_rows);
/* Has another worker committed this very command meanwhile? */
int sessions_store_command_ran(struct worker *worker, const struct uuid *command, bool *ret_ran);
/* Spends the old tokens, adds the new ones and prolongs their sessions, but not beyond SESSION_TTL. */
int sessions_store_rotate(struct worker *worker, const struct bytes *spent, const struct new_session *sessions,
                          size_t count);

/* ret_lists[i]: the sessions of user_ids[i] that have not ended, last used first. `current` is left to the caller. */
int sessions_store_list(struct worker *worker, const int64_t *user_ids, size_t count,
                        struct list_sign_ins_reply *ret_lists);
/* Did this person sign in for this session within the last `seconds`? */
int sessions_store_is_recent(struct worker *worker, const char *session, int64_t seconds, bool *ret_recent);

/* `published`: Redis has them already. */
int sessions_store_revoke(struct worker *worker, const char *const *sessions, size_t count, const char *reason,
                          bool published);
/* *ret_found false: it has ended already, is another's, or never was. */
int sessions_store_revoke_own(struct worker *worker, const char *session, int64_t user_id, bool *ret_found);
/* Revokes all sessions of this person but `kept` (NULL: none), and what is half open: challenges for second factors.
 * The list holds also sessions that are over but whose access tokens may not be; *ret_ended counts the others. */
int sessions_store_revoke_all(struct worker *worker, int64_t user_id, const char *kept, const char *reason,
                              const char ***ret_sessions, size_t *ret_count, int64_t *ret_ended);
/* Revokes all API keys of this person. */
int sessions_store_revoke_keys(struct worker *worker, int64_t user_id, const char ***ret_sessions, size_t *ret_count);

struct revocation {
    const char *session;
    int64_t left_s; /* how long gateways must know of it; >= 1 */
};

/* What Redis lacks of sessions and API keys: those revoked within the last `kept_s` (`all`), or only the unpublished
 * ones. */
int sessions_store_list_revocations(struct worker *worker, bool all, int64_t kept_s, struct revocation **ret_list,
                                    size_t *ret_count);
int sessions_store_mark_published(struct worker *worker, const char *const *sessions, size_t count);

#endif
