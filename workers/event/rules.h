/* Decisions about events, pure: no clock, no database, no settings inside. */
#ifndef TITHI_EVENT_RULES_H
#define TITHI_EVENT_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cursor.h"
#include "operations.h"
#include "policy.h"

struct caller;

/* What stops something; `refusal` NULL: nothing. `field` and `reason` go with it where they are set. */
struct verdict {
    const struct refusal *refusal;
    const char *field;
    const char *reason;
};

/* An event as it shall be stored. Texts may be NULL where events have none. */
struct event_draft {
    int64_t facilitator_id;
    const char *facilitator_crm_id; /* the event's own code; NULL: the facilitator's is shown */
    const char *title;
    const char *description;
    const char *event_type;
    const char *start; /* without a zone: in time_zone */
    const char *end;
    const char *time_zone;
    const char *location;
    const char *virtual_link;
    int64_t capacity; /* 0: no limit */
    int64_t price_minor;
    const char *currency;
    double rating;
    enum presence has_rating; /* ABSENT: as it is */
    const char *language;
    bool is_active;
    enum presence has_policy; /* ABSENT: as it is; NULL: the operator's */
    struct policy policy;
    const int64_t *reminder_minutes; /* before the start */
    size_t reminder_count;
};

/* The draft of a new event. */
struct verdict rule_publish(const struct caller *caller, const struct create_event_request *request,
                            struct event_draft *ret_draft);
/* The draft of an event as it is, with what the request changes. */
struct verdict rule_change(const struct caller *caller, const struct event *event,
                           const struct update_event_request *request, struct event_draft *ret_draft);
/* The names of the fields in which an event differs from what it was before, of those that one may change. Returns how
 * many. */
size_t rule_changed(const struct event *before, const struct event *after, struct pool *pool,
                    const char *const **ret_fields);
struct verdict rule_remove(const struct caller *caller, const struct event *event);

/* Where a page of events ended: the value by which they are sorted, and the event. */
struct event_place {
    const char *text; /* sorted by title */
    int64_t number;   /* else */
    int64_t id;
};
/* 0, or -1 where `after` is no cursor of a list with this sort. */
int rule_read_place(const char *after, const char *sort, struct pool *pool, struct event_place *ret_place);

/* What a review depends on. */
struct review_standing {
    bool event_exists;
    bool is_host;   /* the caller publishes the event */
    bool has_place; /* by a confirmed booking */
    bool has_begun;
};
/* May the caller review that event now? */
const struct refusal *rule_review(const struct caller *caller, const struct review_standing *standing);
/* Where a page of reviews ended, as a cursor and back: -1 where it is none. */
const char *rule_review_place(int64_t id, struct pool *pool);
int rule_read_review(const char *after, struct pool *pool, int64_t *ret_id);
/* How a person is named in public: "John D." */
const char *rule_author(const char *name, struct pool *pool);

/* LIKE patterns, one per word: '%' and '_' in it stand for themselves. */
size_t rule_patterns(const char *words, struct pool *pool, const char *const **ret_patterns);

#endif
