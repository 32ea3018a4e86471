/* Who has booked an event: a line per booking, for tables and files. Whose event it is decides whether it is shown. */
#include "attendees.h"

#include "fitting.h"
#include "lists.h"
#include "rfc3339.h"
#include "tickets.h"

static struct attendees_attendees attendee_at(const PGresult *result, int row, struct pool *pool) {
    struct attendees_attendees attendee = {
        .booking_id = db_integer(result, row, ATTENDEE_ID),
        .booking_reference = db_text(result, row, ATTENDEE_REFERENCE),
        .name = db_text(result, row, ATTENDEE_NAME),
        .email = db_text(result, row, ATTENDEE_EMAIL),
        .status = db_text(result, row, ATTENDEE_STATUS),
        .payment_status = db_text(result, row, ATTENDEE_PAYMENT_STATUS),
        .booked_at = rfc3339_text(db_text(result, row, ATTENDEE_BOOKED), pool),
        .amount_minor = db_integer(result, row, ATTENDEE_PRICE),
        .currency = db_text(result, row, ATTENDEE_CURRENCY),
    };
    SET_TEXT(attendee, phone, db_text(result, row, ATTENDEE_PHONE));
    SET_TEXT(attendee, notes, db_text(result, row, ATTENDEE_NOTES));
    SET_TEXT(attendee, checked_in_at, rfc3339_text(db_text(result, row, ATTENDEE_CHECKED_IN), pool));
    SET_TEXT(attendee, ticket, ticket_of(attendee.booking_id, attendee.status, pool));
    return attendee;
}

static int receive_attendees(struct worker *worker, const char *sort, int64_t limit, struct attendees *ret_page) {
    struct pool *pool = worker_pool(worker);
    PGresult *result = db_receive(worker_db(worker));
    if (!result)
        return -1;
    size_t found = (size_t)PQntuples(result);
    struct attendees_attendees *items = pool_alloc(pool, found * sizeof *items);
    for (size_t i = 0; i < found; i++)
        items[i] = attendee_at(result, (int)i, pool);
    size_t fitting = fitting_rows(&record_attendees_attendees, items, sizeof *items, found, limit);
    ret_page->attendees.items = items;
    ret_page->attendees.count = fitting;
    if (fitting < found) {
        struct cursor cursor = {.sort = sort,
                                .value = db_text(result, (int)fitting - 1, ATTENDEE_MOMENT),
                                .id = items[fitting - 1].booking_id};
        SET(*ret_page, next, cursor_text(&cursor, pool));
    }
    return 0;
}

static int64_t limit_of(const struct list_attendees_request *request) {
    return request->all ? LONG_LIST_LIMIT : request->limit;
}

static int receive_page(struct worker *worker, struct list_attendees_call *call) {
    struct event_head head;
    struct attendees page = {0};
    if (receive_attendees(worker, call->request.sort, limit_of(&call->request), &page) ||
        store_receive_event(worker, &head))
        return -1;
    const struct refusal *refusal = rule_may_manage(&operation_list_attendees, &call->call.header.caller, &head.state);
    if (refusal)
        refuse(&call->call, refusal);
    else
        call->reply = page;
    return 0;
}

int list_attendees(struct worker *worker, struct list_attendees_call *calls, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const struct list_attendees_request *request = &calls[i].request;
        struct booking_filter filter = FILTER_OF(*request, ATTENDEES, request->event_id);
        filter.words = request->q;
        filter.checked_in = request->has_checked_in == PRESENCE_SET ? &request->checked_in : NULL;
        filter.limit = limit_of(request);
        if (lists_queue(worker, &calls[i].call, &filter, request->after))
            return -1;
        if (!calls[i].call.refusal && store_queue_event(worker, request->event_id))
            return -1;
    }
    for (size_t i = 0; i < count; i++)
        if (!calls[i].call.refusal && receive_page(worker, &calls[i]))
            return -1;
    return 0;
}
