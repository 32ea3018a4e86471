/* SQL of the payment worker, but for settling (settle_store.h) and the reports. Texts that come back live in the
 * worker's pool or until db_release(). Each function returns 0, or -1: the database failed. */
#ifndef TITHI_PAYMENT_STORE_H
#define TITHI_PAYMENT_STORE_H

#include "rules.h"
#include "worker.h"

extern const struct statement store_sweeps[];
extern const size_t store_sweep_count;

/* ---- Lists */

struct payments_wanted {
    int64_t user_id;
    int64_t before_id;
    int64_t limit;
};
/* Newest first. `ret_replies[i]->payments` gets the rows of wanted[i]. */
int store_list_payments(struct worker *worker, const struct payments_wanted *wanted, size_t count,
                        struct list_payments_reply **ret_replies);

/* ---- Orders */

struct order_wish {
    int64_t booking_id;   /* 0: the person's latest booking of the event, one that is pending first */
    int64_t event_id;     /* 0: any */
    int64_t user_id;      /* 0: anybody's */
    const char *provider; /* NULL: any */
};
/* A booking as far as its paying goes, and its order: of the wanted provider, else the first; an open one first. */
struct order_row {
    int64_t booking_id; /* 0: there is none */
    int64_t event_id;
    enum booking_status status;
    const char *status_reason;
    int64_t price_minor;
    const char *currency;
    bool hold_over;
    int64_t hold_expires_at_s; /* 0: not held */
    const char *hold_expires_at;
    const char *reference, *title, *customer_name, *customer_email;
    const char *provider; /* NULL: no order was ever wanted */
    const char *order_id; /* NULL: not made (yet) */
    const char *payment_url;
    bool closed;
};
/* `ret_rows[i]` is for wishes[i]. */
int store_find_orders(struct worker *worker, const struct order_wish *wishes, size_t count, struct order_row *ret_rows);

struct wanted_order {
    int64_t booking_id; /* of a pending booking */
    const char *provider;
    bool with_link; /* an order without payment_url is to be asked for it */
};
struct order_claim {
    int64_t payment_id; /* 0: somebody else is making it, or the booking is not pending any more */
    const char *receipt;
    const char *order_id; /* NULL: it is to be made; else only its payment_url is missing */
    bool asked_before;
};
/* Makes sure that each of these bookings has an open payment at its provider, and takes the lease of those that lack
 * something. A check that is due goes before a mere link. */
int store_claim_orders(struct worker *worker, const struct wanted_order *wanted, size_t count,
                       struct order_claim *ret_claims);

struct made_order {
    int64_t payment_id;
    const char *order_id, *payment_url; /* NULL: it was not made */
    const char *error;                  /* then */
    bool known;                         /* that it was not made; else the provider may have taken it */
    bool in_flight;                     /* or may be taking it now */
    int64_t check_after_s;
};
int store_record_orders(struct worker *worker, const struct made_order *orders, size_t count);

struct unpayable {
    int64_t booking_id;
    const char *reason;
};
/* Cancels those of these bookings that are pending, and frees their places. Part of the running transaction.
 * `ret_cancelled` takes `count` ids. */
int store_cancel_pending(struct worker *worker, const struct unpayable *bookings, size_t count, int64_t *ret_cancelled,
                         size_t *ret_count);

/* The order that a provider names, for the browser's word and the sandbox's page. */
struct named_order {
    int64_t payment_id; /* 0: none of ours */
    int64_t booking_id;
    const char *receipt, *order_id, *payment_url;
    int64_t amount_minor;
    const char *currency;
    const char *paid_by; /* the attempt whose money was taken; NULL: none */
    const char *booking_reference, *booking_status, *event_title, *hold_expires_at;
    int64_t hold_expires_at_s;
};
int store_find_named(struct worker *worker, const char *provider, const char *const *order_ids, size_t count,
                     struct named_order *ret_orders);

/* What became of the money of these attempts: the cause of the refund that gives all of it back, or NULL. */
int store_find_causes(struct worker *worker, const char *provider, const char *const *attempts, size_t count,
                      const char **ret_causes);

/* ---- Refunds */

struct refundable {     /* a booking, and the payment of it that has most left */
    int64_t booking_id; /* 0: there is none */
    int64_t user_id, facilitator_id;
    int64_t payment_id; /* 0: nothing was paid */
    int64_t captured_minor, left_minor;
    const char *currency;
};
/* Locks bookings and payments. */
int store_lock_refundable(struct worker *worker, const int64_t *booking_ids, size_t count, struct refundable *ret_rows);

struct wanted_refund {
    int64_t payment_id;
    int64_t amount_minor;
    const char *reason;
    int64_t requested_by;
};
int store_queue_refund(struct worker *worker, const struct wanted_refund *wanted);
int store_receive_refund(struct worker *worker, const char **ret_refund_id);

/* A refund as a provider is asked about it. */
struct due_refund {
    int64_t id; /* 0: there is none */
    const char *refund_id;
    const char *provider, *provider_refund_id, *provider_payment_id, *order_id;
    int64_t amount_minor;
    const char *currency;
    enum refund_status status;
    int64_t failures; /* how often it was refused or failed for good */
    int64_t age_s;
    int64_t checks;
    const char *due_at; /* when its check was due */
};
int store_read_refunds(struct worker *worker, const char *const *refund_ids, size_t count,
                       struct due_refund *ret_refunds);

/* ---- Checks */

struct due_payment {
    int64_t id, booking_id;
    struct provider_order order;
    enum payment_status status;
    enum booking_status booking;
    int64_t hold_left_s; /* 0: not held */
    int64_t over_s;      /* since the booking ended; 0: it has not */
    int64_t checks;
    const char *due_at;
};
/* Takes the leases of what is due at one provider. Queued, then received. */
int store_queue_due_payments(struct worker *worker, const char *provider, size_t limit);
int store_receive_due_payments(struct worker *worker, struct due_payment **ret_payments, size_t *ret_count);
int store_queue_due_refunds(struct worker *worker, const char *provider, size_t limit);
int store_receive_due_refunds(struct worker *worker, struct due_refund **ret_refunds, size_t *ret_count);

/* Ends a check. The next one is set unless settling has set it meanwhile. */
struct checked {
    int64_t id;
    const char *due_at;
    int64_t wait_s;       /* -1: it need not be checked again */
    const char *order_id; /* payments: as the look-up by receipt found it; NULL: not */
};
int store_record_checked_payments(struct worker *worker, const struct checked *checked, size_t count);
int store_record_checked_refunds(struct worker *worker, const struct checked *checked, size_t count);

#endif
