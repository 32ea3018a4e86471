/* The event worker's operations: each asks the store, asks the rules, and answers every call of its array. */
#include <string.h>

#include "announce.h"
#include "etag.h"
#include "operations.h"
#include "rules.h"
#include "store.h"
#include "worker.h"

int get_event(struct worker *worker, struct get_event_call *calls, size_t count) {
    struct pool *pool = worker_pool(worker);
    int64_t *ids = pool_alloc(pool, count * sizeof *ids);
    struct event *events = pool_alloc(pool, count * sizeof *events);
    for (size_t i = 0; i < count; i++)
        ids[i] = calls[i].request.event_id;
    if (event_rows_read(worker, ids, count, events))
        return -1;
    for (size_t i = 0; i < count; i++)
        if (events[i].id)
            calls[i].reply = events[i];
        else
            refuse(&calls[i].call, &refusal_event_not_found);
    return 0;
}

/* What both lists have in common, from a request that names it alike. */
#define FILTER_OF(request_)                                                                                            \
    {                                                                                                                  \
        .type = (request_).type, .has_active = (request_).has_active, .active = (request_).active,                     \
        .has_rating = (request_).has_rating, .rating = (request_).rating, .from = (request_).from,                     \
        .to = (request_).to, .sort = (request_).sort, .limit = (request_).limit, .language = (request_).language,      \
        .has_online = (request_).has_online, .online = (request_).online, .has_price_min = (request_).has_price_min,   \
        .price_min = (request_).price_min, .has_price_max = (request_).has_price_max,                                  \
        .price_max = (request_).price_max,                                                                             \
    }

/* What both lists read from texts. May refuse the call. */
static void read_texts(struct call *call, struct event_filter *filter, const char *words, const char *location,
                       const char *after) {
    struct event_place *place = pool_alloc(call->pool, sizeof *place);
    if (words)
        filter->pattern_count = rule_patterns(words, call->pool, &filter->patterns);
    if (location)
        filter->place_pattern_count = rule_patterns(location, call->pool, &filter->place_patterns);
    if (after && rule_read_place(after, filter->sort, call->pool, place))
        refuse_field(call, &refusal_bad_cursor, "after", "is not the `next` of a page of this list");
    filter->after = after ? place : NULL;
}

static struct event_filter filter_of_list(struct list_events_call *call) {
    const struct list_events_request *request = &call->request;
    struct event_filter filter = FILTER_OF(*request);
    if (request->has_facilitator_id == PRESENCE_SET) {
        filter.facilitator_id = request->facilitator_id.text ? 0 : request->facilitator_id.number;
        filter.facilitator_code = request->facilitator_id.text;
    }
    if (request->has_active != PRESENCE_SET) { /* what can be booked by its state */
        filter.has_active = PRESENCE_SET;
        filter.active = true;
    }
    read_texts(&call->call, &filter, request->q, request->place, request->after);
    return filter;
}

static bool is_known(const struct call *call) {
    return !call->refusal && *call->header.known;
}

/* Which pages are still what their callers know? */
static int find_unchanged(struct worker *worker, struct list_events_call *calls, const struct event_filter *filters,
                          size_t count) {
    for (size_t i = 0; i < count; i++)
        if (is_known(&calls[i].call) && store_queue_version(worker, &filters[i]))
            return -1;
    for (size_t i = 0; i < count; i++) {
        struct call *call = &calls[i].call;
        if (!is_known(call))
            continue;
        if (store_receive_version(worker, call->pool, &call->version))
            return -1;
        call->unchanged = strcmp(call->version, call->header.known) == 0;
    }
    return 0;
}

int list_events(struct worker *worker, struct list_events_call *calls, size_t count) {
    struct event_filter *filters = pool_alloc(worker_pool(worker), count * sizeof *filters);
    for (size_t i = 0; i < count; i++)
        filters[i] = filter_of_list(&calls[i]);
    if (find_unchanged(worker, calls, filters, count))
        return -1;
    for (size_t i = 0; i < count; i++)
        if (!calls[i].call.refusal && !calls[i].call.unchanged && store_queue_list(worker, &filters[i]))
            return -1;
    for (size_t i = 0; i < count; i++) {
        struct call *call = &calls[i].call;
        if (!call->refusal && !call->unchanged &&
            store_receive_list(worker, &filters[i], call->pool, &calls[i].reply, &call->version))
            return -1;
    }
    return 0;
}

int list_facilitator_events(struct worker *worker, struct list_facilitator_events_call *calls, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const struct list_facilitator_events_request *request = &calls[i].request;
        struct event_filter filter = FILTER_OF(*request);
        filter.facilitator_id = calls[i].call.header.caller.user_id;
        read_texts(&calls[i].call, &filter, request->q, request->place, request->after);
        if (!calls[i].call.refusal && store_queue_list(worker, &filter))
            return -1;
    }
    for (size_t i = 0; i < count; i++) {
        const struct event_filter filter = FILTER_OF(calls[i].request);
        const char *version;
        if (!calls[i].call.refusal &&
            store_receive_list(worker, &filter, calls[i].call.pool, &calls[i].reply, &version))
            return -1;
    }
    return 0;
}

