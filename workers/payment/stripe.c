/* Stripe: a hosted checkout session per order, refunds and webhooks (https://docs.stripe.com/api). Money is captured by
 * Stripe itself. Sessions and refunds are made once by Idempotency-Key, which holds only for the same parameters: what
 * is sent must not depend on when it is sent. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "hmac.h"
#include "log.h"
#include "operations.h"
#include "pay_back.h"
#include "provider.h"
#include "question.h"
#include "reading.h"
#include "settings.h"

#define QUESTION_MS 10000
#define REFUND_MS 15000
#define SESSION_SHORTEST_S 1860 /* Stripe wants 30 minutes; one more for clocks */
#define SESSION_LONGEST_S (24 * 3600 - 60)
#define TOLERANCE_S 300
#define SIGNATURES_LIMIT 8
#define SESSIONS_LISTED "8" /* as many as surely fit into HTTP_BODY_LIMIT */

/* https://docs.stripe.com/currencies, without those whose amounts Stripe counts otherwise than ISO 4217 does: ISK and
 * UGX (two decimals there, none here) and MGA (none there, two here). */
static const char currencies[] = "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD "
                                 "BWP BYN BZD CAD CDF CHF CLP CNY COP CRC CVE CZK DJF DKK DOP DZD EGP ETB "
                                 "EUR FJD FKP GBP GEL GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR JMD JOD JPY KES "
                                 "KGS KHR KMF KRW KWD KYD KZT LAK LBP LKR LRD LSL MAD MDL MKD MMK MNT MOP "
                                 "MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR "
                                 "RON RSD RUB RWF SAR SBD SCR SEK SGD SHP SLE SOS SRD SZL THB TJS TND TOP "
                                 "TRY TTD TWD TZS UAH USD UYU UZS VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ";

/* ---- Settings */

static bool configured(void) {
    return settings.stripe_secret_key[0];
}

static const char *check(void) {
    const char *problem = check_api_url("STRIPE_API_URL", settings.stripe_api_url);
    if (settings.stripe_publishable_key[0] && !configured())
        return "STRIPE_SECRET_KEY is not set, but STRIPE_PUBLISHABLE_KEY is";
    if (configured() && !settings.public_url[0])
        return "PUBLIC_URL is not set: Stripe needs a page to send people back to";
    if (configured() && !settings.stripe_webhook_secret[0] && settings_production())
        return "STRIPE_WEBHOOK_SECRET is not set: a forged webhook could not be told from a true one";
    return problem ? problem : check_header_text("STRIPE_SECRET_KEY", settings.stripe_secret_key);
}

static bool serves(const char *currency) {
    return currency_is_among(currency, currencies);
}

static const char *key_id(void) {
    return configured() && settings.stripe_publishable_key[0] ? settings.stripe_publishable_key : NULL;
}

static const char *authorization(struct pool *pool) {
    return pool_printf(pool, "Authorization: Bearer %s", settings.stripe_secret_key);
}

static struct api api;

/* ---- Reading its objects */

/* An id, or the object itself where it was expanded. */
static const char *read_reference(json_t *object, const char *name, struct pool *pool) {
    const char *id = read_id(object, name, pool);
    return id ? id : read_id(json_object_get(object, name), "id", pool);
}

static int read_session(json_t *session, struct pool *pool, struct fact *ret_fact) {
    struct fact fact = {.order_id = read_id(session, "id", pool),
                        .receipt = read_id(session, "client_reference_id", pool),
                        .receipt_bond = RECEIPT_OF_ORDER,
                        .provider_payment_id = read_reference(session, "payment_intent", pool)};
    if (!fact.receipt)
        fact.receipt = read_id(json_object_get(session, "metadata"), "receipt", pool);
    if (!fact.order_id)
        return -1;
    *ret_fact = fact;
    return 0;
}

static int read_paid_session(json_t *session, struct pool *pool, struct fact *ret_fact) {
    struct fact fact;
    if (read_session(session, pool, &fact) != 0 || !fact.provider_payment_id ||
        read_amount(session, "amount_total", &fact.amount_minor) != 0)
        return -1;
    fact.kind = FACT_CAPTURED;
    fact.currency = read_currency(session, "currency", pool);
    *ret_fact = fact;
    return fact.currency ? 0 : -1;
}

