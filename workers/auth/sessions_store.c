/* All SQL about sessions, refresh tokens and revocations. Whoever touches several sessions locks them in the order of
 * their ids, so that no two workers wait for each other. */
#include "sessions_store.h"

#include <string.h>

#include "rfc3339.h"
#include "settings.h"

#define LISTED_LIMIT "100"

/* $6: how long a refresh token is good; $7: how long its session may be prolonged at most. */
static const struct statement open_sessions = {
    "open_sessions",
    "WITH given AS ("
    "  SELECT * FROM unnest($1::text[]::uuid[], $2::bigint[], $3::text[], $4::text[], $5::bytea[])"
    "    AS given(id, user_id, address, device, hash)),"
    " opened AS ("
    "  INSERT INTO sessions (id, user_id, address, user_agent, expires_at)"
    "  SELECT id, user_id, address, device, now() + make_interval(secs => least($6::bigint, $7::bigint)) FROM given)"
    " INSERT INTO refresh_tokens (hash, session_id, expires_at)"
    " SELECT hash, id, now() + make_interval(secs => least($6::bigint, $7::bigint)) FROM given"};

static const struct statement find_tokens = {
    "find_refresh_tokens",
    "SELECT tokens.hash, tokens.spent_at IS NOT NULL, sessions.revoked_at IS NOT NULL,"
    "       least(tokens.expires_at, sessions.expires_at, sessions.created_at + make_interval(secs => $2::bigint))"
    "         <= now(),"
    "       sessions.id, floor(extract(epoch FROM sessions.created_at - now()))::bigint + $2::bigint,"
    "       users.id, users.email, users.name, users.role, users.is_active, users.is_verified"
    " FROM refresh_tokens AS tokens JOIN sessions ON sessions.id = tokens.session_id"
    " JOIN users ON users.id = sessions.user_id"
    " WHERE tokens.hash = ANY ($1::bytea[]) ORDER BY sessions.id, tokens.hash FOR UPDATE OF sessions, tokens"};

static const struct statement command_ran = {"command_ran", "SELECT FROM commands WHERE id = $1::uuid"};

static const struct statement rotate_tokens = {
    "rotate_tokens",
    "WITH given AS (SELECT * FROM unnest($1::text[]::uuid[], $2::bytea[]) AS given(id, hash)),"
    " spent AS (UPDATE refresh_tokens SET spent_at = now() WHERE hash = ANY ($3::bytea[])),"
    " used AS ("
    "  UPDATE sessions SET used_at = now(),"
    "    expires_at = least(now() + make_interval(secs => $4::bigint), created_at + make_interval(secs => $5::bigint))"
    "  WHERE id IN (SELECT id FROM given))"
    " INSERT INTO refresh_tokens (hash, session_id, expires_at)"
    " SELECT hash, id, now() + make_interval(secs => $4::bigint) FROM given"};

static const struct statement list_sessions = {
    "list_sessions", "SELECT given.place, found.* FROM unnest($1::bigint[]) WITH ORDINALITY AS given(user_id, place)"
                     " CROSS JOIN LATERAL ("
                     "  SELECT id, user_agent, address, created_at, used_at, expires_at FROM sessions"
                     "  WHERE user_id = given.user_id AND revoked_at IS NULL AND expires_at > now()"
                     "  ORDER BY used_at DESC, id DESC LIMIT " LISTED_LIMIT ") AS found"
                     " ORDER BY given.place, found.used_at DESC, found.id DESC"};

static const struct statement session_is_recent = {"session_is_recent",
                                                   "SELECT FROM sessions WHERE id = $1::uuid AND revoked_at IS NULL"
                                                   " AND created_at > now() - make_interval(secs => $2::bigint)"};

static const struct statement revoke_sessions = {
    "revoke_sessions", "UPDATE sessions SET revoked_at = now(), revoked_for = $2::text, published = $3::boolean"
                       " WHERE id = ANY ($1::text[]::uuid[]) AND revoked_at IS NULL"};

