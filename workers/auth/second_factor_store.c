/* All SQL about second factors; see second_factor_store.h. Codes are spent by conditional updates: of two that bring
 * the same code at once, the later one waits for the former's row and finds it spent. */
#include "second_factor_store.h"

#include <string.h>

#include "rfc3339.h"

static const struct statement are_active = {
    "factors_are_active", "SELECT given.place FROM unnest($1::bigint[]) WITH ORDINALITY AS given(user_id, place)"
                          " JOIN second_factors USING (user_id) WHERE confirmed_at IS NOT NULL"};

static const struct statement states = {
    "factor_states",
    "SELECT given.place, users.role, second_factors.confirmed_at,"
    "       (SELECT count(*) FROM recovery_codes WHERE user_id = users.id AND used_at IS NULL)"
    " FROM unnest($1::bigint[]) WITH ORDINALITY AS given(user_id, place) JOIN users ON users.id = given.user_id"
    " LEFT JOIN second_factors ON second_factors.user_id = users.id"};

static const struct statement read_factor = {
    "factor_read",
    "SELECT confirmed_at IS NOT NULL, secret, recovery_salt FROM second_factors WHERE user_id = $1::bigint"};

static const struct statement begin = {
    "factor_begin", "INSERT INTO second_factors (user_id, secret) VALUES ($1::bigint, $2::bytea)"
                    " ON CONFLICT (user_id) DO UPDATE SET secret = excluded.secret, created_at = now()"
                    " WHERE second_factors.confirmed_at IS NULL RETURNING user_id"};

static const struct statement activate = {
    "factor_activate", "UPDATE second_factors SET confirmed_at = now(), last_step = $2::bigint"
                       " WHERE user_id = $1::bigint AND confirmed_at IS NULL AND secret = $3::bytea RETURNING user_id"};

static const struct statement spend_step = {
    "factor_spend_step",
    "UPDATE second_factors SET last_step = $2::bigint"
    " WHERE user_id = $1::bigint AND confirmed_at IS NOT NULL AND last_step < $2::bigint RETURNING user_id"};

static const struct statement spend_recovery = {
    "factor_spend_recovery", "UPDATE recovery_codes SET used_at = now()"
                             " WHERE user_id = $1::bigint AND hash = $2::bytea AND used_at IS NULL RETURNING user_id"};

static const struct statement replace_recovery = {
    "factor_replace_recovery",
    "WITH salted AS (UPDATE second_factors SET recovery_salt = $2::bytea WHERE user_id = $1::bigint),"
    " void AS (DELETE FROM recovery_codes WHERE user_id = $1::bigint)"
    " INSERT INTO recovery_codes (user_id, hash) SELECT $1::bigint, hash FROM unnest($3::bytea[]) AS given(hash)"};

static const struct statement remove_factor = {
    "factor_remove", "WITH codes AS (DELETE FROM recovery_codes WHERE user_id = $1::bigint)"
                     " DELETE FROM second_factors WHERE user_id = $1::bigint RETURNING confirmed_at IS NOT NULL"};

static const struct statement list_secrets = {"factor_list_secrets",
                                              "SELECT user_id, secret FROM second_factors WHERE user_id > $1::bigint"
                                              " ORDER BY user_id LIMIT 1000 FOR UPDATE"};

static const struct statement replace_secrets = {"factor_replace_secrets",
                                                 "UPDATE second_factors SET secret = given.secret"
                                                 " FROM unnest($1::bigint[], $2::bytea[]) AS given(user_id, secret)"
                                                 " WHERE second_factors.user_id = given.user_id"};

static PGresult *query_people(struct worker *worker, const struct statement *statement, const int64_t *user_ids,
                              size_t count) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integers(&parameters, user_ids, count);
    return db_query(worker_db(worker), statement, &parameters);
}

int factor_store_are_active(struct worker *worker, const int64_t *user_ids, size_t count, bool *ret_active) {
    PGresult *result = query_people(worker, &are_active, user_ids, count);
    if (!result)
        return -1;
    memset(ret_active, 0, count * sizeof *ret_active);
    for (int row = 0; row < PQntuples(result); row++)
        ret_active[db_integer(result, row, 0) - 1] = true;
    return 0;
}

int factor_store_states(struct worker *worker, const int64_t *user_ids, size_t count, struct factor_state *ret_states) {
    struct pool *pool = worker_pool(worker);
    PGresult *result = query_people(worker, &states, user_ids, count);
    if (!result)
        return -1;
    memset(ret_states, 0, count * sizeof *ret_states);
    for (int row = 0; row < PQntuples(result); row++)
        ret_states[db_integer(result, row, 0) - 1] =
            (struct factor_state){.role = pool_text(pool, db_text(result, row, 1)),
                                  .confirmed_at = rfc3339_text(db_text(result, row, 2), pool),
                                  .recovery_codes_left = db_integer(result, row, 3)};
    return 0;
}

