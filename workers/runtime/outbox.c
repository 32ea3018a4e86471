/* The outbox's rows on their way out; see outbox.h. It decides nothing: backoff.c and the senders do. */
#include "outbox.h"

#define TEXT_OF(number) #number
#define TEXT(number) TEXT_OF(number)
#define LEASE "now() + interval '" TEXT(LEASE_S) " seconds'"
#define OWNER "coalesce(owner_id, 0)"
#define FREE_AND_DUE "next_attempt_at <= now() AND (leased_until IS NULL OR leased_until < now())"
#define TAKE_PICKED                                                                                                    \
    " UPDATE outbox SET leased_until = " LEASE " FROM picked WHERE outbox.id = picked.id"                              \
    " RETURNING outbox.id, leased_until, " OWNER ", webhook_id, type, body, trace, attempts,"                          \
    " extract(epoch FROM created_at)::bigint"

/* $1 channel, $2 how many. */
static const struct statement claim = {
    "outbox_claim", "WITH picked AS ("
                    "  SELECT id FROM outbox"
                    "  WHERE state = 'due' AND channel = $1::text AND " FREE_AND_DUE
                    "  ORDER BY next_attempt_at, id LIMIT $2::bigint FOR UPDATE SKIP LOCKED)" TAKE_PICKED};

/* The same, and $3 owners of the rows in flight, $4 and $5 how many of one owner. The owners with due rows are found by
 * jumping along the index outbox_due_by_owner, so that neither an owner's backlog nor the delivered rows cost anything.
 */
static const struct statement claim_fairly = {
    "outbox_claim_fairly",
    "WITH RECURSIVE owners(id) AS ("
    "  (SELECT " OWNER " FROM outbox WHERE state = 'due' AND channel = $1::text ORDER BY " OWNER " LIMIT 1)"
    "  UNION ALL"
    "  SELECT (SELECT " OWNER " FROM outbox WHERE state = 'due' AND channel = $1::text AND " OWNER " > owners.id"
    "          ORDER BY " OWNER " LIMIT 1)"
    "  FROM owners WHERE owners.id IS NOT NULL),"
    " picked AS ("
    "  SELECT waiting.id FROM owners CROSS JOIN LATERAL ("
    "    SELECT outbox.id, next_attempt_at FROM outbox"
    "    WHERE state = 'due' AND channel = $1::text AND " OWNER " = owners.id AND " FREE_AND_DUE
    "    ORDER BY next_attempt_at, outbox.id"
    "    LIMIT greatest(0, CASE owners.id WHEN 0 THEN $4::bigint ELSE $5::bigint END"
    "                      - (SELECT count(*) FROM unnest($3::bigint[]) AS busy(id) WHERE busy.id = owners.id))"
    "    FOR UPDATE SKIP LOCKED) AS waiting"
    "  ORDER BY waiting.next_attempt_at, waiting.id LIMIT $2::bigint)" TAKE_PICKED};

static const struct statement renew = {"outbox_renew",
                                       "UPDATE outbox SET leased_until = " LEASE
                                       " FROM unnest($1::bigint[], $2::timestamptz[]) AS held(id, until)"
                                       " WHERE outbox.id = held.id AND leased_until = held.until AND state = 'due'"
                                       " RETURNING outbox.id, leased_until"};

/* What was given up meanwhile stays dead. */
static const struct statement record = {
    "outbox_record",
    "UPDATE outbox SET state = given.state, attempts = given.attempts, leased_until = NULL,"
    " next_attempt_at = CASE given.state WHEN 'due' THEN now() + make_interval(secs => given.wait_ms / 1000.0)"
    "                        ELSE next_attempt_at END,"
    " last_status = nullif(given.status, 0), last_error = given.error,"
    " finished_at = CASE WHEN given.state <> 'due' THEN now() END"
    " FROM unnest($1::bigint[], $2::timestamptz[], $3::text[], $4::integer[], $5::bigint[], $6::integer[], $7::text[])"
    "   AS given(id, until, state, attempts, wait_ms, status, error)"
    " WHERE outbox.id = given.id AND outbox.leased_until = given.until"
    " AND outbox.state IN ('due', given.state)"};

/* A row that is replayed at this moment is locked, so it is passed over. */
const struct statement deliveries_sweep = {
    "sweep_delivered", "DELETE FROM outbox WHERE id = ANY (ARRAY("
                       "  SELECT id FROM outbox WHERE state = 'delivered' AND finished_at < now() - interval '30 days'"
                       "  ORDER BY finished_at LIMIT $1::integer FOR UPDATE SKIP LOCKED))"};

