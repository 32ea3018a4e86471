/* tithi-payment: orders, money and refunds. It asks payment providers over HTTP while it serves others; tables and
 * hooks only. */
#include "inquiries.h"
#include "provider.h"
#include "reconciler.h"
#include "refunds.h"
#include "store.h"
#include "worker.h"

extern const struct handler handlers_payment[];
extern const size_t handlers_payment_count;

static int start(struct worker *worker) {
    inquiries_start(worker);
    refunds_start(worker);
    return 0;
}

static void tick(struct worker *worker) {
    reconciler_tick(worker);
    refunds_tick();
    http_step(inquiries_client()); /* sends before the next wait */
    inquiries_conclude(worker);
}

static int wait(struct worker *worker, struct pollfd *fds, int count, int timeout_ms) {
    int ready = http_wait(inquiries_client(), fds, count, timeout_ms);
    inquiries_conclude(worker);
    return ready;
}

static bool busy(struct worker *worker) {
    (void)worker;
    return inquiries_busy() || refunds_busy();
}

static void stop(struct worker *worker) {
    refunds_stop();
    inquiries_stop(worker);
    refunds_end();
}

int main(int argc, char **argv) {
    const struct service service = {
        .name = "payment",
        .purpose = "orders, payments and refunds at payment providers",
        .handlers = handlers_payment,
        .handler_count = handlers_payment_count,
        .credit = 512,
        .check = providers_check,
        .start = start,
        .tick_ms = 1000,
        .tick = tick,
        .wake_channel = "refunds",
        .busy = busy,
        .stop = stop,
        .sweeps = store_sweeps,
        .sweep_count = store_sweep_count,
        .wait = wait,
    };
    return worker_main(argc, argv, &service);
}
