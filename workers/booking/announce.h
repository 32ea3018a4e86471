/* Tells the outbox of a change of a booking, for the operator's CRM and the facilitator's own address. */
#ifndef TITHI_BOOKING_ANNOUNCE_H
#define TITHI_BOOKING_ANNOUNCE_H

#include "store.h"

/* `action`: "created", "cancelled", "expired". `trace`: traceparent of the causing call, "" for none. Part of the
 * running transaction. */
void announce(struct worker *worker, const char *action, const struct booking_row *row, const char *trace);

#endif
