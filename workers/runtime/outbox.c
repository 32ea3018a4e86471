/* The outbox's rows on their way out; see outbox.h. It decides nothing: schedule.c and the senders do. */
#include "outbox.h"

#include <stdlib.h>
#include <string.h>

#include "columns.h"
#include "lanes.h"

#define TEXT_OF(number) #number
#define TEXT(number) TEXT_OF(number)
#define LEASE "now() + interval '" TEXT(LEASE_S) " seconds'"
#define AWAKE "state = 'due' AND NOT asleep AND channel = $1::text"
#define HELD "state = 'due' AND held AND channel = $1::text"
#define FREE "(leased_until IS NULL OR leased_until < now())"
#define DUE "next_attempt_at <= now() AND " FREE
#define OLDEST_FIRST " ORDER BY next_attempt_at, outbox.id "
/* For who looks for a lane: the whole key of outbox_due_by_lane and outbox_held, so that the planner takes these and no
 * index that has finished rows as well. */
#define BY_LANE " ORDER BY outbox.lane, outbox.next_attempt_at, outbox.id "
#define WAKE_LIMIT 1000
/* The ids as an array, here and below, so that the planner takes them from the index, however few rows it believes in.
 */
#define LEASE_TAKEN                                                                                                    \
    " UPDATE outbox SET leased_until = " LEASE ", asleep = false, held = false"                                        \
    " WHERE id = ANY (ARRAY(SELECT id FROM taken))"                                                                    \
    " RETURNING id, leased_until, owner_id, lane, webhook_id, type, body, trace, attempts,"                            \
    " extract(epoch FROM created_at)::bigint"

/* Rows that wait for a later attempt sleep, out of the way of who looks for lanes, until it is time. $1 channel. */
static const struct statement wake = {
    "outbox_wake", "UPDATE outbox SET asleep = false WHERE id = ANY (ARRAY("
                   "  SELECT id FROM outbox WHERE state = 'due' AND asleep AND NOT held AND channel = $1::text"
                   "   AND next_attempt_at <= now()"
                   "  ORDER BY next_attempt_at LIMIT " TEXT(WAKE_LIMIT) " FOR UPDATE SKIP LOCKED))"};

/* Whose entry of the log a row tells of. Who has no lanes has no right to look. */
#define ABOUT "(SELECT log_entries.owner_id FROM log_entries WHERE log_entries.id = outbox.entry_id)"

/* $1 channel, $2 how many. A channel without lanes has all its rows in lane 0. */
static const struct statement claim = {"outbox_claim", "WITH taken AS ("
                                                       "  SELECT id FROM outbox"
                                                       "  WHERE " AWAKE " AND lane = 0 AND " DUE OLDEST_FIRST
                                                       "  LIMIT $2::bigint FOR UPDATE SKIP LOCKED)" LEASE_TAKEN
                                                       ", NULL::integer, NULL::bigint"};

/* $3 lanes with rows in hand, $4 how many each; $5 how many of lane 0, $6 of another; $7 the lane whose turn was last.
 * Lanes that wait are found by jumping along the index outbox_due_by_lane, from the one behind $7 round to it again
 * (`round` 1, then 2), and no further than it takes to find enough: neither a lane's backlog nor finished rows cost
 * anything. Lanes in trouble are passed over, and soon out of the way (`hold`). */