static int read_refund(json_t *refund, struct pool *pool, struct fact *ret_fact) {
    static const struct {
        const char *status;
        enum fact_kind kind;
    } kinds[] = {{"succeeded", FACT_REFUND_PROCESSED},
                 {"pending", FACT_REFUND_PENDING},
                 {"requires_action", FACT_REFUND_PENDING},
                 {"failed", FACT_REFUND_FAILED},
                 {"canceled", FACT_REFUND_FAILED}};
    struct fact fact = {.provider_refund_id = read_id(refund, "id", pool),
                        .provider_payment_id = read_reference(refund, "payment_intent", pool),
                        .refund_id = read_id(json_object_get(refund, "metadata"), "refund_id", pool),
                        .currency = read_currency(refund, "currency", pool),
                        .reason = read_words(refund, "failure_reason", pool)};
    size_t i = 0;
    while (i < sizeof kinds / sizeof *kinds && !read_is(refund, "status", kinds[i].status))
        i++;
    if (i == sizeof kinds / sizeof *kinds || !fact.provider_refund_id || !fact.currency ||
        read_amount(refund, "amount", &fact.amount_minor) != 0)
        return -1;
    fact.kind = kinds[i].kind;
    *ret_fact = fact;
    return 0;
}

/* ---- Sessions */

static struct question *order_question(const struct provider_link *link, const struct provider_order *order,
                                       provider_done *done, void *context) {
    struct question *question = question_new(&api, link, QUESTION_MS, done, context);
    question_take_order(question, order);
    return question;
}

static const char *kept_form(struct question *question, struct buffer *form) {
    const char *text = pool_text(question->pool, buffer_text(form));
    buffer_free(form);
    return text;
}

/* The earliest end that Stripe accepts at any time during the hold, so that it is the same however often the session is
 * asked for; the reconciler closes it with the hold. Where that is too far away, Stripe's own limit holds. */
static void append_expiry(struct buffer *form, const struct provider_order *order) {
    int64_t end_s = order->expires_at_s + SESSION_SHORTEST_S;
    if (end_s <= clock_wall_ms() / 1000 + SESSION_LONGEST_S)
        form_append_integer(form, "expires_at", end_s);
}

static const char *lower(struct pool *pool, const char *text) {
    char *copy = pool_text(pool, text);
    for (char *letter = copy; *letter; letter++)
        *letter = (char)tolower((unsigned char)*letter);
    return copy;
}

static const char *session_form(struct question *question) {
    const struct provider_order *order = &question->order;
    const char *return_url = question_return_url(question);
    struct buffer form = {0};
    form_append(&form, "mode", "payment");
    form_append(&form, "line_items[0][price_data][currency]", lower(question->pool, order->currency));
    form_append(&form, "line_items[0][price_data][product_data][name]", order->title);
    form_append_integer(&form, "line_items[0][price_data][unit_amount]", order->amount_minor);
    form_append(&form, "line_items[0][quantity]", "1");
    form_append(&form, "success_url", return_url);
    form_append(&form, "cancel_url", return_url);
    form_append(&form, "client_reference_id", order->receipt);
    form_append(&form, "customer_email", order->customer_email);
    form_append(&form, "metadata[receipt]", order->receipt);
    form_append(&form, "metadata[booking]", order->booking_reference);
    form_append(&form, "payment_intent_data[metadata][receipt]", order->receipt);
    append_expiry(&form, order);
    return kept_form(question, &form);
}

static void on_session_made(struct question *question, const struct heard *heard) {
    struct fact session;
    if (heard->fate != PROVIDER_DONE) {
        question_give_up(question, heard);
    } else if (read_session(heard->json, question->pool, &session) != 0) {
        question_odd(question, "what is no session");
    } else if (read_is(heard->json, "status", "expired")) {
        question_give_up(question, &(struct heard){.fate = PROVIDER_REFUSED,
                                                   .error = "stripe's session for this order has expired"});
    } else {
        question->answer.order_id = session.order_id;
        question->answer.payment_url = read_url(heard->json, "url", question->pool);
        if (!question->answer.payment_url && !read_is(heard->json, "status", "complete"))
            question_odd(question, "a session without its page");
        else
            question_end(question);
    }
}

