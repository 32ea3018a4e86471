/* All SQL of the payment worker. Texts that come back live in the worker's pool. Each returns 0, or -1: the group
 * failed. */
#ifndef TITHI_PAYMENT_STORE_H
#define TITHI_PAYMENT_STORE_H

#include "operations.h"
#include "worker.h"

struct payments_wanted {
    int64_t user_id;
    int64_t before_id;
    int64_t limit;
};

/* Newest first. `ret_replies[i]->payments` gets the rows of wanted[i]. */
int store_list_payments(struct worker *worker, const struct payments_wanted *wanted, size_t count,
                        struct list_payments_reply **ret_replies);

#endif
