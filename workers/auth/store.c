/* All SQL of the auth worker, one statement for a whole mailbox where order inside it does not matter. It decides
 * nothing: rules.c does. Only this worker's role may read credentials and refresh tokens. */
#include "store.h"

#include <string.h>

#include "rfc3339.h"
#include "settings.h"

static const struct statement create_accounts = {
    "create_accounts",
    "WITH given AS ("
    "  SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::boolean[], $5::text[], $6::text[], $7::text[], "
    "$8::text[],"
    "                       $9::text[]) WITH ORDINALITY"
    "    AS given(email, name, role, pending, phone, bio, specialization, crm_id, hash, place)),"
    " first AS (SELECT DISTINCT ON (lower(email)) * FROM given ORDER BY lower(email), place),"
    " made AS ("
    "  INSERT INTO users (email, name, role, facilitator_pending, phone, bio, specialization, facilitator_crm_id)"
    "  SELECT email, name, role, pending, phone, bio, specialization, crm_id FROM first ORDER BY place"
    "  ON CONFLICT (lower(email)) DO NOTHING RETURNING id, email),"
    " kept AS ("
    "  INSERT INTO credentials (user_id, password_hash) SELECT made.id, first.hash FROM made JOIN first USING (email))"
    " SELECT first.place, made.id FROM made JOIN first USING (email)"};

static const struct statement find_accounts = {
    "find_accounts",
    "SELECT given.place, users.id, users.email, users.name, users.role, users.is_active, credentials.password_hash"
    " FROM unnest($1::text[]) WITH ORDINALITY AS given(email, place)"
    " JOIN users ON lower(users.email) = lower(given.email)"
    " LEFT JOIN credentials ON credentials.user_id = users.id"};

static const struct statement replace_hashes = {
    "replace_hashes", "UPDATE credentials SET password_hash = given.new_hash"
                      " FROM unnest($1::bigint[], $2::text[], $3::text[]) AS given(user_id, old_hash, new_hash)"
                      " WHERE credentials.user_id = given.user_id AND credentials.password_hash = given.old_hash"};

static const struct statement open_sessions = {
    "open_sessions",
    "WITH given AS ("
    "  SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::bytea[]) AS given(id, user_id, address, hash)),"
    " opened AS ("
    "  INSERT INTO sessions (id, user_id, address, expires_at)"
    "  SELECT id, user_id, address, now() + make_interval(secs => $5::bigint) FROM given)"
    " INSERT INTO refresh_tokens (hash, session_id, expires_at)"
    " SELECT hash, id, now() + make_interval(secs => $5::bigint) FROM given"};

static const struct statement find_refresh_tokens = {
    "find_refresh_tokens",
    "SELECT tokens.hash, tokens.spent_at IS NOT NULL, sessions.revoked_at IS NOT NULL,"
    "       least(tokens.expires_at, sessions.expires_at) <= now(), sessions.id,"
    "       users.id, users.email, users.name, users.role, users.is_active"
    " FROM refresh_tokens AS tokens JOIN sessions ON sessions.id = tokens.session_id JOIN users ON users.id = "
    "sessions.user_id"
    " WHERE tokens.hash = ANY ($1::bytea[]) ORDER BY sessions.id, tokens.hash FOR UPDATE OF sessions, tokens"};

static const struct statement command_ran = {"command_ran", "SELECT FROM commands WHERE id = $1::uuid"};

static const struct statement rotate_tokens = {
    "rotate_tokens", "WITH given AS (SELECT * FROM unnest($1::uuid[], $2::bytea[]) AS given(id, hash)),"
                     " spent AS (UPDATE refresh_tokens SET spent_at = now() WHERE hash = ANY ($3::bytea[])),"
                     " used AS ("
                     "  UPDATE sessions SET used_at = now(), expires_at = now() + make_interval(secs => $4::bigint)"
                     "  WHERE id IN (SELECT id FROM given))"
                     " INSERT INTO refresh_tokens (hash, session_id, expires_at)"
                     " SELECT hash, id, now() + make_interval(secs => $4::bigint) FROM given"};

