/* Decisions about payments, pure: no database inside. */
#ifndef TITHI_PAYMENT_RULES_H
#define TITHI_PAYMENT_RULES_H

#include "operations.h"

/* The id before which a page starts: INT64_MAX for the first one. 0, or -1: the cursor is none of this list. */
int rule_page_start(const struct list_payments_request *request, struct pool *pool, int64_t *ret_before_id);
/* Of rows read with one more than the limit: keeps a page and names the next. */
void rule_page_end(const struct list_payments_request *request, struct pool *pool, struct list_payments_reply *reply);

#endif
