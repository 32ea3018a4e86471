/* tithi-event: the catalogue. It publishes, changes, shows and lists events; who has a place in one is the booking
 * worker's. */
#include "operations.h"
#include "policies.h"
#include "worker.h"

extern const struct handler handlers_event[];
extern const size_t handlers_event_count;

int main(int argc, char **argv) {
    const struct service event = {
        .name = "event",
        .purpose = "Publishes, changes, shows and lists events.",
        .handlers = handlers_event,
        .handler_count = handlers_event_count,
        .credit = 64,
        .check = policies_check,
    };
    return worker_main(argc, argv, &event);
}