static const struct statement revoke_sessions = {
    "revoke_sessions", "UPDATE sessions SET revoked_at = now(), revoked_for = $2::text, published = $3::boolean"
                       " WHERE id = ANY ($1::uuid[]) AND revoked_at IS NULL"};

#define REVOCATION_COLUMNS                                                                                             \
    "SELECT id, greatest(1, ceil(extract(epoch FROM revoked_at - now()) + $1::bigint)::bigint) FROM sessions"

static const struct statement list_all_revocations = {"list_all_revocations", REVOCATION_COLUMNS
                                                      " WHERE revoked_at > now() - make_interval(secs => $1::bigint)"};

static const struct statement list_unpublished = {"list_unpublished",
                                                  REVOCATION_COLUMNS " WHERE revoked_at IS NOT NULL AND NOT published"};

static const struct statement mark_published = {
    "mark_published", "UPDATE sessions SET published = true WHERE id = ANY ($1::uuid[]) AND NOT published"};

/* Tokens first: a session goes when none of its family is left, so that no batch deletes more than it counts. */
const struct statement store_sweeps[] = {
    {"sweep_refresh_tokens", "DELETE FROM refresh_tokens WHERE hash = ANY (ARRAY("
                             "  SELECT hash FROM refresh_tokens WHERE expires_at < now() - interval '30 days'"
                             "  LIMIT $1::integer FOR UPDATE SKIP LOCKED))"},
    {"sweep_sessions", "DELETE FROM sessions WHERE id = ANY (ARRAY("
                       "  SELECT id FROM sessions WHERE expires_at < now() - interval '30 days'"
                       "   AND NOT EXISTS (SELECT FROM refresh_tokens WHERE session_id = sessions.id)"
                       "  LIMIT $1::integer FOR UPDATE SKIP LOCKED))"},
};
const size_t store_sweep_count = sizeof store_sweeps / sizeof *store_sweeps;

#define PROFILE_COLUMNS                                                                                                \
    "id, email, name, phone, role, is_active, is_verified, facilitator_pending, bio, specialization,"                  \
    " facilitator_crm_id, crm_webhook_url, "                                                                           \
    "created_at, updated_at"

#define READ_PROFILES                                                                                                  \
    "SELECT given.place, " PROFILE_COLUMNS                                                                             \
    " FROM unnest($1::bigint[]) WITH ORDINALITY AS given(user_id, place) JOIN users ON users.id = given.user_id"

static const struct statement read_profiles = {"read_profiles", READ_PROFILES};
static const struct statement lock_profiles = {"lock_profiles", READ_PROFILES " ORDER BY users.id FOR UPDATE OF users"};

/* Pairs of (given?, value): what is not given stays as it is. An address that changes gets a secret of its own. */
static const struct statement change_profile = {
    "change_profile",
    "UPDATE users SET"
    " name = CASE WHEN $2::boolean THEN $3::text ELSE name END,"
    " phone = CASE WHEN $4::boolean THEN $5::text ELSE phone END,"
    " bio = CASE WHEN $6::boolean THEN $7::text ELSE bio END,"
    " specialization = CASE WHEN $8::boolean THEN $9::text ELSE specialization END,"
    " facilitator_crm_id = CASE WHEN $10::boolean THEN $11::text ELSE facilitator_crm_id END,"
    " crm_webhook_url = CASE WHEN $12::boolean THEN $13::text ELSE crm_webhook_url END,"
    " crm_webhook_secret = CASE WHEN NOT $12::boolean THEN crm_webhook_secret WHEN $13::text IS NULL THEN NULL"
    "   WHEN $13::text IS DISTINCT FROM crm_webhook_url OR crm_webhook_secret IS NULL THEN $14::text"
    "   ELSE crm_webhook_secret END,"
    " updated_at = now()"
    " WHERE id = $1::bigint RETURNING crm_webhook_secret IS NOT DISTINCT FROM $14::text"};

