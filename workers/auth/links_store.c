/* All SQL of one-time links; see links_store.h. */
#include "links_store.h"

#include <string.h>

/* "Made" is when it was asked for: what happens between that and the mail may void it. */
static const struct statement add_links = {
    "add_links", "INSERT INTO one_time_tokens (hash, purpose, user_id, email, created_at, expires_at)"
                 " SELECT hash, purpose, user_id, given.email, coalesce(outbox.created_at, now()),"
                 "        now() + make_interval(secs => ttl_s)"
                 " FROM unnest($1::bytea[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::bigint[])"
                 "   AS given(hash, purpose, user_id, email, webhook_id, ttl_s)"
                 " LEFT JOIN outbox USING (webhook_id)"};

/* First of all, so that two links of one account are used one after the other. */
static const struct statement lock_account = {
    "lock_account_of_link", "SELECT FROM users WHERE id = (SELECT user_id FROM one_time_tokens WHERE hash = $1::bytea)"
                            " FOR NO KEY UPDATE"};

#define GOOD "used_at IS NULL AND token.expires_at > now()"
#define ASKED_FOR_WITH_THIS_PASSWORD                                                                                   \
    "NOT EXISTS (SELECT FROM credentials WHERE user_id = token.user_id AND changed_at > token.created_at)"

static const struct statement use_link = {
    "use_link", "UPDATE one_time_tokens AS token SET used_at = now() FROM users"
                " WHERE token.hash = $1::bytea AND purpose = ANY ($2::text[]) AND " GOOD
                " AND users.id = token.user_id AND users.is_active AND users.erased_at IS NULL"
                " AND (purpose = 'email_change' OR lower(users.email) = lower(token.email))"
                " AND (purpose = 'verify' OR " ASKED_FOR_WITH_THIS_PASSWORD ")"
                " RETURNING users.id, purpose, token.email, users.email, users.name, users.is_verified"};

static const struct statement give_back = {"give_back_link",
                                           "UPDATE one_time_tokens SET used_at = NULL WHERE hash = $1::bytea"};

static const struct statement forget_links = {
    "forget_links", "DELETE FROM one_time_tokens WHERE user_id = $1::bigint AND purpose <> 'second_factor'"};

/* A mail that is just being made has its link already, or finds that it is dead: both hold the account. */
static const struct statement drop_changes = {
    "drop_email_changes",
    "WITH mails AS ("
    "  UPDATE outbox SET state = 'dead', finished_at = now(), leased_until = NULL"
    "  WHERE channel = 'account_mail' AND lane = 0 AND coalesce(owner_id, 0) = $1::bigint"
    "   AND type = 'account.email_change' AND state = 'due' AND lower(body::json ->> 'email') <> lower($2::text))"
    " DELETE FROM one_time_tokens WHERE user_id = $1::bigint AND purpose = 'email_change' AND used_at IS NULL"
    "  AND lower(email) <> lower($2::text)"};

static const struct statement find_challenged = {
    "find_challenged", "SELECT given.place, user_id FROM unnest($1::bytea[]) WITH ORDINALITY AS given(hash, place)"
                       " JOIN one_time_tokens USING (hash) WHERE purpose = 'second_factor'"};

static const struct statement try_challenge = {
    "try_challenge", "UPDATE one_time_tokens AS token SET attempts = attempts + 1"
                     " WHERE hash = $1::bytea AND purpose = 'second_factor' AND " GOOD " AND attempts < $2::bigint"
                     " AND " ASKED_FOR_WITH_THIS_PASSWORD " RETURNING user_id"};

static const struct statement end_challenge = {
    "end_challenge", "UPDATE one_time_tokens SET used_at = now() WHERE hash = $1::bytea AND purpose = 'second_factor'"};

static const struct statement verify = {
    "verify_email",
    "UPDATE users SET is_verified = true, updated_at = now() WHERE id = $1::bigint AND NOT is_verified"};

static const struct statement take_email = {"take_email", "SELECT take_email($1::bigint, $2::text)"};

/* What ends somebody's links locks the account first, so it comes before all of this transaction or after it, and mails
 * that it gave up stay given up. */
