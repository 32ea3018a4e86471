/* What the payment worker asks of a payment provider, and what it hears from one. A provider is one file behind this
 * interface; everything that a provider says, whether in a webhook, in an answer or through a customer's browser,
 * becomes a `struct fact`, and settle.c alone decides what follows from facts. Nothing here touches our own tables. */
#ifndef TITHI_PAYMENT_PROVIDER_H
#define TITHI_PAYMENT_PROVIDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "contract.h"
#include "http.h"
#include "pool.h"

struct worker;

enum fact_kind {
    FACT_AUTHORIZED, /* the provider holds the money; it must be captured */
    FACT_CAPTURED,
    FACT_FAILED, /* an attempt; others may follow */
    FACT_CLOSED, /* the order cannot be paid any more */
    FACT_REFUND_PENDING,
    FACT_REFUND_PROCESSED,
    FACT_REFUND_FAILED,
};

/* How a fact's receipt is bound to what it tells, which decides what the receipt says where the fact does not name the
 * order that we have made. */
enum receipt_bond {
    RECEIPT_NOTED,    /* it stands among notes, where customers can write: nothing */
    RECEIPT_OF_ORDER, /* in the order itself, which only key holders make: it is ours, if ours has no name here yet */
    RECEIPT_OF_MONEY, /* the provider ties it to the money, in a paid link or in its answer about our order: it is ours */
};

/* Texts live as long as the pool or response they were read from. */
struct fact {
    enum fact_kind kind;
    const char *order_id;            /* the provider's; NULL: not named */
    const char *receipt;             /* ours, as the provider echoes it; NULL: not named. An order is found by order_id, and by the
                                      * receipt only where that is none of ours: a payment link has an order of its own. */
    enum receipt_bond receipt_bond;  /* of facts about payments */
    const char *provider_payment_id; /* NULL: not named */
    int64_t amount_minor;            /* of the payment or of the refund */
    const char *currency;            /* three capitals; NULL where amount_minor does not count (FAILED, CLOSED) */
    const char *provider_refund_id;  /* refunds */
    const char *refund_id;           /* ours, as the provider echoes it; NULL: not named */
    const char *reason;              /* of a failure, for the record; NULL: none */
};

enum provider_fate {
    PROVIDER_DONE,
    PROVIDER_AGAIN,   /* no answer, 409, 429, 5xx, garbage: whether it was done is not known; ask again later */
    PROVIDER_REFUSED, /* 4xx: asking again is of no use */
};

/* What came of one question. Lives until the callback returns. */
struct provider_answer {
    enum provider_fate fate;
    const char *error;        /* for logs and records; NULL where DONE */
    int64_t retry_after_s;    /* 0: not given */
    const char *order_id;     /* make_order */
    const char *payment_url;  /* make_order; NULL: none */
    const struct fact *facts; /* look_up, capture, refund, look_up_refund: what is so now */
    size_t fact_count;
};

/* Runs exactly once per question, perhaps before the question's function returns. It may ask the next. */
typedef void provider_done(void *context, const struct provider_answer *answer);

struct provider_link { /* what a question travels on */
    struct worker *worker;
    struct http_client *client;
};

struct provider_order {
    const char *receipt; /* ours, unique, 35 characters: the idempotency key */
    int64_t amount_minor;
    const char *currency;
    const char *title; /* of the event */
    const char *booking_reference;
    const char *customer_name, *customer_email;
    int64_t expires_at_s; /* when the hold ends */
    bool asked_before;    /* an earlier attempt may have been taken: look for it first where the provider has no idempotency key */
    /* Of an order that exists; NULL where not known. */
    const char *order_id, *payment_url, *provider_payment_id;
};

struct provider_refund {
    const char *refund_id; /* ours, at least 10 of [A-Za-z0-9_-]: the idempotency key */
    const char *provider_refund_id; /* look_up_refund */
    const char *provider_payment_id, *order_id;
    int64_t amount_minor;
    const char *currency;
    bool asked_before; /* an earlier attempt may have been taken: look for it first, because idempotency keys do not last for ever */
};

/* A webhook as it came. */
struct provider_message {
    const char *payload; /* the body's bytes */
    size_t payload_length;
    const char *signature; /* the provider's header; NULL: none */
    const char *event_id;  /* Razorpay's header; NULL: none */
    int64_t now_s;
};

struct provider_event {
    const char *id; /* never applied twice */
    const char *type;
    struct fact facts[2];
    size_t fact_count; /* 0: it says nothing to us */
};

struct provider {
    const char *name;              /* "razorpay": the value of payments.provider and of `provider` in requests */
    const char *(*check)(void);    /* of its settings, before the start: what is wrong, in a sentence, or NULL */
    bool (*configured)(void);      /* are its keys set (sandbox: is it allowed)? */
    bool (*serves)(const char *currency);
    const char *(*key_id)(void);   /* that front ends may see; NULL: none */
    bool makes_links;              /* payment_url is made beside the order, and may be missing (see make_order); each can be paid
                                    * although the other one has been */

    /* All that a question is given is copied. */

    /* Makes the order, once, however often it is asked. Of one that is there already (order_id) only the payment_url, where the provider
     * makes links: DONE without one where that fails. */
    void (*make_order)(const struct provider_link *, const struct provider_order *, provider_done *, void *context);
    /* Takes money that is authorized (provider_payment_id). */
    void (*capture)(const struct provider_link *, const struct provider_order *, provider_done *, void *context);
    /* All that has happened to the order. Where order_id is NULL it is looked for by receipt: answer.order_id then names it; DONE without
     * one: there is none (which nobody could have paid). */
    void (*look_up)(const struct provider_link *, const struct provider_order *, provider_done *, void *context);
    /* Makes it unpayable, as far as the provider can; FACT_CLOSED, or FACT_CAPTURED where it was paid meanwhile. DONE without either: it
     * can still be paid. */
    void (*close_order)(const struct provider_link *, const struct provider_order *, provider_done *, void *context);
    /* Pays back, once, however often it is asked: at least one fact, except where it is refused. */
    void (*refund)(const struct provider_link *, const struct provider_refund *, provider_done *, void *context);
    /* DONE without facts: the provider has no such refund. */
    void (*look_up_refund)(const struct provider_link *, const struct provider_refund *, provider_done *, void *context);

    /* Reads a webhook: NULL; or why it is refused (invalid_signature; malformed_json: it is no JSON object). Never trusts it before
     * the signature is checked, in constant time. What is signed and says nothing usable has no facts. NULL where the provider
     * sends none. */
    const struct refusal *(*read_event)(const struct provider_message *, struct pool *, struct provider_event *ret_event);
};

extern const struct provider provider_razorpay, provider_stripe, provider_sandbox;

/* Razorpay's form in the browser: is the signature ours, over the order's own id and the payment's? Constant time. */
bool razorpay_form_signed(const char *order_id, const char *payment_id, const char *signature);

/* providers.c: all there are, set up or not. */
#define PROVIDER_LIMIT 8
extern const struct provider *const providers[];
extern const size_t provider_count;

/* PAYMENT_PROVIDERS and the keys decide. */
const char *providers_check(void);
const struct provider *provider_named(const char *name);           /* NULL: none of that name */
const struct provider *provider_for(const char *currency);         /* NULL: nobody takes it */
bool provider_offers(const struct provider *, const char *currency); /* set up, and takes it */
bool providers_want_sandbox(void); /* it is named, or nobody has keys */

#endif
