/* See deliveries_store.h. One statement per call, pipelined. */
#include "deliveries_store.h"

#include "attempts_store.h"
#include "pages.h"
#include "replay.h"
#include "rfc3339.h"

#define DELIVERY_COLUMNS                                                                                               \
    "d.id, d.webhook_id, d.type, d.state, d.attempts, d.last_status, d.last_error, d.created_at,"                      \
    " CASE WHEN d.state = 'due' THEN d.next_attempt_at END, d.finished_at"

enum delivery_column {
    DELIVERY_ID,
    DELIVERY_WEBHOOK_ID,
    DELIVERY_TYPE,
    DELIVERY_STATE,
    DELIVERY_ATTEMPTS,
    DELIVERY_STATUS,
    DELIVERY_ERROR,
    DELIVERY_CREATED,
    DELIVERY_NEXT,
    DELIVERY_FINISHED,
    DELIVERY_BODY, /* this and the next: of one delivery */
    DELIVERY_URL,
};

/* Of the endpoint $1 of the person $2: what tells of others' events is there as long as they are an administrator. */
#define THEIRS                                                                                                         \
    "d.channel = 'webhook' AND d.lane = $1::bigint AND (d.entry_id IS NULL"                                            \
    " OR (SELECT l.owner_id FROM log_entries l WHERE l.id = d.entry_id) = $2::bigint"                                  \
    " OR (SELECT role = 'admin' FROM users WHERE id = $2::bigint))"

static const struct statement list_deliveries = {
    "deliveries_list", "SELECT " DELIVERY_COLUMNS " FROM deliveries d WHERE " THEIRS " AND d.id < $3::bigint"
                       " AND ($4::text IS NULL OR d.state = $4) AND ($5::text IS NULL OR d.type = $5)"
                       " ORDER BY d.id DESC LIMIT $6::bigint"};

static const struct statement read_delivery = {"deliveries_read",
                                               "SELECT " DELIVERY_COLUMNS ", d.body, e.url FROM deliveries d"
                                               " JOIN webhook_endpoints e ON e.id = d.lane AND e.owner_id = $2::bigint"
                                               " WHERE d.webhook_id = $3::text AND " THEIRS};

static const struct statement add_test = {
    "deliveries_test", "INSERT INTO outbox (channel, lane, owner_id, type, cause, body, trace)"
                       " VALUES ('webhook', $1::bigint, $2::bigint, 'webhook.test', $3::text, $4::text, $5::text)"
                       " RETURNING webhook_id"};

#define MINE                                                                                                           \
    "mine AS (SELECT disabled_at IS NOT NULL AS disabled FROM webhook_endpoints"                                       \
    "         WHERE id = $1::bigint AND owner_id = $2::bigint)"

static const struct statement replay_one = {
    "deliveries_replay", "WITH " MINE ", chosen AS (SELECT d.webhook_id, d.archived FROM deliveries d"
                         "  WHERE d.webhook_id = $3::text AND " THEIRS
                         "  AND d.state <> 'due' AND NOT (SELECT disabled FROM mine)), " REPLAY_CHOSEN
                         " SELECT mine.disabled, (SELECT count(*) FROM replayed) FROM mine"
                         " WHERE EXISTS (SELECT FROM deliveries d"
                         "  WHERE d.webhook_id = $3::text AND " THEIRS ")"};

/* What was made since then has ended since then: so older parts of the archive are not looked at. Tests were for the
 * moment. */
static const struct statement replay_span = {
    "deliveries_replay_span",
    "WITH " MINE ", chosen AS (SELECT d.webhook_id, d.archived FROM deliveries d"
    "  WHERE " THEIRS " AND d.type <> 'webhook.test' AND d.created_at >= $3::timestamptz"
    "  AND d.created_at < coalesce($4::timestamptz, 'infinity') AND d.finished_at >= $3::timestamptz"
    "  AND d.state <> 'due' AND ($5::text IS NULL OR d.state = $5) AND NOT (SELECT disabled FROM mine)"
    "  ORDER BY d.id LIMIT $6::bigint), " REPLAY_CHOSEN
    " SELECT mine.disabled, (SELECT count(*) FROM replayed), $3::timestamptz > $4::timestamptz FROM mine"};

static const char *copy_text(const PGresult *result, int row, int column, struct pool *pool) {
    const char *text = db_text(result, row, column);
    return text ? pool_text(pool, text) : NULL;
}

static struct webhook_delivery show_delivery(const PGresult *result, int row, struct pool *pool) {
    struct webhook_delivery delivery = {
        .webhook_id = copy_text(result, row, DELIVERY_WEBHOOK_ID, pool),
        .type = copy_text(result, row, DELIVERY_TYPE, pool),
        .state = copy_text(result, row, DELIVERY_STATE, pool),
        .attempts = db_integer(result, row, DELIVERY_ATTEMPTS),
        .created_at = rfc3339_text(db_text(result, row, DELIVERY_CREATED), pool),
    };
    if (!db_is_null(result, row, DELIVERY_STATUS))
        SET(delivery, last_status, db_integer(result, row, DELIVERY_STATUS));
    SET_TEXT(delivery, last_error, copy_text(result, row, DELIVERY_ERROR, pool));
    SET_TEXT(delivery, next_attempt_at, rfc3339_text(db_text(result, row, DELIVERY_NEXT), pool));
    SET_TEXT(delivery, finished_at, rfc3339_text(db_text(result, row, DELIVERY_FINISHED), pool));
    return delivery;
}

