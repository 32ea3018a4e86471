/* How a change of a booking is told to the outbox, for the operator's CRM and the facilitator's own address. */
#ifndef TITHI_SHARED_ANNOUNCE_H
#define TITHI_SHARED_ANNOUNCE_H

#include "booking_row.h"

/* `action`: "created", "confirmed", "cancelled", "expired". `trace`: traceparent of the causing call, "" for none. Part
 * of the running transaction. */
void announce(struct worker *worker, const char *action, const struct booking_row *row, const char *trace);

#endif
