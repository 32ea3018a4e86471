/* Pays back what is owed: the sender of the outbox's channel "refund". */
#ifndef TITHI_PAYMENT_REFUNDS_H
#define TITHI_PAYMENT_REFUNDS_H

#include <stdbool.h>

struct worker;

void refunds_start(struct worker *worker);
void refunds_tick(void);
bool refunds_busy(void);
/* Before the inquiries are stopped, and after. */
void refunds_stop(void);
void refunds_end(void);

#endif
