/* tithi-crm: tells the world outside what happened (webhooks, mail), and is the CRM service that listens. Tables only;
 * the runtime does the rest. */
#include "channels.h"
#include "sweeps.h"
#include "worker.h"

extern const struct handler handlers_crm[];
extern const size_t handlers_crm_count;

int main(int argc, char **argv) {
    const struct service service = {
        .name = "crm",
        .purpose = "webhooks and mail out, CRM service in",
        .handlers = handlers_crm,
        .handler_count = handlers_crm_count,
        .credit = 64,
        .check = channels_check,
        .start = channels_start,
        .tick_ms = 1000, /* finds what is due again, and rows whose notification got lost */
        .tick = channels_tick,
        .wake_channel = "outbox",
        .busy = channels_busy,
        .stop = channels_stop,
        .sweeps = sweeps,
        .sweep_count = sweep_count,
        .wait = channels_wait,
    };
    return worker_main(argc, argv, &service);
}