#define READ_PEOPLE(key)                                                                                               \
    "SELECT place, users.id, users.email, users.name, users.is_verified,"                                              \
    "       users.is_active AND users.erased_at IS NULL, credentials.changed_at > outbox.created_at,"                  \
    "       users.language, users.time_zone"                                                                           \
    " FROM unnest($1::text[], $2::" key "[]) WITH ORDINALITY AS given(webhook_id, key, place)"                         \
    " JOIN outbox USING (webhook_id)"
#define LOCK_THEM                                                                                                      \
    " LEFT JOIN credentials ON credentials.user_id = users.id WHERE outbox.state = 'due' FOR SHARE OF users, outbox"

static const struct statement read_accounts = {"read_accounts_of_mails",
                                               READ_PEOPLE("bigint") " JOIN users ON users.id = given.key" LOCK_THEM};
static const struct statement read_holders = {
    "read_holders_of_mails", READ_PEOPLE("text") " JOIN users ON lower(users.email) = lower(given.key)" LOCK_THEM};

int links_store_add(struct worker *worker, const struct new_link *links, size_t count) {
    struct pool *pool = worker_pool(worker);
    struct bytes *hashes = pool_alloc(pool, count * sizeof *hashes);
    const char **purposes = pool_alloc(pool, count * sizeof *purposes),
               **emails = pool_alloc(pool, count * sizeof *emails), **rows = pool_alloc(pool, count * sizeof *rows);
    int64_t *user_ids = pool_alloc(pool, count * sizeof *user_ids), *ttls_s = pool_alloc(pool, count * sizeof *ttls_s);
    for (size_t i = 0; i < count; i++) {
        hashes[i] = (struct bytes){links[i].hash, LINK_HASH_SIZE};
        purposes[i] = links[i].purpose;
        user_ids[i] = links[i].user_id;
        emails[i] = links[i].email;
        rows[i] = links[i].webhook_id;
        ttls_s[i] = links[i].ttl_s;
    }
    struct parameters parameters;
    parameters_init(&parameters, pool);
    parameter_bytes_array(&parameters, hashes, count);
    parameter_texts(&parameters, purposes, count);
    parameter_integers(&parameters, user_ids, count);
    parameter_texts(&parameters, emails, count);
    parameter_texts(&parameters, rows, count);
    parameter_integers(&parameters, ttls_s, count);
    return db_query(worker_db(worker), &add_links, &parameters) ? 0 : -1;
}

int links_store_use(struct worker *worker, const uint8_t hash[LINK_HASH_SIZE], const char *const *purposes,
                    size_t purpose_count, struct used_link *ret_link) {
    struct pool *pool = worker_pool(worker);
    struct db *db = worker_db(worker);
    struct parameters parameters;
    parameters_init(&parameters, pool);
    parameter_bytes(&parameters, hash, LINK_HASH_SIZE);
    if (db_queue(db, &lock_account, &parameters) != 0)
        return -1;
    parameter_texts(&parameters, purposes, purpose_count);
    if (db_queue(db, &use_link, &parameters) != 0 || !db_receive(db))
        return -1;
    PGresult *result = db_receive(db);
    if (!result)
        return -1;
    *ret_link = (struct used_link){0};
    if (PQntuples(result) == 1)
        *ret_link = (struct used_link){.user_id = db_integer(result, 0, 0),
                                       .purpose = pool_text(pool, db_text(result, 0, 1)),
                                       .email = pool_text(pool, db_text(result, 0, 2)),
                                       .old_email = pool_text(pool, db_text(result, 0, 3)),
                                       .name = pool_text(pool, db_text(result, 0, 4)),
                                       .was_verified = db_boolean(result, 0, 5)};
    return 0;
}

static int change(struct worker *worker, const struct statement *statement, const uint8_t hash[LINK_HASH_SIZE]) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_bytes(&parameters, hash, LINK_HASH_SIZE);
    return db_query(worker_db(worker), statement, &parameters) ? 0 : -1;
}

int links_store_give_back(struct worker *worker, const uint8_t hash[LINK_HASH_SIZE]) {
    return change(worker, &give_back, hash);
}

static PGresult *query_about(struct worker *worker, const struct statement *statement, int64_t user_id,
                             const char *text_or_null) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integer(&parameters, user_id);
    if (text_or_null)
        parameter_text(&parameters, text_or_null);
    return db_query(worker_db(worker), statement, &parameters);
}

