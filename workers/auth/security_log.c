/* The log of security events as people and administrators read it, and what gateways tell for it. */
#include <string.h>

#include "audit.h"
#include "security_log_store.h"
#include "uuid.h"

#define SORT "-at"                                 /* of cursors */
#define LAST_MOMENT_US INT64_C(253402300800000000) /* year 10000 */
#define ADDRESS_LENGTH 64

/* Queues the question for a page; refuses a cursor of another list. 0, or -1. */
static int ask(struct worker *worker, struct call *call, const char *after, struct security_log_filter filter) {
    struct cursor cursor = {0};
    if (after && (cursor_read(after, SORT, call->pool, &cursor) != 0 ||
                  cursor_integer(&cursor, 1, LAST_MOMENT_US, &filter.after_us) != 0)) {
        refuse_field(call, &refusal_bad_cursor, "after", "is not the `next` of a page of this list");
        return 0;
    }
    filter.after_id = cursor.id;
    return security_log_queue(worker, &filter);
}

static int answer(struct worker *worker, const struct call *call, int64_t limit, struct security_log *ret_page) {
    struct cursor last = {.sort = SORT};
    if (call->refusal)
        return 0;
    if (security_log_receive(worker, limit, ret_page, &last) != 0)
        return -1;
    SET_TEXT(*ret_page, next, last.value ? cursor_text(&last, call->pool) : NULL);
    return 0;
}

int list_own_security_events(struct worker *worker, struct list_own_security_events_call *calls, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (ask(worker, &calls[i].call, calls[i].request.after,
                (struct security_log_filter){.user_id = calls[i].call.header.caller.user_id,
                                             .limit = calls[i].request.limit}) != 0)
            return -1;
    for (size_t i = 0; i < count; i++)
        if (answer(worker, &calls[i].call, calls[i].request.limit, &calls[i].reply) != 0)
            return -1;
    return 0;
}

int list_security_events(struct worker *worker, struct list_security_events_call *calls, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const struct list_security_events_request *request = &calls[i].request;
        if (ask(worker, &calls[i].call, request->after,
                (struct security_log_filter){.user_id = request->user_id,
                                             .event = request->event,
                                             .from = request->from,
                                             .to = request->to,
                                             .limit = request->limit}) != 0)
            return -1;
    }
    for (size_t i = 0; i < count; i++)
        if (answer(worker, &calls[i].call, calls[i].request.limit, &calls[i].reply) != 0)
            return -1;
    return 0;
}

/* All uses of a mailbox in one statement. What is no session, from a gateway of another make, is left out. */
static int note_uses(struct worker *worker, const struct note_security_call *calls, size_t count) {
    size_t total = 0, used = 0;
    for (size_t i = 0; i < count; i++)
        total += calls[i].request.uses.count;
    const char **sessions = pool_alloc(worker_pool(worker), total * sizeof *sessions);
    const char **addresses = pool_alloc(worker_pool(worker), total * sizeof *addresses);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < calls[i].request.uses.count; j++) {
            const struct note_security_request_uses *use = &calls[i].request.uses.items[j];
            struct uuid session;
            if (uuid_parse(use->session, &session) != 0)
                continue;
            sessions[used] = use->session;
            addresses[used++] = strlen(use->address) <= ADDRESS_LENGTH ? use->address : "";
        }
    return used ? security_log_note_uses(worker, sessions, addresses, used) : 0;
}

static int note_refusals(struct worker *worker, const struct note_security_call *calls, size_t count) {
    size_t total = 0, noted = 0;
    for (size_t i = 0; i < count; i++)
        total += calls[i].request.refusals.count;
    struct security_event *events = pool_alloc(worker_pool(worker), total * sizeof *events);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < calls[i].request.refusals.count; j++) {
            const struct note_security_request_refusals *refusal = &calls[i].request.refusals.items[j];
            events[noted++] = (struct security_event){.event = refusal->event,
                                                      .user_id = refusal->user_id,
                                                      .session = refusal->session,
                                                      .address = refusal->address,
                                                      .request_id = refusal->request_id,
                                                      .detail = refusal->detail};
        }
    return audit_note(worker, events, total);
}

int note_security(struct worker *worker, struct note_security_call *calls, size_t count) {
    if (note_uses(worker, calls, count) != 0 || note_refusals(worker, calls, count) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        calls[i].reply.noted = (int64_t)(calls[i].request.uses.count + calls[i].request.refusals.count);
    return 0;
}
