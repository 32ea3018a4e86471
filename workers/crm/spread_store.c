/* Spreading in the database; see spread_store.h. Arrays of ids lead all plans to indexes. */
#include "spread_store.h"

#include "settings.h"
#include "spread.h"

#define COPIES_LIMIT 10000 /* of the entries of one batch */
#define OWN_LISTENERS 20   /* at most: the owner's endpoints, the operator, mails, an inbox */

static const struct statement find = {
    "find_unspread", "SELECT (SELECT 1 FROM log_entries WHERE position IS NULL ORDER BY id LIMIT 1) IS NOT NULL"};
/* Until the end of the transaction; a statement of its own, so that the next one sees what the holder before has
 * committed. */
static const struct statement lock = {"lock_log", "SELECT pg_try_advisory_xact_lock(hashtext('tithi log'))"};
static const struct statement list_unspread = {
    "list_unspread", "SELECT id FROM log_entries WHERE position IS NULL ORDER BY id LIMIT $1::bigint"};
/* Of every entry, whose ever it is. */
static const struct statement count_listeners = {
    "count_listeners", "SELECT count(*) FROM webhook_endpoints WHERE everything"};
/* Numbered before anything is joined: a plan may run through a subquery twice. */
static const struct statement place = {
    "place_entries",
    "WITH given AS MATERIALIZED (SELECT id, nextval('log_positions') AS position FROM unnest($1::bigint[]) AS ids(id))"
    " UPDATE log_entries SET position = given.position FROM given WHERE log_entries.id = given.id"};

int spread_store_find(struct worker *worker, bool *ret_found) {
    PGresult *result = db_query(worker_db(worker), &find, NULL);
    if (!result)
        return -1;
    *ret_found = db_boolean(result, 0, 0);
    return 0;
}

static int place_entries(struct worker *worker, const int64_t *entries, size_t count) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integers(&parameters, entries, count);
    return db_query(worker_db(worker), &place, &parameters) ? 0 : -1;
}

static size_t batch_limit(size_t listeners) {
    size_t limit = COPIES_LIMIT / (OWN_LISTENERS + listeners);
    return limit ? limit : 1;
}

int spread_store_take(struct worker *worker, size_t limit, int64_t **ret_entries, size_t *ret_count, bool *ret_more) {
    struct db *db = worker_db(worker);
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integer(&parameters, (int64_t)limit);
    if (db_queue(db, &lock, NULL) || db_queue(db, &count_listeners, NULL) || db_queue(db, &list_unspread, &parameters))
        return -1;
    PGresult *locked = db_receive(db), *listeners = locked ? db_receive(db) : NULL;
    PGresult *unspread = listeners ? db_receive(db) : NULL;
    if (!unspread)
        return -1;
    size_t found = (size_t)PQntuples(unspread), most = batch_limit((size_t)db_integer(listeners, 0, 0));
    size_t count = db_boolean(locked, 0, 0) ? found < most ? found : most : 0;
    int64_t *entries = pool_alloc(worker_pool(worker), count * sizeof *entries);
    for (size_t i = 0; i < count; i++)
        entries[i] = db_integer(unspread, (int)i, 0);
    *ret_entries = entries;
    *ret_count = count;
    *ret_more = count < found || count == limit;
    return count ? place_entries(worker, entries, count) : 0;
}

/* $2: does the operator listen, at CRM_WEBHOOK_URL? It hears of bookings and their payments. An administrator's
 * endpoint for everything hears of what is their own as any other does. What an endpoint misses while it is disabled is
 * kept for a replay, unless that lasts longer than anybody will want it. */
#define WHILE_DISABLED "interval '30 days'"
#define LISTENS                                                                                                        \
    "(w.disabled_at IS NULL OR w.disabled_at > now() - " WHILE_DISABLED ")"                                            \
    " AND (w.types = '{}' OR e.type = ANY (w.types)) AND u.is_active"
static const struct statement spread_webhooks = {
    "spread_webhooks",
    "INSERT INTO outbox (channel, lane, owner_id, type, cause, body, trace, entry_id, state, finished_at, last_error)"
    " SELECT 'webhook', listening.lane, listening.owner_id, e.type, e.cause, e.body, e.trace, e.id,"
    "  CASE WHEN listening.disabled THEN 'dead' ELSE 'due' END, CASE WHEN listening.disabled THEN now() END,"
    "  CASE WHEN listening.disabled THEN 'the endpoint was disabled' END"
    " FROM unnest($1::bigint[]) WITH ORDINALITY AS given(id, number) JOIN log_entries e ON e.id = given.id"
    " CROSS JOIN LATERAL ("
    "  SELECT 0 AS lane, NULL::bigint AS owner_id, false AS disabled WHERE $2::boolean AND e.booking_id IS NOT NULL"
    "  UNION ALL"
    "  SELECT w.id, w.owner_id, w.disabled_at IS NOT NULL FROM webhook_endpoints w JOIN users u ON u.id = w.owner_id"
    "  WHERE w.owner_id = e.owner_id AND u.role IN ('facilitator', 'admin') AND " LISTENS "  UNION ALL"
    "  SELECT w.id, w.owner_id, w.disabled_at IS NOT NULL FROM webhook_endpoints w JOIN users u ON u.id = w.owner_id"
    "  WHERE w.everything AND w.owner_id <> e.owner_id AND u.role = 'admin' AND " LISTENS
    " ) AS listening ORDER BY given.number, listening.lane ON CONFLICT DO NOTHING"};

int webhooks_spread(struct worker *worker, const int64_t *entries, size_t count) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integers(&parameters, entries, count);
    parameter_boolean(&parameters, settings.crm_webhook_url[0] != '\0');
    return db_query(worker_db(worker), &spread_webhooks, &parameters) ? 0 : -1;
}
