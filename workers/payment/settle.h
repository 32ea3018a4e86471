/* From facts to state: the one place where money changes anything. Whatever a provider says, by webhook, answer or the
 * customer's browser, comes here as facts; rules.c decides what follows, and this writes it: payment, booking, place,
 * refund, mail, webhook, in one transaction. Facts may come late, twice, out of order or wrong. */
#ifndef TITHI_PAYMENT_SETTLE_H
#define TITHI_PAYMENT_SETTLE_H

#include "booking_row.h"
#include "provider.h"
#include "worker.h"

struct settlement { /* what one message of a provider says */
    const struct provider *provider;
    const struct fact *facts; /* in their order, all about one order */
    size_t fact_count;
    const char *source;                /* "razorpay webhook payment.captured": goes into the audit */
    const char *trace;                 /* traceparent of the causing call; NULL: none */
    const char *event_id, *event_type; /* of a webhook: what was noted once is not looked at again; NULL: none */
    bool unverified;                   /* the browser's word: the provider is asked about what follows at once */
    /* What came of it. */
    const struct refusal *refusal; /* of the first fact that is not believed; then the event is not noted either */
    struct booking booking;        /* as it is now; id 0: the facts name no order of ours */
    bool undecided;                /* what follows is the provider's to say */
    bool failed;                   /* settle_now(): the database did not take it */
};

/* In the running transaction. 0; or -1: it failed. */
int settle(struct worker *worker, struct settlement *settlements, size_t count);
/* In one of its own; where that fails, in one for each. */
void settle_now(struct worker *worker, struct settlement *settlements, size_t count);

#endif
