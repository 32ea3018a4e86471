/* tithi-crm: tells the world outside what happened (webhooks), and is the CRM service that listens. Tables only; the
 * runtime does the rest. */
#include "deliveries.h"
#include "store.h"
#include "worker.h"

extern const struct handler handlers_crm[];
extern const size_t handlers_crm_count;

int main(int argc, char **argv) {
    const struct service service = {
        .name = "crm",
        .purpose = "webhooks out, CRM service in",
        .handlers = handlers_crm,
        .handler_count = handlers_crm_count,
        .credit = 64,
        .check = deliveries_check,
        .start = deliveries_start,
        .tick_ms = 1000, /* finds what is due again, and rows whose notification got lost */
        .tick = deliveries_tick,
        .wake_channel = "outbox",
        .busy = deliveries_busy,
        .stop = deliveries_stop,
        .sweeps = store_sweeps,
        .sweep_count = store_sweep_count,
        .wait = deliveries_wait,
    };
    return worker_main(argc, argv, &service);
}
