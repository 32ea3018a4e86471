/* The log as it is read. */
#ifndef TITHI_CRM_LOG_STORE_H
#define TITHI_CRM_LOG_STORE_H

#include "operations.h"
#include "worker.h"

struct log_filter {
    int64_t owner_id; /* 0: everybody's */
    const char *type; /* a type, or the part before the dot; NULL: any */
    int64_t after;    /* position */
    int64_t limit;
};

/* Pages are queued, any number, and received in the same order with one round trip. Each returns 0, or -1 where the
 * database failed. */
int log_store_queue(struct worker *worker, const struct log_filter *filter);
/* The entries of one page, and the position behind which the next one begins: that of the last, or of the log's end
 * where the page is not full. */
int log_store_receive(struct worker *worker, struct pool *pool, struct log_page *ret_page, int64_t *ret_last);

#endif
