/* tithi-auth: accounts, sign-in and sessions. Tables and hooks only; the runtime does the rest. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "outside.h"
#include "redis_link.h"
#include "revocations.h"
#include "second_factor.h"
#include "setup.h"
#include "sweeps.h"
#include "worker.h"

#define HASHING_NICENESS 5

extern const struct handler handlers_auth[];
extern const size_t handlers_auth_count;

/* What the database may interrupt comes first: it is tried again. */
static int start(struct worker *worker) {
    if (setup_administrator(worker) != 0 || second_factors_start(worker) != 0)
        return -1;
    errno = 0;
    if (nice(HASHING_NICENESS) == -1 && errno) /* hashing takes a whole core: bookings go first */
        log_warn("cannot lower the priority: %s", strerror(errno));
    outside_start(worker);
    return 0;
}

static void tick(struct worker *worker) {
    revocations_tick(worker);
    outside_tick(worker);
}

static void stop(struct worker *worker) {
    outside_stop(worker);
    redis_link_close();
}

int main(int argc, char **argv) {
    const struct service service = {
        .name = "auth",
        .purpose = "accounts, sign-in and sessions",
        .handlers = handlers_auth,
        .handler_count = handlers_auth_count,
        .credit = 16, /* a password costs 12 ms: more in hand would only wait here instead of at another worker */
        .check = setup_check,
        .start = start,
        .tick_ms = 1000,
        .tick = tick,
        .wake_channel = "account_mail",
        .busy = outside_busy,
        .stop = stop,
        .sweeps = sweeps,
        .sweep_count = sweep_count,
        .wait = outside_wait,
    };
    return worker_main(argc, argv, &service);
}