int links_store_drop_changes(struct worker *worker, int64_t user_id, const char *email) {
    return query_about(worker, &drop_changes, user_id, email) ? 0 : -1;
}

int links_store_forget(struct worker *worker, int64_t user_id) {
    return query_about(worker, &forget_links, user_id, NULL) ? 0 : -1;
}

int links_store_find_challenged(struct worker *worker, const struct bytes *hashes, size_t count,
                                int64_t *ret_user_ids) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_bytes_array(&parameters, hashes, count);
    PGresult *result = db_query(worker_db(worker), &find_challenged, &parameters);
    if (!result)
        return -1;
    memset(ret_user_ids, 0, count * sizeof *ret_user_ids);
    for (int row = 0; row < PQntuples(result); row++)
        ret_user_ids[db_integer(result, row, 0) - 1] = db_integer(result, row, 1);
    return 0;
}

int links_store_try(struct worker *worker, const uint8_t hash[LINK_HASH_SIZE], int64_t limit, int64_t *ret_user_id) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_bytes(&parameters, hash, LINK_HASH_SIZE);
    parameter_integer(&parameters, limit);
    PGresult *result = db_query(worker_db(worker), &try_challenge, &parameters);
    if (!result)
        return -1;
    *ret_user_id = PQntuples(result) == 1 ? db_integer(result, 0, 0) : 0;
    return 0;
}

int links_store_end(struct worker *worker, const uint8_t hash[LINK_HASH_SIZE]) {
    return change(worker, &end_challenge, hash);
}

int links_store_verify(struct worker *worker, int64_t user_id) {
    return query_about(worker, &verify, user_id, NULL) ? 0 : -1;
}

int links_store_take_email(struct worker *worker, int64_t user_id, const char *email, bool *ret_taken) {
    PGresult *result = query_about(worker, &take_email, user_id, email);
    if (!result)
        return -1;
    *ret_taken = db_boolean(result, 0, 0);
    return 0;
}

static struct person read_person(const PGresult *result, int row, struct pool *pool) {
    return (struct person){.id = db_integer(result, row, 1),
                           .email = pool_text(pool, db_text(result, row, 2)),
                           .name = pool_text(pool, db_text(result, row, 3)),
                           .is_verified = db_boolean(result, row, 4),
                           .is_reachable = db_boolean(result, row, 5),
                           .is_out_of_date = db_boolean(result, row, 6),
                           .language = pool_text(pool, db_text(result, row, 7)),
                           .zone = pool_text(pool, db_text(result, row, 8))};
}

static int queue_reads(struct worker *worker, const struct subject *subjects, size_t count) {
    struct pool *pool = worker_pool(worker);
    const char **rows = pool_alloc(pool, count * sizeof *rows), **emails = pool_alloc(pool, count * sizeof *emails);
    int64_t *user_ids = pool_alloc(pool, count * sizeof *user_ids);
    struct parameters accounts, holders;
    for (size_t i = 0; i < count; i++) {
        rows[i] = subjects[i].webhook_id;
        user_ids[i] = subjects[i].user_id;
        emails[i] = subjects[i].email;
    }
    parameters_init(&accounts, pool);
    parameter_texts(&accounts, rows, count);
    holders = accounts;
    parameter_integers(&accounts, user_ids, count);
    parameter_texts(&holders, emails, count);
    int result = db_queue(worker_db(worker), &read_accounts, &accounts);
    return result == 0 ? db_queue(worker_db(worker), &read_holders, &holders) : -1;
}

int links_store_read(struct worker *worker, struct subject *subjects, size_t count) {
    struct pool *pool = worker_pool(worker);
    if (queue_reads(worker, subjects, count) != 0)
        return -1;
    PGresult *accounts = db_receive(worker_db(worker)), *holders = accounts ? db_receive(worker_db(worker)) : NULL;
    if (!holders)
        return -1;
    for (int row = 0; row < PQntuples(accounts); row++)
        subjects[db_integer(accounts, row, 0) - 1].person = read_person(accounts, row, pool);
    for (int row = 0; row < PQntuples(holders); row++)
        subjects[db_integer(holders, row, 0) - 1].holder = read_person(holders, row, pool);
    return 0;
}
