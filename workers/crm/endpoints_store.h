/* All SQL about webhook endpoints themselves; what was sent to them is deliveries_store.h's. Whose an endpoint is is
 * part of how it is found. Texts that come back live in the worker's pool. Each returns 0, or -1: the transaction
 * failed. */
#ifndef TITHI_CRM_ENDPOINTS_STORE_H
#define TITHI_CRM_ENDPOINTS_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "operations.h"
#include "rules.h"
#include "worker.h"

#define ENDPOINT_LIMIT 16 /* of one owner */

struct endpoint_key {
    int64_t id, owner_id;
};

/* ret_endpoints[i].id 0: that owner has none with that id. */
int endpoints_store_read(struct worker *worker, const struct endpoint_key *keys, size_t count,
                         struct webhook_endpoint *ret_endpoints);
/* Oldest first. */
int endpoints_store_list(struct worker *worker, const int64_t *owner_ids, size_t count,
                         struct list_webhook_endpoints_reply *ret_lists);

struct new_endpoint {
    int64_t owner_id;
    const struct create_webhook_endpoint_request *request;
    const char *secret;      /* whsec_… */
    const char *signing_key; /* whsk_…, for one whose signature is not hmac alone */
};

/* ret_ids[i] 0: its owner has ENDPOINT_LIMIT of them. */
int endpoints_store_create(struct worker *worker, const struct new_endpoint *endpoints, size_t count, int64_t *ret_ids);

struct endpoint_change {
    struct endpoint_key key;
    const struct update_webhook_endpoint_request *request;
    const char *signing_key; /* for one that needs one by now and has none yet */
};

struct endpoint_changed {
    const char *what; /* of what its owner should know: "address, types"; "": of that, nothing */
    const char *url;  /* its new address; NULL: it is the same */
};

/* Of one that is not there (any more) nothing has changed. */
int endpoints_store_update(struct worker *worker, const struct endpoint_change *changes, size_t count,
                           struct endpoint_changed *ret_changed);

struct endpoint_rotation {
    struct endpoint_key key;
    int64_t former_hours;
    const char *secret, *signing_key; /* likewise */
};

int endpoints_store_rotate(struct worker *worker, const struct endpoint_rotation *rotations, size_t count);
/* ret_removed[i] false: there is none, it is the profile's, or an earlier one of `keys` has removed it. */
int endpoints_store_delete(struct worker *worker, const struct endpoint_key *keys, size_t count, bool *ret_removed);

/* Where a delivery goes, and what signs it. */
struct endpoint_target {
    const char *url; /* NULL: there is no such endpoint (any more) */
    int64_t timeout_s;
    const char *secrets[2], *signing_keys[2]; /* the present one and, while it is good, the former; NULL: none */
    bool disabled;
    int64_t owner_id;
    enum hears hears; /* nothing where the owner's account is no good */
};

int endpoints_store_read_targets(struct worker *worker, const int64_t *ids, size_t count,
                                 struct endpoint_target *ret_targets);

/* Disables those that have failed for five days and those that said 410 (`gone`, where their address is still
 * `gone_urls`), and queues a mail to the owner of each: once, however many workers ask for it. `pages`: what the
 * address of an endpoint's page begins with, NULL where mails name none. */
int endpoints_store_disable(struct worker *worker, const int64_t *gone, const char *const *gone_urls, size_t count,
                            const char *pages);

#endif
