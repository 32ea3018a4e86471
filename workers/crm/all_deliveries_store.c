/* See all_deliveries_store.h. The list has a statement per state, so that each goes along an index that it can use:
 * what is due stands in the outbox only, and the archive has its dead by themselves. */
#include "all_deliveries_store.h"

#include <string.h>

#include "attempts_store.h"
#include "pages.h"
#include "replay.h"
#include "rfc3339.h"

/* An endpoint's number; 0 is the operator's address. */
#define ENDPOINT "CASE WHEN d.channel = 'webhook' AND d.lane <> 0 THEN d.lane END"

#define COLUMNS                                                                                                        \
    "d.id, d.webhook_id, d.channel, d.type, d.state, " ENDPOINT ", d.owner_id, d.attempts, d.last_status,"             \
    " d.last_error, d.created_at, CASE WHEN d.state = 'due' THEN d.next_attempt_at END, d.finished_at"

enum column {
    COLUMN_ID,
    COLUMN_WEBHOOK_ID,
    COLUMN_CHANNEL,
    COLUMN_TYPE,
    COLUMN_STATE,
    COLUMN_ENDPOINT,
    COLUMN_OWNER,
    COLUMN_ATTEMPTS,
    COLUMN_STATUS,
    COLUMN_ERROR,
    COLUMN_CREATED,
    COLUMN_NEXT,
    COLUMN_FINISHED,
    COLUMN_BODY, /* this and the next: of one delivery */
    COLUMN_HOST,
};

/* $1 before, $2 channel, $3 type, $4 how many. */
#define LIST(which)                                                                                                    \
    "SELECT " COLUMNS " FROM deliveries d WHERE d.id < $1::bigint AND ($2::text IS NULL OR d.channel = $2)"            \
    " AND ($3::text IS NULL OR d.type = $3) AND " which " ORDER BY d.id DESC LIMIT $4::bigint"
/* and $5 the endpoint. */
#define LIST_OF_ENDPOINT(which) LIST("d.channel = 'webhook' AND d.lane = $5::bigint AND " which)

#define DUE "d.state = 'due' AND NOT d.archived"
#define DELIVERED "d.state = 'delivered'"
#define DEAD "d.state = 'dead'"
#define ANY "true"

static const struct {
    const char *state; /* NULL: any */
    struct statement all, of_endpoint;
} lists[] = {
    {NULL, {"all_deliveries", LIST(ANY)}, {"all_deliveries_of", LIST_OF_ENDPOINT(ANY)}},
    {"due", {"all_due", LIST(DUE)}, {"all_due_of", LIST_OF_ENDPOINT(DUE)}},
    {"delivered", {"all_delivered", LIST(DELIVERED)}, {"all_delivered_of", LIST_OF_ENDPOINT(DELIVERED)}},
    {"dead", {"all_dead", LIST(DEAD)}, {"all_dead_of", LIST_OF_ENDPOINT(DEAD)}},
};

/* Of an endpoint's address only the host is shown: the rest may hold a key. */
static const struct statement read_delivery = {
    "any_delivery_read",
    "SELECT " COLUMNS ", d.body, (SELECT substring(e.url FROM '^[a-z]+://(?:[^/?#@]*@)?([^/?#]*)')"
    "  FROM webhook_endpoints e WHERE e.id = " ENDPOINT ") FROM deliveries d WHERE d.webhook_id = $1::text"};

static const struct statement replay_delivery = {
    "any_delivery_replay",
    "WITH found AS (SELECT d.webhook_id, d.archived, d.state, " ENDPOINT " IS NOT NULL AND e.id IS NULL AS gone,"
    "   e.disabled_at IS NOT NULL AS disabled FROM deliveries d"
    "   LEFT JOIN webhook_endpoints e ON e.id = " ENDPOINT " WHERE d.webhook_id = $1::text),"
    " chosen AS (SELECT webhook_id, archived FROM found WHERE state <> 'due' AND NOT gone AND NOT disabled),"
    " " REPLAY_CHOSEN ", told AS (SELECT replayed.webhook_id FROM replayed" REPLAY_WAKE ")"
    " SELECT gone, disabled, (SELECT count(*) FROM told) FROM found"};

static const char *copy_text(const PGresult *result, int row, int column, struct pool *pool) {
    const char *text = db_text(result, row, column);
    return text ? pool_text(pool, text) : NULL;
}

