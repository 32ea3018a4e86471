/* All SQL about API keys but that of their revocation all at once (sessions_store.h); see api_keys_store.h. */
#include "api_keys_store.h"

#include <string.h>

#include "rfc3339.h"

#define LIVE "revoked_at IS NULL AND expires_at > now()"

/* So that two calls of one person count each other's keys. */
static const struct statement lock_owner = {"key_lock_owner",
                                            "SELECT FROM users WHERE id = $1::bigint FOR NO KEY UPDATE"};

static const struct statement create_key = {
    "key_create", "INSERT INTO api_keys (user_id, name, start, hash, scopes, rate_limit, expires_at)"
                  " SELECT $1::bigint, $2::text, $3::text, $4::bytea, $5::text[], $6::integer, now() + "
                  "make_interval(days => $7::integer)"
                  " WHERE (SELECT count(*) FROM api_keys WHERE user_id = $1::bigint AND " LIVE ") < $8::bigint"
                  " RETURNING " KEY_STORE_COLUMNS};

static const struct statement list_keys = {
    "key_list", "SELECT given.place, found.* FROM unnest($1::bigint[]) WITH ORDINALITY AS given(owner, place)"
                " CROSS JOIN LATERAL (SELECT " KEY_STORE_COLUMNS " FROM api_keys WHERE user_id = given.owner AND " LIVE
                ") AS found ORDER BY given.place, found.id DESC"};

static const struct statement revoke_keys = {
    "key_revoke", "UPDATE api_keys SET revoked_at = now()"
                  " FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY AS given(id, user_id, place)"
                  " WHERE api_keys.id = given.id AND api_keys.user_id = given.user_id AND revoked_at IS NULL"
                  " RETURNING given.place, session_id"};

static const struct statement identify = {
    "key_identify",
    "SELECT given.place, keys.id, keys.session_id, users.id, users.role, users.is_verified,"
    "       EXISTS (SELECT FROM second_factors WHERE user_id = users.id AND confirmed_at IS NOT NULL),"
    "       array_to_string(keys.scopes, ','), keys.rate_limit, floor(extract(epoch FROM keys.expires_at))::bigint"
    " FROM unnest($1::bytea[]) WITH ORDINALITY AS given(hash, place) JOIN api_keys AS keys ON keys.hash = given.hash"
    " JOIN users ON users.id = keys.user_id"
    " WHERE " LIVE " AND users.is_active AND users.erased_at IS NULL"};

const char **key_store_scopes(const char *list, struct pool *pool, size_t *ret_count) {
    const char **scopes = pool_alloc(pool, (strlen(list) + 1) * sizeof *scopes);
    *ret_count = 0;
    while (*list) {
        size_t length = strcspn(list, ",");
        scopes[(*ret_count)++] = pool_copy(pool, list, length);
        list += length + (list[length] == ',');
    }
    return scopes;
}

static const char *copy_text(const PGresult *result, int row, int column, struct pool *pool) {
    const char *text = db_text(result, row, column);
    return text ? pool_text(pool, text) : NULL;
}

struct api_key key_store_row(const PGresult *result, int row, int column, struct pool *pool) {
    struct api_key key = {.id = db_integer(result, row, column),
                          .name = copy_text(result, row, column + 1, pool),
                          .start = copy_text(result, row, column + 2, pool),
                          .created_at = rfc3339_text(db_text(result, row, column + 5), pool),
                          .expires_at = rfc3339_text(db_text(result, row, column + 6), pool)};
    key.scopes.items = key_store_scopes(db_text(result, row, column + 3), pool, &key.scopes.count);
    if (!db_is_null(result, row, column + 4))
        SET(key, rate_limit, db_integer(result, row, column + 4));
    SET_TEXT(key, last_used_at, rfc3339_text(db_text(result, row, column + 7), pool));
    SET_TEXT(key, last_used_address, copy_text(result, row, column + 8, pool));
    return key;
}

