/* tithi-booking: places. It books, holds and frees them, and tells the log of each change; it never waits for the
 * outside. */
#include "holds.h"
#include "operations.h"
#include "policies.h"
#include "worker.h"

extern const struct handler handlers_booking[];
extern const size_t handlers_booking_count;

int main(int argc, char **argv) {
    const struct service booking = {
        .name = "booking",
        .purpose = "Books, holds and frees places in events.",
        .handlers = handlers_booking,
        .handler_count = handlers_booking_count,
        .credit = 128,
        .check = policies_check,
        .tick_ms = 250,
        .tick = holds_expire,
    };
    return worker_main(argc, argv, &booking);
}
