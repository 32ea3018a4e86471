/* The backoff queue of webhooks: claims due rows of the outbox, sends them, many at once, and writes down what became
 * of them. */
#ifndef TITHI_CRM_DELIVERIES_H
#define TITHI_CRM_DELIVERIES_H

#include <poll.h>
#include <stdbool.h>

struct worker;

const char *deliveries_check(void); /* of the settings */
int deliveries_start(struct worker *worker);
/* Writes down what has ended, renews leases, claims what is due and sends it. */
void deliveries_tick(struct worker *worker);
int deliveries_wait(struct worker *worker, struct pollfd *fds, int count, int timeout_ms);
/* Something is in flight, or its end is not written down yet. */
bool deliveries_busy(struct worker *worker);
/* Gives up what is still in flight: it may be sent again at once. */
void deliveries_stop(struct worker *worker);

#endif
