/* Ends holds that are over; see holds.h. A bounded number per transaction, so that bookings of the same events need not
 * wait long. */
#include "holds.h"

#include "announce.h"
#include "store.h"

#define EXPIRED_LIMIT 500

static int expire(struct worker *worker, void *argument) {
    struct booking_rows *expired = argument;
    if (store_expire_holds(worker, EXPIRED_LIMIT, expired))
        return -1;
    for (size_t i = 0; i < expired->count; i++)
        announce(worker, "expired", &expired->items[i], "");
    return 0;
}

void holds_expire(struct worker *worker) {
    struct booking_rows expired;
    bool found;
    if (store_find_expired(worker, &found) || !found)
        return;
    worker_transaction(worker, expire, &expired);
}
