/* The CRM service as its documents have it: notes a booking and mails the facilitator, lists what became of that,
 * forgets it. */
#include "cursor.h"
#include "mail.h"
#include "notes.h"
#include "notify_store.h"
#include "store.h"

#define SORT "-id"

/* Of the mails that the store has queued. */
static void answer(struct worker *worker, struct notify_facilitator_call *calls, size_t count,
                   const struct added_notification *added, const bool *queued) {
    bool may_leave = mail_nowhere_to_go() == NULL;
    for (size_t i = 0; i < count; i++) {
        calls[i].reply.message = "Notification sent successfully";
        calls[i].reply.notification_id = added[i].id;
        calls[i].reply.email_sent = added[i].mail_is_good || (queued[i] && may_leave);
    }
    worker_wake(worker); /* they leave with the tick that follows the commit */
}

int notify_facilitator(struct worker *worker, struct notify_facilitator_call *calls, size_t count) {
    struct pool *pool = worker_pool(worker);
    struct new_notification *notes = pool_alloc(pool, count * sizeof *notes);
    struct added_notification *added = pool_alloc(pool, count * sizeof *added);
    int64_t *ids = pool_alloc(pool, count * sizeof *ids);
    const char **traces = pool_alloc(pool, count * sizeof *traces);
    bool *queued = pool_alloc(pool, count * sizeof *queued);
    for (size_t i = 0; i < count; i++) {
        const struct notify_facilitator_request *request = &calls[i].request;
        notes[i] = NOTE_OF(request, request->action);
        traces[i] = calls[i].call.header.trace;
    }
    if (store_add_notifications(worker, notes, count, added) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        ids[i] = added[i].id;
    if (store_mail_facilitators(worker, ids, traces, count, queued) != 0)
        return -1;
    answer(worker, calls, count, added, queued);
    return 0;
}

static int list(struct worker *worker, struct list_crm_notifications_call *call) {
    struct list_crm_notifications_reply *reply = &call->reply;
    size_t limit = (size_t)call->request.limit;
    struct cursor cursor = {.id = INT64_MAX};
    if (call->request.has_after == PRESENCE_SET && cursor_read(call->request.after, SORT, call->call.pool, &cursor)) {
        refuse_field(&call->call, &refusal_bad_cursor, "after", "is no cursor of this list");
        return 0;
    }
    if (store_list_mailed(worker, cursor.id, call->request.limit + 1, reply) != 0)
        return -1;
    if (reply->notifications.count > limit) {
        const struct cursor last = {.sort = SORT, .value = "", .id = reply->notifications.items[limit - 1].id};
        reply->notifications.count = limit;
        SET(*reply, next, cursor_text(&last, call->call.pool));
    }
    return 0;
}

int list_crm_notifications(struct worker *worker, struct list_crm_notifications_call *calls, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (list(worker, &calls[i]) != 0)
            return -1;
    return 0;
}

int delete_crm_notification(struct worker *worker, struct delete_crm_notification_call *calls, size_t count) {
    struct pool *pool = worker_pool(worker);
    int64_t *ids = pool_alloc(pool, count * sizeof *ids);
    bool *deleted = pool_alloc(pool, count * sizeof *deleted);
    for (size_t i = 0; i < count; i++)
        ids[i] = calls[i].request.notification_id;
    if (store_delete_notifications(worker, ids, count, deleted) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        calls[i].reply.message = "Notification deleted successfully";
        if (!deleted[i])
            refuse(&calls[i].call, &refusal_notification_not_found);
    }
    return 0;
}

int clear_crm_notifications(struct worker *worker, struct clear_crm_notifications_call *calls, size_t count) {
    for (size_t i = 0; i < count; i++) {
        calls[i].reply.message = "All notifications cleared";
        if (store_clear_notifications(worker, &calls[i].reply.deleted_count) != 0)
            return -1;
    }
    return 0;
}
