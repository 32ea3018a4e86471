/* All SQL about what was sent to webhook endpoints: the outbox and its archive as their owners see them. Whose an
 * endpoint is is part of how rows are found. Texts that come back live in the worker's pool. Each returns 0, or -1: the
 * transaction failed. */
#ifndef TITHI_CRM_DELIVERIES_STORE_H
#define TITHI_CRM_DELIVERIES_STORE_H

#include "endpoints_store.h"
#include "operations.h"
#include "worker.h"

#define REPLAY_LIMIT 10000 /* deliveries at once */

struct deliveries_wanted {
    struct endpoint_key endpoint;
    const char *state, *type; /* NULL: any */
    int64_t before_id;
    int64_t limit;
};

struct deliveries_page {
    struct webhook_delivery *items; /* newest first */
    size_t count;
    const int64_t *ids; /* of the rows, for cursors */
};

/* Of endpoints that are the caller's. */
int deliveries_store_list(struct worker *worker, const struct deliveries_wanted *wanted, size_t count,
                          struct deliveries_page *ret_pages);

struct delivery_key {
    struct endpoint_key endpoint;
    const char *webhook_id;
};

/* ret_replies[i]->url NULL: there is none. */
int deliveries_store_read(struct worker *worker, const struct delivery_key *keys, size_t count,
                          struct get_webhook_delivery_reply **ret_replies);

struct endpoint_test {
    struct endpoint_key endpoint;
    const char *cause, *body, *trace;
};

/* The webhook-ids. Endpoints that are the caller's. */
int deliveries_store_test(struct worker *worker, const struct endpoint_test *tests, size_t count,
                          const char **ret_webhook_ids);

struct replayed {
    bool found; /* else the caller has no such delivery, or endpoint */
    bool disabled;
    bool backwards; /* a span that ends before it begins */
    int64_t count;  /* that are due again */
};

int deliveries_store_replay(struct worker *worker, const struct delivery_key *keys, size_t count,
                            struct replayed *ret_replayed);

struct replay_span {
    struct endpoint_key endpoint;
    const char *from, *to; /* RFC 3339; NULL: until now */
    const char *state;     /* delivered, dead; NULL: both */
};

/* The oldest REPLAY_LIMIT of each. */
int deliveries_store_replay_spans(struct worker *worker, const struct replay_span *spans, size_t count,
                                  struct replayed *ret_replayed);

#endif
