/* All SQL of what the CRM service was told about bookings. Texts that come back live in the worker's pool. Each returns 0, or -1: the transaction
 * failed. */
#ifndef TITHI_CRM_STORE_H
#define TITHI_CRM_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "operations.h"
#include "worker.h"

struct new_notification {
    int64_t booking_id;
    const char *action; /* "": none was named */
    int64_t user_id;    /* this and the other numbers: 0: none */
    const char *user_name, *user_email;
    int64_t event_id;
    const char *event_title, *event_start_at; /* this and the other texts: NULL: none */
    int64_t facilitator_id;
    const char *facilitator_code; /* where a code stood in place of the number */
    const char *facilitator_crm_id;
};

struct added_notification {
    int64_t id;
    bool mail_is_good; /* one to the facilitator was queued before, and may still leave or has left */
};

/* One row per booking and action: a repeat gets the row that is there. */
int store_add_notifications(struct worker *worker, const struct new_notification *notifications, size_t count,
                            struct added_notification *ret_added);

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
