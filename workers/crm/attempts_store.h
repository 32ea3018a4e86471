/* The attempts at one webhook, as they are shown. */
#ifndef TITHI_CRM_ATTEMPTS_STORE_H
#define TITHI_CRM_ATTEMPTS_STORE_H

#include "operations.h"
#include "worker.h"

/* Asks for the last hundred; the answer is received in its turn, and read by attempts_show(), oldest first. */
int attempts_queue(struct worker *worker, const char *webhook_id);
struct webhook_attempt *attempts_show(const PGresult *result, struct pool *pool, size_t *ret_count);

#endif
