/* Orders at providers: each priced booking gets one (per provider, where another one is asked for), made once. What
 * makes it once is the row of `payments`, its lease while somebody is asking, and the receipt under which it is asked
 * for. */
#ifndef TITHI_PAYMENT_ORDERS_H
#define TITHI_PAYMENT_ORDERS_H

#include "operations.h"
#include "worker.h"

/* Answers what is known and defers what a provider must be asked. 0, or -1: the group failed. */
int orders_prepare(struct worker *worker, struct prepare_payment_call *calls, size_t count);
int orders_create(struct worker *worker, struct create_payment_call *calls, size_t count);

#endif
