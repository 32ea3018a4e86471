/* What has been asked of providers and is not settled yet. An inquiry is one question, or a few that follow from one
 * another; its answer is kept, and then worked on together with all others of its kind that ended in the same turn of
 * the loop, in one transaction. What is in flight is bounded per provider and purpose, so that a provider that hangs
 * keeps neither the other one nor anything else waiting. */
#ifndef TITHI_PAYMENT_INQUIRIES_H
#define TITHI_PAYMENT_INQUIRIES_H

#include <sys/queue.h>

#include "provider.h"
#include "worker.h"

enum inquiry_purpose {
    FOR_PEOPLE,  /* who wait for the answer */
    FOR_CHECKS,  /* the reconciler's */
    FOR_REFUNDS, /* bounded by their channel */
    INQUIRY_PURPOSES,
};

struct inquiry {
    TAILQ_ENTRY(inquiry) link;
    const struct inquiry_kind *kind;
    const struct provider *provider;
    struct pool *pool;       /* of all it holds; goes with it */
    int64_t give_up_mono_ms; /* then it ends as AGAIN, whatever comes later; 0: the provider's own limits do */
    bool in_flight;          /* a callback is still to come */
    bool ended, concluded;
    struct provider_order order;   /* that it is about, as far as a look-up needs it; texts in the pool */
    bool closes_unpaid;            /* a look-up that finds no money closes the order */
    struct provider_answer answer; /* texts in the pool; facts of all questions, in their order */
    struct fact *facts;
    size_t fact_capacity;
};

struct inquiry_kind {
    enum inquiry_purpose purpose;
    /* Draws the conclusions of inquiries that have ended, outside any transaction. What the database does not take is
     * lost here, and found again by the leases that run out. */
    void (*conclude)(struct worker *worker, struct inquiry *const *inquiries, size_t count);
};

void inquiries_start(struct worker *worker);
/* Ends what is in flight and draws the conclusions. */
void inquiries_stop(struct worker *worker);
bool inquiries_busy(void);
struct http_client *inquiries_client(void);

/* How many more may be asked now. */
size_t inquiries_room(const struct provider *provider, enum inquiry_purpose purpose);
/* `size`: of a struct that begins with struct inquiry; zeroed. To be asked at once. */
void *inquiry_new(size_t size, const struct inquiry_kind *kind, const struct provider *provider);
void inquiry_take_order(struct inquiry *inquiry, const struct provider_order *order);
const char *inquiry_text(struct inquiry *inquiry, const char *text_or_null); /* copied */

/* One of these asks. */
void inquiry_make_order(struct inquiry *inquiry);
/* Looks the order up; takes money that is held and as ordered; where there is none and `closes_unpaid`, closes it. */
void inquiry_look_up(struct inquiry *inquiry);
/* Closes it, as far as that goes, and tells what was paid until then; takes money that is held. */
void inquiry_close(struct inquiry *inquiry);
void inquiry_refund(struct inquiry *inquiry, const struct provider_refund *refund);
void inquiry_look_up_refund(struct inquiry *inquiry, const struct provider_refund *refund);

/* Has this happened, by the answer? `provider_payment_id` NULL: by any attempt. */
bool inquiry_found(const struct inquiry *inquiry, enum fact_kind kind, const char *provider_payment_id);

/* One more, copied: what the answer implies. */
void inquiry_add_fact(struct inquiry *inquiry, const struct fact *fact);

/* Draws the conclusions of all that has ended. At the end of whatever may have ended some: handlers, ticks, waits. */
void inquiries_conclude(struct worker *worker);

#endif
