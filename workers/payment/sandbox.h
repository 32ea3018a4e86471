/* What the sandbox's payment page does with an order: the provider's own memory, read and written beside the interface
 * that settle.c asks. */
#ifndef TITHI_PAYMENT_SANDBOX_H
#define TITHI_PAYMENT_SANDBOX_H

#include <stdint.h>

struct worker;

struct sandbox_order_state { /* texts live in the worker's pool */
    const char *order_id;    /* NULL: there is no such order */
    const char *receipt;
    int64_t amount_minor;
    const char *currency;
    const char *state; /* open, paid, declined, closed */
};

/* 0, or -1: the database failed. */
int sandbox_read(struct worker *worker, const char *order_id, struct sandbox_order_state *ret);

/* "pay", "decline", or "pay_late": the money comes a second after the hold has run out. What was declined may be paid
 * afterwards. 0; 1: nothing was changed, the order is paid or closed or none; -1: the database failed. */
int sandbox_act(struct worker *worker, const char *order_id, const char *action, int64_t hold_expires_at_s);

#endif
