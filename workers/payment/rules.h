/* Decisions about payments, pure: no database, no provider inside. What follows from what a provider says, when it is
 * asked again, who gets an order, and the pages of lists. tests/unit/test_payment_rules.c has them as tables. */
#ifndef TITHI_PAYMENT_RULES_H
#define TITHI_PAYMENT_RULES_H

#include "operations.h"
#include "provider.h"

/* States as the database names them; -1 from the readers: no such state. */
enum payment_status {
    PAYMENT_CREATED,
    PAYMENT_AUTHORIZED,
    PAYMENT_CAPTURED,
    PAYMENT_PARTIALLY_REFUNDED,
    PAYMENT_REFUNDED,
    PAYMENT_FAILED,
};
enum booking_status { SEAT_PENDING, SEAT_CONFIRMED, SEAT_CANCELLED, SEAT_EXPIRED, SEAT_COMPLETED };
enum refund_status { REFUND_CREATED, REFUND_PENDING, REFUND_PROCESSED, REFUND_FAILED };
enum payment_status rule_payment_status(const char *text);
enum booking_status rule_booking_status(const char *text);
enum refund_status rule_refund_status(const char *text);

/* What follows from one fact. */
enum effect {
    EFFECT_NONE,          /* known already, or overtaken */
    EFFECT_MISMATCH,      /* not what was ordered: refused, nothing changes */
    EFFECT_STRAY,         /* it names our receipt, and another order than ours: refused, nothing changes */
    EFFECT_STRAY_OPEN,    /* the same, and our order is unpaid: it is looked up at once */
    EFFECT_TOO_EARLY,     /* a refund of money that we have not heard of: refused, and its order is looked up at once */
    EFFECT_LOOK_UP,       /* money that would go back, on the browser's word: its order is looked up at once */
    EFFECT_AUTHORIZE,     /* the money is held; the provider is asked at once to take it */
    EFFECT_FAIL,          /* the attempt failed; the booking stays held and may be paid again */
    EFFECT_CLOSE,         /* the order cannot be paid any more */
    EFFECT_CONFIRM,       /* paid in time */
    EFFECT_RESEAT,        /* paid late, and a place is free */
    EFFECT_PAY_BACK_LATE, /* paid late, and the place is gone */
    EFFECT_PAY_BACK_TWIN, /* the booking was paid through another order */
    EFFECT_PAY_BACK_SECOND,  /* the order was paid by another attempt: money of its own, in a row of its own */
    EFFECT_REFUND_PENDING,   /* the provider has taken the refund on */
    EFFECT_REFUND_PROCESSED, /* it has paid it */
    EFFECT_REFUND_FAILED,    /* it cannot pay it; the money is still owed */
    EFFECT_REFUND_FOUND,     /* a refund that was made at the provider, not by us */
    EFFECT_COUNT,
};

struct payment_state {
    enum payment_status status;
    int64_t amount_minor;
    const char *currency;
    const char *order_id;            /* the provider's; NULL: not known yet */
    const char *provider_payment_id; /* of the attempt that is authorized or has paid; NULL: none */
    int64_t refunded_minor;          /* owed or paid back */
    bool closed;
};

/* In which money arrives. */
struct circumstances {
    enum booking_status booking;
    const char *no_seat; /* why an expired booking can have no place again, a word for its mail; NULL: it can */
};

struct refund_state {
    int64_t id, payment_id;
    const char *refund_id, *provider_refund_id; /* the latter may be NULL */
    int64_t amount_minor;
    const char *currency;
    enum refund_status status;
};

struct event_state {
    int64_t id;
    bool cancelled, started;
    bool full; /* for whoever comes along */
};
/* Why an expired booking can have no place again; NULL: it can. `person_has_offer`: the event's waiting list keeps one
 * for them. */
const char *rule_no_seat(const struct event_state *event, bool person_has_other, bool person_has_offer);
/* Why the money of a late payment goes back: a word that its mail knows (workers/mail/templates/README.md). */
const char *rule_late_cause(const struct circumstances *circumstances);

enum effect rule_payment_fact(const struct fact *fact, const struct payment_state *payment,
                              const struct circumstances *circumstances);
/* The same where only the browser has said it: it may be true that the provider holds the money, and not that it could
 * pay it back. */
enum effect rule_unverified(enum effect effect);
/* Which refund of that payment a fact speaks of: NULL, one that we do not know. */
const struct refund_state *rule_find_refund(const struct fact *fact, int64_t payment_id,
                                            const struct payment_state *payment, const struct refund_state *refunds,
                                            size_t count);
/* Has the provider paid it once more? Only people can see to that. */
bool rule_is_paid_twice(const struct fact *fact, const struct refund_state *refund);
enum effect rule_refund_fact(const struct fact *fact, const struct payment_state *payment,
                             const struct refund_state *refund);
bool rule_is_about_refund(const struct fact *fact);

/* What a check has found. */
enum check_result {
    CHECK_UNANSWERED,
    CHECK_REFUSED, /* the provider does not know what we ask about, or us */
    CHECK_UNPAID,  /* and the booking waits for the money */
    CHECK_OVER,    /* unpaid, the booking is over, and the provider cannot close the order */
    CHECK_PAID,    /* once, as it should be; whoever was paying its link just then has paid it when it is asked again */
    CHECK_REFUND,  /* the provider has not paid the refund yet */
};
/* Seconds until the next one. `checks`: how many there were; `hold_left_s`: until the booking's hold ends, 0: none. */
int64_t rule_check_wait_s(enum check_result result, int64_t checks, int64_t retry_after_s, int64_t hold_left_s);
/* May we stop asking about an unpaid order whose booking has been over that long? Never because of an outage. */
bool rule_gives_up(enum check_result result, int64_t over_s);

/* Why a booking gets no order; NULL: it gets one. */
const struct refusal *rule_payable(enum booking_status booking, int64_t price_minor, bool hold_over);
struct refund_wish {
    bool all;             /* that is left */
    int64_t amount_minor; /* where not all */
    const char *currency; /* NULL: not named; the amount then came with two decimals */
};
struct refund_verdict {
    const struct refusal *refusal;    /* NULL: granted */
    const char *wrong_field, *reason; /* details of the refusal; NULL: none */
    int64_t amount_minor;
};
struct refund_verdict rule_refund_wish(const struct refund_wish *wish, int64_t captured_minor, int64_t left_minor,
                                       const char *currency);

/* The id before which a page starts: INT64_MAX for the first one. 0, or -1: the cursor is none of this list. */
int rule_page_start(const struct list_payments_request *request, struct pool *pool, int64_t *ret_before_id);
/* Of rows read with one more than the limit: keeps a page and names the next. */
void rule_page_end(const struct list_payments_request *request, struct pool *pool, struct list_payments_reply *reply);

#endif
