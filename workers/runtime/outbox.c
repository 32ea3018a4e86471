/* The outbox's rows on their way out; see outbox.h. It decides nothing: schedule.c and the senders do. */
#include "outbox.h"

#include "columns.h"
#include "lanes.h"

#define TEXT_OF(number) #number
#define TEXT(number) TEXT_OF(number)
#define LEASE "now() + interval '" TEXT(LEASE_S) " seconds'"
#define WAITS "state = 'due' AND NOT asleep AND channel = $1::text"
#define WAKE_LIMIT 1000
#define FREE_AND_DUE "next_attempt_at <= now() AND (leased_until IS NULL OR leased_until < now())"
#define OLDEST_FIRST " ORDER BY next_attempt_at, outbox.id "
#define ROWS_HERE WAITS " AND outbox.lane = here.lane AND " FREE_AND_DUE OLDEST_FIRST
/* The ids as an array, so that the planner takes them from the index, however many it expects. */
#define LEASE_TAKEN                                                                                                    \
    " UPDATE outbox SET leased_until = " LEASE " WHERE id = ANY (ARRAY(SELECT id FROM taken))"                         \
    " RETURNING id, leased_until, owner_id, lane, webhook_id, type, body, trace, attempts,"                            \
    " extract(epoch FROM created_at)::bigint"

/* Rows that wait for a later attempt sleep, out of the way of who looks for lanes, until it is time. $1 channel. */
static const struct statement wake = {"outbox_wake",
                                      "UPDATE outbox SET asleep = false WHERE id = ANY (ARRAY("
                                      "  SELECT id FROM outbox WHERE state = 'due' AND asleep AND channel = $1::text"
                                      "   AND next_attempt_at <= now()"
                                      "  ORDER BY next_attempt_at LIMIT " TEXT(WAKE_LIMIT) " FOR UPDATE SKIP LOCKED))"};

/* $1 channel, $2 how many. A channel without lanes has all its rows in lane 0. */
static const struct statement claim = {"outbox_claim",
                                       "WITH taken AS ("
                                       "  SELECT id FROM outbox"
                                       "  WHERE " WAITS " AND lane = 0 AND " FREE_AND_DUE OLDEST_FIRST
                                       "  LIMIT $2::bigint FOR UPDATE SKIP LOCKED)" LEASE_TAKEN ", NULL::integer"};

/* $3 lanes with rows in flight, $4 how many each; $5 how many of lane 0, $6 of another; $7 the lane whose turn was
 * last; $8 how many of lanes in trouble.
 * Lanes that wait are found by jumping along the index outbox_due_by_lane, from the one behind $7 round to it again
 * (`round` 1, then 2), and no further than it takes to find enough: neither a lane's backlog nor finished rows cost
 * anything. Lanes in trouble are begun from their own table, where the pause of a second settles which of several
 * workers begins; those with rows that wait are found by jumping along both indexes in turn, from what the one holds to
 * what the other does, so that it costs as much as the shorter of them. */
static const struct statement claim_by_lane = {
    "outbox_claim_by_lane",
    "WITH RECURSIVE waiting(lane, round) AS ("
    "  SELECT $7::bigint, 0"
    "  UNION ALL"
    "  SELECT next.lane, next.round FROM waiting CROSS JOIN LATERAL ("
    "    (SELECT outbox.lane, greatest(waiting.round, 1) FROM outbox WHERE " WAITS " AND outbox.lane > waiting.lane"
    "     ORDER BY outbox.lane LIMIT 1)"
    "    UNION ALL"
    "    (SELECT outbox.lane, 2 FROM outbox WHERE " WAITS " AND waiting.round < 2 ORDER BY outbox.lane LIMIT 1)"
    "    LIMIT 1) AS next(lane, round)"
    "  WHERE next.round = 1 OR next.lane <= $7::bigint),"
    " picked AS ("
    "  SELECT due.id FROM waiting AS here CROSS JOIN LATERAL ("
    "    SELECT outbox.id FROM outbox WHERE " ROWS_HERE
    "    LIMIT CASE WHEN EXISTS (SELECT FROM lanes WHERE channel = $1::text AND lane = here.lane) THEN 0"
    "          ELSE greatest(0, CASE here.lane WHEN 0 THEN $5::bigint ELSE $6::bigint END"
    "                           - coalesce(($4::bigint[])[array_position($3::bigint[], here.lane)], 0)) END"
    "    FOR UPDATE SKIP LOCKED) AS due"
    "  WHERE here.round > 0 LIMIT $2::bigint),"
    " troubled(lane, waits) AS ("
    "  SELECT -9223372036854775807::bigint, false"
    "  UNION ALL"
    "  SELECT known.lane - (known.lane <> next.lane)::integer, known.lane = next.lane FROM troubled"
    "  CROSS JOIN LATERAL ("
    "    SELECT outbox.lane FROM outbox WHERE " WAITS " AND outbox.lane > troubled.lane"
    "    ORDER BY outbox.lane LIMIT 1) AS next"
    "  CROSS JOIN LATERAL ("
    "    SELECT lanes.lane FROM lanes WHERE channel = $1::text AND lanes.lane >= next.lane"
    "    ORDER BY lanes.lane LIMIT 1) AS known),"
    " ready AS ("
    "  SELECT lane, openings FROM lanes AS here WHERE channel = $1::text AND open_until <= now()"
    "   AND lane = ANY (ARRAY(SELECT lane FROM troubled WHERE waits))"
    "   AND (SELECT leased_until >= now() FROM outbox WHERE id = here.probe AND state = 'due') IS NOT TRUE"
    "   AND (SELECT true FROM outbox WHERE " ROWS_HERE " LIMIT 1)"
    "  ORDER BY open_until LIMIT $8::bigint FOR UPDATE SKIP LOCKED),"
    " probing AS ("
    "  SELECT here.lane, here.openings, due.id FROM ready AS here CROSS JOIN LATERAL ("
    "    SELECT outbox.id FROM outbox WHERE " ROWS_HERE " LIMIT 1 FOR UPDATE SKIP LOCKED) AS due),"
    " noted AS ("
    "  UPDATE lanes SET probe = probing.id, open_until = now() + interval '1 second' FROM probing"
    "  WHERE lanes.channel = $1::text AND lanes.lane = probing.lane),"
    " taken AS (SELECT id FROM picked UNION ALL SELECT id FROM probing)" LEASE_TAKEN
    ", (SELECT openings FROM probing WHERE probing.id = outbox.id)"};

