/* What lists by falling ids have in common: where a page begins and ends, and how many pages are read at once. */
#ifndef TITHI_CRM_PAGES_H
#define TITHI_CRM_PAGES_H

#include "operations.h"
#include "worker.h"

/* What `after` says the page is before; NULL: all there is. False: it is no cursor, and the call is refused. */
bool page_begins(struct call *call, const char *after, int64_t *ret_before_id);

/* `ids` of the rows that were found, one more than `limit` where the list goes on. How many are shown; *ret_next is the
 * cursor behind them, NULL at the end. */
size_t page_ends(const int64_t *ids, size_t count, size_t limit, struct pool *pool, const char **ret_next);

/* The rows' first column. */
const int64_t *page_ids(const PGresult *result, struct pool *pool);

/* Receives as many results as are queued, and has each fill the next of `ret_items`, which are of that size. 0, or -1:
 * the transaction failed. */
int pages_receive(struct worker *worker, size_t count,
                  void (*fill)(const PGresult *result, struct pool *pool, void *ret_item), void *ret_items,
                  size_t size);

#endif
