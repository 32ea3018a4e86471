/* Pages of payments, newest first. */
#include "rules.h"

#include "cursor.h"

#define SORT "-id"

int rule_page_start(const struct list_payments_request *request, struct pool *pool, int64_t *ret_before_id) {
    struct cursor cursor = {.id = INT64_MAX};
    if (request->has_after == PRESENCE_SET && cursor_read(request->after, SORT, pool, &cursor) != 0)
        return -1;
    *ret_before_id = cursor.id;
    return 0;
}

void rule_page_end(const struct list_payments_request *request, struct pool *pool, struct list_payments_reply *reply) {
    size_t limit = (size_t)request->limit;
    if (reply->payments.count <= limit)
        return;
    const struct cursor last = {.sort = SORT, .value = "", .id = reply->payments.items[limit - 1].id};
    reply->payments.count = limit;
    SET(*reply, next, cursor_text(&last, pool));
}