static const struct statement renew = {"outbox_renew",
                                       "UPDATE outbox SET leased_until = " LEASE
                                       " FROM unnest($1::bigint[], $2::timestamptz[]) AS held(id, until)"
                                       " WHERE outbox.id = held.id AND leased_until = held.until AND state = 'due'"
                                       " RETURNING outbox.id, leased_until"};

/* What was given up meanwhile stays dead. After a commit whose outcome was not known it finds nothing any more. */
static const struct statement record = {
    "outbox_record",
    "UPDATE outbox SET state = given.state, attempts = given.attempts, leased_until = NULL,"
    " next_attempt_at = CASE given.state WHEN 'due' THEN now() + make_interval(secs => given.wait_ms / 1000.0)"
    "                        ELSE next_attempt_at END,"
    " asleep = given.state = 'due' AND given.wait_ms > 0,"
    " last_status = nullif(given.status, 0), last_error = given.error,"
    " finished_at = CASE WHEN given.state <> 'due' THEN now() END"
    " FROM unnest($1::bigint[], $2::timestamptz[], $3::text[], $4::integer[], $5::bigint[], $6::integer[], $7::text[])"
    "   WITH ORDINALITY AS given(id, until, state, attempts, wait_ms, status, error, place)"
    " WHERE outbox.id = given.id AND outbox.leased_until = given.until"
    " AND outbox.state IN ('due', given.state) RETURNING given.place"};

static const struct statement keep_attempts = {
    "outbox_keep_attempts",
    "INSERT INTO delivery_attempts (webhook_id, number, started_at, duration_ms, status, response, error)"
    " SELECT webhook_id, number, to_timestamp(begun_ms / 1000.0), duration_ms, nullif(status, 0), response, error"
    " FROM unnest($1::text[], $2::integer[], $3::bigint[], $4::integer[], $5::integer[], $6::text[], $7::text[])"
    "   AS given(webhook_id, number, begun_ms, duration_ms, status, response, error)"};

static PGresult *query_due(struct worker *worker, const struct demand *demand) {
    const struct delivery_channel *channel = demand->channel;
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_text(&parameters, channel->name);
    if (!db_query(worker_db(worker), &wake, &parameters))
        return NULL;
    parameter_integer(&parameters, (int64_t)demand->total);
    if (!channel->limit_per_lane)
        return db_query(worker_db(worker), &claim, &parameters);
    COLUMN_INTEGERS(&parameters, demand->loads, demand->load_count, lane);
    COLUMN_INTEGERS(&parameters, demand->loads, demand->load_count, count);
    parameter_integer(&parameters, (int64_t)channel->limit_of_lane_0);
    parameter_integer(&parameters, (int64_t)channel->limit_per_lane);
    parameter_integer(&parameters, demand->after_lane);
    parameter_integer(&parameters, (int64_t)demand->trouble_total);
    return db_query(worker_db(worker), &claim_by_lane, &parameters);
}

