/* The SQL of the reports: what was earned, who has paid, and the figures of both. Money is read from the ledger only.
 * Functions return 0, or -1 where the database failed. Reports are queued, any number, and received in the same order
 * with one round trip. Texts in what they return live as long as the worker's pool or until db_release(). */
#ifndef TITHI_PAYMENT_REPORTS_STORE_H
#define TITHI_PAYMENT_REPORTS_STORE_H

#include "operations.h"
#include "worker.h"

/* Whose events; 0: any. Money counts for who ran the event when it was paid, people for who runs it now. */
struct report_scope {
    int64_t facilitator_id;
    int64_t event_id;
};

struct revenue_filter {
    struct report_scope scope;
    const char *group;
    const char *from, *to; /* NULL: no bound */
    int64_t skip;          /* rows of the pages before */
    int64_t limit;
};
int reports_queue_revenue(struct worker *worker, const struct revenue_filter *filter);
/* Leaves `next` unset: ret_revenue->rows may hold one row more than the limit, which tells that there is a next page.
 */
int reports_receive_revenue(struct worker *worker, struct revenue *ret_revenue);

struct people_filter {
    struct report_scope scope;
    const char *state; /* NULL: all */
    int64_t before_id; /* bookings older than that */
    int64_t limit;
};
int reports_queue_people(struct worker *worker, const struct people_filter *filter);
int reports_receive_people(struct worker *worker, struct payment_people *ret_people); /* as above */

int reports_queue_figures(struct worker *worker, const struct report_scope *scope);
int reports_receive_figures(struct worker *worker, struct payment_figures *ret_figures);

#endif
