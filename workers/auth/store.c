/* The SQL of accounts and profiles, one statement for a whole mailbox where order inside it does not matter. It decides
 * nothing: rules.c does. Only this worker's role may read credentials. */
#include "store.h"

#include <string.h>

#include "rfc3339.h"

static const struct statement create_accounts = {
    "create_accounts",
    "WITH given AS ("
    "  SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]::boolean[], $5::text[], $6::text[], "
    "$7::text[], "
    "$8::text[],"
    "                       $9::text[], $10::text[]::boolean[], $11::text[]) WITH ORDINALITY"
    "    AS given(email, name, role, pending, phone, bio, specialization, crm_id, hash, verified, language, place)),"
    " first AS (SELECT DISTINCT ON (lower(email)) * FROM given ORDER BY lower(email), place),"
    " made AS ("
    "  INSERT INTO users (email, name, role, facilitator_pending, phone, bio, specialization, facilitator_crm_id,"
    "    is_verified, language)"
    "  SELECT email, name, role, pending, phone, bio, specialization, crm_id, verified, coalesce(language, 'en')"
    "  FROM first ORDER BY lower(email)"
    "  ON CONFLICT (lower(email)) DO NOTHING RETURNING id, email),"
    " kept AS ("
    "  INSERT INTO credentials (user_id, password_hash) SELECT made.id, first.hash FROM made JOIN first USING (email))"
    " SELECT first.place, made.id FROM made JOIN first USING (email)"};

#define ACCOUNT_COLUMNS                                                                                                \
    "users.id, users.email, users.name, users.role, users.is_active, users.is_verified, credentials.password_hash,"    \
    " credentials.changed_at"

static const struct statement find_accounts = {"find_accounts",
                                               "SELECT given.place, " ACCOUNT_COLUMNS
                                               " FROM unnest($1::text[]) WITH ORDINALITY AS given(email, place)"
                                               " JOIN users ON lower(users.email) = lower(given.email)"
                                               " LEFT JOIN credentials ON credentials.user_id = users.id"};

static const struct statement read_accounts = {"read_accounts",
                                               "SELECT given.place, " ACCOUNT_COLUMNS
                                               " FROM unnest($1::bigint[]) WITH ORDINALITY AS given(user_id, place)"
                                               " JOIN users ON users.id = given.user_id AND users.erased_at IS NULL"
                                               " LEFT JOIN credentials ON credentials.user_id = users.id"};

/* Neither keeps bookings waiting: those ask only that the account remains. */
#define LOCK_ACCOUNTS "SELECT FROM users WHERE id = ANY ($1::bigint[]) ORDER BY id "
static const struct statement lock_accounts_to_read = {"lock_accounts_to_read", LOCK_ACCOUNTS "FOR SHARE"};
static const struct statement lock_accounts_to_change = {"lock_accounts_to_change", LOCK_ACCOUNTS "FOR NO KEY UPDATE"};

static const struct statement set_password = {
    "set_password", "INSERT INTO credentials (user_id, password_hash) VALUES ($1::bigint, $2::text)"
                    " ON CONFLICT (user_id) DO UPDATE"
                    " SET password_hash = excluded.password_hash, changed_at = now()"};

static const struct statement replace_hashes = {
    "replace_hashes", "UPDATE credentials SET password_hash = given.new_hash"
                      " FROM unnest($1::bigint[], $2::text[], $3::text[]) AS given(user_id, old_hash, new_hash)"
                      " WHERE credentials.user_id = given.user_id AND credentials.password_hash = given.old_hash"};

#define PROFILE_COLUMNS                                                                                                \
    "id, email, name, phone, role, is_active, is_verified, facilitator_pending, bio, specialization,"                  \
    " facilitator_crm_id, crm_webhook_url, language, time_zone, created_at, updated_at"

#define READ_PROFILES                                                                                                  \
    "SELECT given.place, " PROFILE_COLUMNS " FROM unnest($1::bigint[]) WITH ORDINALITY AS given(user_id, place)"       \
    " JOIN users ON users.id = given.user_id AND users.erased_at IS NULL"

static const struct statement read_profiles = {"read_profiles", READ_PROFILES};
static const struct statement lock_profiles = {"lock_profiles",
                                               READ_PROFILES " ORDER BY users.id FOR NO KEY UPDATE OF users"};

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
    " language = coalesce($15::text, language),"
    " time_zone = coalesce($16::text, time_zone),"
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
    const char **verified = pool_alloc(pool, count * sizeof *verified);
    for (size_t i = 0; i < count; i++) {
        pending[i] = accounts[i].facilitator_pending ? "t" : "f";
        verified[i] = accounts[i].is_verified ? "t" : "f";
    }
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
    parameter_texts(&parameters, verified, count);
    parameter_column(&parameters, accounts, count, offsetof(struct new_account, language));
    PGresult *result = db_query(worker_db(worker), &create_accounts, &parameters);
    if (!result)
        return -1;
    memset(ret_ids, 0, count * sizeof *ret_ids);
    for (int row = 0; row < PQntuples(result); row++)
        ret_ids[db_integer(result, row, 0) - 1] = db_integer(result, row, 1);
    return 0;
}