static struct leased_row read_row(const PGresult *result, int row, struct pool *pool) {
    return (struct leased_row){
        .lease = {.id = db_integer(result, row, 0), .until = pool_text(pool, db_text(result, row, 1))},
        .claim = {.owner_id = db_integer(result, row, 2),
                  .lane = db_integer(result, row, 3),
                  .webhook_id = pool_text(pool, db_text(result, row, 4)),
                  .type = pool_text(pool, db_text(result, row, 5)),
                  .body = pool_text(pool, db_text(result, row, 6)),
                  .trace = pool_text(pool, db_text(result, row, 7)),
                  .attempt = (unsigned)db_integer(result, row, 8) + 1,
                  .created_at_s = db_integer(result, row, 9)},
        .in_trouble = !db_is_null(result, row, 10),
        .openings = db_integer(result, row, 10)};
}

int outbox_claim(struct worker *worker, const struct demand *demand, struct leased_row **ret_rows, size_t *ret_count) {
    struct pool *pool = worker_pool(worker);
    PGresult *result = query_due(worker, demand);
    if (!result)
        return -1;
    size_t count = (size_t)PQntuples(result);
    struct leased_row *rows = pool_alloc(pool, count * sizeof *rows);
    for (size_t row = 0; row < count; row++)
        rows[row] = read_row(result, (int)row, pool);
    *ret_rows = rows;
    *ret_count = count;
    return 0;
}

int outbox_renew(struct worker *worker, const struct lease *leases, size_t count, struct lease *ret_leases,
                 size_t *ret_count) {
    struct pool *pool = worker_pool(worker);
    struct parameters parameters;
    parameters_init(&parameters, pool);
    COLUMN_INTEGERS(&parameters, leases, count, id);
    COLUMN_TEXTS(&parameters, leases, count, until);
    PGresult *result = db_query(worker_db(worker), &renew, &parameters);
    if (!result)
        return -1;
    *ret_count = (size_t)PQntuples(result);
    for (int row = 0; row < PQntuples(result); row++)
        ret_leases[row] =
            (struct lease){.id = db_integer(result, row, 0), .until = pool_text(pool, db_text(result, row, 1))};
    return 0;
}

static PGresult *query_record(struct worker *worker, const struct outcome *outcomes, size_t count) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    COLUMN_INTEGERS(&parameters, outcomes, count, lease.id);
    COLUMN_TEXTS(&parameters, outcomes, count, lease.until);
    COLUMN_TEXTS(&parameters, outcomes, count, fate.state);
    COLUMN_INTEGERS(&parameters, outcomes, count, fate.attempts);
    COLUMN_INTEGERS(&parameters, outcomes, count, wait_ms);
    COLUMN_INTEGERS(&parameters, outcomes, count, status);
    COLUMN_TEXTS(&parameters, outcomes, count, error);
    return db_query(worker_db(worker), &record, &parameters);
}

/* Those whose rows were still ours. */
static size_t record_outcomes(struct worker *worker, const struct outcome *outcomes, size_t count,
                              struct outcome *ret_recorded) {
    PGresult *result = query_record(worker, outcomes, count);
    int recorded = result ? PQntuples(result) : 0;
    for (int row = 0; row < recorded; row++)
        ret_recorded[row] = outcomes[db_integer(result, row, 0) - 1];
    return (size_t)recorded;
}

static size_t attempts_to_keep(const struct outcome *outcomes, size_t count, struct outcome *ret_kept) {
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (outcomes[i].channel->keeps_attempts && outcomes[i].fate.was_tried)
            ret_kept[kept++] = outcomes[i];
    return kept;
}

static int queue_attempts(struct worker *worker, const struct outcome *outcomes, size_t count) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    COLUMN_TEXTS(&parameters, outcomes, count, webhook_id);
    COLUMN_INTEGERS(&parameters, outcomes, count, fate.attempts);
    COLUMN_INTEGERS(&parameters, outcomes, count, begun_ms);
    COLUMN_INTEGERS(&parameters, outcomes, count, duration_ms);
    COLUMN_INTEGERS(&parameters, outcomes, count, status);
    COLUMN_TEXTS(&parameters, outcomes, count, response);
    COLUMN_TEXTS(&parameters, outcomes, count, error);
    return db_queue(worker_db(worker), &keep_attempts, &parameters);
}

int outbox_record(struct worker *worker, const struct outcome *outcomes, size_t count) {
    struct pool *pool = worker_pool(worker);
    struct outcome *recorded = pool_alloc(pool, count * sizeof *recorded);
    struct outcome *kept = pool_alloc(pool, count * sizeof *kept);
    size_t recorded_count = record_outcomes(worker, outcomes, count, recorded);
    size_t kept_count = attempts_to_keep(recorded, recorded_count, kept);
    struct lane_changes changes = lanes_sum_up(recorded, recorded_count, pool);
    if (db_failure(worker_db(worker)) != DB_FINE || (kept_count && queue_attempts(worker, kept, kept_count) != 0) ||
        lanes_queue(worker, &changes) != 0)
        return -1;
    if (kept_count && !db_receive(worker_db(worker)))
        return -1;
    return lanes_receive(worker, &changes);
}
