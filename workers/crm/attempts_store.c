/* See attempts_store.h. */
#include "attempts_store.h"

#include "rfc3339.h"

#define ATTEMPT_LIMIT 100

static const struct statement read_attempts = {
    "attempts_read",
    "SELECT * FROM (SELECT number, started_at, duration_ms, status, response, error FROM delivery_attempts"
    " WHERE webhook_id = $1::text ORDER BY started_at DESC LIMIT $2::bigint) AS last ORDER BY started_at"};

int attempts_queue(struct worker *worker, const char *webhook_id) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_text(&parameters, webhook_id);
    parameter_integer(&parameters, ATTEMPT_LIMIT);
    return db_queue(worker_db(worker), &read_attempts, &parameters);
}

static const char *copy_text(const PGresult *result, int row, int column, struct pool *pool) {
    const char *text = db_text(result, row, column);
    return text ? pool_text(pool, text) : NULL;
}

static struct webhook_attempt show_attempt(const PGresult *result, int row, struct pool *pool) {
    struct webhook_attempt attempt = {
        .number = db_integer(result, row, 0),
        .started_at = rfc3339_text(db_text(result, row, 1), pool),
        .duration_ms = db_integer(result, row, 2),
    };
    if (!db_is_null(result, row, 3))
        SET(attempt, status, db_integer(result, row, 3));
    SET_TEXT(attempt, response, copy_text(result, row, 4, pool));
    SET_TEXT(attempt, error, copy_text(result, row, 5, pool));
    return attempt;
}

struct webhook_attempt *attempts_show(const PGresult *result, struct pool *pool, size_t *ret_count) {
    size_t count = (size_t)PQntuples(result);
    struct webhook_attempt *attempts = pool_alloc(pool, count * sizeof *attempts);
    for (size_t row = 0; row < count; row++)
        attempts[row] = show_attempt(result, (int)row, pool);
    *ret_count = count;
    return attempts;
}
