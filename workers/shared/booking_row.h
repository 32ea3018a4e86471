/* A booking as answers and webhooks show it, read from the columns of booking_columns.h. */
#ifndef TITHI_SHARED_BOOKING_ROW_H
#define TITHI_SHARED_BOOKING_ROW_H

#include "db.h"
#include "operations.h"
#include "worker.h"

struct booking_row {
    struct booking booking; /* id 0: there is none */
    bool event_started;
};

struct booking_rows {
    struct booking_row *items;
    size_t count;
};

/* The booking in that row of a result, whose column `first` is the first of the columns. Texts live as long as the
 * result and the pool. */
struct booking_row booking_row_at(const PGresult *result, int row, int first, struct pool *pool);

/* Reads these bookings, in the order of the ids; ret_rows[i].booking.id is 0 where there is none. One round trip. 0, or
 * -1. Texts live as long as the worker's pool or until db_release(). */
int booking_rows_read(struct worker *worker, const int64_t *ids, size_t count, struct booking_row *ret_rows);

/* The same in two halves, for more statements in the same round trip. */
int booking_rows_queue(struct worker *worker, const int64_t *ids, size_t count);
int booking_rows_receive(struct worker *worker, size_t count, struct booking_row *ret_rows);

#endif