static void post_session(struct question *question) {
    question_ask(question, on_session_made,
                 &(struct ask){.path = "/v1/checkout/sessions",
                               .body = session_form(question),
                               .header = pool_printf(question->pool, "Idempotency-Key: %s", question->order.receipt)});
}

/* A key holds for a day at least, and repeats an error as it repeats a session: so what an earlier attempt has left is
 * looked for among the person's newest sessions. One that is not found was never seen by anybody. */
static void ask_for_sessions(struct question *question, question_step *step) {
    struct buffer path = {0};
    buffer_append_text(&path, "/v1/checkout/sessions?limit=" SESSIONS_LISTED);
    form_append(&path, "customer_details[email]", question->order.customer_email);
    question_ask(question, step, &(struct ask){.path = kept_form(question, &path)});
}

/* 1: found; 0: there is none; -1: the list could not be read, and the question has ended. */
static int find_session(struct question *question, const struct heard *heard, json_t **ret_session) {
    json_t *sessions = json_object_get(heard->json, "data"), *session;
    size_t i;
    if (heard->fate != PROVIDER_DONE) {
        question_give_up(question, heard);
        return -1;
    }
    if (!json_is_array(sessions)) {
        question_odd(question, "what is no list of sessions");
        return -1;
    }
    json_array_foreach(sessions, i, session) {
        if (read_is(session, "client_reference_id", question->order.receipt)) {
            *ret_session = session;
            return 1;
        }
    }
    return 0;
}

static void on_sessions_before_making(struct question *question, const struct heard *heard) {
    json_t *session;
    int found = find_session(question, heard, &session);
    if (found > 0)
        on_session_made(question, &(struct heard){.fate = PROVIDER_DONE, .json = session});
    else if (found == 0)
        post_session(question);
}

static void make_order(const struct provider_link *link, const struct provider_order *order, provider_done *done,
                       void *context) {
    struct question *question = order_question(link, order, done, context);
    if (currency_decimals(order->currency) == 3 && order->amount_minor % 10)
        question_give_up(question,
                         &(struct heard){.fate = PROVIDER_REFUSED, .error = "amounts in this currency must end in 0"});
    else if (order->asked_before)
        ask_for_sessions(question, on_sessions_before_making);
    else
        post_session(question);
}

static void capture(const struct provider_link *link, const struct provider_order *order, provider_done *done,
                    void *context) {
    (void)link, (void)order;
    done(context, &(struct provider_answer){.fate = PROVIDER_REFUSED, .error = "stripe captures by itself"});
}

/* A session that is complete and unpaid waits for a bank. */
static void on_session(struct question *question, const struct heard *heard) {
    struct fact session = {0};
    const char *order_id = question->answer.order_id;
    if (heard->fate != PROVIDER_DONE) {
        question_give_up(question, heard);
        return;
    }
    bool paid = read_is(heard->json, "payment_status", "paid"), expired = read_is(heard->json, "status", "expired");
    int read = paid ? read_paid_session(heard->json, question->pool, &session)
                    : read_session(heard->json, question->pool, &session);
    if (read != 0 || !order_id || strcmp(session.order_id, order_id) != 0) {
        question_odd(question, "what is not this session");
        return;
    }
    session.receipt_bond = RECEIPT_OF_MONEY;
    if (!paid)
        session.kind = FACT_CLOSED;
    if (paid || expired)
        question_fact(question, &session);
    question_end(question);
}

static void ask_for_session(struct question *question, const char *order_id) {
    question->answer.order_id = order_id;
    question_ask(question, on_session,
                 &(struct ask){.path = question_path(question, "/v1/checkout/sessions/", order_id, "")});
}

static void on_expired(struct question *question, const struct heard *heard) {
    if (heard->fate == PROVIDER_REFUSED) /* it was paid or ran out meanwhile */
        ask_for_session(question, question->answer.order_id);
    else
        on_session(question, heard);
}