int factor_store_read(struct worker *worker, int64_t user_id, struct second_factor *ret_factor) {
    struct pool *pool = worker_pool(worker);
    struct parameters parameters;
    parameters_init(&parameters, pool);
    parameter_integer(&parameters, user_id);
    PGresult *result = db_query(worker_db(worker), &read_factor, &parameters);
    if (!result)
        return -1;
    *ret_factor = (struct second_factor){.known = PQntuples(result) > 0};
    if (ret_factor->known) {
        ret_factor->active = db_boolean(result, 0, 0);
        ret_factor->secret = db_bytes(result, 0, 1, pool);
        ret_factor->recovery_salt = db_bytes(result, 0, 2, pool);
    }
    return 0;
}

/* Runs a statement that returns a row where it did something. */
static int change(struct worker *worker, const struct statement *statement, const struct parameters *parameters,
                  bool *ret_done) {
    PGresult *result = db_query(worker_db(worker), statement, parameters);
    if (!result)
        return -1;
    *ret_done = PQntuples(result) > 0;
    return 0;
}

static int change_with_bytes(struct worker *worker, const struct statement *statement, int64_t user_id,
                             struct bytes bytes, bool *ret_done) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integer(&parameters, user_id);
    parameter_bytes(&parameters, bytes.data, bytes.length);
    return change(worker, statement, &parameters, ret_done);
}

int factor_store_begin(struct worker *worker, int64_t user_id, struct bytes secret, bool *ret_begun) {
    return change_with_bytes(worker, &begin, user_id, secret, ret_begun);
}

int factor_store_activate(struct worker *worker, int64_t user_id, struct bytes secret, int64_t step, bool *ret_done) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integer(&parameters, user_id);
    parameter_integer(&parameters, step);
    parameter_bytes(&parameters, secret.data, secret.length);
    return change(worker, &activate, &parameters, ret_done);
}

int factor_store_spend_step(struct worker *worker, int64_t user_id, int64_t step, bool *ret_spent) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integer(&parameters, user_id);
    parameter_integer(&parameters, step);
    return change(worker, &spend_step, &parameters, ret_spent);
}

int factor_store_spend_recovery(struct worker *worker, int64_t user_id, const unsigned char hash[RECOVERY_HASH_SIZE],
                                bool *ret_spent) {
    return change_with_bytes(worker, &spend_recovery, user_id, (struct bytes){hash, RECOVERY_HASH_SIZE}, ret_spent);
}

int factor_store_replace_recovery(struct worker *worker, int64_t user_id, const unsigned char salt[RECOVERY_SALT_SIZE],
                                  const struct bytes *hashes, size_t count) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integer(&parameters, user_id);
    parameter_bytes(&parameters, salt, RECOVERY_SALT_SIZE);
    parameter_bytes_array(&parameters, hashes, count);
    return db_query(worker_db(worker), &replace_recovery, &parameters) ? 0 : -1;
}

int factor_store_remove(struct worker *worker, int64_t user_id, bool *ret_removed) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integer(&parameters, user_id);
    PGresult *result = db_query(worker_db(worker), &remove_factor, &parameters);
    if (!result)
        return -1;
    *ret_removed = PQntuples(result) > 0 && db_boolean(result, 0, 0);
    return 0;
}

int factor_store_list_secrets(struct worker *worker, int64_t after_user_id, struct sealed_secret **ret_secrets,
                              size_t *ret_count) {
    struct pool *pool = worker_pool(worker);
    struct parameters parameters;
    parameters_init(&parameters, pool);
    parameter_integer(&parameters, after_user_id);
    PGresult *result = db_query(worker_db(worker), &list_secrets, &parameters);
    if (!result)
        return -1;
    *ret_count = (size_t)PQntuples(result);
    *ret_secrets = pool_alloc(pool, *ret_count * sizeof **ret_secrets);
    for (int row = 0; row < PQntuples(result); row++)
        (*ret_secrets)[row] = (struct sealed_secret){db_integer(result, row, 0), db_bytes(result, row, 1, pool)};
    return 0;
}

int factor_store_replace_secrets(struct worker *worker, const struct sealed_secret *secrets, size_t count) {
    struct pool *pool = worker_pool(worker);
    struct parameters parameters;
    int64_t *user_ids = pool_alloc(pool, count * sizeof *user_ids);
    struct bytes *sealed = pool_alloc(pool, count * sizeof *sealed);
    for (size_t i = 0; i < count; i++) {
        user_ids[i] = secrets[i].user_id;
        sealed[i] = secrets[i].secret;
    }
    parameters_init(&parameters, pool);
    parameter_integers(&parameters, user_ids, count);
    parameter_bytes_array(&parameters, sealed, count);
    return db_query(worker_db(worker), &replace_secrets, &parameters) ? 0 : -1;
}