static struct any_delivery show_delivery(const PGresult *result, int row, struct pool *pool) {
    struct any_delivery delivery = {
        .webhook_id = copy_text(result, row, COLUMN_WEBHOOK_ID, pool),
        .channel = copy_text(result, row, COLUMN_CHANNEL, pool),
        .type = copy_text(result, row, COLUMN_TYPE, pool),
        .state = copy_text(result, row, COLUMN_STATE, pool),
        .attempts = db_integer(result, row, COLUMN_ATTEMPTS),
        .created_at = rfc3339_text(db_text(result, row, COLUMN_CREATED), pool),
    };
    if (!db_is_null(result, row, COLUMN_ENDPOINT))
        SET(delivery, endpoint_id, db_integer(result, row, COLUMN_ENDPOINT));
    if (!db_is_null(result, row, COLUMN_OWNER))
        SET(delivery, owner_id, db_integer(result, row, COLUMN_OWNER));
    if (!db_is_null(result, row, COLUMN_STATUS))
        SET(delivery, last_status, db_integer(result, row, COLUMN_STATUS));
    SET_TEXT(delivery, last_error, copy_text(result, row, COLUMN_ERROR, pool));
    SET_TEXT(delivery, next_attempt_at, rfc3339_text(db_text(result, row, COLUMN_NEXT), pool));
    SET_TEXT(delivery, finished_at, rfc3339_text(db_text(result, row, COLUMN_FINISHED), pool));
    return delivery;
}

static const struct statement *list_for(const struct all_deliveries_wanted *wanted) {
    size_t i = 0;
    while (wanted->state && (!lists[i].state || strcmp(lists[i].state, wanted->state) != 0))
        i++; /* the contract names no other state */
    return wanted->endpoint_id ? &lists[i].of_endpoint : &lists[i].all;
}

static int queue_list(struct worker *worker, const struct all_deliveries_wanted *wanted) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integer(&parameters, wanted->before_id);
    parameter_text(&parameters, wanted->channel);
    parameter_text(&parameters, wanted->type);
    parameter_integer(&parameters, wanted->limit);
    if (wanted->endpoint_id)
        parameter_integer(&parameters, wanted->endpoint_id);
    return db_queue(worker_db(worker), list_for(wanted), &parameters);
}

static void show_page(const PGresult *result, struct pool *pool, void *ret_page) {
    struct all_deliveries_page *page = ret_page;
    page->count = (size_t)PQntuples(result);
    page->items = pool_alloc(pool, page->count * sizeof *page->items);
    page->ids = page_ids(result, pool);
    for (size_t row = 0; row < page->count; row++)
        page->items[row] = show_delivery(result, (int)row, pool);
}

int all_deliveries_list(struct worker *worker, const struct all_deliveries_wanted *wanted, size_t count,
                        struct all_deliveries_page *ret_pages) {
    for (size_t i = 0; i < count; i++)
        if (queue_list(worker, &wanted[i]) != 0)
            return -1;
    return pages_receive(worker, count, show_page, ret_pages, sizeof *ret_pages);
}

static int queue_by_id(struct worker *worker, const struct statement *statement, const char *webhook_id) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_text(&parameters, webhook_id);
    return db_queue(worker_db(worker), statement, &parameters);
}

int all_deliveries_read(struct worker *worker, const char *const *webhook_ids, size_t count,
                        struct get_any_delivery_reply **ret_replies) {
    struct pool *pool = worker_pool(worker);
    for (size_t i = 0; i < count; i++)
        if (queue_by_id(worker, &read_delivery, webhook_ids[i]) != 0 || attempts_queue(worker, webhook_ids[i]) != 0)
            return -1;
    for (size_t i = 0; i < count; i++) {
        PGresult *delivery = db_receive(worker_db(worker));
        PGresult *attempts = delivery ? db_receive(worker_db(worker)) : NULL;
        struct get_any_delivery_reply *reply = ret_replies[i];
        if (!attempts)
            return -1;
        reply->body = NULL;
        if (PQntuples(delivery) == 0)
            continue;
        reply->delivery = show_delivery(delivery, 0, pool);
        reply->body = copy_text(delivery, 0, COLUMN_BODY, pool);
        SET_TEXT(*reply, host, copy_text(delivery, 0, COLUMN_HOST, pool));
        reply->attempts.items = attempts_show(attempts, pool, &reply->attempts.count);
    }
    return 0;
}

int all_deliveries_replay(struct worker *worker, const char *const *webhook_ids, size_t count,
                          struct delivery_replayed *ret_replayed) {
    for (size_t i = 0; i < count; i++)
        if (queue_by_id(worker, &replay_delivery, webhook_ids[i]) != 0)
            return -1;
    for (size_t i = 0; i < count; i++) {
        PGresult *result = db_receive(worker_db(worker));
        if (!result)
            return -1;
        ret_replayed[i] = (struct delivery_replayed){.found = PQntuples(result) > 0};
        if (ret_replayed[i].found) {
            ret_replayed[i].gone = db_boolean(result, 0, 0);
            ret_replayed[i].disabled = db_boolean(result, 0, 1);
            ret_replayed[i].count = db_integer(result, 0, 2);
        }
    }
    return 0;
}