static void expire_session(struct question *question, const char *order_id) {
    question->answer.order_id = order_id;
    question_ask(
        question, on_expired,
        &(struct ask){.path = question_path(question, "/v1/checkout/sessions/", order_id, "/expire"), .body = ""});
}

static void on_sessions(struct question *question, const struct heard *heard) {
    json_t *session;
    int found = find_session(question, heard, &session);
    if (found < 0)
        return;
    question->answer.order_id = found ? read_id(session, "id", question->pool) : NULL;
    if (found && question->closing && read_is(session, "status", "open")) {
        expire_session(question, question->answer.order_id);
    } else if (found) {
        on_session(question, &(struct heard){.fate = PROVIDER_DONE, .json = session});
    } else {
        if (question->closing) /* there is nothing to be paid */
            question_fact(question, &(struct fact){.kind = FACT_CLOSED,
                                                   .receipt = question->order.receipt,
                                                   .receipt_bond = RECEIPT_OF_MONEY});
        question_end(question);
    }
}

static void look_up(const struct provider_link *link, const struct provider_order *order, provider_done *done,
                    void *context) {
    struct question *question = order_question(link, order, done, context);
    if (question->order.order_id)
        ask_for_session(question, question->order.order_id);
    else
        ask_for_sessions(question, on_sessions);
}

static void close_order(const struct provider_link *link, const struct provider_order *order, provider_done *done,
                        void *context) {
    struct question *question = order_question(link, order, done, context);
    question->closing = true;
    if (question->order.order_id)
        expire_session(question, question->order.order_id);
    else
        ask_for_sessions(question, on_sessions);
}

/* ---- Refunds */

static struct ask post_refund(struct question *question) {
    const struct provider_refund *refund = &question->refund;
    struct buffer form = {0};
    if (!is_provider_id(refund->provider_payment_id))
        return (struct ask){0};
    form_append(&form, "payment_intent", refund->provider_payment_id);
    form_append_integer(&form, "amount", refund->amount_minor);
    form_append(&form, "reason", "requested_by_customer");
    form_append(&form, "metadata[refund_id]", refund->refund_id);
    return (struct ask){.path = "/v1/refunds",
                        .body = kept_form(question, &form),
                        .header = pool_printf(question->pool, "Idempotency-Key: %s", refund->refund_id)};
}

static struct api api = {.name = "stripe",
                         .url = &settings.stripe_api_url,
                         .content_type = "application/x-www-form-urlencoded",
                         .authorization = authorization,
                         .refunds_path = {"/v1/refunds?payment_intent=", "&limit=50"},
                         .refunds_items = "data",
                         .read_refund = read_refund,
                         .post_refund = post_refund};

static void refund(const struct provider_link *link, const struct provider_refund *refund, provider_done *done,
                   void *context) {
    pay_back(&api, link, refund, done, context);
}

static void look_up_refund(const struct provider_link *link, const struct provider_refund *refund, provider_done *done,
                           void *context) {
    pay_back_look_up(&api, link, refund, done, context);
}

/* ---- Webhooks */

static int completed_event(json_t *session, struct pool *pool, struct provider_event *ret) {
    if (!read_is(session, "payment_status", "paid"))
        return 0; /* a bank takes its time: another event will tell */
    ret->fact_count = 1;
    return read_paid_session(session, pool, &ret->facts[0]);
}

static int expired_event(json_t *session, struct pool *pool, struct provider_event *ret) {
    if (read_session(session, pool, &ret->facts[0]) != 0)
        return -1;
    ret->facts[0].kind = FACT_CLOSED;
    ret->fact_count = 1;
    return 0;
}

/* A session takes one attempt by a bank: nobody can pay it any more. */
static int failed_event(json_t *session, struct pool *pool, struct provider_event *ret) {
    if (expired_event(session, pool, ret) != 0)
        return -1;
    ret->facts[1] = ret->facts[0];
    ret->facts[0].kind = FACT_FAILED;
    ret->facts[0].reason = "the bank did not pay";
    ret->fact_count = 2;
    return 0;
}

/* One that names neither a payment intent nor us was made elsewhere in the same account. */
static int refund_event(json_t *refund, struct pool *pool, struct provider_event *ret) {
    struct fact *fact = &ret->facts[0];
    if (read_refund(refund, pool, fact) != 0)
        return -1;
    ret->fact_count = fact->provider_payment_id || fact->refund_id;
    return 0;
}