static int queue_list(struct worker *worker, const struct deliveries_wanted *wanted) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integer(&parameters, wanted->endpoint.id);
    parameter_integer(&parameters, wanted->endpoint.owner_id);
    parameter_integer(&parameters, wanted->before_id);
    parameter_text(&parameters, wanted->state);
    parameter_text(&parameters, wanted->type);
    parameter_integer(&parameters, wanted->limit);
    return db_queue(worker_db(worker), &list_deliveries, &parameters);
}

static void show_page(const PGresult *result, struct pool *pool, void *ret_page) {
    struct deliveries_page *page = ret_page;
    page->count = (size_t)PQntuples(result);
    page->items = pool_alloc(pool, page->count * sizeof *page->items);
    page->ids = page_ids(result, pool);
    for (size_t row = 0; row < page->count; row++)
        page->items[row] = show_delivery(result, (int)row, pool);
}

int deliveries_store_list(struct worker *worker, const struct deliveries_wanted *wanted, size_t count,
                          struct deliveries_page *ret_pages) {
    for (size_t i = 0; i < count; i++)
        if (queue_list(worker, &wanted[i]) != 0)
            return -1;
    return pages_receive(worker, count, show_page, ret_pages, sizeof *ret_pages);
}

static void parameter_delivery(struct parameters *parameters, const struct delivery_key *key) {
    parameter_integer(parameters, key->endpoint.id);
    parameter_integer(parameters, key->endpoint.owner_id);
    parameter_text(parameters, key->webhook_id);
}

static int queue_read(struct worker *worker, const struct delivery_key *key) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_delivery(&parameters, key);
    return db_queue(worker_db(worker), &read_delivery, &parameters) || attempts_queue(worker, key->webhook_id);
}

int deliveries_store_read(struct worker *worker, const struct delivery_key *keys, size_t count,
                          struct get_webhook_delivery_reply **ret_replies) {
    struct pool *pool = worker_pool(worker);
    for (size_t i = 0; i < count; i++)
        if (queue_read(worker, &keys[i]) != 0)
            return -1;
    for (size_t i = 0; i < count; i++) {
        PGresult *delivery = db_receive(worker_db(worker));
        PGresult *attempts = delivery ? db_receive(worker_db(worker)) : NULL;
        if (!attempts)
            return -1;
        ret_replies[i]->url = NULL;
        if (PQntuples(delivery) == 0)
            continue;
        ret_replies[i]->delivery = show_delivery(delivery, 0, pool);
        ret_replies[i]->body = copy_text(delivery, 0, DELIVERY_BODY, pool);
        ret_replies[i]->url = copy_text(delivery, 0, DELIVERY_URL, pool);
        ret_replies[i]->attempts.items = attempts_show(attempts, pool, &ret_replies[i]->attempts.count);
    }
    return 0;
}

int deliveries_store_test(struct worker *worker, const struct endpoint_test *tests, size_t count,
                          const char **ret_webhook_ids) {
    for (size_t i = 0; i < count; i++) {
        struct parameters parameters;
        parameters_init(&parameters, worker_pool(worker));
        parameter_integer(&parameters, tests[i].endpoint.id);
        parameter_integer(&parameters, tests[i].endpoint.owner_id);
        parameter_text(&parameters, tests[i].cause);
        parameter_text(&parameters, tests[i].body);
        parameter_text(&parameters, tests[i].trace);
        if (db_queue(worker_db(worker), &add_test, &parameters) != 0)
            return -1;
    }
    for (size_t i = 0; i < count; i++) {
        PGresult *result = db_receive(worker_db(worker));
        if (!result)
            return -1;
        ret_webhook_ids[i] = copy_text(result, 0, 0, worker_pool(worker));
    }
    return 0;
}

static int receive_replayed(struct worker *worker, struct replayed *ret_replayed, size_t count) {
    for (size_t i = 0; i < count; i++) {
        PGresult *result = db_receive(worker_db(worker));
        if (!result)
            return -1;
        ret_replayed[i] = (struct replayed){.found = PQntuples(result) > 0};
        if (ret_replayed[i].found) {
            ret_replayed[i].disabled = db_boolean(result, 0, 0);
            ret_replayed[i].count = db_integer(result, 0, 1);
            ret_replayed[i].backwards = PQnfields(result) > 2 && db_boolean(result, 0, 2);
        }
    }
    return 0;
}

int deliveries_store_replay(struct worker *worker, const struct delivery_key *keys, size_t count,
                            struct replayed *ret_replayed) {
    for (size_t i = 0; i < count; i++) {
        struct parameters parameters;
        parameters_init(&parameters, worker_pool(worker));
        parameter_delivery(&parameters, &keys[i]);
        if (db_queue(worker_db(worker), &replay_one, &parameters) != 0)
            return -1;
    }
    return receive_replayed(worker, ret_replayed, count);
}

int deliveries_store_replay_spans(struct worker *worker, const struct replay_span *spans, size_t count,
                                  struct replayed *ret_replayed) {
    for (size_t i = 0; i < count; i++) {
        struct parameters parameters;
        parameters_init(&parameters, worker_pool(worker));
        parameter_integer(&parameters, spans[i].endpoint.id);
        parameter_integer(&parameters, spans[i].endpoint.owner_id);
        parameter_text(&parameters, spans[i].from);
        parameter_text(&parameters, spans[i].to);
        parameter_text(&parameters, spans[i].state);
        parameter_integer(&parameters, REPLAY_LIMIT);
        if (db_queue(worker_db(worker), &replay_span, &parameters) != 0)
            return -1;
    }
    return receive_replayed(worker, ret_replayed, count);
}
