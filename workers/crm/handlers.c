/* The operations of the CRM service: notes what it is told about bookings, lists it, marks it as processed. What goes
 * out is channels.c's. */
#include "cursor.h"
#include "notes.h"
#include "rules.h"
#include "store.h"

#define SORT "-id"

int receive_booking_notification(struct worker *worker, struct receive_booking_notification_call *calls, size_t count) {
    struct pool *pool = worker_pool(worker);
    struct new_notification *notes = pool_alloc(pool, count * sizeof *notes);
    struct added_notification *added = pool_alloc(pool, count * sizeof *added);
    for (size_t i = 0; i < count; i++) {
        const struct receive_booking_notification_request *request = &calls[i].request;
        notes[i] = NOTE_OF(request, rule_action(request->has_action == PRESENCE_SET ? request->action : NULL,
                                                request->has_type == PRESENCE_SET ? request->type : NULL));
    }
    if (store_add_notifications(worker, notes, count, added) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        calls[i].reply.message = "Notification received";
        calls[i].reply.notification_id = added[i].id;
    }
    return 0;
}

static void end_page(const struct list_booking_notifications_request *request, struct pool *pool,
                     struct list_booking_notifications_reply *reply) {
    size_t limit = (size_t)request->limit;
    if (reply->notifications.count <= limit)
        return;
    const struct cursor last = {.sort = SORT, .value = "", .id = reply->notifications.items[limit - 1].id};
    reply->notifications.count = limit;
    SET(*reply, next, cursor_text(&last, pool));
}

int list_booking_notifications(struct worker *worker, struct list_booking_notifications_call *calls, size_t count) {
    struct pool *pool = worker_pool(worker);
    struct notifications_wanted *wanted = pool_alloc(pool, count * sizeof *wanted);
    struct list_booking_notifications_reply **replies = pool_alloc(pool, count * sizeof *replies);
    size_t wanted_count = 0;
    for (size_t i = 0; i < count; i++) {
        const struct list_booking_notifications_request *request = &calls[i].request;
        struct cursor cursor = {.id = INT64_MAX};
        if (request->has_after == PRESENCE_SET && cursor_read(request->after, SORT, pool, &cursor) != 0) {
            refuse_field(&calls[i].call, &refusal_bad_cursor, "after", "is no cursor of this list");
            continue;
        }
        wanted[wanted_count] = (struct notifications_wanted){.has_processed = request->has_processed,
                                                             .processed = request->processed,
                                                             .before_id = cursor.id,
                                                             .limit = request->limit + 1};
        replies[wanted_count++] = &calls[i].reply;
    }
    if (store_list_notifications(worker, wanted, wanted_count, replies) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (!calls[i].call.refusal)
            end_page(&calls[i].request, pool, &calls[i].reply);
    return 0;
}

int process_notification(struct worker *worker, struct process_notification_call *calls, size_t count) {
    struct pool *pool = worker_pool(worker);
    int64_t *ids = pool_alloc(pool, count * sizeof *ids);
    struct notification *notifications = pool_alloc(pool, count * sizeof *notifications);
    for (size_t i = 0; i < count; i++)
        ids[i] = calls[i].request.id;
    if (store_process_notifications(worker, ids, count, notifications) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        calls[i].reply.message = "Notification marked as processed";
        calls[i].reply.notification = notifications[i];
        if (notifications[i].id == 0)
            refuse(&calls[i].call, &refusal_notification_not_found);
    }
    return 0;
}
