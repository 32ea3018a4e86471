/* The operations of the payment worker: asks the rules, asks the store, answers. */
#include "rules.h"
#include "store.h"

int list_payments(struct worker *worker, struct list_payments_call *calls, size_t count) {
    struct pool *pool = worker_pool(worker);
    struct payments_wanted *wanted = pool_alloc(pool, count * sizeof *wanted);
    struct list_payments_reply **replies = pool_alloc(pool, count * sizeof *replies);
    size_t wanted_count = 0;
    for (size_t i = 0; i < count; i++) {
        struct payments_wanted *want = &wanted[wanted_count];
        if (rule_page_start(&calls[i].request, pool, &want->before_id) != 0) {
            refuse_field(&calls[i].call, &refusal_bad_cursor, "after", "is no cursor of this list");
            continue;
        }
        want->user_id = calls[i].call.header.caller.user_id;
        want->limit = calls[i].request.limit + 1;
        replies[wanted_count++] = &calls[i].reply;
    }
    if (store_list_payments(worker, wanted, wanted_count, replies) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (!calls[i].call.refusal)
            rule_page_end(&calls[i].request, pool, &calls[i].reply);
    return 0;
}