/* One text member of all accounts as an array. */
static void parameter_column(struct parameters *parameters, const struct new_account *accounts, size_t count,
                             size_t offset) {
    const char **texts = pool_alloc(parameters->pool, count * sizeof *texts);
    for (size_t i = 0; i < count; i++)
        texts[i] = *(const char *const *)((const char *)&accounts[i] + offset);
    parameter_texts(parameters, texts, count);
}

int store_create_accounts(struct worker *worker, const struct new_account *accounts, size_t count, int64_t *ret_ids) {
    struct pool *pool = worker_pool(worker);
    struct parameters parameters;
    const char **pending = pool_alloc(pool, count * sizeof *pending);
    for (size_t i = 0; i < count; i++)
        pending[i] = accounts[i].facilitator_pending ? "t" : "f";
    parameters_init(&parameters, pool);
    parameter_column(&parameters, accounts, count, offsetof(struct new_account, email));
    parameter_column(&parameters, accounts, count, offsetof(struct new_account, name));
    parameter_column(&parameters, accounts, count, offsetof(struct new_account, role));
    parameter_texts(&parameters, pending, count);
    parameter_column(&parameters, accounts, count, offsetof(struct new_account, phone));
    parameter_column(&parameters, accounts, count, offsetof(struct new_account, bio));
    parameter_column(&parameters, accounts, count, offsetof(struct new_account, specialization));
    parameter_column(&parameters, accounts, count, offsetof(struct new_account, facilitator_crm_id));
    parameter_column(&parameters, accounts, count, offsetof(struct new_account, password_hash));
    PGresult *result = db_query(worker_db(worker), &create_accounts, &parameters);
    if (!result)
        return -1;
    memset(ret_ids, 0, count * sizeof *ret_ids);
    for (int row = 0; row < PQntuples(result); row++)
        ret_ids[db_integer(result, row, 0) - 1] = db_integer(result, row, 1);
    return 0;
}

/* The columns id, email, name, role, is_active from `column` on. */
static struct account read_account(const PGresult *result, int row, int column, struct pool *pool) {
    return (struct account){.id = db_integer(result, row, column),
                            .email = pool_text(pool, db_text(result, row, column + 1)),
                            .name = pool_text(pool, db_text(result, row, column + 2)),
                            .role = pool_text(pool, db_text(result, row, column + 3)),
                            .is_active = db_boolean(result, row, column + 4)};
}

static const char *copy_text(const PGresult *result, int row, int column, struct pool *pool) {
    const char *text = db_text(result, row, column);
    return text ? pool_text(pool, text) : NULL;
}

int store_find_accounts(struct worker *worker, const char *const *emails, size_t count, struct account *ret_accounts) {
    struct pool *pool = worker_pool(worker);
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_texts(&parameters, emails, count);
    PGresult *result = db_query(worker_db(worker), &find_accounts, &parameters);
    if (!result)
        return -1;
    memset(ret_accounts, 0, count * sizeof *ret_accounts);
    for (int row = 0; row < PQntuples(result); row++) {
        struct account *account = &ret_accounts[db_integer(result, row, 0) - 1];
        *account = read_account(result, row, 1, pool);
        account->password_hash = copy_text(result, row, 6, pool);
    }
    return 0;
}

int store_replace_hashes(struct worker *worker, const int64_t *user_ids, const char *const *old_hashes,
                         const char *const *new_hashes, size_t count) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integers(&parameters, user_ids, count);
    parameter_texts(&parameters, old_hashes, count);
    parameter_texts(&parameters, new_hashes, count);
    return db_query(worker_db(worker), &replace_hashes, &parameters) ? 0 : -1;
}

static void parameter_session_ids(struct parameters *parameters, const struct new_session *sessions, size_t count) {
    const char **ids = pool_alloc(parameters->pool, count * sizeof *ids);
    for (size_t i = 0; i < count; i++)
        ids[i] = sessions[i].id;
    parameter_texts(parameters, ids, count);
}

