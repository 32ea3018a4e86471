/* The booking worker's operations: each asks the store, asks the rules, and answers every call of its array. */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "announce.h"
#include "booking_columns.h"
#include "clock.h"
#include "etag.h"
#include "event_row.h"
#include "lists.h"
#include "operations.h"
#include "policies.h"
#include "rules.h"
#include "settings.h"
#include "store.h"
#include "tickets.h"
#include "uuid.h"
#include "worker.h"

#define CANCELLED_AT_ONCE 500 /* bookings of a cancelled event, per statement */

static const char *new_reference(struct pool *pool) {
    char now[CLOCK_TEXT_SIZE];
    struct uuid id = uuid_new();
    uint64_t random = 0;
    for (size_t i = 10; i < sizeof id.bytes; i++) /* the random end of a version 7 */
        random = random << 8 | id.bytes[i];
    return rule_reference(clock_text(clock_wall_ms(), now), random, pool_alloc(pool, REFERENCE_SIZE));
}

int create_booking(struct worker *worker, struct create_booking_call *calls, size_t count) {
    struct pool *pool = worker_pool(worker);
    struct wish *wishes = pool_alloc(pool, count * sizeof *wishes);
    struct answer_to_wish *answers = pool_alloc(pool, count * sizeof *answers);
    for (size_t i = 0; i < count; i++)
        wishes[i] = (struct wish){.event_id = calls[i].request.event_id,
                                  .user_id = calls[i].call.header.caller.user_id,
                                  .reference = new_reference(pool),
                                  .notes = calls[i].request.notes};
    const struct terms terms = {.hold_ttl_s = settings.hold_ttl_s, .cancellation_policy = policies_default_text()};
    if (store_book(worker, wishes, count, &terms, answers))
        return -1;
    for (size_t i = 0; i < count; i++) {
        const struct refusal *refusal = rule_refusal_of(answers[i].outcome);
        if (refusal == &refusal_event_full && answers[i].waited_for) {
            refuse_field(&calls[i].call, refusal, "event_id",
                         "people wait for places; POST /events/%" PRId64 "/waitlist joins them", wishes[i].event_id);
            continue;
        }
        if (refusal) {
            refuse(&calls[i].call, refusal);
            continue;
        }
        calls[i].reply = (struct booked){.message = "Booking created successfully",
                                         .booking = answers[i].row.booking,
                                         .payment_due = !strcmp(answers[i].row.booking.status, "pending")};
        announce(worker, "created", &answers[i].row, calls[i].call.header.trace);
    }
    return 0;
}

/* Refuses the call where there is no such booking or it does not concern the caller. */
static bool refuse_others(const struct operation *operation, struct call *call, const struct booking *booking) {
    const struct refusal *refusal = &refusal_booking_not_found;
    if (booking->id)
        refusal = rule_may(operation, &call->header.caller, booking);
    if (refusal)
        refuse(call, refusal);
    return refusal;
}

int get_booking(struct worker *worker, struct get_booking_call *calls, size_t count) {
    struct pool *pool = worker_pool(worker);
    int64_t *ids = pool_alloc(pool, count * sizeof *ids);
    struct booking_row *rows = pool_alloc(pool, count * sizeof *rows);
    for (size_t i = 0; i < count; i++)
        ids[i] = calls[i].request.booking_id;
    if (booking_rows_read(worker, ids, count, rows))
        return -1;
    for (size_t i = 0; i < count; i++)
        if (!refuse_others(&operation_get_booking, &calls[i].call, &rows[i].booking)) {
            calls[i].reply = rows[i].booking;
            tickets_show(&calls[i].reply, pool);
        }
    return 0;
}

static bool is_among(int64_t id, const struct cancellation *cancellations, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (cancellations[i].booking_id == id)
            return true;
    return false;
}

/* Is the booking still what the caller saw, where If-Match says what that was? */
static bool is_as_seen(const struct cancel_booking_call *call, const struct booking *booking) {
    const char *if_match = call->request.if_match;
    return !if_match || etag_listed(if_match, etag_of(&record_booking, booking, call->call.pool), false);
}

static struct cancellation cancellation_of(const struct cancel_booking_call *call,
                                           const struct standing_booking *found) {
    const struct caller *caller = &call->call.header.caller;
    return (struct cancellation){
        .booking_id = found->row.booking.id,
        .reason = pool_printf(call->call.pool, REASON_CANCELLED_BY "%" PRId64, caller->user_id),
        .refund_minor = rule_refund(caller, &found->row.booking, &found->standing),
        .cause = "cancelled",
        .requested_by = caller->user_id,
    };
}