static bool refuse_by(struct call *call, struct verdict verdict) {
    if (!verdict.refusal)
        return false;
    if (verdict.field)
        refuse_field(call, verdict.refusal, verdict.field, "%s", verdict.reason);
    else
        refuse(call, verdict.refusal);
    return true;
}

static void answer_stored(struct call *call, const struct stored_event *stored, const char *message,
                          struct event_changed *ret_reply) {
    switch (stored->outcome) {
    case EVENT_STORED:
        *ret_reply = (struct event_changed){.message = message, .event = stored->event};
        return;
    case EVENT_ENDS_BEFORE_START:
        refuse_field(call, &refusal_end_before_start, "end_datetime", "is not after start_datetime");
        return;
    case EVENT_START_OUT_OF_ERA:
        refuse_field(call, &refusal_validation_error, "start_datetime", "is not in the years 1 to 9999");
        return;
    case EVENT_END_OUT_OF_ERA:
        refuse_field(call, &refusal_validation_error, "end_datetime", "is not in the years 1 to 9999");
        return;
    case EVENT_WITHOUT_FACILITATOR:
        refuse_field(call, &refusal_forbidden, "facilitator_id", "is nobody who publishes events");
        return;
    }
}

int create_event(struct worker *worker, struct create_event_call *calls, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct event_draft draft;
        struct verdict verdict = rule_publish(&calls[i].call.header.caller, &calls[i].request, &draft);
        if (!refuse_by(&calls[i].call, verdict) && store_queue_insert(worker, &draft))
            return -1;
    }
    for (size_t i = 0; i < count; i++) {
        struct stored_event stored;
        if (calls[i].call.refusal)
            continue;
        if (store_receive_insert(worker, &stored))
            return -1;
        answer_stored(&calls[i].call, &stored, "Event created successfully", &calls[i].reply);
        if (stored.outcome == EVENT_STORED)
            announce_event(worker, "created", &stored.event, NULL, calls[i].call.header.trace);
    }
    return 0;
}

/* Reads an event that shall change and is locked already, as it is after the calls before. Refuses where it is gone or
 * not as the caller saw it. */
static int read_for_change(struct worker *worker, struct call *call, int64_t id, const char *if_match,
                           struct event *ret_event) {
    if (event_rows_read(worker, &id, 1, ret_event))
        return -1;
    if (!ret_event->id)
        refuse(call, &refusal_event_not_found);
    else if (if_match && !etag_listed(if_match, etag_of(&record_event, ret_event, call->pool), false))
        refuse(call, &refusal_precondition_failed);
    return 0;
}

static void announce_change(struct worker *worker, const struct call *call, const struct event *before,
                            const struct stored_event *stored) {
    struct event_change change = {.version = stored->version};
    if (stored->outcome == EVENT_STORED)
        change.count = rule_changed(before, &stored->event, call->pool, &change.fields);
    if (change.count)
        announce_event(worker, "updated", &stored->event, &change, call->header.trace);
}

static int change_event(struct worker *worker, struct update_event_call *call) {
    const struct update_event_request *request = &call->request;
    struct event event;
    struct event_draft draft;
    struct stored_event stored;
    if (read_for_change(worker, &call->call, request->event_id, request->if_match, &event))
        return -1;
    if (call->call.refusal || refuse_by(&call->call, rule_change(&call->call.header.caller, &event, request, &draft)))
        return 0;
    if (store_update_event(worker, request->event_id, &draft, &stored))
        return -1;
    answer_stored(&call->call, &stored, "Event updated successfully", &call->reply);
    announce_change(worker, &call->call, &event, &stored);
    return 0;
}

int update_event(struct worker *worker, struct update_event_call *calls, size_t count) {
    int64_t *ids = pool_alloc(worker_pool(worker), count * sizeof *ids);
    for (size_t i = 0; i < count; i++)
        ids[i] = calls[i].request.event_id;
    if (store_lock_events(worker, ids, count))
        return -1;
    for (size_t i = 0; i < count; i++)
        if (change_event(worker, &calls[i]))
            return -1;
    return 0;
}

static int remove_event(struct worker *worker, struct delete_event_call *call) {
    const struct delete_event_request *request = &call->request;
    struct event event;
    if (read_for_change(worker, &call->call, request->event_id, request->if_match, &event))
        return -1;
    if (call->call.refusal || refuse_by(&call->call, rule_remove(&call->call.header.caller, &event)))
        return 0;
    call->reply.message = "Event deleted successfully";
    return store_remove_event(worker, request->event_id);
}

int delete_event(struct worker *worker, struct delete_event_call *calls, size_t count) {
    int64_t *ids = pool_alloc(worker_pool(worker), count * sizeof *ids);
    for (size_t i = 0; i < count; i++)
        ids[i] = calls[i].request.event_id;
    if (store_lock_events(worker, ids, count))
        return -1;
    for (size_t i = 0; i < count; i++)
        if (remove_event(worker, &calls[i]))
            return -1;
    return 0;
}
