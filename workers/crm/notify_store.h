/* The SQL of notify.c. Each returns 0, or -1: the transaction failed. Texts that come back live in the worker's pool.
 */
#ifndef TITHI_CRM_NOTIFY_STORE_H
#define TITHI_CRM_NOTIFY_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "operations.h"
#include "worker.h"

/* Queues a mail for each of these notifications that has none yet and whose facilitator is one of ours;
 * ret_queued[i] says so. `traces`: of the causing calls. */
int store_mail_facilitators(struct worker *worker, const int64_t *ids, const char *const *traces, size_t count,
                            bool *ret_queued);

/* Newest first. */
int store_list_mailed(struct worker *worker, int64_t before_id, int64_t limit,
                      struct list_crm_notifications_reply *ret_reply);

/* ret_deleted[i]: it was there. */
int store_delete_notifications(struct worker *worker, const int64_t *ids, size_t count, bool *ret_deleted);
int store_clear_notifications(struct worker *worker, int64_t *ret_deleted_count);

#endif
