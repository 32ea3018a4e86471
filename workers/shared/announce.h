/* How what happens is told: one entry in the log per change, whose body is the contract's webhook about it. Who hears
 * of it, and how, is the crm worker's. All are part of the running transaction. `trace`: traceparent of the causing
 * call; NULL or "": none. */
#ifndef TITHI_SHARED_ANNOUNCE_H
#define TITHI_SHARED_ANNOUNCE_H

#include "booking_row.h"

/* `action`: "created", "confirmed", "cancelled", "expired"; each happens to a booking once. */
void announce(struct worker *worker, const char *action, const struct booking_row *row, const char *trace);

/* What happens to a booking more than once: "checked_in", "check_in_undone". `turn`: how often it has. */
void announce_again(struct worker *worker, const char *action, const struct booking_row *row, int64_t turn,
                    const char *trace);

struct money {              /* that moved */
    const char *payment_id; /* the provider's */
    const char *refund_id;  /* ours; NULL: the payment was captured */
    const char *provider;
    int64_t amount_minor; /* in the booking's currency */
};
/* "payment.captured" or "payment.refunded"; each happens to a payment or refund once. */
void announce_payment(struct worker *worker, const struct money *money, const struct booking *booking,
                      const char *trace);

struct event_change {          /* of an event that was there before */
    const char *const *fields; /* that differ */
    size_t count;
    int64_t version; /* no two changes of one event have the same */
};
/* `action`: "offered", "lapsed" (its time ended, or the person left); each happens to an entry of a waiting list once.
 * `about` is complete but for its head: type, timestamp and action. */
void announce_waitlist(struct worker *worker, const char *action, int64_t owner_id,
                       const struct waitlist_changed_webhook *about, const char *trace);

/* `action`: "created", "cancelled"; "updated" with what has changed, else NULL. */
void announce_event(struct worker *worker, const char *action, const struct event *event,
                    const struct event_change *change, const char *trace);

#endif