static const struct statement claim_by_lane = {
    "outbox_claim_by_lane",
    "WITH RECURSIVE waiting(lane, round) AS ("
    "  SELECT $7::bigint, 0"
    "  UNION ALL"
    "  SELECT next.lane, next.round FROM waiting CROSS JOIN LATERAL ("
    "    (SELECT outbox.lane, greatest(waiting.round, 1) FROM outbox WHERE " AWAKE
    "      AND outbox.lane > waiting.lane" BY_LANE "LIMIT 1)"
    "    UNION ALL"
    "    (SELECT outbox.lane, 2 FROM outbox WHERE " AWAKE " AND waiting.round < 2" BY_LANE "LIMIT 1)"
    "    LIMIT 1) AS next(lane, round)"
    "  WHERE next.round = 1 OR next.lane <= $7::bigint),"
    " taken AS ("
    "  SELECT due.id FROM waiting AS here CROSS JOIN LATERAL ("
    "    SELECT outbox.id FROM outbox WHERE " AWAKE " AND outbox.lane = here.lane AND " DUE OLDEST_FIRST
    "    LIMIT CASE WHEN EXISTS (SELECT FROM lanes WHERE channel = $1::text AND lane = here.lane) THEN 0"
    "          ELSE greatest(0, CASE here.lane WHEN 0 THEN $5::bigint ELSE $6::bigint END"
    "                           - coalesce(($4::bigint[])[array_position($3::bigint[], here.lane)], 0)) END"
    "    FOR UPDATE SKIP LOCKED) AS due"
    "  WHERE here.round > 0 LIMIT $2::bigint)" LEASE_TAKEN ", NULL::integer, " ABOUT};

/* Lanes in trouble with such rows, by jumping along both indexes in turn, from what the one holds to what the other
 * does, so that it costs as much as the shorter of them. */
#define TROUBLED(rows)                                                                                                 \
    "WITH RECURSIVE troubled(lane, waits) AS ("                                                                        \
    "  SELECT -9223372036854775807::bigint, false"                                                                     \
    "  UNION ALL"                                                                                                      \
    "  SELECT known.lane - (known.lane <> next.lane)::integer, known.lane = next.lane FROM troubled"                   \
    "  CROSS JOIN LATERAL ("                                                                                           \
    "    SELECT outbox.lane FROM outbox WHERE " rows " AND outbox.lane > troubled.lane" BY_LANE "LIMIT 1) AS next"     \
    "  CROSS JOIN LATERAL ("                                                                                           \
    "    SELECT lanes.lane FROM lanes WHERE channel = $1::text AND lanes.lane >= next.lane"                            \
    "    ORDER BY lanes.lane LIMIT 1) AS known)"

/* $1 channel, $2 how many. */
static const struct statement hold = {
    "outbox_hold", TROUBLED(AWAKE) " UPDATE outbox SET asleep = true, held = true WHERE id = ANY (ARRAY("
                                   "  SELECT due.id FROM troubled AS here CROSS JOIN LATERAL ("
                                   "    SELECT outbox.id FROM outbox WHERE " AWAKE
                                   "     AND outbox.lane = here.lane AND " FREE " LIMIT $2::bigint"
                                   "    FOR UPDATE SKIP LOCKED) AS due"
                                   "  WHERE here.waits LIMIT $2::bigint))"};

/* What is held in lanes that are not in trouble any more, for whatever reason. $1 channel, $2 how many. */
static const struct statement let_go = {
    "outbox_let_go",
    "WITH RECURSIVE holding(lane) AS ("
    "  SELECT -9223372036854775807::bigint"
    "  UNION ALL"
    "  SELECT next.lane FROM holding CROSS JOIN LATERAL ("
    "    SELECT outbox.lane FROM outbox WHERE " HELD " AND outbox.lane > holding.lane" BY_LANE "LIMIT 1) AS next)"
    " UPDATE outbox SET asleep = false, held = false WHERE id = ANY (ARRAY("
    "  SELECT kept.id FROM holding AS here CROSS JOIN LATERAL ("
    "    SELECT outbox.id FROM outbox WHERE " HELD " AND outbox.lane = here.lane" OLDEST_FIRST
    "    LIMIT CASE WHEN EXISTS (SELECT FROM lanes WHERE channel = $1::text AND lane = here.lane) THEN 0"
    "          ELSE $2::bigint END FOR UPDATE SKIP LOCKED) AS kept"
    "  LIMIT $2::bigint))"};

/* The next attempts in lanes in trouble, which are begun from their own table: there the pause of a second settles
 * which of several workers begins. $1 channel, $2 how many. */
