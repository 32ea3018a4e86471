/* See pages.h. */
#include "pages.h"

#include "cursor.h"

#define SORT "-id"

bool page_begins(struct call *call, const char *after, int64_t *ret_before_id) {
    struct cursor cursor = {.id = INT64_MAX};
    bool good = !after || cursor_read(after, SORT, call->pool, &cursor) == 0;
    if (!good)
        refuse_field(call, &refusal_bad_cursor, "after", "is no cursor of this list");
    *ret_before_id = cursor.id;
    return good;
}

size_t page_ends(const int64_t *ids, size_t count, size_t limit, struct pool *pool, const char **ret_next) {
    *ret_next = NULL;
    if (count <= limit)
        return count;
    const struct cursor last = {.sort = SORT, .value = "", .id = ids[limit - 1]};
    *ret_next = cursor_text(&last, pool);
    return limit;
}

const int64_t *page_ids(const PGresult *result, struct pool *pool) {
    size_t count = (size_t)PQntuples(result);
    int64_t *ids = pool_alloc(pool, count * sizeof *ids);
    for (size_t row = 0; row < count; row++)
        ids[row] = db_integer(result, (int)row, 0);
    return ids;
}

int pages_receive(struct worker *worker, size_t count,
                  void (*fill)(const PGresult *result, struct pool *pool, void *ret_item), void *ret_items,
                  size_t size) {
    for (size_t i = 0; i < count; i++) {
        PGresult *result = db_receive(worker_db(worker));
        if (!result)
            return -1;
        fill(result, worker_pool(worker), (char *)ret_items + i * size);
    }
    return 0;
}
