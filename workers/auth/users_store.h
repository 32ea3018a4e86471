/* Accounts as administrators see them. Texts that come back live in the worker's pool. Each returns 0, or -1: the group
 * failed. */
#ifndef TITHI_AUTH_USERS_STORE_H
#define TITHI_AUTH_USERS_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "operations.h"
#include "worker.h"

/* Queues a page, newest first, of those below `after_id` (0: from the start). Received in the same order. */
int user_store_queue_list(struct worker *worker, const struct list_users_request *filter, int64_t after_id);
/* *ret_more: there are others behind these. */
int user_store_receive_list(struct worker *worker, const struct list_users_request *filter,
                            struct list_users_reply *ret_page, bool *ret_more);

/* ret_accounts[i].id 0: no such account. `lock`: until the end of the transaction, in the order of their ids. */
int user_store_read(struct worker *worker, const int64_t *user_ids, size_t count, bool lock,
                    struct user_account *ret_accounts);
/* What is absent stays as it is; a new role ends a waiting application. */
int user_store_update(struct worker *worker, const struct update_user_request *change);

#endif
