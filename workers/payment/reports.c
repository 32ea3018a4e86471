/* The reports' operations: what was earned, who has paid, and the figures, to facilitators about their own events, to
 * administrators about all. Each asks the store and cuts what it gets into pages. */
#include "cursor.h"
#include "fitting.h"
#include "reports_store.h"

#define REVENUE_SORT "revenue"
#define PEOPLE_SORT "-booking"

/* Reads `after`, or refuses the call: -1. */
static int read_cursor(struct call *call, const char *after, const char *sort, int64_t start, int64_t *ret_id) {
    struct cursor cursor = {.id = start};
    if (after && (cursor_read(after, sort, call->pool, &cursor) || cursor.id < 0)) {
        refuse_field(call, &refusal_bad_cursor, "after", "is not the `next` of a page of this list");
        return -1;
    }
    *ret_id = cursor.id;
    return 0;
}

static const char *cursor_to(const char *sort, int64_t id, struct pool *pool) {
    return cursor_text(&(struct cursor){.sort = sort, .value = "", .id = id}, pool);
}

/* --- revenue */
/* What the two have in common, from a request that names it alike. */
#define REVENUE_FILTER_OF(request_, facilitator_id_)                                                                   \
    {                                                                                                                  \
        .scope = {.facilitator_id = (facilitator_id_), .event_id = (request_).event_id}, .group = (request_).group,    \
        .from = (request_).from, .to = (request_).to, .limit = LONG_LIST_LIMIT,                                        \
    }

/* Sums change with every payment and so mark no place: a page starts behind so many rows. */
static int queue_revenue(struct worker *worker, struct call *call, const char *after, struct revenue_filter *filter) {
    return read_cursor(call, after, REVENUE_SORT, 0, &filter->skip) ? 0 : reports_queue_revenue(worker, filter);
}

static int receive_revenue(struct worker *worker, struct call *call, const struct revenue_filter *filter,
                           struct revenue *ret_reply) {
    if (call->refusal)
        return 0;
    if (reports_receive_revenue(worker, ret_reply))
        return -1;
    size_t fitting = fitting_rows(&record_revenue_rows, ret_reply->rows.items, sizeof *ret_reply->rows.items,
                                  ret_reply->rows.count, filter->limit);
    if (fitting < ret_reply->rows.count)
        SET(*ret_reply, next, cursor_to(REVENUE_SORT, filter->skip + (int64_t)fitting, call->pool));
    ret_reply->rows.count = fitting;
    return 0;
}

int get_revenue(struct worker *worker, struct get_revenue_call *calls, size_t count) {
    struct revenue_filter *filters = pool_alloc(worker_pool(worker), count * sizeof *filters);
    for (size_t i = 0; i < count; i++) {
        struct call *call = &calls[i].call;
        filters[i] = (struct revenue_filter)REVENUE_FILTER_OF(calls[i].request, call->header.caller.user_id);
        if (queue_revenue(worker, call, calls[i].request.after, &filters[i]))
            return -1;
    }
    for (size_t i = 0; i < count; i++)
        if (receive_revenue(worker, &calls[i].call, &filters[i], &calls[i].reply))
            return -1;
    return 0;
}

int get_all_revenue(struct worker *worker, struct get_all_revenue_call *calls, size_t count) {
    struct revenue_filter *filters = pool_alloc(worker_pool(worker), count * sizeof *filters);
    for (size_t i = 0; i < count; i++) {
        filters[i] = (struct revenue_filter)REVENUE_FILTER_OF(calls[i].request, calls[i].request.facilitator_id);
        if (queue_revenue(worker, &calls[i].call, calls[i].request.after, &filters[i]))
            return -1;
    }
    for (size_t i = 0; i < count; i++)
        if (receive_revenue(worker, &calls[i].call, &filters[i], &calls[i].reply))
            return -1;
    return 0;
}

/* --- people */
#define PEOPLE_FILTER_OF(request_, facilitator_id_)                                                                    \
    {                                                                                                                  \
        .scope = {.facilitator_id = (facilitator_id_), .event_id = (request_).event_id}, .state = (request_).state,    \
        .limit = (request_).all ? LONG_LIST_LIMIT : (request_).limit,                                                  \
    }

static int queue_people(struct worker *worker, struct call *call, const char *after, struct people_filter *filter) {
    return read_cursor(call, after, PEOPLE_SORT, INT64_MAX, &filter->before_id) ? 0
                                                                                : reports_queue_people(worker, filter);
}

static int receive_people(struct worker *worker, struct call *call, const struct people_filter *filter,
                          struct payment_people *ret_reply) {
    if (call->refusal)
        return 0;
    if (reports_receive_people(worker, ret_reply))
        return -1;
    size_t fitting = fitting_rows(&record_payment_people_people, ret_reply->people.items,
                                  sizeof *ret_reply->people.items, ret_reply->people.count, filter->limit);
    if (fitting < ret_reply->people.count)
        SET(*ret_reply, next, cursor_to(PEOPLE_SORT, ret_reply->people.items[fitting - 1].booking_id, call->pool));
    ret_reply->people.count = fitting;
    return 0;
}

int list_facilitator_payments(struct worker *worker, struct list_facilitator_payments_call *calls, size_t count) {
    struct people_filter *filters = pool_alloc(worker_pool(worker), count * sizeof *filters);
    for (size_t i = 0; i < count; i++) {
        struct call *call = &calls[i].call;
        filters[i] = (struct people_filter)PEOPLE_FILTER_OF(calls[i].request, call->header.caller.user_id);
        if (queue_people(worker, call, calls[i].request.after, &filters[i]))
            return -1;
    }
    for (size_t i = 0; i < count; i++)
        if (receive_people(worker, &calls[i].call, &filters[i], &calls[i].reply))
            return -1;
    return 0;
}

int list_all_payments(struct worker *worker, struct list_all_payments_call *calls, size_t count) {
    struct people_filter *filters = pool_alloc(worker_pool(worker), count * sizeof *filters);
    for (size_t i = 0; i < count; i++) {
        filters[i] = (struct people_filter)PEOPLE_FILTER_OF(calls[i].request, calls[i].request.facilitator_id);
        if (queue_people(worker, &calls[i].call, calls[i].request.after, &filters[i]))
            return -1;
    }
    for (size_t i = 0; i < count; i++)
        if (receive_people(worker, &calls[i].call, &filters[i], &calls[i].reply))
            return -1;
    return 0;
}

/* --- figures */
int get_figures(struct worker *worker, struct get_figures_call *calls, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const struct report_scope scope = {.facilitator_id = calls[i].call.header.caller.user_id,
                                           .event_id = calls[i].request.event_id};
        if (reports_queue_figures(worker, &scope))
            return -1;
    }
    for (size_t i = 0; i < count; i++)
        if (reports_receive_figures(worker, &calls[i].reply))
            return -1;
    return 0;
}

int get_all_figures(struct worker *worker, struct get_all_figures_call *calls, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const struct report_scope scope = {.facilitator_id = calls[i].request.facilitator_id,
                                           .event_id = calls[i].request.event_id};
        if (reports_queue_figures(worker, &scope))
            return -1;
    }
    for (size_t i = 0; i < count; i++)
        if (reports_receive_figures(worker, &calls[i].reply))
            return -1;
    return 0;
}