/* Refuses what may not be cancelled; the others go to `ret_cancellations`, in the order of the calls. */
static size_t choose_cancelled(struct cancel_booking_call *calls, size_t count, const struct standing_booking *found,
                               struct cancellation *ret_cancellations) {
    size_t chosen = 0;
    for (size_t i = 0; i < count; i++) {
        const struct booking *booking = &found[i].row.booking;
        const struct refusal *refusal = &refusal_booking_not_found;
        if (booking->id)
            refusal = rule_cancel(&calls[i].call.header.caller, booking, found[i].row.event_started);
        if (!refusal && !is_as_seen(&calls[i], booking))
            refusal = &refusal_precondition_failed;
        if (!refusal && is_among(booking->id, ret_cancellations, chosen))
            refusal = &refusal_booking_not_cancellable;
        if (refusal)
            refuse(&calls[i].call, refusal);
        else
            ret_cancellations[chosen++] = cancellation_of(&calls[i], &found[i]);
    }
    return chosen;
}

static void answer_cancelled(struct worker *worker, struct cancel_booking_call *call,
                             const struct cancelled_booking *cancelled) {
    call->reply =
        (struct booking_cancelled){.message = "Booking cancelled successfully", .booking = cancelled->row.booking};
    if (cancelled->refund.refund_id)
        SET(call->reply, refund, cancelled->refund);
    announce(worker, "cancelled", &cancelled->row, call->call.header.trace);
}

int cancel_booking(struct worker *worker, struct cancel_booking_call *calls, size_t count) {
    struct pool *pool = worker_pool(worker);
    int64_t *ids = pool_alloc(pool, count * sizeof *ids);
    struct standing_booking *found = pool_alloc(pool, count * sizeof *found);
    struct cancellation *cancellations = pool_alloc(pool, count * sizeof *cancellations);
    struct cancelled_booking *cancelled = pool_alloc(pool, count * sizeof *cancelled);
    for (size_t i = 0; i < count; i++)
        ids[i] = calls[i].request.booking_id;
    if (store_lock_bookings(worker, ids, count, found))
        return -1;
    size_t chosen = choose_cancelled(calls, count, found, cancellations);
    if (chosen && store_cancel_bookings(worker, cancellations, chosen, cancelled))
        return -1;
    for (size_t i = 0; i < count; i++)
        if (!calls[i].call.refusal)
            answer_cancelled(worker, &calls[i], cancelled++);
    return 0;
}

static const char *moment_text(int64_t wall_s, struct pool *pool) {
    char text[sizeof "2026-08-01T10:00:00Z"];
    struct tm utc;
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&(time_t){wall_s}, &utc));
    return pool_text(pool, text);
}

static struct get_refund_quote_reply describe_quote(const struct standing_booking *found, struct pool *pool) {
    const struct booking *booking = &found->row.booking;
    const struct policy *policy = &found->standing.policy;
    const struct quote quote = rule_quote(booking, found->row.event_started, &found->standing);
    struct get_refund_quote_reply reply = {
        .booking_id = booking->id,
        .cancellable = quote.cancellable,
        .paid_amount_minor = found->standing.paid_minor,
        .refund_percent = quote.refund_percent,
        .amount_minor = quote.amount_minor,
        .currency = booking->currency,
    };
    if (quote.changes_at_s)
        SET(reply, changes_at, moment_text(quote.changes_at_s, pool));
    reply.cancellation_policy.items = policies_shown(policy, pool);
    reply.cancellation_policy.count = policy->count;
    return reply;
}

int get_refund_quote(struct worker *worker, struct get_refund_quote_call *calls, size_t count) {
    struct pool *pool = worker_pool(worker);
    int64_t *ids = pool_alloc(pool, count * sizeof *ids);
    struct standing_booking *found = pool_alloc(pool, count * sizeof *found);
    for (size_t i = 0; i < count; i++)
        ids[i] = calls[i].request.booking_id;
    if (store_read_standings(worker, ids, count, found))
        return -1;
    for (size_t i = 0; i < count; i++)
        if (!refuse_others(&operation_get_refund_quote, &calls[i].call, &found[i].row.booking))
            calls[i].reply = describe_quote(&found[i], calls[i].call.pool);
    return 0;
}

int list_bookings(struct worker *worker, struct list_bookings_call *calls, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const struct list_bookings_request *request = &calls[i].request;
        struct booking_filter filter = FILTER_OF(*request, OF_USER, calls[i].call.header.caller.user_id);
        filter.when = request->when;
        if (lists_queue(worker, &calls[i].call, &filter, request->after))
            return -1;
    }
    for (size_t i = 0; i < count; i++)
        if (!calls[i].call.refusal && store_receive_list(worker, calls[i].request.sort, calls[i].request.limit,
                                                         calls[i].call.pool, &calls[i].reply))
            return -1;
    return 0;
}

int list_facilitator_bookings(struct worker *worker, struct list_facilitator_bookings_call *calls, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const struct list_facilitator_bookings_request *request = &calls[i].request;
        struct booking_filter filter = FILTER_OF(*request, OF_FACILITATOR, calls[i].call.header.caller.user_id);
        filter.when = request->when;
        filter.event_id = request->has_event_id == PRESENCE_SET ? request->event_id : 0;
        if (lists_queue(worker, &calls[i].call, &filter, request->after))
            return -1;
    }
    for (size_t i = 0; i < count; i++)
        if (!calls[i].call.refusal && store_receive_list(worker, calls[i].request.sort, calls[i].request.limit,
                                                         calls[i].call.pool, &calls[i].reply))
            return -1;
    return 0;
}

