/* Decisions about bookings, pure: no clock, no database, no settings inside. Who gets a place is decided in the store's
 * one statement, under the lock of the events; what its outcomes mean stands here. */
#ifndef TITHI_BOOKING_RULES_H
#define TITHI_BOOKING_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "cursor.h"
#include "operations.h"
#include "policy.h"

struct caller;

/* What a person hears whom the statement gave this outcome; NULL: "placed". */
const struct refusal *rule_refusal_of(const char *outcome);

/* "BK", the year and eight letters and digits that nobody mistakes for each other: `random` gives the last 40 bits. */
#define REFERENCE_SIZE sizeof "BK2026XXXXXXXX"
const char *rule_reference(const char *year, uint64_t random, char ret_reference[REFERENCE_SIZE]);

/* NULL: the caller may do that to it. */
const struct refusal *rule_may(const struct operation *operation, const struct caller *caller,
                               const struct booking *booking);
/* NULL: it may be cancelled. `started`: the event has. */
const struct refusal *rule_cancel(const struct caller *caller, const struct booking *booking, bool started);

/* What of a booking's money depends on the moment. */
struct standing {
    struct policy policy; /* as it was when booked; without tiers where it was free */
    int64_t event_start_s, now_s;
    int64_t paid_minor; /* and not paid back */
};
/* What is paid back to whom the booking is cancelled by: by its policy, or all of it by an administrator. */
int64_t rule_refund(const struct caller *caller, const struct booking *booking, const struct standing *standing);

struct quote {
    bool cancellable;
    int64_t refund_percent;
    int64_t amount_minor;
    int64_t changes_at_s; /* 0: nothing more changes */
};
/* What is paid back if its owner cancels it now. */
struct quote rule_quote(const struct booking *booking, bool started, const struct standing *standing);

#define CHECK_IN_MARGIN_S (24 * 3600) /* before the event's start, and after its end */

struct event_hours {
    int64_t start_s, end_s, now_s;
};
/* NULL: its person may be let in. `event_id`: whose door it is; 0: any. */
const struct refusal *rule_check_in(const struct booking *booking, int64_t event_id, const struct event_hours *hours);

struct event_state {
    bool exists; /* and is not deleted */
    int64_t facilitator_id;
    bool cancelled;
};
/* NULL: the caller may do that to it; or cancel it, or see what that would do. */
const struct refusal *rule_may_manage(const struct operation *operation, const struct caller *caller,
                                      const struct event_state *event);
const struct refusal *rule_cancel_event(const struct operation *operation, const struct caller *caller,
                                        const struct event_state *event);

/* Where a page of bookings ended: the moment by which they are sorted, in microseconds since 1970, and the booking. */
struct booking_place {
    int64_t moment_us;
    int64_t id;
};
/* 0, or -1 where `after` is no cursor of a list with this sort. */
int rule_read_place(const char *after, const char *sort, struct pool *pool, struct booking_place *ret_place);

#endif
