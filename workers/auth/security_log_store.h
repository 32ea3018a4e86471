/* The SQL of the log of security events (audit.c writes it) and of what gateways tell. Texts live in the worker's pool.
 * Each returns 0, or -1: the group failed. */
#ifndef TITHI_AUTH_SECURITY_LOG_STORE_H
#define TITHI_AUTH_SECURITY_LOG_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "cursor.h"
#include "operations.h"
#include "worker.h"

#define SECURITY_LOG_COLUMNS "id, at, event, user_id, actor_id, session_id, address, request_id, detail"
#define SECURITY_LOG_COLUMN_COUNT 9
/* A row of them, from `column` on. */
struct logged_event security_log_row(const PGresult *result, int row, int column, struct pool *pool);

struct security_log_filter {
    int64_t user_id;       /* 0: of all */
    const char *event;     /* NULL: all */
    const char *from, *to; /* days or times; NULL: unbounded */
    int64_t after_us,
        after_id; /* where the page before ended: its moment in microseconds, and row; 0: the first page */
    int64_t limit;
};

/* Queues the question for a page, newest first. */
int security_log_queue(struct worker *worker, const struct security_log_filter *filter);
/* Receives a page, in the order in which they were asked for. *ret_last: value and id of the cursor behind it;
 * untouched on the last page. */
int security_log_receive(struct worker *worker, int64_t limit, struct security_log *ret_page, struct cursor *ret_last);

/* That these sessions, or API keys by what stands for their session, are in use: to the minute. */
int security_log_note_uses(struct worker *worker, const char *const *sessions, const char *const *addresses,
                           size_t count);

#endif