static const char *copy_text(const PGresult *result, int row, int column, struct pool *pool) {
    const char *text = db_text(result, row, column);
    return text ? pool_text(pool, text) : NULL;
}

struct account store_account_of_row(const PGresult *result, int row, int column, struct pool *pool) {
    return (struct account){.id = db_integer(result, row, column),
                            .email = pool_text(pool, db_text(result, row, column + 1)),
                            .name = pool_text(pool, db_text(result, row, column + 2)),
                            .role = pool_text(pool, db_text(result, row, column + 3)),
                            .is_active = db_boolean(result, row, column + 4),
                            .is_verified = db_boolean(result, row, column + 5)};
}

static int take_accounts(const PGresult *result, struct pool *pool, size_t count, struct account *ret_accounts) {
    if (!result)
        return -1;
    memset(ret_accounts, 0, count * sizeof *ret_accounts);
    for (int row = 0; row < PQntuples(result); row++) {
        struct account *account = &ret_accounts[db_integer(result, row, 0) - 1];
        *account = store_account_of_row(result, row, 1, pool);
        account->password_hash = copy_text(result, row, 7, pool);
        account->password_changed_at = copy_text(result, row, 8, pool);
    }
    return 0;
}

int store_find_accounts(struct worker *worker, const char *const *emails, size_t count, struct account *ret_accounts) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_texts(&parameters, emails, count);
    return take_accounts(db_query(worker_db(worker), &find_accounts, &parameters), worker_pool(worker), count,
                         ret_accounts);
}

static int queue_for_accounts(struct worker *worker, const struct statement *statement, const int64_t *user_ids,
                              size_t count) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integers(&parameters, user_ids, count);
    return db_queue(worker_db(worker), statement, &parameters);
}

int store_read_accounts(struct worker *worker, const int64_t *user_ids, size_t count, struct account *ret_accounts) {
    if (queue_for_accounts(worker, &read_accounts, user_ids, count) != 0)
        return -1;
    return take_accounts(db_receive(worker_db(worker)), worker_pool(worker), count, ret_accounts);
}

int store_queue_lock(struct worker *worker, const int64_t *user_ids, size_t count, bool to_change) {
    return queue_for_accounts(worker, to_change ? &lock_accounts_to_change : &lock_accounts_to_read, user_ids, count);
}

int store_lock_accounts(struct worker *worker, const int64_t *user_ids, size_t count, bool to_change,
                        struct account *ret_accounts) {
    if (store_queue_lock(worker, user_ids, count, to_change) != 0 ||
        queue_for_accounts(worker, &read_accounts, user_ids, count) != 0 || !db_receive(worker_db(worker)))
        return -1;
    return take_accounts(db_receive(worker_db(worker)), worker_pool(worker), count, ret_accounts);
}

int store_set_password(struct worker *worker, int64_t user_id, const char *hash) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integer(&parameters, user_id);
    parameter_text(&parameters, hash);
    return db_query(worker_db(worker), &set_password, &parameters) ? 0 : -1;
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

static struct profile read_profile(const PGresult *result, int row, struct pool *pool) {
    struct profile profile = {.id = db_integer(result, row, 1),
                              .email = copy_text(result, row, 2, pool),
                              .name = copy_text(result, row, 3, pool),
                              .role = copy_text(result, row, 5, pool),
                              .is_active = db_boolean(result, row, 6),
                              .is_verified = db_boolean(result, row, 7),
                              .facilitator_pending = db_boolean(result, row, 8),
                              .language = copy_text(result, row, 13, pool),
                              .time_zone = copy_text(result, row, 14, pool),
                              .created_at = rfc3339_text(db_text(result, row, 15), pool),
                              .updated_at = rfc3339_text(db_text(result, row, 16), pool)};
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
    parameter_text(&parameters, change->has_language == PRESENCE_SET ? change->language : NULL);
    parameter_text(&parameters, change->has_time_zone == PRESENCE_SET ? change->time_zone : NULL);
    PGresult *result = db_query(worker_db(worker), &change_profile, &parameters);
    if (!result)
        return -1;
    *ret_secret_is_new = PQntuples(result) == 1 && db_boolean(result, 0, 0);
    return 0;
}