static void parameter_session_hashes(struct parameters *parameters, const struct new_session *sessions, size_t count) {
    struct bytes *hashes = pool_alloc(parameters->pool, count * sizeof *hashes);
    for (size_t i = 0; i < count; i++)
        hashes[i] = (struct bytes){sessions[i].hash, TOKEN_HASH_SIZE};
    parameter_bytes_array(parameters, hashes, count);
}

int store_open_sessions(struct worker *worker, const struct new_session *sessions, size_t count) {
    struct pool *pool = worker_pool(worker);
    struct parameters parameters;
    int64_t *user_ids = pool_alloc(pool, count * sizeof *user_ids);
    const char **addresses = pool_alloc(pool, count * sizeof *addresses);
    for (size_t i = 0; i < count; i++) {
        user_ids[i] = sessions[i].user_id;
        addresses[i] = sessions[i].address;
    }
    parameters_init(&parameters, pool);
    parameter_session_ids(&parameters, sessions, count);
    parameter_integers(&parameters, user_ids, count);
    parameter_texts(&parameters, addresses, count);
    parameter_session_hashes(&parameters, sessions, count);
    parameter_integer(&parameters, settings.refresh_token_ttl_s);
    return db_query(worker_db(worker), &open_sessions, &parameters) ? 0 : -1;
}

static struct refresh_row *find_row(const struct bytes *hashes, size_t count, size_t from, struct bytes hash,
                                    struct refresh_row *rows) {
    for (size_t i = from; i < count; i++)
        if (hashes[i].length == hash.length && memcmp(hashes[i].data, hash.data, hash.length) == 0)
            return &rows[i];
    return NULL;
}

int store_find_refresh_tokens(struct worker *worker, const struct bytes *hashes, size_t count,
                              struct refresh_row *ret_rows) {
    struct pool *pool = worker_pool(worker);
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_bytes_array(&parameters, hashes, count);
    PGresult *result = db_query(worker_db(worker), &find_refresh_tokens, &parameters);
    if (!result)
        return -1;
    memset(ret_rows, 0, count * sizeof *ret_rows);
    for (int row = 0; row < PQntuples(result); row++) {
        struct bytes hash = db_bytes(result, row, 0, worker_pool(worker));
        struct refresh_row found = {.known = true,
                                    .spent = db_boolean(result, row, 1),
                                    .revoked = db_boolean(result, row, 2),
                                    .expired = db_boolean(result, row, 3),
                                    .session = copy_text(result, row, 4, pool),
                                    .account = read_account(result, row, 5, pool)};
        struct refresh_row *place = find_row(hashes, count, 0, hash, ret_rows);
        while (place) { /* one token may have come in several calls */
            *place = found;
            place = find_row(hashes, count, (size_t)(place - ret_rows) + 1, hash, ret_rows);
        }
    }
    return 0;
}

int store_command_ran(struct worker *worker, const struct uuid *command, bool *ret_ran) {
    struct parameters parameters;
    char text[UUID_TEXT_SIZE];
    parameters_init(&parameters, worker_pool(worker));
    parameter_text(&parameters, uuid_text(command, text));
    PGresult *result = db_query(worker_db(worker), &command_ran, &parameters);
    if (!result)
        return -1;
    *ret_ran = PQntuples(result) > 0;
    return 0;
}

int store_rotate_tokens(struct worker *worker, const struct bytes *spent, const struct new_session *sessions,
                        size_t count) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_session_ids(&parameters, sessions, count);
    parameter_session_hashes(&parameters, sessions, count);
    parameter_bytes_array(&parameters, spent, count);
    parameter_integer(&parameters, settings.refresh_token_ttl_s);
    return db_query(worker_db(worker), &rotate_tokens, &parameters) ? 0 : -1;
}

int store_revoke_sessions(struct worker *worker, const char *const *sessions, size_t count, const char *reason,
                          bool published) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_texts(&parameters, sessions, count);
    parameter_text(&parameters, reason);
    parameter_boolean(&parameters, published);
    return db_query(worker_db(worker), &revoke_sessions, &parameters) ? 0 : -1;
}

