/* ping: is this worker alive, and does it reach its database? The one operation that every worker answers, and that
 * needs no database. */
#include "clock.h"
#include "internals.h"

#define PATIENCE_MS 1000

static const struct statement probe = {"ping", "SELECT 1"};

static int ping(struct worker *worker, void *argument, size_t count) {
    struct ping_call *calls = argument;
    db_set_deadline(worker->db, clock_mono_ms() + PATIENCE_MS);
    bool reached = db_connected(worker->db) && db_query(worker->db, &probe, NULL);
    db_release(worker->db);
    for (size_t i = 0; i < count; i++) {
        calls[i].reply.service = worker->service->name;
        calls[i].reply.database = reached ? "ok" : "away";
    }
    return 0;
}

const struct handler ping_handler = {&operation_ping, ping};
