/* What people and gateways ask of inboxes: the history with what was read, what is to be pushed, what has arrived; and
 * the state of an event's places. */
#include "cursor.h"
#include "inbox_store.h"

int list_inbox(struct worker *worker, struct list_inbox_call *calls, size_t count) {
    struct pool *pool = worker_pool(worker);
    struct inbox_wanted *wanted = pool_alloc(pool, count * sizeof *wanted);
    struct list_inbox_reply **replies = pool_alloc(pool, count * sizeof *replies);
    size_t wanted_count = 0;
    for (size_t i = 0; i < count; i++) {
        const struct list_inbox_request *request = &calls[i].request;
        struct cursor cursor = {.id = INT64_MAX};
        if (request->has_after == PRESENCE_SET && cursor_read(request->after, INBOX_SORT, pool, &cursor) != 0) {
            refuse_field(&calls[i].call, &refusal_bad_cursor, "after", "is no cursor of this list");
            continue;
        }
        wanted[wanted_count] = (struct inbox_wanted){.user_id = calls[i].call.header.caller.user_id,
                                                     .has_unread = request->has_unread,
                                                     .unread = request->unread,
                                                     .before_seq = cursor.id,
                                                     .limit = request->limit};
        replies[wanted_count++] = &calls[i].reply;
    }
    return inbox_store_list(worker, wanted, wanted_count, replies);
}

int mark_inbox(struct worker *worker, struct mark_inbox_call *calls, size_t count) {
    struct pool *pool = worker_pool(worker);
    struct inbox_marking *markings = pool_alloc(pool, count * sizeof *markings);
    int64_t *unread_counts = pool_alloc(pool, count * sizeof *unread_counts);
    size_t marking_count = 0;
    for (size_t i = 0; i < count; i++) {
        const struct mark_inbox_request *request = &calls[i].request;
        if (request->has_up_to != PRESENCE_SET && request->has_seqs != PRESENCE_SET) {
            refuse_field(&calls[i].call, &refusal_validation_error, "up_to", "is needed where there are no seqs");
            continue;
        }
        markings[marking_count++] = (struct inbox_marking){.user_id = calls[i].call.header.caller.user_id,
                                                           .up_to = request->up_to,
                                                           .seqs = request->seqs.items,
                                                           .seq_count = request->seqs.count,
                                                           .read = request->read};
    }
    if (inbox_store_mark(worker, markings, marking_count, unread_counts) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (calls[i].call.refusal)
            continue;
        calls[i].reply.message = calls[i].request.read ? "Marked as read" : "Marked as unread";
        calls[i].reply.unread_count = *unread_counts++;
    }
    return 0;
}

int read_inbox(struct worker *worker, struct read_inbox_call *calls, size_t count) {
    return inbox_store_read(worker, calls, count);
}

int acknowledge_inbox(struct worker *worker, struct acknowledge_inbox_call *calls, size_t count) {
    return inbox_store_acknowledge(worker, calls, count);
}

int read_places(struct worker *worker, struct read_places_call *calls, size_t count) {
    return inbox_store_read_places(worker, calls, count);
}