int store_list_revocations(struct worker *worker, bool all, struct revocation **ret_list, size_t *ret_count) {
    struct pool *pool = worker_pool(worker);
    struct parameters parameters;
    parameters_init(&parameters, pool);
    parameter_integer(&parameters, settings.access_token_ttl_s);
    PGresult *result = db_query(worker_db(worker), all ? &list_all_revocations : &list_unpublished, &parameters);
    if (!result)
        return -1;
    *ret_count = (size_t)PQntuples(result);
    *ret_list = pool_alloc(pool, *ret_count * sizeof **ret_list);
    for (int row = 0; row < PQntuples(result); row++)
        (*ret_list)[row] = (struct revocation){copy_text(result, row, 0, pool), db_integer(result, row, 1)};
    return 0;
}

int store_mark_published(struct worker *worker, const struct revocation *list, size_t count) {
    struct pool *pool = worker_pool(worker);
    struct parameters parameters;
    const char **sessions = pool_alloc(pool, count * sizeof *sessions);
    for (size_t i = 0; i < count; i++)
        sessions[i] = list[i].session;
    parameters_init(&parameters, pool);
    parameter_texts(&parameters, sessions, count);
    return db_query(worker_db(worker), &mark_published, &parameters) ? 0 : -1;
}

static struct profile read_profile(const PGresult *result, int row, struct pool *pool) {
    struct profile profile = {.id = db_integer(result, row, 1),
                              .email = copy_text(result, row, 2, pool),
                              .name = copy_text(result, row, 3, pool),
                              .role = copy_text(result, row, 5, pool),
                              .is_active = db_boolean(result, row, 6),
                              .is_verified = db_boolean(result, row, 7),
                              .facilitator_pending = db_boolean(result, row, 8),
                              .created_at = rfc3339_text(db_text(result, row, 13), pool),
                              .updated_at = rfc3339_text(db_text(result, row, 14), pool)};
    SET_TEXT(profile, phone, copy_text(result, row, 4, pool));
    SET_TEXT(profile, bio, copy_text(result, row, 9, pool));
    SET_TEXT(profile, specialization, copy_text(result, row, 10, pool));
    SET_TEXT(profile, facilitator_crm_id, copy_text(result, row, 11, pool));
    SET_TEXT(profile, crm_webhook_url, copy_text(result, row, 12, pool));
    return profile;
}

int store_read_profiles(struct worker *worker, const int64_t *user_ids, size_t count, bool lock,
                        struct profile *ret_profiles) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integers(&parameters, user_ids, count);
    PGresult *result = db_query(worker_db(worker), lock ? &lock_profiles : &read_profiles, &parameters);
    if (!result)
        return -1;
    memset(ret_profiles, 0, count * sizeof *ret_profiles);
    for (int row = 0; row < PQntuples(result); row++)
        ret_profiles[db_integer(result, row, 0) - 1] = read_profile(result, row, worker_pool(worker));
    return 0;
}

static void parameter_change(struct parameters *parameters, enum presence presence, const char *text) {
    parameter_boolean(parameters, presence != PRESENCE_ABSENT);
    parameter_text(parameters, presence == PRESENCE_SET ? text : NULL);
}

int store_update_profile(struct worker *worker, int64_t user_id, const struct update_profile_request *change,
                         const char *new_secret, bool *ret_secret_is_new) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integer(&parameters, user_id);
    parameter_change(&parameters, change->has_name, change->name);
    parameter_change(&parameters, change->has_phone, change->phone);
    parameter_change(&parameters, change->has_bio, change->bio);
    parameter_change(&parameters, change->has_specialization, change->specialization);
    parameter_change(&parameters, change->has_facilitator_crm_id, change->facilitator_crm_id);
    parameter_change(&parameters, change->has_crm_webhook_url, change->crm_webhook_url);
    parameter_text(&parameters, new_secret);
    PGresult *result = db_query(worker_db(worker), &change_profile, &parameters);
    if (!result)
        return -1;
    *ret_secret_is_new = PQntuples(result) == 1 && db_boolean(result, 0, 0);
    return 0;
}
