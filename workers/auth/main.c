/* tithi-auth: accounts, sign-in and sessions. Tables only; the runtime does the rest. */
#include "revocations.h"
#include "setup.h"
#include "store.h"
#include "worker.h"

extern const struct handler handlers_auth[];
extern const size_t handlers_auth_count;

static void stop(struct worker *worker) {
    (void)worker;
    revocations_close();
}

int main(int argc, char **argv) {
    const struct service service = {
        .name = "auth",
        .purpose = "accounts, sign-in and sessions",
        .handlers = handlers_auth,
        .handler_count = handlers_auth_count,
        .credit = 16, /* a password costs 12 ms: more in hand would only wait here instead of at another worker */
        .check = setup_check,
        .start = setup_administrator,
        .tick_ms = 1000,
        .tick = revocations_tick,
        .stop = stop,
        .sweeps = store_sweeps,
        .sweep_count = store_sweep_count,
    };
    return worker_main(argc, argv, &service);
}
