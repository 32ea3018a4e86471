/* The word of the customer's browser that Razorpay's form was paid: believed for its signature, and checked with the
 * provider while the customer waits. */
#ifndef TITHI_PAYMENT_CONFIRMATIONS_H
#define TITHI_PAYMENT_CONFIRMATIONS_H

#include "operations.h"
#include "worker.h"

/* 0, or -1: the group failed. */
int confirmations_take(struct worker *worker, struct confirm_payment_call *calls, size_t count);
/* The booking as it is now, in the reply. */
void confirmations_reply(struct payment_noted *reply, const char *message, const struct booking *booking);

#endif
