/* An event as answers show it, read from the columns of event_columns.h. */
#ifndef TITHI_SHARED_EVENT_ROW_H
#define TITHI_SHARED_EVENT_ROW_H

#include "db.h"
#include "operations.h"
#include "worker.h"

/* The event in that row of a result, whose column `first` is the first of the columns. Texts live as long as the result
 * and the pool. */
void event_row_at(const PGresult *result, int row, int first, struct pool *pool, struct event *ret_event);

/* ret_events[i].id 0: there is no event with ids[i] (any more). One round trip. 0, or -1. Texts live as long as the
 * worker's pool or until db_release(). */
int event_rows_read(struct worker *worker, const int64_t *ids, size_t count, struct event *ret_events);

#endif
