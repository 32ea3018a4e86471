/* All rows of the outbox and its archive, whosever they are: for administrators. */
#ifndef TITHI_CRM_ALL_DELIVERIES_STORE_H
#define TITHI_CRM_ALL_DELIVERIES_STORE_H

#include "operations.h"
#include "worker.h"

struct all_deliveries_wanted {
    const char *state, *channel, *type; /* NULL: any */
    int64_t endpoint_id;                /* 0: any, and what goes elsewhere */
    int64_t before_id;
    int64_t limit;
};

struct all_deliveries_page {
    struct any_delivery *items; /* newest first */
    size_t count;
    const int64_t *ids; /* of the rows, for cursors */
};

int all_deliveries_list(struct worker *worker, const struct all_deliveries_wanted *wanted, size_t count,
                        struct all_deliveries_page *ret_pages);

/* ret_replies[i]->body NULL: there is none. */
int all_deliveries_read(struct worker *worker, const char *const *webhook_ids, size_t count,
                        struct get_any_delivery_reply **ret_replies);

struct delivery_replayed {
    bool found;
    bool gone, disabled; /* the endpoint that it was for */
    int64_t count;       /* that are due again: 1, or 0 */
};

int all_deliveries_replay(struct worker *worker, const char *const *webhook_ids, size_t count,
                          struct delivery_replayed *ret_replayed);

#endif