static PGresult *query_due(struct worker *worker, const struct demand *demand) {
    const struct delivery_channel *channel = demand->channel;
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_text(&parameters, channel->name);
    parameter_integer(&parameters, (int64_t)demand->total);
    if (!channel->limit_per_owner)
        return db_query(worker_db(worker), &claim, &parameters);
    parameter_integers(&parameters, demand->busy_owners, demand->busy_count);
    parameter_integer(&parameters, (int64_t)channel->limit_of_operator);
    parameter_integer(&parameters, (int64_t)channel->limit_per_owner);
    return db_query(worker_db(worker), &claim_fairly, &parameters);
}

int outbox_claim(struct worker *worker, const struct demand *demand, struct leased_row **ret_rows, size_t *ret_count) {
    struct pool *pool = worker_pool(worker);
    PGresult *result = query_due(worker, demand);
    if (!result)
        return -1;
    size_t count = (size_t)PQntuples(result);
    struct leased_row *rows = pool_alloc(pool, count * sizeof *rows);
    for (int row = 0; row < PQntuples(result); row++)
        rows[row] = (struct leased_row){
            .lease = {.id = db_integer(result, row, 0), .until = pool_text(pool, db_text(result, row, 1))},
            .claim = {.owner_id = db_integer(result, row, 2),
                      .webhook_id = pool_text(pool, db_text(result, row, 3)),
                      .type = pool_text(pool, db_text(result, row, 4)),
                      .body = pool_text(pool, db_text(result, row, 5)),
                      .trace = pool_text(pool, db_text(result, row, 6)),
                      .attempt = (unsigned)db_integer(result, row, 7) + 1,
                      .created_at_s = db_integer(result, row, 8)}};
    *ret_rows = rows;
    *ret_count = count;
    return 0;
}

int outbox_renew(struct worker *worker, const struct lease *leases, size_t count, struct lease *ret_leases,
                 size_t *ret_count) {
    struct pool *pool = worker_pool(worker);
    struct parameters parameters;
    int64_t *ids = pool_alloc(pool, count * sizeof *ids);
    const char **untils = pool_alloc(pool, count * sizeof *untils);
    for (size_t i = 0; i < count; i++) {
        ids[i] = leases[i].id;
        untils[i] = leases[i].until;
    }
    parameters_init(&parameters, pool);
    parameter_integers(&parameters, ids, count);
    parameter_texts(&parameters, untils, count);
    PGresult *result = db_query(worker_db(worker), &renew, &parameters);
    if (!result)
        return -1;
    *ret_count = (size_t)PQntuples(result);
    for (int row = 0; row < PQntuples(result); row++)
        ret_leases[row] =
            (struct lease){.id = db_integer(result, row, 0), .until = pool_text(pool, db_text(result, row, 1))};
    return 0;
}

int outbox_record(struct worker *worker, const struct outcome *outcomes, size_t count) {
    struct pool *pool = worker_pool(worker);
    struct parameters parameters;
    int64_t *ids = pool_alloc(pool, count * sizeof *ids), *attempts = pool_alloc(pool, count * sizeof *attempts);
    int64_t *waits_ms = pool_alloc(pool, count * sizeof *waits_ms),
            *statuses = pool_alloc(pool, count * sizeof *statuses);
    const char **untils = pool_alloc(pool, count * sizeof *untils), **states = pool_alloc(pool, count * sizeof *states),
               **errors = pool_alloc(pool, count * sizeof *errors);
    for (size_t i = 0; i < count; i++) {
        ids[i] = outcomes[i].lease.id;
        untils[i] = outcomes[i].lease.until;
        states[i] = outcomes[i].state;
        attempts[i] = outcomes[i].attempts;
        waits_ms[i] = outcomes[i].wait_ms;
        statuses[i] = outcomes[i].status;
        errors[i] = outcomes[i].error;
    }
    parameters_init(&parameters, pool);
    parameter_integers(&parameters, ids, count);
    parameter_texts(&parameters, untils, count);
    parameter_texts(&parameters, states, count);
    parameter_integers(&parameters, attempts, count);
    parameter_integers(&parameters, waits_ms, count);
    parameter_integers(&parameters, statuses, count);
    parameter_texts(&parameters, errors, count);
    return db_query(worker_db(worker), &record, &parameters) ? 0 : -1;
}
