/* Looks once a second what is due by the clock. What it queues leaves by the outbox in the same tick. It remembers
 * nothing: what is due, how far one has got and what is done stands in the database, where a restart, another worker or
 * a clock that was set finds it. */
#include "schedules.h"

#include "clock.h"
#include "schedules_store.h"
#include "worker.h"

#define PAUSE_MS 1000

/* Each whether or not another has failed. */
void schedules_tick(struct worker *worker) {
    static int64_t next_ms;
    bool more_mails = false, more_digests = false;
    if (clock_mono_ms() < next_ms)
        return;
    schedules_mail_events(worker, &more_mails);
    db_release(worker_db(worker));
    schedules_mail_digests(worker, &more_digests);
    db_release(worker_db(worker));
    schedules_mend_digests(worker);
    db_release(worker_db(worker));
    next_ms = clock_mono_ms() + PAUSE_MS;
    if (more_mails || more_digests) {
        next_ms = 0;
        worker_wake(worker);
    }
}
