/* The SQL of receipts. */
#ifndef TITHI_PAYMENT_RECEIPTS_STORE_H
#define TITHI_PAYMENT_RECEIPTS_STORE_H

#include "operations.h"
#include "rights.h"
#include "worker.h"

struct receipt_row {
    struct receipt receipt; /* booking_id 0: there is no such booking; without payments nothing was paid */
    struct holders holders; /* of the booking */
};

/* In the order of the ids, with one round trip. 0, or -1 where the database failed. Texts live as long as the worker's
 * pool or until db_release(). */
int receipts_read(struct worker *worker, const int64_t *ids, size_t count, struct receipt_row *ret_rows);

#endif
