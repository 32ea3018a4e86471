/* The booking worker's operations: each asks the store, asks the rules, and answers every call of its array. */
#include "announce.h"
#include "clock.h"
#include "etag.h"
#include "operations.h"
#include "rules.h"
#include "settings.h"
#include "store.h"
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
    if (store_book(worker, wishes, count, settings.hold_ttl_s, answers))
        return -1;
    for (size_t i = 0; i < count; i++) {
        const struct refusal *refusal = rule_refusal_of(answers[i].outcome);
        if (refusal) {
            refuse(&calls[i].call, refusal);
            continue;
        }
        calls[i].reply = (struct booked){.message = "Booking created successfully", .booking = answers[i].row.booking};
        announce(worker, "created", &answers[i].row, calls[i].call.header.trace);
    }
    return 0;
}

int get_booking(struct worker *worker, struct get_booking_call *calls, size_t count) {
    struct pool *pool = worker_pool(worker);
    int64_t *ids = pool_alloc(pool, count * sizeof *ids);
    struct booking_row *rows = pool_alloc(pool, count * sizeof *rows);
    for (size_t i = 0; i < count; i++)
        ids[i] = calls[i].request.booking_id;
    if (store_read_bookings(worker, ids, count, rows))
        return -1;
    for (size_t i = 0; i < count; i++)
        if (rows[i].booking.id && rule_may_see(&calls[i].call.header.caller, &rows[i].booking))
            calls[i].reply = rows[i].booking;
        else
            refuse(&calls[i].call, &refusal_booking_not_found);
    return 0;
}

static bool is_among(int64_t id, const int64_t *ids, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (ids[i] == id)
            return true;
    return false;
}

static const struct booking_row *find_row(const struct booking_rows *rows, int64_t id) {
    for (size_t i = 0; i < rows->count; i++)
        if (rows->items[i].booking.id == id)
            return &rows->items[i];
    return NULL;
}

/* Is the booking still what the caller saw, where If-Match says what that was? */
static bool is_as_seen(const struct cancel_booking_call *call, const struct booking *booking) {
    const char *if_match = call->request.if_match;
    return !if_match || etag_listed(if_match, etag_of(&record_booking, booking, call->call.pool), false);
}

/* Refuses what may not be cancelled; the ids of the others go to `ret_ids`. */
static size_t choose_cancelled(struct cancel_booking_call *calls, size_t count, const struct booking_row *rows,
                               int64_t *ret_ids) {
    size_t chosen = 0;
    for (size_t i = 0; i < count; i++) {
        const struct booking *booking = &rows[i].booking;
        const struct refusal *refusal = &refusal_booking_not_found;
        if (booking->id)
            refusal = rule_cancel(&calls[i].call.header.caller, booking, rows[i].event_started);
        if (!refusal && !is_as_seen(&calls[i], booking))
            refusal = &refusal_precondition_failed;
        if (!refusal && is_among(booking->id, ret_ids, chosen))
            refusal = &refusal_booking_not_cancellable;
        if (refusal)
            refuse(&calls[i].call, refusal);
        else
            ret_ids[chosen++] = booking->id;
    }
    return chosen;
}

int cancel_booking(struct worker *worker, struct cancel_booking_call *calls, size_t count) {
    struct pool *pool = worker_pool(worker);
    int64_t *ids = pool_alloc(pool, count * sizeof *ids);
    struct booking_row *rows = pool_alloc(pool, count * sizeof *rows);
    struct booking_rows cancelled;
    for (size_t i = 0; i < count; i++)
        ids[i] = calls[i].request.booking_id;
    if (store_lock_bookings(worker, ids, count, rows))
        return -1;
    size_t chosen = choose_cancelled(calls, count, rows, ids);
    if (!chosen)
        return 0;
    if (store_cancel_bookings(worker, ids, chosen, &cancelled))
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (calls[i].call.refusal)
            continue;
        const struct booking_row *row = find_row(&cancelled, calls[i].request.booking_id);
        if (!row)
            return -1;
        calls[i].reply =
            (struct booking_cancelled){.message = "Booking cancelled successfully", .booking = row->booking};
        announce(worker, "cancelled", row, calls[i].call.header.trace);
    }
    return 0;
}

/* What the lists have in common, from a request that names it alike. */
#define FILTER_OF(request_, scope_, id_)                                                                               \
    {                                                                                                                  \
        .scope = (scope_), .id = (id_), .status = (request_).status, .payment_status = (request_).payment_status,      \
        .sort = (request_).sort, .limit = (request_).limit,                                                            \
    }

/* Queues one list, or refuses the call. */
static int queue_list(struct worker *worker, struct call *call, struct booking_filter *filter, const char *after) {
    struct booking_place place;
    if (after && rule_read_place(after, filter->sort, call->pool, &place)) {
        refuse_field(call, &refusal_bad_cursor, "after", "is not the `next` of a page of this list");
        return 0;
    }
    filter->after = after ? &place : NULL;
    return store_queue_list(worker, filter);
}

int list_bookings(struct worker *worker, struct list_bookings_call *calls, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const struct list_bookings_request *request = &calls[i].request;
        struct booking_filter filter = FILTER_OF(*request, OF_USER, calls[i].call.header.caller.user_id);
        filter.when = request->when;
        if (queue_list(worker, &calls[i].call, &filter, request->after))
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
        if (queue_list(worker, &calls[i].call, &filter, request->after))
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
    const struct refusal *refusal = rule_manage(&call->call.header.caller, &head.state);
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
        if (queue_list(worker, &calls[i].call, &filter, request->after))
            return -1;
        if (!calls[i].call.refusal && store_queue_event(worker, request->event_id))
            return -1;
    }
    for (size_t i = 0; i < count; i++)
        if (!calls[i].call.refusal && receive_event_bookings(worker, &calls[i]))
            return -1;
    return 0;
}

/* Cancels the live bookings of a locked event, a bounded number per statement. */
static int cancel_bookings_of(struct worker *worker, int64_t event_id, const char *trace, int64_t *ret_count) {
    int64_t ids[CANCELLED_AT_ONCE], above = 0, total = 0;
    size_t count;
    do {
        struct booking_rows cancelled;
        if (store_list_live(worker, event_id, above, CANCELLED_AT_ONCE, ids, &count))
            return -1;
        if (!count)
            break;
        if (store_cancel_bookings(worker, ids, count, &cancelled))
            return -1;
        for (size_t i = 0; i < cancelled.count; i++)
            announce(worker, "cancelled", &cancelled.items[i], trace);
        above = ids[count - 1];
        total += (int64_t)count;
    } while (count == CANCELLED_AT_ONCE);
    *ret_count = total;
    return 0;
}

static int cancel_one_event(struct worker *worker, struct cancel_event_call *call) {
    int64_t id = call->request.event_id, bookings;
    struct event_head head;
    if (store_queue_event(worker, id) || store_receive_event(worker, &head))
        return -1;
    const struct refusal *refusal = rule_cancel_event(&call->call.header.caller, &head.state);
    if (refusal) {
        refuse(&call->call, refusal);
        return 0;
    }
    if (store_cancel_event(worker, id) || cancel_bookings_of(worker, id, call->call.header.trace, &bookings))
        return -1;
    call->reply = (struct event_cancelled){
        .message = "Event cancelled successfully", .bookings_cancelled = bookings, .currency = head.currency};
    return 0;
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