static const struct statement revoke_own = {
    "revoke_own", "UPDATE sessions SET revoked_at = now(), revoked_for = 'ended'"
                  " WHERE id = $1::uuid AND user_id = $2::bigint AND revoked_at IS NULL AND expires_at > now()"
                  " RETURNING id"};

static const struct statement revoke_all = {
    "revoke_all", "WITH locked AS ("
                  "  SELECT id FROM sessions WHERE user_id = $1::bigint AND id IS DISTINCT FROM $2::uuid"
                  "   AND revoked_at IS NULL AND expires_at > now() - make_interval(secs => $4::bigint)"
                  "  ORDER BY id FOR UPDATE)"
                  " UPDATE sessions SET revoked_at = now(), revoked_for = $3::text"
                  " WHERE id IN (SELECT id FROM locked) RETURNING id, expires_at > now()"};

static const struct statement drop_challenges = {
    "drop_challenges", "DELETE FROM one_time_tokens WHERE user_id = $1::bigint AND purpose = 'second_factor'"};

static const struct statement revoke_keys = {
    "revoke_keys", "UPDATE api_keys SET revoked_at = now() WHERE user_id = $1::bigint AND revoked_at IS NULL"
                   " RETURNING session_id"};

#define REVOCATIONS(condition)                                                                                         \
    "SELECT id, greatest(1, ceil(extract(epoch FROM revoked_at - now()) + $1::bigint)::bigint) FROM ("                 \
    "  SELECT id, revoked_at, published FROM sessions WHERE " condition                                                \
    "  UNION ALL SELECT session_id, revoked_at, published FROM api_keys WHERE " condition ") AS revoked"

static const struct statement list_all_revocations = {
    "list_all_revocations", REVOCATIONS("revoked_at > now() - make_interval(secs => $1::bigint)")};

static const struct statement list_unpublished = {"list_unpublished",
                                                  REVOCATIONS("revoked_at IS NOT NULL AND NOT published")};

static const struct statement mark_published = {
    "mark_published",
    "WITH keys AS (UPDATE api_keys SET published = true WHERE session_id = ANY ($1::text[]::uuid[]) AND NOT published)"
    " UPDATE sessions SET published = true WHERE id = ANY ($1::text[]::uuid[]) AND NOT published"};

/* One text member of all sessions as an array. */
static void parameter_column(struct parameters *parameters, const struct new_session *sessions, size_t count,
                             size_t offset) {
    const char **texts = pool_alloc(parameters->pool, count * sizeof *texts);
    for (size_t i = 0; i < count; i++)
        texts[i] = *(const char *const *)((const char *)&sessions[i] + offset);
    parameter_texts(parameters, texts, count);
}

static void parameter_hashes(struct parameters *parameters, const struct new_session *sessions, size_t count) {
    struct bytes *hashes = pool_alloc(parameters->pool, count * sizeof *hashes);
    for (size_t i = 0; i < count; i++)
        hashes[i] = (struct bytes){sessions[i].hash, TOKEN_HASH_SIZE};
    parameter_bytes_array(parameters, hashes, count);
}

int sessions_store_open(struct worker *worker, const struct new_session *sessions, size_t count) {
    struct pool *pool = worker_pool(worker);
    struct parameters parameters;
    int64_t *user_ids = pool_alloc(pool, count * sizeof *user_ids);
    for (size_t i = 0; i < count; i++)
        user_ids[i] = sessions[i].user_id;
    parameters_init(&parameters, pool);
    parameter_column(&parameters, sessions, count, offsetof(struct new_session, id));
    parameter_integers(&parameters, user_ids, count);
    parameter_column(&parameters, sessions, count, offsetof(struct new_session, address));
    parameter_column(&parameters, sessions, count, offsetof(struct new_session, device));
    parameter_hashes(&parameters, sessions, count);
    parameter_integer(&parameters, settings.refresh_token_ttl_s);
    parameter_integer(&parameters, settings.session_ttl_s);
    return db_query(worker_db(worker), &open_sessions, &parameters) ? 0 : -1;
}

