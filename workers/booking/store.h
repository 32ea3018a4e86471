/* All SQL of the booking worker. Functions return 0, or -1 where the database failed. Texts in what they return live as
 * long as the worker's pool or until db_release(). */
#ifndef TITHI_BOOKING_STORE_H
#define TITHI_BOOKING_STORE_H

#include "booking_row.h"
#include "operations.h"
#include "rules.h"
#include "worker.h"

/* Queues two statements: the people are held, then their events locked until the end of the transaction. */
int store_queue_locks(struct worker *worker, const int64_t *people, const int64_t *events, size_t count);

struct wish {
    int64_t event_id;
    int64_t user_id;
    const char *reference;
    const char *notes; /* or NULL */
};

struct terms { /* of what is priced */
    int64_t hold_ttl_s;
    const char *cancellation_policy; /* where the event has none */
};

struct answer_to_wish {
    const char *outcome;    /* "placed", or the code of a refusal */
    struct booking_row row; /* where placed */
    bool waited_for;        /* the event has a waiting list */
};

/* Gives places to a whole mailbox, in the order of the array: the events are locked, then one statement decides. One
 * round trip, and another where somebody takes the place that the waiting list kept for them. */
int store_book(struct worker *worker, const struct wish *wishes, size_t count, const struct terms *terms,
               struct answer_to_wish *ret_answers);

struct standing_booking {
    struct booking_row row;
    struct standing standing;
};

/* ret_standings[i].row.booking.id is 0 where there is no booking with ids[i]. */
int store_read_standings(struct worker *worker, const int64_t *ids, size_t count,
                         struct standing_booking *ret_standings);
/* The same, and locks them, their events before, until the end of the transaction. */
int store_lock_bookings(struct worker *worker, const int64_t *ids, size_t count,
                        struct standing_booking *ret_standings);

#define REFUND_ALL INT64_MAX /* that was paid and not paid back */

struct cancellation {
    int64_t booking_id;
    const char *reason;   /* of the change of its state, for the record */
    int64_t refund_minor; /* at most what was paid and not paid back; 0: nothing */
    const char *cause;    /* of the refund */
    int64_t requested_by;
};

struct cancelled_booking {
    struct booking_row row;
    struct refund refund; /* refund_id NULL: nothing is paid back */
};

/* Cancels these locked live bookings, frees their places, and owes the refunds. One round trip. */
int store_cancel_bookings(struct worker *worker, const struct cancellation *cancellations, size_t count,
                          struct cancelled_booking *ret_cancelled);

struct event_head {
    struct event_state state;
    const char *currency;
    struct list_event_bookings_reply_event shown;
};

/* Locks the events until the end of the transaction, in the order that everybody locks them in: by id. */
int store_lock_events(struct worker *worker, const int64_t *ids, size_t count);
/* Queued and received like lists. */
int store_queue_event(struct worker *worker, int64_t id);
int store_receive_event(struct worker *worker, struct event_head *ret_head);
int store_cancel_event(struct worker *worker, int64_t id);
struct live_booking {
    int64_t id;
    bool priced;
};
/* Locks live bookings of a locked event with ids above `above`, in the order of their ids. */
int store_list_live(struct worker *worker, int64_t event_id, int64_t above, size_t limit,
                    struct live_booking *ret_bookings, size_t *ret_count);

/* What cancelling an event would do: queued, and received in its turn. */
int store_queue_cancellation(struct worker *worker, int64_t event_id);
int store_receive_cancellation(struct worker *worker, struct preview_event_cancellation_reply *ret_reply);

enum booking_scope { OF_USER, OF_EVENT, OF_FACILITATOR, ATTENDEES, BOOKING_SCOPE_COUNT };

struct booking_filter {
    enum booking_scope scope;
    int64_t id;                                 /* of the user, event or facilitator */
    int64_t event_id;                           /* 0: any */
    const char *words;                          /* of an event's: that name, address or reference hold; NULL: any */
    const bool *checked_in;                     /* of an event's; NULL: any */
    const char *status, *payment_status, *when; /* NULL: any */
    const char *sort;
    const struct booking_place *after; /* NULL: from the start */
    int64_t limit;
};

/* Lists are queued, any number, and received in the same order with one round trip. */
int store_queue_list(struct worker *worker, const struct booking_filter *filter);
int store_receive_list(struct worker *worker, const char *sort, int64_t limit, struct pool *pool,
                       struct booking_page *ret_page);

/* Is any hold over? */
int store_find_expired(struct worker *worker, bool *ret_found);
/* Ends holds that are over, the oldest first, and frees their places. */
int store_expire_holds(struct worker *worker, size_t limit, struct booking_rows *ret_expired);

#endif
