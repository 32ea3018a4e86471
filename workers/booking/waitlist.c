/* Waiting lists; see waitlist.h. Joining and leaving are operations like booking; offers are made by whichever worker
 * comes first, in transactions of a bounded size, so that bookings of the same events need not wait long. */
#include "waitlist.h"

#include "announce.h"
#include "cursor.h"
#include "operations.h"
#include "rules.h"
#include "settings.h"
#include "store.h"
#include "waitlist_store.h"
#include "worker.h"

#define OFFERS_LIMIT 500
#define SORT "waitlist"

/* The operations that name an event and change what its caller has there ask alike. */
#define WAITER_OF(call_)                                                                                               \
    { .event_id = (call_).request.event_id, .user_id = (call_).call.header.caller.user_id }

/* The entries of those who were not refused, read together. */
static int answer_joined(struct worker *worker, struct join_waitlist_call *calls, size_t count,
                         const struct joined *joined) {
    struct pool *pool = worker_pool(worker);
    int64_t *ids = pool_alloc(pool, count * sizeof *ids);
    struct waitlist_entry *entries = pool_alloc(pool, count * sizeof *entries);
    for (size_t i = 0; i < count; i++)
        ids[i] = joined[i].entry_id;
    if (waitlist_store_read(worker, ids, count, entries))
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (joined[i].refusal)
            refuse(&calls[i].call, refusal_find(joined[i].refusal));
        else
            calls[i].reply =
                (struct join_waitlist_reply){.message = "You are on the waiting list", .entry = entries[i]};
    }
    return 0;
}

int join_waitlist(struct worker *worker, struct join_waitlist_call *calls, size_t count) {
    struct pool *pool = worker_pool(worker);
    struct waiter *waiters = pool_alloc(pool, count * sizeof *waiters);
    struct joined *joined = pool_alloc(pool, count * sizeof *joined);
    for (size_t i = 0; i < count; i++)
        waiters[i] = (struct waiter)WAITER_OF(calls[i]);
    return waitlist_store_join(worker, waiters, count, joined) || answer_joined(worker, calls, count, joined) ? -1 : 0;
}

static void announce_all(struct worker *worker, const char *action, const struct offers *offers, const char *trace) {
    for (size_t i = 0; i < offers->count; i++)
        announce_waitlist(worker, action, offers->items[i].owner_id, &offers->items[i].about, trace);
}

int leave_waitlist(struct worker *worker, struct leave_waitlist_call *calls, size_t count) {
    struct pool *pool = worker_pool(worker);
    struct waiter *waiters = pool_alloc(pool, count * sizeof *waiters);
    bool *left = pool_alloc(pool, count * sizeof *left);
    struct offers returned;
    for (size_t i = 0; i < count; i++)
        waiters[i] = (struct waiter)WAITER_OF(calls[i]);
    if (waitlist_store_leave(worker, waiters, count, left, &returned))
        return -1;
    for (size_t i = 0; i < count; i++)
        if (left[i])
            calls[i].reply.message = "You wait no longer";
        else
            refuse(&calls[i].call, &refusal_not_waiting);
    announce_all(worker, "lapsed", &returned, "");
    return 0;
}

/* The entry where the page before ended. False: the call is refused. */
static bool read_after(struct call *call, const char *after, int64_t *ret_entry) {
    struct cursor cursor = {.id = 0};
    if (after && cursor_read(after, SORT, call->pool, &cursor)) {
        refuse_field(call, &refusal_bad_cursor, "after", "is not the `next` of a page of this list");
        return false;
    }
    *ret_entry = cursor.id;
    return true;
}

static const char *cursor_behind(int64_t entry, struct pool *pool) {
    return entry ? cursor_text(&(struct cursor){.sort = SORT, .value = "", .id = entry}, pool) : NULL;
}

int list_waitlist(struct worker *worker, struct list_waitlist_call *calls, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const struct list_waitlist_request *request = &calls[i].request;
        struct waitlist_filter filter = {.id = calls[i].call.header.caller.user_id,
                                         .event_id = request->has_event_id == PRESENCE_SET ? request->event_id : 0,
                                         .state = request->state,
                                         .limit = request->limit};
        if (read_after(&calls[i].call, request->after, &filter.after) && waitlist_store_queue_own(worker, &filter))
            return -1;
    }
    for (size_t i = 0; i < count; i++) {
        struct list_waitlist_call *call = &calls[i];
        int64_t next;
        if (call->call.refusal)
            continue;
        if (waitlist_store_receive_own(worker, call->request.limit, call->call.pool, &call->reply, &next))
            return -1;
        SET_TEXT(call->reply, next, cursor_behind(next, call->call.pool));
    }
    return 0;
}

/* Whose event it is decides whether the list is shown. */
static int receive_event_waitlist(struct worker *worker, struct list_event_waitlist_call *call) {
    struct list_event_waitlist_reply page = {0};
    struct event_head head;
    int64_t next;
    if (waitlist_store_receive_line(worker, call->request.limit, call->call.pool, &page, &next) ||
        store_receive_event(worker, &head))
        return -1;
    const struct refusal *refusal =
        rule_may_manage(&operation_list_event_waitlist, &call->call.header.caller, &head.state);
    if (refusal) {
        refuse(&call->call, refusal);
        return 0;
    }
    call->reply = page;
    SET_TEXT(call->reply, next, cursor_behind(next, call->call.pool));
    return 0;
}

int list_event_waitlist(struct worker *worker, struct list_event_waitlist_call *calls, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const struct list_event_waitlist_request *request = &calls[i].request;
        struct waitlist_filter filter = {.id = request->event_id, .state = request->state, .limit = request->limit};
        if (read_after(&calls[i].call, request->after, &filter.after) &&
            (waitlist_store_queue_line(worker, &filter) || store_queue_event(worker, request->event_id)))
            return -1;
    }
    for (size_t i = 0; i < count; i++)
        if (!calls[i].call.refusal && receive_event_waitlist(worker, &calls[i]))
            return -1;
    return 0;
}

static int advance(struct worker *worker, void *argument) {
    (void)argument;
    struct offers lapsed, made;
    if (waitlist_store_advance(worker, OFFERS_LIMIT, settings.waitlist_offer_ttl_s, &lapsed, &made))
        return -1;
    announce_all(worker, "lapsed", &lapsed, "");
    announce_all(worker, "offered", &made, "");
    return 0;
}

void waitlist_tick(struct worker *worker) {
    bool found;
    if (waitlist_store_find_due(worker, &found) || !found)
        return;
    if (worker_transaction(worker, advance, NULL) == 0)
        worker_wake(worker); /* there may be more */
}