/* Whose event it is decides whether the list is shown. */
static int receive_event_bookings(struct worker *worker, struct list_event_bookings_call *call) {
    struct event_head head;
    struct booking_page page = {0};
    if (store_receive_list(worker, call->request.sort, call->request.limit, call->call.pool, &page) ||
        store_receive_event(worker, &head))
        return -1;
    const struct refusal *refusal =
        rule_may_manage(&operation_list_event_bookings, &call->call.header.caller, &head.state);
    if (refusal) {
        refuse(&call->call, refusal);
        return 0;
    }
    call->reply.event = head.shown;
    call->reply.bookings.items = page.bookings.items;
    call->reply.bookings.count = page.bookings.count;
    SET_TEXT(call->reply, next, page.next);
    return 0;
}

int list_event_bookings(struct worker *worker, struct list_event_bookings_call *calls, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const struct list_event_bookings_request *request = &calls[i].request;
        struct booking_filter filter = FILTER_OF(*request, OF_EVENT, request->event_id);
        filter.words = request->q;
        filter.checked_in = request->has_checked_in == PRESENCE_SET ? &request->checked_in : NULL;
        if (lists_queue(worker, &calls[i].call, &filter, request->after))
            return -1;
        if (!calls[i].call.refusal && store_queue_event(worker, request->event_id))
            return -1;
    }
    for (size_t i = 0; i < count; i++)
        if (!calls[i].call.refusal && receive_event_bookings(worker, &calls[i]))
            return -1;
    return 0;
}

static void tell_cancelled(struct worker *worker, const struct cancelled_booking *cancelled, size_t count,
                           struct cancel_event_call *call) {
    for (size_t i = 0; i < count; i++) {
        const struct refund *refund = &cancelled[i].refund;
        announce(worker, "cancelled", &cancelled[i].row, call->call.header.trace);
        call->reply.bookings_cancelled++;
        call->reply.refunds_processed += refund->refund_id != NULL;
        if (refund->refund_id && !strcmp(refund->currency, call->reply.currency))
            call->reply.total_refund_amount_minor += refund->amount_minor;
    }
}

/* Cancels the live bookings of a locked event, a bounded number per statement, and counts them in the reply. */
static int cancel_bookings_of(struct worker *worker, struct cancel_event_call *call) {
    struct pool *pool = worker_pool(worker);
    struct live_booking live[CANCELLED_AT_ONCE];
    struct cancellation cancellations[CANCELLED_AT_ONCE];
    struct cancelled_booking *cancelled = pool_alloc(pool, CANCELLED_AT_ONCE * sizeof *cancelled);
    int64_t above = 0;
    size_t count;
    do {
        if (store_list_live(worker, call->request.event_id, above, CANCELLED_AT_ONCE, live, &count))
            return -1;
        if (!count)
            break;
        for (size_t i = 0; i < count; i++)
            cancellations[i] = (struct cancellation){
                .booking_id = live[i].id,
                .reason = REASON_EVENT_CANCELLED,
                .refund_minor = live[i].priced ? REFUND_ALL : 0,
                .cause = "event_cancelled",
                .requested_by = call->call.header.caller.user_id,
            };
        if (store_cancel_bookings(worker, cancellations, count, cancelled))
            return -1;
        tell_cancelled(worker, cancelled, count, call);
        above = live[count - 1].id;
    } while (count == CANCELLED_AT_ONCE);
    return 0;
}

static int cancel_one_event(struct worker *worker, struct cancel_event_call *call) {
    struct event_head head;
    if (store_queue_event(worker, call->request.event_id) || store_receive_event(worker, &head))
        return -1;
    const struct refusal *refusal = rule_cancel_event(&operation_cancel_event, &call->call.header.caller, &head.state);
    if (refusal) {
        refuse(&call->call, refusal);
        return 0;
    }
    call->reply = (struct event_cancelled){.message = "Event cancelled successfully", .currency = head.currency};
    struct event event;
    if (store_cancel_event(worker, call->request.event_id) ||
        event_rows_read(worker, &call->request.event_id, 1, &event))
        return -1;
    announce_event(worker, "cancelled", &event, NULL, call->call.header.trace);
    return cancel_bookings_of(worker, call);
}

int cancel_event(struct worker *worker, struct cancel_event_call *calls, size_t count) {
    int64_t *ids = pool_alloc(worker_pool(worker), count * sizeof *ids);
    for (size_t i = 0; i < count; i++)
        ids[i] = calls[i].request.event_id;
    if (store_lock_events(worker, ids, count))
        return -1;
    for (size_t i = 0; i < count; i++)
        if (cancel_one_event(worker, &calls[i]))
            return -1;
    return 0;
}
