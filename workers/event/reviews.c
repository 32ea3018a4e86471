/* Operations about what people say of events, and about those who publish them. */
#include "operations.h"
#include "reviews_store.h"
#include "rules.h"
#include "worker.h"

int list_reviews(struct worker *worker, struct list_reviews_call *calls, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const struct list_reviews_request *request = &calls[i].request;
        const struct review_key key = {request->event_id, calls[i].call.header.caller.user_id};
        int64_t before = 0;
        if (request->after && rule_read_review(request->after, calls[i].call.pool, &before))
            refuse_field(&calls[i].call, &refusal_bad_cursor, "after", "is not the `next` of a page of this list");
        else if (reviews_queue_list(worker, &key, before, request->limit))
            return -1;
    }
    for (size_t i = 0; i < count; i++) {
        bool found;
        if (calls[i].call.refusal)
            continue;
        if (reviews_receive_list(worker, calls[i].request.limit, &calls[i].reply, &found))
            return -1;
        if (!found)
            refuse(&calls[i].call, &refusal_event_not_found);
    }
    return 0;
}

int put_review(struct worker *worker, struct put_review_call *calls, size_t count) {
    struct review_key *keys = pool_alloc(worker_pool(worker), count * sizeof *keys);
    struct review_standing *standings = pool_alloc(worker_pool(worker), count * sizeof *standings);
    for (size_t i = 0; i < count; i++)
        keys[i] = (struct review_key){calls[i].request.event_id, calls[i].call.header.caller.user_id};
    if (reviews_stand(worker, keys, count, standings))
        return -1;
    for (size_t i = 0; i < count; i++) {
        const struct refusal *refusal = rule_review(&calls[i].call.header.caller, &standings[i]);
        if (refusal)
            refuse(&calls[i].call, refusal);
        else if (reviews_queue_put(worker, &keys[i], calls[i].request.rating, calls[i].request.text))
            return -1;
    }
    for (size_t i = 0; i < count; i++) {
        if (calls[i].call.refusal)
            continue;
        if (reviews_receive_put(worker, &calls[i].reply))
            return -1;
        calls[i].reply.message = "Review stored";
    }
    return 0;
}

static void answer_removed(struct call *call, bool gone, const char **ret_message) {
    if (gone)
        *ret_message = "Review removed";
    else
        refuse(call, &refusal_review_not_found);
}

int delete_review(struct worker *worker, struct delete_review_call *calls, size_t count) {
    struct review_key *keys = pool_alloc(worker_pool(worker), count * sizeof *keys);
    bool *gone = pool_alloc(worker_pool(worker), count * sizeof *gone);
    for (size_t i = 0; i < count; i++)
        keys[i] = (struct review_key){calls[i].request.event_id, calls[i].call.header.caller.user_id};
    if (reviews_remove(worker, keys, count, gone))
        return -1;
    for (size_t i = 0; i < count; i++)
        answer_removed(&calls[i].call, gone[i], &calls[i].reply.message);
    return 0;
}

int delete_any_review(struct worker *worker, struct delete_any_review_call *calls, size_t count) {
    int64_t *ids = pool_alloc(worker_pool(worker), count * sizeof *ids);
    bool *gone = pool_alloc(worker_pool(worker), count * sizeof *gone);
    for (size_t i = 0; i < count; i++)
        ids[i] = calls[i].request.review_id;
    if (reviews_remove_by_id(worker, ids, count, gone))
        return -1;
    for (size_t i = 0; i < count; i++)
        answer_removed(&calls[i].call, gone[i], &calls[i].reply.message);
    return 0;
}

int get_facilitator(struct worker *worker, struct get_facilitator_call *calls, size_t count) {
    struct pool *pool = worker_pool(worker);
    int64_t *ids = pool_alloc(pool, count * sizeof *ids);
    struct get_facilitator_reply *replies = pool_alloc(pool, count * sizeof *replies);
    for (size_t i = 0; i < count; i++)
        ids[i] = calls[i].request.facilitator_id;
    if (facilitators_read(worker, ids, count, replies))
        return -1;
    for (size_t i = 0; i < count; i++)
        if (replies[i].id)
            calls[i].reply = replies[i];
        else
            refuse(&calls[i].call, &refusal_facilitator_not_found);
    return 0;
}

int list_event_types(struct worker *worker, struct list_event_types_call *calls, size_t count) {
    struct list_event_types_reply reply = {0};
    if (event_types_read(worker, &reply))
        return -1;
    for (size_t i = 0; i < count; i++)
        calls[i].reply = reply;
    return 0;
}
