/* Statements on identities and oidc_logins; see identities_store.h. */
#include "identities_store.h"

#include <sodium.h>
#include <string.h>

#include "rfc3339.h"

#define LOGIN_S "600" /* as long as the cookie of the contract */
#define REPEAT_S "60"

static const struct statement add_login = {
    "add_oidc_login", "INSERT INTO oidc_logins (state_hash, browser_hash, nonce, verifier, expires_at)"
                      " VALUES ($1::bytea, $2::bytea, $3::text, $4::text, now() + interval '" LOGIN_S " seconds')"};

static const struct statement take_login = {
    "take_oidc_login", "DELETE FROM oidc_logins WHERE state_hash = $1::bytea"
                       " RETURNING nonce, verifier, browser_hash = $2::bytea AND expires_at > now()"};

#define ACCOUNT_COLUMNS "users.id, users.email, users.name, users.role, users.is_active, users.is_verified"

static const struct statement find = {"find_identity",
                                      "SELECT identities.subject, " ACCOUNT_COLUMNS
                                      " FROM identities JOIN users ON users.id = identities.user_id"
                                      " WHERE identities.issuer = $1::text AND identities.subject = $2::text"
                                      " FOR NO KEY UPDATE OF users"};

static const struct statement find_by_email = {
    "find_identity_by_email",
    "SELECT identities.subject, " ACCOUNT_COLUMNS " FROM users LEFT JOIN identities ON identities.user_id = users.id"
    "  AND identities.issuer = $1::text"
    " WHERE lower(users.email) = lower($2::text) FOR NO KEY UPDATE OF users"};

static const struct statement create_account = {
    "create_identified_account",
    "INSERT INTO users (email, name, role, is_verified) VALUES ($1::text, $2::text, 'user', true)"
    " ON CONFLICT (lower(email)) DO NOTHING RETURNING id"};

static const struct statement add_link = {
    "link_identity", "INSERT INTO identities (issuer, subject, user_id, email)"
                     " VALUES ($1::text, $2::text, $3::bigint, $4::text) ON CONFLICT DO NOTHING RETURNING user_id"};

static const struct statement unlink_all = {"unlink_identities",
                                            "DELETE FROM identities WHERE user_id = $1::bigint RETURNING user_id"};

static const struct statement list = {
    "list_identities",
    "SELECT given.place, issuer, email, created_at"
    " FROM unnest($1::bigint[]) WITH ORDINALITY AS given(user_id, place) JOIN identities USING (user_id)"
    " ORDER BY given.place, issuer"};

static const struct statement look_at_token = {"look_at_id_token",
                                               "SELECT user_id, used_at > now() - interval '" REPEAT_S
                                               " seconds' FROM id_tokens_used WHERE hash = $1::bytea"};

static const struct statement note_token = {
    "note_id_token", "INSERT INTO id_tokens_used (hash, user_id, expires_at)"
                     " VALUES ($1::bytea, $2::bigint, to_timestamp($3::bigint)) ON CONFLICT DO NOTHING"
                     " RETURNING user_id"};

static const struct statement use = {
    "use_identity", "WITH used AS ("
                    "  UPDATE identities SET used_at = now() WHERE issuer = $1::text AND subject = $2::text"
                    "  RETURNING user_id)"
                    " UPDATE users SET picture_url = coalesce($3::text, picture_url)"
                    " FROM used WHERE users.id = used.user_id RETURNING picture_url"};

static void parameter_hash(struct parameters *parameters, const char *secret) {
    unsigned char hash[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(hash, (const unsigned char *)secret, strlen(secret));
    parameter_bytes(parameters, hash, sizeof hash);
}

int identities_store_add_login(struct worker *worker, const struct outside_login *login) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_hash(&parameters, login->state);
    parameter_hash(&parameters, login->browser);
    parameter_text(&parameters, login->nonce);
    parameter_text(&parameters, login->verifier);
    return db_query(worker_db(worker), &add_login, &parameters) ? 0 : -1;
}

int identities_store_take_login(struct worker *worker, struct outside_login *login, bool *ret_found) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_hash(&parameters, login->state);
    parameter_hash(&parameters, login->browser);
    PGresult *result = db_query(worker_db(worker), &take_login, &parameters);
    if (!result)
        return -1;
    *ret_found = PQntuples(result) == 1 && db_boolean(result, 0, 2);
    if (*ret_found) {
        login->nonce = pool_text(worker_pool(worker), db_text(result, 0, 0));
        login->verifier = pool_text(worker_pool(worker), db_text(result, 0, 1));
    }
    return 0;
}

