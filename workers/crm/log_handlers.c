/* GET /log and GET /admin/log: what happened, in the order of the log. Where a page ends the next one begins, whatever
 * came meanwhile: positions are given out in the order in which they appear. */
#include "cursor.h"
#include "log_store.h"

#define SORT "log"

/* Queues a page, or refuses the call. `filter->after`: behind which it begins, from the cursor `after`. */
static int queue_page(struct worker *worker, struct call *call, const char *after, struct log_filter *filter) {
    struct cursor cursor = {.id = 0};
    if (after && (cursor_read(after, SORT, call->pool, &cursor) || cursor.id < 0)) {
        refuse_field(call, &refusal_bad_cursor, "after", "is not the `next` of a page of the log");
        return 0;
    }
    filter->after = cursor.id;
    return log_store_queue(worker, filter);
}

static int receive_page(struct worker *worker, const struct call *call, struct log_filter *filter,
                        struct log_page *ret_page) {
    if (call->refusal)
        return 0;
    if (log_store_receive(worker, call->pool, ret_page, &filter->after))
        return -1;
    const struct cursor end = {.sort = SORT, .value = "", .id = filter->after};
    SET(*ret_page, next, cursor_text(&end, call->pool));
    return 0;
}

int read_log(struct worker *worker, struct read_log_call *calls, size_t count) {
    struct log_filter *filters = pool_alloc(worker_pool(worker), count * sizeof *filters);
    for (size_t i = 0; i < count; i++) {
        const struct read_log_request *request = &calls[i].request;
        filters[i] = (struct log_filter){
            .owner_id = calls[i].call.header.caller.user_id, .type = request->type, .limit = request->limit};
        if (queue_page(worker, &calls[i].call, request->after, &filters[i]))
            return -1;
    }
    for (size_t i = 0; i < count; i++)
        if (receive_page(worker, &calls[i].call, &filters[i], &calls[i].reply))
            return -1;
    return 0;
}

int read_whole_log(struct worker *worker, struct read_whole_log_call *calls, size_t count) {
    struct log_filter *filters = pool_alloc(worker_pool(worker), count * sizeof *filters);
    for (size_t i = 0; i < count; i++) {
        const struct read_whole_log_request *request = &calls[i].request;
        filters[i] =
            (struct log_filter){.owner_id = request->facilitator_id, .type = request->type, .limit = request->limit};
        if (queue_page(worker, &calls[i].call, request->after, &filters[i]))
            return -1;
    }
    for (size_t i = 0; i < count; i++)
        if (receive_page(worker, &calls[i].call, &filters[i], &calls[i].reply))
            return -1;
    return 0;
}
