/* Reads the log; see log_store.h. What has no position yet is not in it. */
#include "log_store.h"

#include <string.h>

#include "bus.h"
#include "rfc3339.h"

/* Bytes of all entries of a page: what stands around them needs room, too. An entry that is larger alone there is not.
 */
#define PAGE_SIZE_LIMIT (BUS_FRAME_SIZE_LIMIT - 65536)
#define ENTRY_OVERHEAD 256

/* Parameters: 1 type, 2 position, 3 rows, 4 owner. Behind a page that is not full the end of the log comes as a row
 * without an entry: what lies between holds nothing for this reader, who need not look through it again. */
#define LIST(scope)                                                                                                    \
    "WITH page AS MATERIALIZED (SELECT entry_id, type, created_at, body, position FROM log_entries"                    \
    " WHERE position > $2::bigint AND ($1::text IS NULL OR type = $1 OR split_part(type, '.', 1) = $1)" scope          \
    " ORDER BY position LIMIT $3::bigint)"                                                                             \
    " SELECT * FROM page UNION ALL"                                                                                    \
    " SELECT NULL, NULL, NULL, NULL, greatest($2::bigint, (SELECT max(position) FROM log_entries))"                    \
    "  WHERE (SELECT count(*) FROM page) < $3::bigint ORDER BY position, entry_id NULLS LAST"
static const struct statement list_all = {"list_log", LIST("")};
static const struct statement list_of_owner = {"list_log_of_owner", LIST(" AND owner_id = $4::bigint")};

int log_store_queue(struct worker *worker, const struct log_filter *filter) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_text(&parameters, filter->type);
    parameter_integer(&parameters, filter->after);
    parameter_integer(&parameters, filter->limit);
    if (!filter->owner_id)
        return db_queue(worker_db(worker), &list_all, &parameters);
    parameter_integer(&parameters, filter->owner_id);
    return db_queue(worker_db(worker), &list_of_owner, &parameters);
}

int log_store_receive(struct worker *worker, struct pool *pool, struct log_page *ret_page, int64_t *ret_last) {
    PGresult *result = db_receive(worker_db(worker));
    if (!result)
        return -1;
    int rows = PQntuples(result);
    struct log_entry *entries = pool_alloc(pool, (size_t)rows * sizeof *entries);
    size_t count = 0, size = 0;
    for (int row = 0; row < rows; row++) {
        size += ENTRY_OVERHEAD + (size_t)PQgetlength(result, row, 3);
        if (size > PAGE_SIZE_LIMIT)
            break;
        *ret_last = db_integer(result, row, 4);
        if (db_is_null(result, row, 0))
            break;
        entries[count++] = (struct log_entry){.id = db_text(result, row, 0),
                                              .type = db_text(result, row, 1),
                                              .time = rfc3339_text(db_text(result, row, 2), pool),
                                              .data = db_text(result, row, 3)};
    }
    ret_page->entries.items = entries;
    ret_page->entries.count = count;
    return 0;
}