int key_store_create(struct worker *worker, const struct new_api_key *key, int64_t limit, struct api_key *ret_key) {
    struct db *db = worker_db(worker);
    struct parameters owner, parameters;
    parameters_init(&owner, worker_pool(worker));
    parameter_integer(&owner, key->user_id);
    parameters_init(&parameters, worker_pool(worker));
    parameter_integer(&parameters, key->user_id);
    parameter_text(&parameters, key->request->name);
    parameter_text(&parameters, key->start);
    parameter_bytes(&parameters, key->hash.data, key->hash.length);
    parameter_texts(&parameters, key->request->scopes.items, key->request->scopes.count);
    if (key->request->has_rate_limit == PRESENCE_SET)
        parameter_integer(&parameters, key->request->rate_limit);
    else
        parameter_null(&parameters);
    parameter_integer(&parameters, key->request->expires_in_days);
    parameter_integer(&parameters, limit);
    if (db_queue(db, &lock_owner, &owner) || db_queue(db, &create_key, &parameters) || !db_receive(db))
        return -1;
    PGresult *result = db_receive(db);
    if (!result)
        return -1;
    *ret_key = (struct api_key){0};
    if (PQntuples(result) > 0)
        *ret_key = key_store_row(result, 0, 0, worker_pool(worker));
    return 0;
}

int key_store_list(struct worker *worker, const int64_t *user_ids, size_t count,
                   struct list_api_keys_reply *ret_lists) {
    struct pool *pool = worker_pool(worker);
    struct parameters parameters;
    parameters_init(&parameters, pool);
    parameter_integers(&parameters, user_ids, count);
    PGresult *result = db_query(worker_db(worker), &list_keys, &parameters);
    if (!result)
        return -1;
    struct api_key *keys = pool_alloc(pool, (size_t)PQntuples(result) * sizeof *keys);
    memset(ret_lists, 0, count * sizeof *ret_lists);
    for (int row = 0; row < PQntuples(result); row++) { /* those of one list follow each other */
        struct list_api_keys_reply *list = &ret_lists[db_integer(result, row, 0) - 1];
        keys[row] = key_store_row(result, row, 1, pool);
        if (list->keys.count++ == 0)
            list->keys.items = &keys[row];
    }
    return 0;
}

int key_store_revoke(struct worker *worker, const int64_t *key_ids, const int64_t *user_ids, size_t count,
                     const char **ret_sessions) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integers(&parameters, key_ids, count);
    parameter_integers(&parameters, user_ids, count);
    PGresult *result = db_query(worker_db(worker), &revoke_keys, &parameters);
    if (!result)
        return -1;
    memset(ret_sessions, 0, count * sizeof *ret_sessions);
    for (int row = 0; row < PQntuples(result); row++)
        ret_sessions[db_integer(result, row, 0) - 1] = copy_text(result, row, 1, worker_pool(worker));
    return 0;
}

static struct key_identity read_identity(const PGresult *result, int row, struct pool *pool) {
    return (struct key_identity){.key_id = db_integer(result, row, 1),
                                 .session = copy_text(result, row, 2, pool),
                                 .user_id = db_integer(result, row, 3),
                                 .role = copy_text(result, row, 4, pool),
                                 .verified = db_boolean(result, row, 5),
                                 .factor_is_active = db_boolean(result, row, 6),
                                 .scopes = copy_text(result, row, 7, pool),
                                 .has_rate_limit = !db_is_null(result, row, 8),
                                 .rate_limit = db_integer(result, row, 8),
                                 .expires_at_s = db_integer(result, row, 9)};
}

int key_store_identify(struct worker *worker, const struct bytes *hashes, size_t count,
                       struct key_identity *ret_identities) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_bytes_array(&parameters, hashes, count);
    PGresult *result = db_query(worker_db(worker), &identify, &parameters);
    if (!result)
        return -1;
    memset(ret_identities, 0, count * sizeof *ret_identities);
    for (int row = 0; row < PQntuples(result); row++)
        ret_identities[db_integer(result, row, 0) - 1] = read_identity(result, row, worker_pool(worker));
    return 0;
}
