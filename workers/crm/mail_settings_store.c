/* Kinds of mail that people do not want are rows of mail_refusals; language and time zone are their accounts'. */
#include "mail_settings_store.h"

#include <string.h>

#define WANTS(kind) "NOT EXISTS (SELECT FROM mail_refusals WHERE user_id = users.id AND kind = '" kind "')"

static const struct statement read_mail_settings = {
    "read_mail_settings", "SELECT language, time_zone, " WANTS("booking") ", " WANTS("payment") ", " WANTS(
                              "change") ", " WANTS("reminder") ", " WANTS("digest") " FROM users WHERE id = $1::bigint"
                                                                                    " AND erased_at IS NULL"};

static const struct statement change_mail_language = {
    "change_mail_language", "UPDATE users SET language = coalesce($2::text, language),"
                            " time_zone = coalesce($3::text, time_zone), updated_at = now() WHERE id = $1::bigint"};
static const struct statement want_mails = {
    "want_mails", "DELETE FROM mail_refusals WHERE user_id = $1::bigint AND kind = ANY ($2::text[])"};
static const struct statement refuse_mails = {
    "refuse_mails", "INSERT INTO mail_refusals (user_id, kind) SELECT * FROM unnest($1::bigint[], $2::text[])"
                    " ON CONFLICT DO NOTHING"};
static const struct statement read_mail_keys = {
    "read_mail_keys", "SELECT user_id, key, language FROM mail_keys JOIN users ON users.id = user_id"
                      " WHERE user_id = ANY ($1::bigint[])"};

int store_read_mail_settings(struct worker *worker, int64_t user_id, struct mail_settings *ret_settings) {
    struct pool *pool = worker_pool(worker);
    struct parameters parameters;
    parameters_init(&parameters, pool);
    parameter_integer(&parameters, user_id);
    PGresult *result = db_query(worker_db(worker), &read_mail_settings, &parameters);
    if (!result)
        return -1;
    *ret_settings = (struct mail_settings){0};
    if (PQntuples(result))
        *ret_settings = (struct mail_settings){.language = pool_text(pool, db_text(result, 0, 0)),
                                               .time_zone = pool_text(pool, db_text(result, 0, 1)),
                                               .booking = db_boolean(result, 0, 2),
                                               .payment = db_boolean(result, 0, 3),
                                               .change = db_boolean(result, 0, 4),
                                               .reminder = db_boolean(result, 0, 5),
                                               .digest = db_boolean(result, 0, 6)};
    return 0;
}

static int change_language(struct worker *worker, const struct mail_change *change) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integer(&parameters, change->user_id);
    parameter_text(&parameters, change->language);
    parameter_text(&parameters, change->time_zone);
    return db_query(worker_db(worker), &change_mail_language, &parameters) ? 0 : -1;
}

static int want(struct worker *worker, const struct mail_change *change) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integer(&parameters, change->user_id);
    parameter_texts(&parameters, change->wanted, change->wanted_count);
    return db_query(worker_db(worker), &want_mails, &parameters) ? 0 : -1;
}

int store_change_mail_settings(struct worker *worker, const struct mail_change *change) {
    int64_t *ids = pool_alloc(worker_pool(worker), change->refused_count * sizeof *ids);
    for (size_t i = 0; i < change->refused_count; i++)
        ids[i] = change->user_id;
    if ((change->language || change->time_zone) && change_language(worker, change) != 0)
        return -1;
    if (change->wanted_count && want(worker, change) != 0)
        return -1;
    return change->refused_count ? store_refuse_mails(worker, ids, change->refused, change->refused_count) : 0;
}

int store_read_mail_keys(struct worker *worker, const int64_t *user_ids, size_t count, struct mail_key *ret_keys) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integers(&parameters, user_ids, count);
    PGresult *result = db_query(worker_db(worker), &read_mail_keys, &parameters);
    if (!result)
        return -1;
    memset(ret_keys, 0, count * sizeof *ret_keys);
    for (int row = 0; row < PQntuples(result); row++)
        for (size_t i = 0; i < count; i++)
            if (user_ids[i] == db_integer(result, row, 0))
                ret_keys[i] = (struct mail_key){db_text(result, row, 1), db_text(result, row, 2)};
    return 0;
}

int store_refuse_mails(struct worker *worker, const int64_t *user_ids, const char *const *kinds, size_t count) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integers(&parameters, user_ids, count);
    parameter_texts(&parameters, kinds, count);
    return db_query(worker_db(worker), &refuse_mails, &parameters) ? 0 : -1;
}
