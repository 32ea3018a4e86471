/* The SQL of settling: finds what facts speak of, locks and reads it, and writes what follows. All in the running
 * transaction; locks are taken in the order events, bookings, payments, refunds, each by id. Functions return 0, or -1:
 * the transaction failed. Texts live as long as the worker's pool or until db_release(). */
#ifndef TITHI_PAYMENT_SETTLE_STORE_H
#define TITHI_PAYMENT_SETTLE_STORE_H

#include "rules.h"
#include "worker.h"

struct found {
    int64_t payment_id; /* 0: the fact speaks of none of ours */
    int64_t booking_id, event_id;
    bool elsewhere; /* its attempt to pay belongs to another booking */
};
/* `providers[i]`: whose word facts[i] is. */
int settle_find(struct worker *worker, const char *const *providers, const struct fact *const *facts, size_t count,
                struct found *ret_found);

struct booking_record {
    int64_t id, event_id, user_id;
    enum booking_status status;
    bool person_has_other; /* an expired one: another booking of that event that stands */
    bool person_has_offer; /* of the event's waiting list */
    const char *language;  /* of the person's mails */
};
struct payment_record {
    int64_t id, booking_id;
    const char *provider;
    bool is_second; /* it is the money of a second attempt */
    struct payment_state state;
};
struct scene { /* all that facts of some bookings are judged by */
    struct event_state *events;
    size_t event_count;
    struct booking_record *bookings;
    size_t booking_count;
    struct payment_record *payments;
    size_t payment_count;
    struct refund_state *refunds;
    size_t refund_count;
};
/* Locks and reads. Queued, then received, so that more may be asked in the same round trip. */
int settle_queue_scene(struct worker *worker, const int64_t *event_ids, const int64_t *booking_ids, size_t count);
int settle_receive_scene(struct worker *worker, struct scene *ret_scene);

/* Which of these events of providers have been noted before? Both arrays are of pairs. */
int settle_queue_seen(struct worker *worker, const char *const *providers, const char *const *event_ids, size_t count);
int settle_receive_seen(struct worker *worker, bool *ret_seen);
int settle_queue_events(struct worker *worker, const char *const *providers, const char *const *event_ids,
                        const char *const *types, size_t count);

/* What is written, a row per change; each may have none. `reason` goes into the audit. */
struct payment_change {
    int64_t id;
    const char *status;              /* NULL: as it is */
    const char *provider_payment_id; /* NULL: as it is */
    const char *reason;
    bool closes;
    bool checks;  /* the provider is asked at once */
    bool watches; /* and after a minute, whether it was paid once more */
};
struct booking_change {
    int64_t id;
    const char *status, *payment_status; /* NULL: as it is */
    const char *reason;
};
struct new_refund {
    int64_t payment_id;
    const char *cause;
    int64_t amount_minor; /* 0: all of the payment */
    const char *status, *provider_refund_id;
    const char *reason;
};
struct second_payment { /* and its refund in full */
    int64_t payment_id; /* of the first */
    const char *provider_payment_id;
    const char *reason;
};
struct refund_change {
    int64_t id, payment_id;
    const char *status, *provider_refund_id;
    const char *reason;
};
struct changes { /* arrays with room for a change per fact */
    struct payment_change *payments;
    size_t payment_count;
    struct booking_change *bookings;
    size_t booking_count;
    struct new_refund *new_refunds;
    size_t new_refund_count;
    struct second_payment *seconds;
    size_t second_count;
    struct refund_change *refunds;
    size_t refund_count;
    int64_t *places; /* bookings that take one again */
    size_t place_count;
};
/* `ret_refund_ids[i]`: our name of new_refunds[i]. */
int settle_apply(struct worker *worker, const struct changes *changes, const char **ret_refund_ids);

#endif
