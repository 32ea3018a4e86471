/* Spreading, one batch per tick; see spread.h. What cannot be spread stands in nobody's way: a batch that fails is
 * tried again in halves, whether the database refused it or had no time for so much, and an entry that is refused alone
 * goes into the log without consequences. */
#include "spread.h"

#include <inttypes.h>

#include "log.h"
#include "spread_store.h"

#define BATCH_LIMIT 500

static struct {
    size_t limit;    /* of a batch */
    int64_t refused; /* the entry that was refused alone; 0: none */
} pace = {.limit = BATCH_LIMIT};

struct batch {
    int64_t *entries;
    size_t count;
    bool more;    /* there may be */
    bool refused; /* its consequences were; else, where it failed, the database was away, busy or too slow */
};

static bool is_refused_one(const struct batch *batch) {
    return batch->count == 1 && batch->entries[0] == pace.refused;
}

static int spread(struct worker *worker, void *argument) {
    struct batch *batch = argument;
    if (spread_store_take(worker, pace.limit, &batch->entries, &batch->count, &batch->more))
        return -1;
    if (!batch->count || is_refused_one(batch))
        return 0;
    if (webhooks_spread(worker, batch->entries, batch->count) || mails_spread(worker, batch->entries, batch->count) ||
        inbox_spread(worker, batch->entries, batch->count)) {
        enum db_failure failure = db_failure(worker_db(worker));
        batch->refused = failure != DB_AWAY && failure != DB_CONFLICT;
        return -1;
    }
    return 0;
}

/* Is it worth trying again at once? Who is away or busy needs a while. */
static bool slow_down(const struct batch *batch) {
    if (batch->count > 1)
        pace.limit = batch->count / 2;
    else if (batch->refused)
        pace.refused = batch->entries[0];
    return batch->count > 1 || batch->refused;
}

/* By an eighth only: what took too long may do so again. */
static void speed_up(const struct batch *batch) {
    if (is_refused_one(batch))
        log_error("entry %" PRId64 " of the log could not be spread: nobody is told of it", pace.refused);
    pace.refused = 0;
    pace.limit += pace.limit / 8 + 1;
    if (pace.limit > BATCH_LIMIT)
        pace.limit = BATCH_LIMIT;
}

void spread_tick(struct worker *worker) {
    struct batch batch = {0};
    bool found;
    if (spread_store_find(worker, &found) || !found)
        return;
    if (worker_transaction(worker, spread, &batch)) {
        if (slow_down(&batch))
            worker_wake(worker);
        return;
    }
    if (!batch.count) /* another worker is at it */
        return;
    if (batch.more)
        worker_wake(worker);
    speed_up(&batch);
    inbox_publish(worker);
}
