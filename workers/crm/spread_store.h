/* The SQL of spreading. Functions return 0, or -1: the transaction failed. */
#ifndef TITHI_CRM_SPREAD_STORE_H
#define TITHI_CRM_SPREAD_STORE_H

#include <stdbool.h>

#include "worker.h"

/* Has anything happened that is not spread yet? */
int spread_store_find(struct worker *worker, bool *ret_found);
/* Gives the next entries, at most so many, their positions in the log; fewer where many listen to each. None where
 * another worker is spreading: it goes on until this transaction ends. *ret_more: there may be more of them. */
int spread_store_take(struct worker *worker, size_t limit, int64_t **ret_entries, size_t *ret_count, bool *ret_more);

#endif
