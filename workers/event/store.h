/* All SQL of the event worker. Functions return 0, or -1 where the database failed. Texts in what they return live as
 * long as the call's pool or until db_release(). */
#ifndef TITHI_EVENT_STORE_H
#define TITHI_EVENT_STORE_H

#include "event_row.h"
#include "operations.h"
#include "rules.h"
#include "worker.h"

struct event_filter {
    int64_t facilitator_id;       /* 0: any */
    const char *facilitator_code; /* NULL: any; so with the other texts */
    const char *type;
    enum presence has_active;
    bool active;
    enum presence has_rating;
    double rating;
    const char *const *patterns; /* all must match */
    size_t pattern_count;
    const char *const *place_patterns; /* the location alone */
    size_t place_pattern_count;
    const char *language;
    enum presence has_online;
    bool online;
    enum presence has_price_min, has_price_max;
    double price_min, price_max; /* in major units */
    const char *from, *to;
    const char *sort;
    const struct event_place *after; /* NULL: from the start */
    int64_t limit;
};

/* Lists are queued, any number, and received in the same order with one round trip. */
int store_queue_list(struct worker *worker, const struct event_filter *filter);
int store_receive_list(struct worker *worker, const struct event_filter *filter, struct pool *pool,
                       struct event_page *ret_page, const char **ret_version);
/* The same version means the same page, and is much cheaper than the page. */
int store_queue_version(struct worker *worker, const struct event_filter *filter);
int store_receive_version(struct worker *worker, struct pool *pool, const char **ret_version);

enum event_outcome {
    EVENT_STORED,
    EVENT_ENDS_BEFORE_START,
    EVENT_START_OUT_OF_ERA, /* not in the years 1 to 9999 */
    EVENT_END_OUT_OF_ERA,
    EVENT_WITHOUT_FACILITATOR, /* its facilitator_id is nobody who facilitates */
};

struct stored_event {
    enum event_outcome outcome;
    struct event event; /* as it is now, where it was stored */
    int64_t version;    /* no two changes of one event have the same */
};

/* New events are queued and received like lists. */
int store_queue_insert(struct worker *worker, const struct event_draft *draft);
int store_receive_insert(struct worker *worker, struct stored_event *ret_stored);

/* Locks the events until the end of the transaction, in the order that everybody locks them in: by id. */
int store_lock_events(struct worker *worker, const int64_t *ids, size_t count);
int store_update_event(struct worker *worker, int64_t id, const struct event_draft *draft,
                       struct stored_event *ret_stored);
int store_remove_event(struct worker *worker, int64_t id);

#endif
