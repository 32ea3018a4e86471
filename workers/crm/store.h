/* All SQL of the crm worker. Texts that come back live in the worker's pool. Each returns 0, or -1: the transaction
 * failed. */
#ifndef TITHI_CRM_STORE_H
#define TITHI_CRM_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "operations.h"
#include "worker.h"

#define LEASE_S 15 /* a row is free again that long after its holder's last sign of life */

extern const struct statement store_sweeps[];
extern const size_t store_sweep_count;

/* A row of the outbox that is now ours to deliver. */
struct claim {
    int64_t id;
    int64_t owner_id; /* 0: the operator */
    const char *webhook_id, *type, *body, *trace;
    unsigned attempts;                    /* before this one */
    const char *owner_url, *owner_secret; /* of the facilitator; NULL where there is none (any more) */
};

struct claim_limits {
    size_t total;       /* at most so many rows */
    size_t of_operator; /* in hand at once, with those that are in `busy_owners` */
    size_t of_facilitator;
    const int64_t *busy_owners; /* one entry per row in hand */
    size_t busy_count;
};

int store_claim(struct worker *worker, const struct claim_limits *limits, struct claim **ret_claims, size_t *ret_count);

/* What became of an attempt. */
struct outcome {
    int64_t id;
    const char *state; /* "due", "delivered", "dead" */
    unsigned attempts;
    int64_t wait_ms;   /* "due": until the next attempt */
    long status;       /* 0: none came */
    const char *error; /* NULL: none */
};

int store_record(struct worker *worker, const struct outcome *outcomes, size_t count);
int store_renew_leases(struct worker *worker, const int64_t *ids, size_t count);

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
