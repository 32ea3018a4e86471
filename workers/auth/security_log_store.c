/* SQL of the log of security events; see security_log_store.h. A list has a statement per what narrows it most, each
 * with an index in its order. */
#include "security_log_store.h"

#include "bounds.h"
#include "rfc3339.h"

/* $1 user, $2 event, $3 from, $4 to, $5 and $6 the place where the page before ended, $7 rows. A page has at most 100
 * rows and one that tells of more: said as a constant, or the planner would guess a tenth of all. */
#define MOMENT "(extract(epoch FROM at) * 1000000)::bigint"
/* clang-format off */
#define PAGE(condition)                                                                                                \
    "SELECT " SECURITY_LOG_COLUMNS ", " MOMENT " FROM (SELECT * FROM security_events WHERE " condition                 \
    "  AND at " AT_OR_AFTER("$3") " AND at " BEFORE("$4")                                                              \
    "  AND (at, id) < (coalesce('epoch'::timestamptz + $5::bigint * interval '1 microsecond',"                         \
    "   " BOUND("$4", " + interval '1 day'", "infinity") "), $6::bigint)" /* the index is entered there */             \
    "  ORDER BY at DESC, id DESC LIMIT 101) AS page LIMIT $7::bigint"
/* clang-format on */

static const struct statement list_all = {"security_log", PAGE("$1::bigint IS NULL AND $2::text IS NULL")};
static const struct statement list_of_user = {"security_log_of_user",
                                              PAGE("user_id = $1::bigint AND ($2::text IS NULL OR event = $2)")};
static const struct statement list_of_event = {"security_log_of_event",
                                               PAGE("$1::bigint IS NULL AND event = $2::text")};

/* Nobody waits for who is just being signed out or refreshed. */
static const struct statement note_uses = {
    "security_log_note_uses",
    "WITH given AS ("
    "  SELECT DISTINCT ON (session) * FROM unnest($1::text[]::uuid[], $2::text[]) AS given(session, address)),"
    " sessions_used AS ("
    "  UPDATE sessions SET used_at = now() WHERE id IN ("
    "   SELECT id FROM sessions WHERE id IN (SELECT session FROM given) AND used_at < now() - interval '1 minute'"
    "   FOR UPDATE SKIP LOCKED))"
    " UPDATE api_keys SET used_at = date_trunc('minute', now()), used_address = given.address FROM given"
    " WHERE id IN ("
    "   SELECT id FROM api_keys WHERE session_id IN (SELECT session FROM given)"
    "    AND coalesce(used_at < now() - interval '1 minute', true) FOR UPDATE SKIP LOCKED)"
    "  AND session_id = given.session"};

static const char *copy_text(const PGresult *result, int row, int column, struct pool *pool) {
    const char *text = db_text(result, row, column);
    return text ? pool_text(pool, text) : NULL;
}

struct logged_event security_log_row(const PGresult *result, int row, int column, struct pool *pool) {
    struct logged_event event = {.id = db_integer(result, row, column),
                                 .at = rfc3339_text(db_text(result, row, column + 1), pool),
                                 .event = copy_text(result, row, column + 2, pool),
                                 .address = copy_text(result, row, column + 6, pool),
                                 .detail = copy_text(result, row, column + 8, pool)};
    if (!db_is_null(result, row, column + 3))
        SET(event, user_id, db_integer(result, row, column + 3));
    if (!db_is_null(result, row, column + 4))
        SET(event, actor_id, db_integer(result, row, column + 4));
    SET_TEXT(event, session_id, copy_text(result, row, column + 5, pool));
    SET_TEXT(event, request_id, copy_text(result, row, column + 7, pool));
    return event;
}

static void parameter_nonzero(struct parameters *parameters, int64_t value) {
    if (value)
        parameter_integer(parameters, value);
    else
        parameter_null(parameters);
}

int security_log_queue(struct worker *worker, const struct security_log_filter *filter) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_nonzero(&parameters, filter->user_id);
    parameter_text(&parameters, filter->event);
    parameter_text(&parameters, filter->from);
    parameter_text(&parameters, filter->to);
    parameter_nonzero(&parameters, filter->after_us);
    parameter_integer(&parameters, filter->after_id);
    parameter_integer(&parameters, filter->limit + 1);
    return db_queue(worker_db(worker),
                    filter->user_id ? &list_of_user
                    : filter->event ? &list_of_event
                                    : &list_all,
                    &parameters);
}

int security_log_receive(struct worker *worker, int64_t limit, struct security_log *ret_page, struct cursor *ret_last) {
    struct pool *pool = worker_pool(worker);
    PGresult *result = db_receive(worker_db(worker));
    if (!result)
        return -1;
    int rows = PQntuples(result), shown = rows > limit ? (int)limit : rows;
    ret_page->events.items = pool_alloc(pool, (size_t)shown * sizeof *ret_page->events.items);
    ret_page->events.count = (size_t)shown;
    for (int row = 0; row < shown; row++)
        ret_page->events.items[row] = security_log_row(result, row, 0, pool);
    if (rows > shown) {
        ret_last->value = copy_text(result, shown - 1, SECURITY_LOG_COLUMN_COUNT, pool);
        ret_last->id = ret_page->events.items[shown - 1].id;
    }
    return 0;
}

int security_log_note_uses(struct worker *worker, const char *const *sessions, const char *const *addresses,
                           size_t count) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_texts(&parameters, sessions, count);
    parameter_texts(&parameters, addresses, count);
    return db_query(worker_db(worker), &note_uses, &parameters) ? 0 : -1;
}