/* All others say nothing to us; charge.refunded among them, because refund.* tell of each refund. */
static const struct {
    const char *name;
    int (*read)(json_t *object, struct pool *, struct provider_event *); /* -1: the object's values are none */
} events[] = {
    {"checkout.session.completed", completed_event},
    {"checkout.session.async_payment_succeeded", completed_event},
    {"checkout.session.async_payment_failed", failed_event},
    {"checkout.session.expired", expired_event},
    {"refund.created", refund_event},
    {"refund.updated", refund_event},
    {"refund.failed", refund_event},
    {"charge.refund.updated", refund_event},
};

static int read_facts(json_t *body, struct pool *pool, struct provider_event *ret) {
    json_t *object = read_path(body, "data", "object", NULL);
    for (size_t i = 0; json_is_object(object) && i < sizeof events / sizeof *events; i++)
        if (strcmp(events[i].name, ret->type) == 0)
            return events[i].read(object, pool, ret);
    return 0;
}

struct signature_part {
    const char *text;
    size_t length;
};

/* "t=1700000000,v1=…,v1=…,v0=…": the time, and the signatures of scheme v1. 0, or -1: it is garbled. */
static int read_signature(const char *header, struct signature_part *ret_time, struct signature_part *ret_signatures,
                          size_t *ret_count) {
    struct signature_part time = {0};
    size_t count = 0;
    for (const char *at = header; *at; at += *at == ',') {
        size_t length = strcspn(at, ",");
        if (length > 2 && strncmp(at, "t=", 2) == 0 && !time.text)
            time = (struct signature_part){at + 2, length - 2};
        else if (length > 3 && strncmp(at, "v1=", 3) == 0 && count < SIGNATURES_LIMIT)
            ret_signatures[count++] = (struct signature_part){at + 3, length - 3};
        at += length;
    }
    if (!time.text || time.length > 12 || strspn(time.text, "0123456789") < time.length)
        return -1;
    *ret_time = time;
    *ret_count = count;
    return 0;
}

static bool is_signed(const struct provider_message *message) {
    struct signature_part time, signatures[SIGNATURES_LIMIT];
    struct buffer content = {0};
    size_t count;
    bool good = false;
    if (!message->signature || read_signature(message->signature, &time, signatures, &count) != 0)
        return false;
    int64_t age_s = message->now_s - strtoll(time.text, NULL, 10);
    if (age_s > TOLERANCE_S || age_s < -TOLERANCE_S)
        return false;
    buffer_append(&content, time.text, time.length);
    buffer_append_byte(&content, '.');
    buffer_append(&content, message->payload, message->payload_length);
    for (size_t i = 0; i < count; i++)
        if (hmac_hex_is_of(settings.stripe_webhook_secret, content.bytes, content.length, signatures[i].text,
                           signatures[i].length))
            good = true;
    buffer_free(&content);
    return good;
}

static const struct refusal *read_event(const struct provider_message *message, struct pool *pool,
                                        struct provider_event *ret_event) {
    struct provider_event event = {0};
    if (!is_signed(message))
        return &refusal_invalid_signature;
    json_t *body = read_object(message->payload, message->payload_length);
    if (!body)
        return &refusal_malformed_json;
    event.id = read_id(body, "id", pool);
    event.id = event.id ? event.id : read_name_of_bytes(message->payload, message->payload_length, pool);
    event.type = read_words(body, "type", pool);
    event.type = event.type ? event.type : "unknown";
    if (read_facts(body, pool, &event) != 0) {
        log_warn("suspicious: stripe webhook %s, event %s: its values are none", event.type, event.id);
        event.fact_count = 0;
    }
    json_decref(body);
    *ret_event = event;
    return NULL;
}

const struct provider provider_stripe = {
    .name = "stripe",
    .check = check,
    .configured = configured,
    .serves = serves,
    .key_id = key_id,
    .make_order = make_order,
    .capture = capture,
    .look_up = look_up,
    .close_order = close_order,
    .refund = refund,
    .look_up_refund = look_up_refund,
    .read_event = read_event,
};
