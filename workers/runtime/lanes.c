/* What attempts say of their lanes, and the breakers that follow; see lanes.h. When one opens, schedule.c decides. */
#include "lanes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "columns.h"
#include "log.h"

static const struct statement note_failures = {
    "lanes_note_failures", "WITH given AS (SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[])"
                           "  AS given(channel, lane, failures, openings)),"
                           " noted AS ("
                           "  INSERT INTO lanes AS known (channel, lane, failures)"
                           "  SELECT channel, lane, failures FROM given ORDER BY channel, lane"
                           "  ON CONFLICT (channel, lane) DO UPDATE SET failures = known.failures + excluded.failures"
                           "  RETURNING channel, lane, failures, openings)"
                           " SELECT channel, lane, noted.failures, noted.openings, given.openings FROM noted JOIN "
                           "given USING (channel, lane)"};

static const struct statement open_breakers = {
    "lanes_open_breakers",
    "UPDATE lanes SET openings = openings + 1, open_until = now() + make_interval(secs => given.pause_ms / 1000.0)"
    " FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS given(channel, lane, pause_ms)"
    " WHERE lanes.channel = given.channel AND lanes.lane = given.lane"};

static const struct statement forget_lanes = {
    "lanes_forget", "DELETE FROM lanes WHERE (channel, lane) IN ("
                    "  SELECT channel, lane FROM unnest($1::text[], $2::bigint[]) AS given(channel, lane)"
                    "  JOIN lanes USING (channel, lane) FOR UPDATE OF lanes SKIP LOCKED)"};

static int by_lane(const void *one, const void *other) {
    const struct lane_change *a = one, *b = other;
    int channels = strcmp(a->channel, b->channel);
    return channels ? channels : (a->lane > b->lane) - (a->lane < b->lane);
}

static int failed_first(const void *one, const void *other) {
    const struct lane_change *a = one, *b = other;
    return (a->failures == 0) - (b->failures == 0);
}

/* Makes one of those of the same lane, which stand side by side. */
static size_t merge(struct lane_change *changes, size_t count) {
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        struct lane_change *last = kept ? &changes[kept - 1] : NULL;
        if (!last || by_lane(last, &changes[i]) != 0) {
            changes[kept++] = changes[i];
            continue;
        }
        bool fine = last->failures == 0 || changes[i].failures == 0;
        last->failures = fine ? 0 : last->failures + changes[i].failures;
        last->openings = changes[i].openings > last->openings ? changes[i].openings : last->openings;
    }
    return kept;
}

struct lane_changes lanes_sum_up(const struct outcome *outcomes, size_t count, struct pool *pool) {
    struct lane_changes changes = {.items = pool_alloc(pool, count * sizeof *changes.items)};
    for (size_t i = 0; i < count; i++)
        if (outcomes[i].channel->limit_per_lane && outcomes[i].fate.lane != LANE_UNKNOWN)
            changes.items[changes.count++] = (struct lane_change){.channel = outcomes[i].channel->name,
                                                                  .lane = outcomes[i].lane,
                                                                  .failures = outcomes[i].fate.lane == LANE_FAILED,
                                                                  .openings = outcomes[i].openings};
    qsort(changes.items, changes.count, sizeof *changes.items, by_lane);
    changes.count = merge(changes.items, changes.count);
    qsort(changes.items, changes.count, sizeof *changes.items, failed_first);
    while (changes.failed < changes.count && changes.items[changes.failed].failures)
        changes.failed++;
    return changes;
}

int lanes_queue(struct worker *worker, const struct lane_changes *changes) {
    const struct lane_change *fine = changes->items + changes->failed;
    size_t fine_count = changes->count - changes->failed;
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    COLUMN_TEXTS(&parameters, changes->items, changes->failed, channel);
    COLUMN_INTEGERS(&parameters, changes->items, changes->failed, lane);
    COLUMN_INTEGERS(&parameters, changes->items, changes->failed, failures);
    COLUMN_INTEGERS(&parameters, changes->items, changes->failed, openings);
    if (changes->failed && db_queue(worker_db(worker), &note_failures, &parameters) != 0)
        return -1;
    parameters_init(&parameters, worker_pool(worker));
    COLUMN_TEXTS(&parameters, fine, fine_count, channel);
    COLUMN_INTEGERS(&parameters, fine, fine_count, lane);
    return fine_count ? db_queue(worker_db(worker), &forget_lanes, &parameters) : 0;
}

static int open_those(struct worker *worker, const struct lane_change *opened, size_t count) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    COLUMN_TEXTS(&parameters, opened, count, channel);
    COLUMN_INTEGERS(&parameters, opened, count, lane);
    COLUMN_INTEGERS(&parameters, opened, count, pause_ms);
    for (size_t i = 0; i < count; i++)
        log_warn("%s lane %" PRId64 " has failed %" PRId64 " times in a row: it is left alone for %" PRId64 " s",
                 opened[i].channel, opened[i].lane, opened[i].failures, opened[i].pause_ms / 1000);
    return count && !db_query(worker_db(worker), &open_breakers, &parameters) ? -1 : 0;
}

int lanes_receive(struct worker *worker, const struct lane_changes *changes) {
    struct pool *pool = worker_pool(worker);
    PGresult *noted = changes->failed ? db_receive(worker_db(worker)) : NULL;
    if ((changes->failed && !noted) || (changes->count > changes->failed && !db_receive(worker_db(worker))))
        return -1;
    struct lane_change *opened = pool_alloc(pool, changes->failed * sizeof *opened);
    size_t count = 0;
    for (int row = 0; noted && row < PQntuples(noted); row++) {
        int64_t failures = db_integer(noted, row, 2);
        int64_t pause_ms = schedule_pause_ms(failures, db_integer(noted, row, 3), db_integer(noted, row, 4));
        if (pause_ms)
            opened[count++] = (struct lane_change){.channel = pool_text(pool, db_text(noted, row, 0)),
                                                   .lane = db_integer(noted, row, 1),
                                                   .failures = failures,
                                                   .pause_ms = pause_ms};
    }
    return open_those(worker, opened, count);
}
