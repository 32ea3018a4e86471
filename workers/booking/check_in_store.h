/* SQL of check-in. Functions return 0, or -1 where the database failed; what they return lives as long as the worker's
 * pool or until db_release(). */
#ifndef TITHI_BOOKING_CHECK_IN_STORE_H
#define TITHI_BOOKING_CHECK_IN_STORE_H

#include "booking_row.h"
#include "rules.h"
#include "tickets.h"

struct visit {
    struct booking_row row; /* row.booking.id 0: there is no such booking */
    struct event_hours hours;
    int64_t check_ins;
};

/* In the order of the ids. */
int check_in_store_read(struct worker *worker, const int64_t *ids, size_t count, struct visit *ret_visits);
/* The same, and locks the bookings until the end of the transaction. */
int check_in_store_lock(struct worker *worker, const int64_t *ids, size_t count, struct visit *ret_visits);

/* Of locked bookings. */
int check_in_store_note(struct worker *worker, const int64_t *ids, size_t count);
int check_in_store_undo(struct worker *worker, const int64_t *ids, size_t count);

#endif