static struct refresh_row *find_row(const struct bytes *hashes, size_t count, size_t from, struct bytes hash,
                                    struct refresh_row *rows) {
    for (size_t i = from; i < count; i++)
        if (hashes[i].length == hash.length && memcmp(hashes[i].data, hash.data, hash.length) == 0)
            return &rows[i];
    return NULL;
}

int sessions_store_find_tokens(struct worker *worker, const struct bytes *hashes, size_t count,
                               struct refresh_row *ret_rows) {
    struct pool *pool = worker_pool(worker);
    struct parameters parameters;
    parameters_init(&parameters, pool);
    parameter_bytes_array(&parameters, hashes, count);
    parameter_integer(&parameters, settings.session_ttl_s);
    PGresult *result = db_query(worker_db(worker), &find_tokens, &parameters);
    if (!result)
        return -1;
    memset(ret_rows, 0, count * sizeof *ret_rows);
    for (int row = 0; row < PQntuples(result); row++) {
        struct bytes hash = db_bytes(result, row, 0, pool);
        struct refresh_row found = {.known = true,
                                    .spent = db_boolean(result, row, 1),
                                    .revoked = db_boolean(result, row, 2),
                                    .expired = db_boolean(result, row, 3),
                                    .session = pool_text(pool, db_text(result, row, 4)),
                                    .left_s = db_integer(result, row, 5),
                                    .account = store_account_of_row(result, row, 6, pool)};
        struct refresh_row *place = find_row(hashes, count, 0, hash, ret_rows);
        while (place) { /* one token may have come in several calls */
            *place = found;
            place = find_row(hashes, count, (size_t)(place - ret_rows) + 1, hash, ret_rows);
        }
    }
    return 0;
}

int sessions_store_command_ran(struct worker *worker, const struct uuid *command, bool *ret_ran) {
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

int sessions_store_rotate(struct worker *worker, const struct bytes *spent, const struct new_session *sessions,
                          size_t count) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_column(&parameters, sessions, count, offsetof(struct new_session, id));
    parameter_hashes(&parameters, sessions, count);
    parameter_bytes_array(&parameters, spent, count);
    parameter_integer(&parameters, settings.refresh_token_ttl_s);
    parameter_integer(&parameters, settings.session_ttl_s);
    return db_query(worker_db(worker), &rotate_tokens, &parameters) ? 0 : -1;
}

static struct login_session read_session(const PGresult *result, int row, struct pool *pool) {
    struct login_session session = {.id = pool_text(pool, db_text(result, row, 1)),
                                    .created_at = rfc3339_text(db_text(result, row, 4), pool),
                                    .last_used_at = rfc3339_text(db_text(result, row, 5), pool),
                                    .expires_at = rfc3339_text(db_text(result, row, 6), pool)};
    if (!db_is_null(result, row, 2))
        SET(session, device, pool_text(pool, db_text(result, row, 2)));
    if (!db_is_null(result, row, 3))
        SET(session, address, pool_text(pool, db_text(result, row, 3)));
    return session;
}

int sessions_store_list(struct worker *worker, const int64_t *user_ids, size_t count,
                        struct list_sign_ins_reply *ret_lists) {
    struct pool *pool = worker_pool(worker);
    struct parameters parameters;
    parameters_init(&parameters, pool);
    parameter_integers(&parameters, user_ids, count);
    PGresult *result = db_query(worker_db(worker), &list_sessions, &parameters);
    if (!result)
        return -1;
    struct login_session *items = pool_alloc(pool, (size_t)PQntuples(result) * sizeof *items);
    memset(ret_lists, 0, count * sizeof *ret_lists);
    for (int row = 0; row < PQntuples(result); row++) {
        struct list_sign_ins_reply *list = &ret_lists[db_integer(result, row, 0) - 1];
        items[row] = read_session(result, row, pool);
        if (list->sessions.count++ == 0)
            list->sessions.items = &items[row];
    }
    return 0;
}

