/* All SQL of the crm worker. Texts that come back live in the worker's pool. Each returns 0, or -1: the transaction
 * failed. */
#ifndef TITHI_CRM_STORE_H
#define TITHI_CRM_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "operations.h"
#include "worker.h"

/* Where facilitators want their webhooks. */
struct owner_address {
    int64_t owner_id;
    const char *url, *secret; /* NULL: none */
};

struct owner_addresses {
    struct owner_address *items; /* by owner_id */
    size_t count;
};

int store_read_addresses(struct worker *worker, const int64_t *owner_ids, size_t count,
                         struct owner_addresses *ret_addresses);
/* NULL: there is no such account (any more). */
const struct owner_address *store_find_address(const struct owner_addresses *addresses, int64_t owner_id);

struct new_notification {
    const struct receive_booking_notification_request *request;
    const char *action; /* "": none was named */
    int64_t event_id;   /* this and the next: wherever in the request they stood */
    enum presence has_event_id;
    struct integer_or_string facilitator_id;
    enum presence has_facilitator_id;
};

/* One row per booking and action: a repeat gets the row that is there. */
int store_add_notifications(struct worker *worker, const struct new_notification *notifications, size_t count,
                            int64_t *ret_ids);

struct notifications_wanted {
    enum presence has_processed;
    bool processed;
    int64_t before_id;
    int64_t limit;
};

/* Newest first. */
int store_list_notifications(struct worker *worker, const struct notifications_wanted *wanted, size_t count,
                             struct list_booking_notifications_reply **ret_replies);
/* ret_notifications[i].id 0: there is none with that id. */
int store_process_notifications(struct worker *worker, const int64_t *ids, size_t count,
                                struct notification *ret_notifications);

#endif