static int read_linked(struct worker *worker, PGresult *result, struct linked_account *ret_linked) {
    if (!result)
        return -1;
    *ret_linked = (struct linked_account){0};
    if (PQntuples(result) == 0)
        return 0;
    ret_linked->account = store_account_of_row(result, 0, 1, worker_pool(worker));
    if (!db_is_null(result, 0, 0))
        ret_linked->subject = pool_text(worker_pool(worker), db_text(result, 0, 0));
    return 0;
}

int identities_store_find(struct worker *worker, const struct identity *identity, struct linked_account *ret_linked) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_text(&parameters, identity->issuer);
    parameter_text(&parameters, identity->subject);
    return read_linked(worker, db_query(worker_db(worker), &find, &parameters), ret_linked);
}

int identities_store_find_by_email(struct worker *worker, const struct identity *identity,
                                   struct linked_account *ret_linked) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_text(&parameters, identity->issuer);
    parameter_text(&parameters, identity->email);
    return read_linked(worker, db_query(worker_db(worker), &find_by_email, &parameters), ret_linked);
}

int identities_store_create_account(struct worker *worker, const struct identity *identity, int64_t *ret_id) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_text(&parameters, identity->email);
    parameter_text(&parameters, identity->name);
    PGresult *result = db_query(worker_db(worker), &create_account, &parameters);
    if (!result)
        return -1;
    *ret_id = PQntuples(result) == 1 ? db_integer(result, 0, 0) : 0;
    return 0;
}

int identities_store_link(struct worker *worker, const struct identity *identity, int64_t user_id, bool *ret_linked) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_text(&parameters, identity->issuer);
    parameter_text(&parameters, identity->subject);
    parameter_integer(&parameters, user_id);
    parameter_text(&parameters, identity->email);
    PGresult *result = db_query(worker_db(worker), &add_link, &parameters);
    if (!result)
        return -1;
    *ret_linked = PQntuples(result) == 1;
    return 0;
}

int identities_store_unlink(struct worker *worker, int64_t user_id, int64_t *ret_count) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integer(&parameters, user_id);
    PGresult *result = db_query(worker_db(worker), &unlink_all, &parameters);
    if (!result)
        return -1;
    *ret_count = PQntuples(result);
    return 0;
}

int identities_store_list(struct worker *worker, const int64_t *user_ids, size_t count,
                          struct list_identities_reply *ret_lists) {
    struct pool *pool = worker_pool(worker);
    struct parameters parameters;
    parameters_init(&parameters, pool);
    parameter_integers(&parameters, user_ids, count);
    PGresult *result = db_query(worker_db(worker), &list, &parameters);
    if (!result)
        return -1;
    struct outside_identity *items = pool_alloc(pool, (size_t)PQntuples(result) * sizeof *items);
    memset(ret_lists, 0, count * sizeof *ret_lists);
    for (int row = 0; row < PQntuples(result); row++) { /* those of one list follow each other */
        struct list_identities_reply *found = &ret_lists[db_integer(result, row, 0) - 1];
        items[row] = (struct outside_identity){.issuer = pool_text(pool, db_text(result, row, 1)),
                                               .email = pool_text(pool, db_text(result, row, 2)),
                                               .created_at = rfc3339_text(db_text(result, row, 3), pool)};
        if (found->identities.count++ == 0)
            found->identities.items = &items[row];
    }
    return 0;
}

int identities_store_look_at_token(struct worker *worker, const struct identity *identity,
                                   struct used_token *ret_used) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_bytes(&parameters, identity->token_hash, sizeof identity->token_hash);
    PGresult *result = db_query(worker_db(worker), &look_at_token, &parameters);
    if (!result)
        return -1;
    *ret_used = (struct used_token){0};
    if (PQntuples(result) == 1)
        *ret_used = (struct used_token){db_integer(result, 0, 0), db_boolean(result, 0, 1)};
    return 0;
}

int identities_store_note_token(struct worker *worker, const struct identity *identity, int64_t user_id) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_bytes(&parameters, identity->token_hash, sizeof identity->token_hash);
    parameter_integer(&parameters, user_id);
    parameter_integer(&parameters, identity->expires_at_s);
    PGresult *result = db_query(worker_db(worker), &note_token, &parameters);
    return result && PQntuples(result) == 1 ? 0 : -1;
}

int identities_store_use(struct worker *worker, const struct identity *identity, const char **ret_picture) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_text(&parameters, identity->issuer);
    parameter_text(&parameters, identity->subject);
    parameter_text(&parameters, identity->picture);
    PGresult *result = db_query(worker_db(worker), &use, &parameters);
    if (!result)
        return -1;
    const char *picture = PQntuples(result) == 1 ? db_text(result, 0, 0) : NULL;
    *ret_picture = picture ? pool_text(worker_pool(worker), picture) : NULL;
    return 0;
}
