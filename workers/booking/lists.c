/* See lists.h. */
#include "lists.h"

int lists_queue(struct worker *worker, struct call *call, struct booking_filter *filter, const char *after) {
    struct booking_place place;
    if (after && rule_read_place(after, filter->sort, call->pool, &place)) {
        refuse_field(call, &refusal_bad_cursor, "after", "is not the `next` of a page of this list");
        return 0;
    }
    filter->after = after ? &place : NULL;
    return store_queue_list(worker, filter);
}