static const struct statement probe = {
    "outbox_probe",
    TROUBLED(HELD) ", ready AS ("
                   "  SELECT lane, openings FROM lanes AS here"
                   "  WHERE channel = $1::text AND open_until <= now()"
                   "   AND lane = ANY (ARRAY(SELECT lane FROM troubled WHERE waits))"
                   "   AND (SELECT leased_until >= now() FROM outbox"
                   "        WHERE id = here.probe AND state = 'due') IS NOT TRUE"
                   "   AND EXISTS (SELECT FROM outbox WHERE " HELD "               AND outbox.lane = here.lane AND " DUE
                   ")"
                   "  ORDER BY open_until LIMIT $2::bigint FOR UPDATE SKIP LOCKED),"
                   " taken AS ("
                   "  SELECT here.lane, here.openings, due.id FROM ready AS here CROSS JOIN LATERAL ("
                   "    SELECT outbox.id FROM outbox WHERE " HELD
                   "     AND outbox.lane = here.lane AND " DUE OLDEST_FIRST
                   "    LIMIT 1 FOR UPDATE SKIP LOCKED) AS due),"
                   " noted AS ("
                   "  UPDATE lanes SET probe = taken.id, open_until = now() + interval '1 second'"
                   "  FROM taken WHERE lanes.channel = $1::text AND lanes.lane = taken.lane)" LEASE_TAKEN
                   ", (SELECT openings FROM taken WHERE taken.id = outbox.id), " ABOUT};

static const struct statement renew = {
    "outbox_renew",
    "UPDATE outbox SET leased_until = " LEASE " FROM unnest($1::bigint[], $2::text[]::timestamptz[]) AS held(id, until)"
    " WHERE outbox.id = ANY ($1::bigint[]) AND outbox.id = held.id AND leased_until = held.until AND state = 'due'"
    " RETURNING outbox.id, leased_until"};

static const struct statement release = {
    "outbox_release",
    "UPDATE outbox SET leased_until = NULL"
    " FROM unnest($1::bigint[], $2::text[]::timestamptz[]) AS held(id, until)"
    " WHERE outbox.id = ANY ($1::bigint[]) AND outbox.id = held.id AND leased_until = held.until AND state = 'due'"};

/* What was given up meanwhile stays dead. After a commit whose outcome was not known it finds nothing any more. */
static const struct statement record = {
    "outbox_record",
    "UPDATE outbox SET state = given.state, attempts = given.attempts, leased_until = NULL,"
    " next_attempt_at = CASE given.state WHEN 'due' THEN now() + make_interval(secs => given.wait_ms / 1000.0)"
    "                        ELSE next_attempt_at END,"
    " asleep = given.state = 'due' AND given.wait_ms > 0,"
    " last_status = nullif(given.status, 0), last_error = given.error,"
    " finished_at = CASE WHEN given.state <> 'due' THEN now() END"
    " FROM unnest($1::bigint[], $2::text[]::timestamptz[], $3::text[], $4::bigint[]::integer[], $5::bigint[], "
    "$6::bigint[]::integer[], $7::text[])"
    "   WITH ORDINALITY AS given(id, until, state, attempts, wait_ms, status, error, place)"
    " WHERE outbox.id = ANY ($1::bigint[]) AND outbox.id = given.id AND outbox.leased_until = given.until"
    " AND outbox.state IN ('due', given.state) RETURNING given.place"};

static const struct statement keep_attempts = {
    "outbox_keep_attempts",
    "INSERT INTO delivery_attempts (webhook_id, number, started_at, duration_ms, status, response, error)"
    " SELECT webhook_id, number, to_timestamp(begun_ms / 1000.0), duration_ms, nullif(status, 0), response, error"
    " FROM unnest($1::text[], $2::bigint[]::integer[], $3::bigint[], $4::bigint[]::integer[], $5::bigint[]::integer[], "
    "$6::text[], $7::text[])"
    "   AS given(webhook_id, number, begun_ms, duration_ms, status, response, error)"};

