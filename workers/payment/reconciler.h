/* Asks providers about what is still open, on a schedule: what a lost webhook would have told is settled here. */
#ifndef TITHI_PAYMENT_RECONCILER_H
#define TITHI_PAYMENT_RECONCILER_H

struct worker;

/* Takes what is due and asks. */
void reconciler_tick(struct worker *worker);

#endif
