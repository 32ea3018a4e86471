/* The rows of API keys. Texts that come back live in the worker's pool. Each returns 0, or -1: the group failed. */
#ifndef TITHI_AUTH_API_KEYS_STORE_H
#define TITHI_AUTH_API_KEYS_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "operations.h"
#include "worker.h"

struct new_api_key {
    int64_t user_id;
    const char *start;
    struct bytes hash;
    const struct create_api_key_request *request;
};

/* ret_key->id 0: the person has `limit` live keys already. */
int key_store_create(struct worker *worker, const struct new_api_key *key, int64_t limit, struct api_key *ret_key);
/* ret_lists[i]: the live keys of user_ids[i], newest first. */
int key_store_list(struct worker *worker, const int64_t *user_ids, size_t count, struct list_api_keys_reply *ret_lists);
/* Pairs. ret_sessions[i]: what gateways know the key by; NULL: this person has no such key. */
int key_store_revoke(struct worker *worker, const int64_t *key_ids, const int64_t *user_ids, size_t count,
                     const char **ret_sessions);

struct key_identity {
    int64_t key_id; /* 0: no such key, or it is over, or its owner inactive */
    const char *session;
    int64_t user_id;
    const char *role;
    bool verified;
    bool factor_is_active;
    const char *scopes; /* comma-separated */
    bool has_rate_limit;
    int64_t rate_limit;
    int64_t expires_at_s;
};

int key_store_identify(struct worker *worker, const struct bytes *hashes, size_t count,
                       struct key_identity *ret_identities);

#define KEY_STORE_COLUMNS                                                                                              \
    "id, name, start, array_to_string(scopes, ','), rate_limit, created_at, expires_at, used_at, used_address"
/* A row of them, from `column` on. */
struct api_key key_store_row(const PGresult *result, int row, int column, struct pool *pool);

/* "read,book" as an array in the pool. */
const char **key_store_scopes(const char *list, struct pool *pool, size_t *ret_count);

#endif