static int queue_upkeep(struct worker *worker, const struct demand *demand) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_text(&parameters, demand->channel->name);
    if (db_queue(worker_db(worker), &wake, &parameters))
        return -1;
    parameter_integer(&parameters, OUTBOX_HOLD_LIMIT);
    return demand->with_trouble
               ? db_queue(worker_db(worker), &hold, &parameters) || db_queue(worker_db(worker), &let_go, &parameters)
               : 0;
}

static int queue_claim(struct worker *worker, const struct demand *demand) {
    const struct delivery_channel *channel = demand->channel;
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_text(&parameters, channel->name);
    parameter_integer(&parameters, (int64_t)demand->total);
    if (!channel->limit_per_lane)
        return db_queue(worker_db(worker), &claim, &parameters);
    COLUMN_INTEGERS(&parameters, demand->loads, demand->load_count, lane);
    COLUMN_INTEGERS(&parameters, demand->loads, demand->load_count, count);
    parameter_integer(&parameters, (int64_t)channel->limit_of_lane_0);
    parameter_integer(&parameters, (int64_t)channel->limit_per_lane);
    parameter_integer(&parameters, demand->after_lane);
    return db_queue(worker_db(worker), &claim_by_lane, &parameters);
}

static int queue_probe(struct worker *worker, const struct demand *demand) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_text(&parameters, demand->channel->name);
    parameter_integer(&parameters, (int64_t)demand->trouble_total);
    return db_queue(worker_db(worker), &probe, &parameters);
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
                  .created_at_s = db_integer(result, row, 9),
                  .about_owner_id = db_integer(result, row, 11)},
        .in_trouble = !db_is_null(result, row, 10),
        .openings = db_integer(result, row, 10)};
}

static size_t changed(const PGresult *result) {
    return (size_t)strtol(PQcmdTuples((PGresult *)result), NULL, 10);
}

static int receive_upkeep(struct worker *worker, const struct demand *demand, struct claimed *claimed) {
    if (!db_receive(worker_db(worker)))
        return -1;
    for (int i = 0; demand->with_trouble && i < 2; i++) {
        PGresult *result = db_receive(worker_db(worker));
        if (!result)
            return -1;
        claimed->more_trouble |= changed(result) == OUTBOX_HOLD_LIMIT;
    }
    return 0;
}

static int receive_rows(struct worker *worker, struct claimed *claimed) {
    struct pool *pool = worker_pool(worker);
    PGresult *result = db_receive(worker_db(worker));
    if (!result)
        return -1;
    size_t count = (size_t)PQntuples(result);
    struct leased_row *rows = pool_alloc(pool, (claimed->count + count) * sizeof *rows);
    if (claimed->count)
        memcpy(rows, claimed->rows, claimed->count * sizeof *rows);
    for (size_t row = 0; row < count; row++)
        rows[claimed->count + row] = read_row(result, (int)row, pool);
    claimed->rows = rows;
    claimed->count += count;
    return 0;
}

int outbox_claim(struct worker *worker, const struct demand *demands, size_t count, struct claimed *ret_claimed) {
    for (size_t i = 0; i < count; i++)
        if (queue_upkeep(worker, &demands[i]) || queue_claim(worker, &demands[i]) ||
            (demands[i].with_trouble && queue_probe(worker, &demands[i])))
            return -1;
    for (size_t i = 0; i < count; i++) {
        ret_claimed[i] = (struct claimed){0};
        if (receive_upkeep(worker, &demands[i], &ret_claimed[i]) || receive_rows(worker, &ret_claimed[i]) ||
            (demands[i].with_trouble && receive_rows(worker, &ret_claimed[i])))
            return -1;
    }
    return 0;
}

int outbox_release(struct worker *worker, const struct lease *leases, size_t count) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    COLUMN_INTEGERS(&parameters, leases, count, id);
    COLUMN_TEXTS(&parameters, leases, count, until);
    return db_query(worker_db(worker), &release, &parameters) ? 0 : -1;
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
