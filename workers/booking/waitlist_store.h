/* SQL of waiting lists. Functions return 0, or -1 where the database failed. Texts in what they return live as long as
 * the worker's pool or until db_release(). */
#ifndef TITHI_BOOKING_WAITLIST_STORE_H
#define TITHI_BOOKING_WAITLIST_STORE_H

#include "operations.h"
#include "worker.h"

struct waiter {
    int64_t event_id, user_id;
};

struct joined {
    const char *refusal; /* its code; NULL: on the list */
    int64_t entry_id;
};
/* Puts people on lists, in the order of the array; who is on one already stays where they are. The events are locked
 * until the end of the transaction. One round trip. */
int waitlist_store_join(struct worker *worker, const struct waiter *waiters, size_t count, struct joined *ret_joined);

struct offer {
    int64_t owner_id;                      /* the event's facilitator */
    struct waitlist_changed_webhook about; /* without its head */
};
struct offers {
    struct offer *items;
    size_t count;
};
/* Takes people from lists. `ret_left[i]`: waiters[i] was on one; `ret_returned`: offers that they had. Locks as
 * joining does. */
int waitlist_store_leave(struct worker *worker, const struct waiter *waiters, size_t count, bool *ret_left,
                         struct offers *ret_returned);

/* In the order of the ids; ret_entries[i].id is 0 where there is none. */
int waitlist_store_read(struct worker *worker, const int64_t *ids, size_t count, struct waitlist_entry *ret_entries);

struct waitlist_filter {
    int64_t id;        /* of the person, or the event */
    int64_t event_id;  /* of a person's entries; 0: any */
    const char *state; /* NULL: in line */
    int64_t after;     /* the entry where the page before ended; 0: from the start */
    int64_t limit;
};
/* Queued, any number, and received in the same order. `ret_next`: the entry where the page ends, 0: it is the last. */
int waitlist_store_queue_own(struct worker *worker, const struct waitlist_filter *filter);
int waitlist_store_receive_own(struct worker *worker, int64_t limit, struct pool *pool,
                               struct list_waitlist_reply *ret_page, int64_t *ret_next);
int waitlist_store_queue_line(struct worker *worker, const struct waitlist_filter *filter);
int waitlist_store_receive_line(struct worker *worker, int64_t limit, struct pool *pool,
                                struct list_event_waitlist_reply *ret_page, int64_t *ret_next);

/* Is there a place to offer, an offer that is over, or a list to close? */
int waitlist_store_find_due(struct worker *worker, bool *ret_found);
/* Sees to it, for a bounded number of events and `limit` offers: ends offers whose time is over, closes lists of events
 * that began or are no more, and offers what is free, first in line first. */
int waitlist_store_advance(struct worker *worker, size_t limit, int64_t offer_ttl_s, struct offers *ret_lapsed,
                           struct offers *ret_made);

#endif
