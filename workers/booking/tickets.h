/* The tickets of bookings, as this worker shows and reads them. Their keys are the booking workers' alone. */
#ifndef TITHI_BOOKING_TICKETS_H
#define TITHI_BOOKING_TICKETS_H

#include "operations.h"
#include "ticket_code.h"
#include "worker.h"

/* At the start: reads the key that signs from now on. 0, or -1. */
int tickets_start(struct worker *worker);

/* NULL unless a booking of this status, as it is shown, lets its person in. */
const char *ticket_of(int64_t booking_id, const char *shown_status, struct pool *pool);
void tickets_show(struct booking *booking, struct pool *pool);

/* All keys that tickets are believed by, as they are now: queued, and received in its turn. */
struct ticket_keys {
    struct bytes *items;
    size_t count;
};
int tickets_queue_keys(struct worker *worker);
int tickets_receive_keys(struct worker *worker, struct ticket_keys *ret_keys);
bool ticket_is_ours(const struct ticket *ticket, const struct ticket_keys *keys);

#endif
