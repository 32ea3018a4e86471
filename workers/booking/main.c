/* tithi-booking: places. It books, holds and frees them, and tells the log of each change; it never waits for the
 * outside. */
#include "holds.h"
#include "operations.h"
#include "policies.h"
#include "tickets.h"
#include "waitlist.h"
#include "worker.h"

extern const struct handler handlers_booking[];
extern const size_t handlers_booking_count;

static void tick(struct worker *worker) {
    holds_expire(worker);
    waitlist_tick(worker);
}

int main(int argc, char **argv) {
    const struct service booking = {
        .name = "booking",
        .purpose = "Books, holds and frees places in events.",
        .handlers = handlers_booking,
        .handler_count = handlers_booking_count,
        .credit = 128,
        .rolls_back = true,
        .check = policies_check,
        .start = tickets_start,
        .tick_ms = 250,
        .tick = tick,
        .wake_channel = "waitlist",
    };
    return worker_main(argc, argv, &booking);
}
