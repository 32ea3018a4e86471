/* What administrators see and do of everybody's deliveries. */
#include "all_deliveries_store.h"
#include "pages.h"

/* False: the call is refused. */
static bool want(struct list_all_deliveries_call *call, struct all_deliveries_wanted *ret_wanted) {
    const struct list_all_deliveries_request *request = &call->request;
    int64_t before_id;
    if (!page_begins(&call->call, request->has_after == PRESENCE_SET ? request->after : NULL, &before_id))
        return false;
    *ret_wanted = (struct all_deliveries_wanted){
        .state = request->has_state == PRESENCE_SET ? request->state : NULL,
        .channel = request->has_channel == PRESENCE_SET ? request->channel : NULL,
        .type = request->has_type == PRESENCE_SET ? request->type : NULL,
        .endpoint_id = request->has_endpoint_id == PRESENCE_SET ? request->endpoint_id : 0,
        .before_id = before_id,
        .limit = request->limit + 1,
    };
    return true;
}

static void show_page(struct list_all_deliveries_call *call, const struct all_deliveries_page *page) {
    const char *next;
    call->reply.deliveries.items = page->items;
    call->reply.deliveries.count =
        page_ends(page->ids, page->count, (size_t)call->request.limit, call->call.pool, &next);
    SET_TEXT(call->reply, next, next);
}

int list_all_deliveries(struct worker *worker, struct list_all_deliveries_call *calls, size_t count) {
    struct pool *pool = worker_pool(worker);
    struct all_deliveries_wanted *wanted = pool_alloc(pool, count * sizeof *wanted);
    struct all_deliveries_page *pages = pool_alloc(pool, count * sizeof *pages), *page = pages;
    size_t wanted_count = 0;
    for (size_t i = 0; i < count; i++)
        if (want(&calls[i], &wanted[wanted_count]))
            wanted_count++;
    if (all_deliveries_list(worker, wanted, wanted_count, pages) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (!calls[i].call.refusal)
            show_page(&calls[i], page++);
    return 0;
}

int get_any_delivery(struct worker *worker, struct get_any_delivery_call *calls, size_t count) {
    struct pool *pool = worker_pool(worker);
    const char **webhook_ids = pool_alloc(pool, count * sizeof *webhook_ids);
    struct get_any_delivery_reply **replies = pool_alloc(pool, count * sizeof *replies);
    for (size_t i = 0; i < count; i++) {
        webhook_ids[i] = calls[i].request.webhook_id;
        replies[i] = &calls[i].reply;
    }
    if (all_deliveries_read(worker, webhook_ids, count, replies) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (!calls[i].reply.body)
            refuse(&calls[i].call, &refusal_delivery_not_found);
    return 0;
}

int replay_any_delivery(struct worker *worker, struct replay_any_delivery_call *calls, size_t count) {
    struct pool *pool = worker_pool(worker);
    const char **webhook_ids = pool_alloc(pool, count * sizeof *webhook_ids);
    struct delivery_replayed *replayed = pool_alloc(pool, count * sizeof *replayed);
    for (size_t i = 0; i < count; i++)
        webhook_ids[i] = calls[i].request.webhook_id;
    if (all_deliveries_replay(worker, webhook_ids, count, replayed) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        calls[i].reply.message = "The delivery is due again";
        calls[i].reply.replayed = replayed[i].count;
        if (!replayed[i].found)
            refuse(&calls[i].call, &refusal_delivery_not_found);
        else if (replayed[i].gone)
            refuse(&calls[i].call, &refusal_endpoint_not_found);
        else if (replayed[i].disabled)
            refuse(&calls[i].call, &refusal_endpoint_disabled);
        else if (replayed[i].count == 0)
            refuse(&calls[i].call, &refusal_delivery_in_progress);
    }
    worker_wake(worker);
    return 0;
}