int sessions_store_is_recent(struct worker *worker, const char *session, int64_t seconds, bool *ret_recent) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_text(&parameters, session);
    parameter_integer(&parameters, seconds);
    PGresult *result = db_query(worker_db(worker), &session_is_recent, &parameters);
    if (!result)
        return -1;
    *ret_recent = PQntuples(result) > 0;
    return 0;
}

int sessions_store_revoke(struct worker *worker, const char *const *sessions, size_t count, const char *reason,
                          bool published) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_texts(&parameters, sessions, count);
    parameter_text(&parameters, reason);
    parameter_boolean(&parameters, published);
    return db_query(worker_db(worker), &revoke_sessions, &parameters) ? 0 : -1;
}

/* The first column, copied. */
static const char **read_ids(const PGresult *result, struct pool *pool) {
    const char **ids = pool_alloc(pool, (size_t)PQntuples(result) * sizeof *ids);
    for (int row = 0; row < PQntuples(result); row++)
        ids[row] = pool_text(pool, db_text(result, row, 0));
    return ids;
}

int sessions_store_revoke_own(struct worker *worker, const char *session, int64_t user_id, bool *ret_found) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_text(&parameters, session);
    parameter_integer(&parameters, user_id);
    PGresult *result = db_query(worker_db(worker), &revoke_own, &parameters);
    if (!result)
        return -1;
    *ret_found = PQntuples(result) > 0;
    return 0;
}

static int drop_challenges_of(struct worker *worker, int64_t user_id) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integer(&parameters, user_id);
    return db_queue(worker_db(worker), &drop_challenges, &parameters);
}

int sessions_store_revoke_all(struct worker *worker, int64_t user_id, const char *kept, const char *reason,
                              const char ***ret_sessions, size_t *ret_count, int64_t *ret_ended) {
    struct db *db = worker_db(worker);
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integer(&parameters, user_id);
    parameter_text(&parameters, kept);
    parameter_text(&parameters, reason);
    parameter_integer(&parameters, settings.access_token_ttl_s);
    if (store_queue_lock(worker, &user_id, 1, true) != 0 || db_queue(db, &revoke_all, &parameters) != 0 ||
        drop_challenges_of(worker, user_id) != 0 || !db_receive(db))
        return -1;
    PGresult *result = db_receive(db);
    if (!result || !db_receive(db))
        return -1;
    *ret_count = (size_t)PQntuples(result);
    *ret_sessions = read_ids(result, worker_pool(worker));
    *ret_ended = 0;
    for (int row = 0; row < PQntuples(result); row++)
        *ret_ended += db_boolean(result, row, 1);
    return 0;
}

int sessions_store_revoke_keys(struct worker *worker, int64_t user_id, const char ***ret_sessions, size_t *ret_count) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integer(&parameters, user_id);
    PGresult *result = db_query(worker_db(worker), &revoke_keys, &parameters);
    if (!result)
        return -1;
    *ret_count = (size_t)PQntuples(result);
    *ret_sessions = read_ids(result, worker_pool(worker));
    return 0;
}

int sessions_store_list_revocations(struct worker *worker, bool all, int64_t kept_s, struct revocation **ret_list,
                                    size_t *ret_count) {
    struct pool *pool = worker_pool(worker);
    struct parameters parameters;
    parameters_init(&parameters, pool);
    parameter_integer(&parameters, kept_s);
    PGresult *result = db_query(worker_db(worker), all ? &list_all_revocations : &list_unpublished, &parameters);
    if (!result)
        return -1;
    const char **ids = read_ids(result, pool);
    *ret_count = (size_t)PQntuples(result);
    *ret_list = pool_alloc(pool, *ret_count * sizeof **ret_list);
    for (size_t i = 0; i < *ret_count; i++)
        (*ret_list)[i] = (struct revocation){ids[i], db_integer(result, (int)i, 1)};
    return 0;
}

int sessions_store_mark_published(struct worker *worker, const char *const *sessions, size_t count) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_texts(&parameters, sessions, count);
    return db_query(worker_db(worker), &mark_published, &parameters) ? 0 : -1;
}
