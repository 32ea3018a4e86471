/* Razorpay: orders for its form in the browser, with a payment link beside each for everybody else, captures, refunds
 * and webhooks (https://razorpay.com/docs/api). The order is what counts; a link has an order of its own, and only its
 * reference leads back to ours. Orders cannot be closed, links can. */
#include <sodium.h>
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
#define MONEY_MS 15000      /* captures and refunds */
#define LINK_MS 5000        /* an order does not wait longer for its link */
#define LINK_SHORTEST_S 960 /* Razorpay wants 15 minutes; one more for clocks */
#define COMPLAINT_MS 60000

/* https://razorpay.com/docs/payments/international-payments, "Supported currencies"; their exponents are those of ISO
 * 4217. */
static const char currencies[] = "AED ALL AMD AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BZD CAD "
                                 "CHF CLP CNY COP CRC CUP CVE CZK "
                                 "DJF DKK DOP DZD EGP ETB EUR FJD GBP GHS GIP GMD GNF GTQ GYD HKD HNL HRK HTG HUF IDR "
                                 "ILS INR IQD ISK JMD JOD JPY KES "
                                 "KGS KHR KMF KRW KWD KYD KZT LAK LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MUR MVR MWK "
                                 "MXN MYR MZN NAD NGN NIO NOK NPR "
                                 "NZD OMR PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SCR SEK SGD SLL SOS SVC SZL "
                                 "THB TND TRY TTD TWD TZS UAH UGX "
                                 "USD UYU UZS VND VUV XAF XCD XOF XPF YER ZAR ZMW ";

/* ---- Settings */

static bool configured(void) {
    return settings.razorpay_key_id[0] && settings.razorpay_key_secret[0];
}

static const char *check(void) {
    const char *problem = check_api_url("RAZORPAY_API_URL", settings.razorpay_api_url);
    if (!settings.razorpay_key_id[0] != !settings.razorpay_key_secret[0])
        return "RAZORPAY_KEY_ID and RAZORPAY_KEY_SECRET must be given together";
    if (configured() && !settings.razorpay_webhook_secret[0] && settings_production())
        return "RAZORPAY_WEBHOOK_SECRET is not set: a forged webhook could not be told from a true one";
    problem = problem ? problem : check_header_text("RAZORPAY_KEY_ID", settings.razorpay_key_id);
    problem = problem ? problem : check_header_text("RAZORPAY_KEY_SECRET", settings.razorpay_key_secret);
    if (!problem && strchr(settings.razorpay_key_id, ':'))
        return "RAZORPAY_KEY_ID holds a colon, which Basic authorization cannot carry";
    return problem;
}

static bool serves(const char *currency) {
    return currency_is_among(currency, currencies);
}

static const char *key_id(void) {
    return configured() ? settings.razorpay_key_id : NULL;
}

static const char *authorization(struct pool *pool) {
    const char *pair = pool_printf(pool, "%s:%s", settings.razorpay_key_id, settings.razorpay_key_secret);
    size_t length = strlen(pair), size = sodium_base64_ENCODED_LEN(length, sodium_base64_VARIANT_ORIGINAL);
    char *encoded = pool_alloc(pool, size);
    return pool_printf(
        pool, "Authorization: Basic %s",
        sodium_bin2base64(encoded, size, (const unsigned char *)pair, length, sodium_base64_VARIANT_ORIGINAL));
}

static struct api api;

/* ---- Reading its entities */

/* `notes` comes back as [] where it is empty. */
static const char *read_note(json_t *entity, const char *name, struct pool *pool) {
    return read_id(json_object_get(entity, "notes"), name, pool);
}

static int read_money(json_t *entity, struct pool *pool, struct fact *fact) {
    fact->currency = read_currency(entity, "currency", pool);
    return fact->currency ? read_amount(entity, "amount", &fact->amount_minor) : -1;
}

/* What a payment's own status says; a payment that was refunded has been captured before, but for one that nobody took
 * and that therefore went back by itself. 0: a fact; 1: none yet; -1: no such status. */
static int payment_kind(json_t *payment, enum fact_kind *ret_kind) {
    static const struct {
        const char *status;
        enum fact_kind kind;
    } kinds[] = {{"authorized", FACT_AUTHORIZED},
                 {"captured", FACT_CAPTURED},
                 {"refunded", FACT_CAPTURED},
                 {"failed", FACT_FAILED}};
    if (read_is(payment, "status", "refunded") && !json_is_true(json_object_get(payment, "captured"))) {
        *ret_kind = FACT_FAILED;
        return 0;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (read_is(payment, "status", kinds[i].status)) {
            *ret_kind = kinds[i].kind;
            return 0;
        }
    }
    return read_is(payment, "status", "created") ? 1 : -1;
}

static int read_payment(json_t *payment, enum fact_kind kind, struct pool *pool, struct fact *ret_fact) {
    struct fact fact = {.kind = kind,
                        .order_id = read_id(payment, "order_id", pool),
                        .receipt = read_note(payment, "receipt", pool),
                        .provider_payment_id = read_id(payment, "id", pool)};
    if (!fact.provider_payment_id || (kind != FACT_FAILED && read_money(payment, pool, &fact) != 0))
        return -1;
    if (kind == FACT_FAILED) {
        fact.reason = read_words(payment, "error_description", pool);
        fact.reason = fact.reason ? fact.reason : read_words(payment, "error_code", pool);
    }
    *ret_fact = fact;
    return 0;
}

static int refund_kind(json_t *refund, enum fact_kind *ret_kind) {
    static const struct {
        const char *status;
        enum fact_kind kind;
    } kinds[] = {
        {"pending", FACT_REFUND_PENDING}, {"processed", FACT_REFUND_PROCESSED}, {"failed", FACT_REFUND_FAILED}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (read_is(refund, "status", kinds[i].status)) {
            *ret_kind = kinds[i].kind;
            return 0;
        }
    }
    return -1;
}

static int read_refund(json_t *refund, enum fact_kind kind, struct pool *pool, struct fact *ret_fact) {
    struct fact fact = {.kind = kind,
                        .provider_payment_id = read_id(refund, "payment_id", pool),
                        .provider_refund_id = read_id(refund, "id", pool),
                        .refund_id = read_note(refund, "refund_id", pool)};
    if (!fact.refund_id)
        fact.refund_id = read_id(refund, "receipt", pool);
    if (!fact.provider_payment_id || !fact.provider_refund_id || read_money(refund, pool, &fact) != 0)
        return -1;
    *ret_fact = fact;
    return 0;
}

/* Of the kind that its own status says. */
static int read_stated_refund(json_t *refund, struct pool *pool, struct fact *ret_fact) {
    enum fact_kind kind;
    return refund_kind(refund, &kind) != 0 ? -1 : read_refund(refund, kind, pool, ret_fact);
}

/* ---- Making the order: the order itself, and a payment link at the same time */

static const char *json_body(struct question *question, json_t *body) {
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    if (!text)
        abort(); /* our own texts, UTF-8 from the database */
    const char *kept = pool_text(question->pool, text);
    free(text);
    json_decref(body);
    return kept;
}

static const char *order_body(struct question *question) {
    const struct provider_order *order = &question->order;
    return json_body(question, json_pack("{s:I, s:s, s:s, s:{s:s, s:s*}}", "amount", (json_int_t)order->amount_minor,
                                         "currency", order->currency, "receipt", order->receipt, "notes", "receipt",
                                         order->receipt, "booking", order->booking_reference));
}

static const char *link_body(struct question *question) {
    const struct provider_order *order = &question->order;
    int64_t soonest_s = clock_wall_ms() / 1000 + LINK_SHORTEST_S;
    const char *return_url = question_return_url(question);
    json_t *body = json_pack(
        "{s:I, s:s, s:b, s:I, s:s, s:s, s:{s:s*, s:s*}, s:{s:b, s:b}, s:b, s:{s:s}}", "amount",
        (json_int_t)order->amount_minor, "currency", order->currency, "accept_partial", 0, "expire_by",
        (json_int_t)(order->expires_at_s > soonest_s ? order->expires_at_s : soonest_s), "reference_id", order->receipt,
        "description", order->title, "customer", "name", order->customer_name, "email", order->customer_email, "notify",
        "sms", 0, "email", 0, "reminder_enable", 0, "notes", "receipt", order->receipt);
    if (strncmp(return_url, "https://", 8) == 0) { /* Razorpay sends nobody elsewhere */
        json_object_set_new(body, "callback_url", json_string(return_url));
        json_object_set_new(body, "callback_method", json_string("get"));
    }
    return json_body(question, body);
}

/* The answer leaves when order and link have both ended. The order decides: without a link it can still be paid in the
 * browser. */
static void end_part(struct question *question) {
    if (--question->open_parts > 0)
        return;
    if (!question->answer.order_id)
        question_give_up(question, &question->refused);
    else
        question_end(question);
}

static void end_order(struct question *question, json_t *order) {
    struct fact money = {0};
    const char *id = read_id(order, "id", question->pool);
    if (id && read_money(order, question->pool, &money) == 0 && money.amount_minor == question->order.amount_minor &&
        strcmp(money.currency, question->order.currency) == 0)
        question->answer.order_id = id;
    else
        question->refused = (struct heard){.fate = PROVIDER_AGAIN,
                                           .error = "razorpay answered what is not the order that was asked for"};
    end_part(question);
}

static void on_order_made(struct question *question, const struct heard *heard) {
    if (heard->fate == PROVIDER_DONE) {
        end_order(question, heard->json);
        return;
    }
    question_keep_refusal(question, heard);
    end_part(question);
}

static void post_order(struct question *question) {
    question_ask(question, on_order_made,
                 &(struct ask){.path = "/v1/orders", .body = order_body(question), .once = true});
}

/* Of a list's items the one whose member is this; NULL: none. */
static json_t *find_item(json_t *list, const char *items, const char *name, const char *value) {
    json_t *item;
    size_t i;
    json_array_foreach(json_object_get(list, items), i, item) {
        if (read_is(item, name, value))
            return item;
    }
    return NULL;
}

static bool is_list(json_t *list, const char *items) {
    return json_is_array(json_object_get(list, items));
}

static void ask_for_order(struct question *question, question_step *step) {
    question_ask(question, step,
                 &(struct ask){.path = question_path(question, "/v1/orders?receipt=", question->order.receipt, "")});
}

static void on_orders_listed(struct question *question, const struct heard *heard) {
    if (heard->fate != PROVIDER_DONE || !is_list(heard->json, "items")) {
        question_keep_refusal(question, heard->fate == PROVIDER_DONE
                                            ? &(struct heard){.fate = PROVIDER_AGAIN,
                                                              .error = "razorpay answered what is no list of orders"}
                                            : heard);
        end_part(question);
        return;
    }
    json_t *order = find_item(heard->json, "items", "receipt", question->order.receipt);
    if (order)
        end_order(question, order);
    else
        post_order(question);
}

/* An account may have no links at all: that is no news with every booking. */
static void complain_about_link(const struct question *question, const char *problem) {
    static int64_t complained_mono_ms;
    int64_t now_ms = clock_mono_ms();
    bool loud = !complained_mono_ms || now_ms - complained_mono_ms >= COMPLAINT_MS;
    if (loud)
        complained_mono_ms = now_ms;
    log_line(loud ? LOG_LEVEL_WARN : LOG_LEVEL_DEBUG, NULL, "no payment link for %s: %s", question->order.receipt,
             problem ? problem : "razorpay named none");
}

static void end_link(struct question *question, json_t *link, const char *problem) {
    question->answer.payment_url = read_url(link, "short_url", question->pool);
    if (!question->answer.payment_url)
        complain_about_link(question, problem);
    end_part(question);
}

static json_t *find_link(struct question *question, json_t *links) {
    return find_item(links, "payment_links", "reference_id", question->order.receipt);
}

static void on_link_found(struct question *question, const struct heard *heard) {
    end_link(question, find_link(question, heard->json), question->link_refusal);
}

static void ask_for_link(struct question *question, question_step *step, int64_t limit_ms) {
    question_ask(
        question, step,
        &(struct ask){.path = question_path(question, "/v1/payment_links?reference_id=", question->order.receipt, ""),
                      .limit_ms = limit_ms});
}

/* A refusal may mean that its reference is taken: by an earlier attempt of ours. */
static void on_link_made(struct question *question, const struct heard *heard) {
    if (heard->fate == PROVIDER_REFUSED) {
        question->link_refusal = heard->error;
        ask_for_link(question, on_link_found, LINK_MS);
    } else {
        end_link(question, heard->json, heard->error);
    }
}

static struct question *order_question(const struct provider_link *link, const struct provider_order *order,
                                       int64_t limit_ms, provider_done *done, void *context) {
    struct question *question = question_new(&api, link, limit_ms, done, context);
    question_take_order(question, order);
    return question;
}

static void make_order(const struct provider_link *link, const struct provider_order *order, provider_done *done,
                       void *context) {
    struct question *question = order_question(link, order, QUESTION_MS, done, context);
    if (currency_decimals(order->currency) == 3 && order->amount_minor % 10) {
        question_give_up(question,
                         &(struct heard){.fate = PROVIDER_REFUSED, .error = "amounts in this currency must end in 0"});
        return;
    }
    question->answer.order_id = question->order.order_id;
    question->open_parts = order->order_id ? 1 : 2;
    question_ask(question, on_link_made,
                 &(struct ask){.path = "/v1/payment_links/", .body = link_body(question), .limit_ms = LINK_MS});
    if (order->order_id)
        return;
    if (order->asked_before)
        ask_for_order(question, on_orders_listed);
    else
        post_order(question);
}

/* ---- Looking an order up: its own payments, and those of its link */

static void end_look_up(struct question *question) {
    if (question->closing && !question->answer.order_id &&
        !question->answer.fact_count) /* there is nothing to be paid */
        question_fact(
            question,
            &(struct fact){.kind = FACT_CLOSED, .receipt = question->order.receipt, .receipt_bond = RECEIPT_OF_MONEY});
    question_end(question);
}

static bool has_money(const struct question *question) {
    for (size_t i = 0; i < question->answer.fact_count; i++)
        if (question->facts[i].kind == FACT_CAPTURED || question->facts[i].kind == FACT_AUTHORIZED)
            return true;
    return false;
}

/* Of the link nothing is known. What the order's own payments have said counts all the same; whether the link was paid,
 * too, is asked for once more before it is closed. */
static void end_without_link(struct question *question, const struct heard *heard) {
    if (!question->closing && has_money(question))
        end_look_up(question);
    else
        question_give_up(question, heard);
}

/* A link shows its captured payments only. */
static int take_link_payments(struct question *question, json_t *link) {
    json_t *payment;
    size_t i;
    json_array_foreach(json_object_get(link, "payments"), i, payment) {
        struct fact fact = {.kind = FACT_CAPTURED,
                            .receipt = question->order.receipt,
                            .receipt_bond = RECEIPT_OF_MONEY,
                            .provider_payment_id = read_id(payment, "payment_id", question->pool),
                            .currency = read_currency(link, "currency", question->pool)};
        if (!fact.provider_payment_id || !fact.currency || read_amount(payment, "amount", &fact.amount_minor) != 0)
            return -1;
        question_fact(question, &fact);
    }
    return 0;
}

static void on_link_read(struct question *question, const struct heard *heard) {
    if (heard->fate != PROVIDER_DONE)
        end_without_link(question, heard);
    else if (take_link_payments(question, heard->json) != 0 ||
             !json_array_size(json_object_get(heard->json, "payments")))
        question_odd(question, "a paid link without its payments");
    else
        end_look_up(question);
}

/* Lists need not show the payments of what they list. */
static void look_at_link(struct question *question, json_t *link) {
    const char *id = read_id(link, "id", question->pool);
    if (!read_is(link, "status", "paid") && !read_is(link, "status", "partially_paid"))
        end_look_up(question);
    else if (json_array_size(json_object_get(link, "payments")))
        on_link_read(question, &(struct heard){.fate = PROVIDER_DONE, .json = link});
    else if (id)
        question_ask(question, on_link_read,
                     &(struct ask){.path = question_path(question, "/v1/payment_links/", id, "")});
    else
        question_odd(question, "a paid link without its id");
}

static void on_links_listed(struct question *question, const struct heard *heard) {
    if (heard->fate == PROVIDER_REFUSED && !question->order.payment_url) /* the account has no links at all */
        end_look_up(question);
    else if (heard->fate != PROVIDER_DONE)
        end_without_link(question, heard);
    else if (!is_list(heard->json, "payment_links"))
        question_odd(question, "what is no list of links");
    else
        look_at_link(question, find_link(question, heard->json));
}

/* 0, or -1: they are not payments of that order. */
static int take_payments(struct question *question, json_t *payments) {
    json_t *payment;
    size_t i;
    json_array_foreach(payments, i, payment) {
        enum fact_kind kind;
        struct fact fact;
        int status = payment_kind(payment, &kind);
        if (status > 0)
            continue;
        if (status < 0 || read_payment(payment, kind, question->pool, &fact) != 0 || !fact.order_id ||
            strcmp(fact.order_id, question->answer.order_id) != 0)
            return -1;
        fact.receipt = question->order.receipt;
        fact.receipt_bond = RECEIPT_OF_MONEY;
        question_fact(question, &fact);
    }
    return 0;
}

static void on_payments(struct question *question, const struct heard *heard) {
    if (heard->fate != PROVIDER_DONE) {
        question_give_up(question, heard);
        return;
    }
    if (!is_list(heard->json, "items") || take_payments(question, json_object_get(heard->json, "items")) != 0)
        question_odd(question, "what are not the payments of this order");
    else
        ask_for_link(question, on_links_listed, 0);
}

static void ask_for_payments(struct question *question, const char *order_id) {
    question->answer.order_id = order_id;
    question_ask(question, on_payments,
                 &(struct ask){.path = question_path(question, "/v1/orders/", order_id, "/payments")});
}

static void on_order_looked_for(struct question *question, const struct heard *heard) {
    json_t *order = find_item(heard->json, "items", "receipt", question->order.receipt);
    const char *id = read_id(order, "id", question->pool);
    if (heard->fate != PROVIDER_DONE)
        question_give_up(question, heard);
    else if (!is_list(heard->json, "items") || (order && !id))
        question_odd(question, "what is no list of orders");
    else if (order)
        ask_for_payments(question, id);
    else
        ask_for_link(question, on_links_listed, 0);
}

static void begin_look_up(struct question *question) {
    if (question->order.order_id)
        ask_for_payments(question, question->order.order_id);
    else
        ask_for_order(question, on_order_looked_for);
}

static void look_up(const struct provider_link *link, const struct provider_order *order, provider_done *done,
                    void *context) {
    begin_look_up(order_question(link, order, QUESTION_MS, done, context));
}

/* ---- Closing: the link; what was paid until then is found by the look-up that follows */

static void on_link_cancelled(struct question *question, const struct heard *heard) {
    if (heard->fate == PROVIDER_AGAIN)
        question_give_up(question, heard);
    else /* refused: it was paid or ran out meanwhile */
        begin_look_up(question);
}

static void on_open_link_found(struct question *question, const struct heard *heard) {
    json_t *link = find_link(question, heard->json);
    if (heard->fate == PROVIDER_AGAIN)
        question_give_up(question, heard);
    else if (read_is(link, "status", "created"))
        question_ask(question, on_link_cancelled,
                     &(struct ask){.body = "{}",
                                   .path = question_path(question, "/v1/payment_links/",
                                                         read_id(link, "id", question->pool), "/cancel")});
    else
        begin_look_up(question);
}

static void close_order(const struct provider_link *link, const struct provider_order *order, provider_done *done,
                        void *context) {
    struct question *question = order_question(link, order, QUESTION_MS, done, context);
    question->closing = true;
    ask_for_link(question, on_open_link_found, 0);
}

/* ---- Capturing */

static int take_payment(struct question *question, json_t *payment) {
    enum fact_kind kind;
    struct fact fact;
    if (payment_kind(payment, &kind) != 0 || read_payment(payment, kind, question->pool, &fact) != 0 ||
        strcmp(fact.provider_payment_id, question->order.provider_payment_id) != 0)
        return -1;
    fact.receipt = question->order.receipt;
    fact.receipt_bond = RECEIPT_OF_MONEY;
    question_fact(question, &fact);
    return kind == FACT_AUTHORIZED;
}

/* Still authorized: the refusal stands. */
static void on_refused_payment(struct question *question, const struct heard *heard) {
    int open = heard->fate == PROVIDER_DONE ? take_payment(question, heard->json) : 1;
    if (heard->fate == PROVIDER_AGAIN)
        question_give_up(question, heard);
    else if (open > 0)
        question_give_up(question, &question->refused);
    else if (open < 0)
        question_odd(question, "what is not this payment");
    else
        question_end(question);
}

static const char *payment_path(struct question *question, const char *suffix) {
    return question_path(question, "/v1/payments/", question->order.provider_payment_id, suffix);
}

static void on_captured(struct question *question, const struct heard *heard) {
    if (heard->fate == PROVIDER_REFUSED) { /* perhaps because it is captured already */
        question_keep_refusal(question, heard);
        question_ask(question, on_refused_payment, &(struct ask){.path = payment_path(question, "")});
    } else if (heard->fate == PROVIDER_AGAIN) {
        question_give_up(question, heard);
    } else if (take_payment(question, heard->json) < 0) {
        question_odd(question, "what is not this payment");
    } else {
        question_end(question);
    }
}

static void capture(const struct provider_link *link, const struct provider_order *order, provider_done *done,
                    void *context) {
    struct question *question = order_question(link, order, MONEY_MS, done, context);
    json_t *body = json_pack("{s:I, s:s}", "amount", (json_int_t)order->amount_minor, "currency", order->currency);
    question_ask(question, on_captured,
                 &(struct ask){.path = payment_path(question, "/capture"), .body = json_body(question, body)});
}

/* ---- Refunds */

static struct ask post_refund(struct question *question) {
    const struct provider_refund *refund = &question->refund;
    json_t *body = json_pack("{s:I, s:s, s:s, s:{s:s}}", "amount", (json_int_t)refund->amount_minor, "speed", "normal",
                             "receipt", refund->refund_id, "notes", "refund_id", refund->refund_id);
    return (struct ask){.path = question_path(question, "/v1/payments/", refund->provider_payment_id, "/refund"),
                        .body = json_body(question, body),
                        .header = pool_printf(question->pool, "X-Refund-Idempotency: %s", refund->refund_id)};
}

static struct api api = {.name = "razorpay",
                         .url = &settings.razorpay_api_url,
                         .content_type = "application/json",
                         .authorization = authorization,
                         .refunds_path = {"/v1/payments/", "/refunds?count=100"},
                         .refunds_items = "items",
                         .read_refund = read_stated_refund,
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

struct news {
    json_t *payment, *order, *link, *refund; /* the entities it carries; NULL: not */
    struct pool *pool;
};

/* The surest name instead of a payment's notes, which may come from the customer's browser. */
static void take_receipt(const struct news *news, struct fact *fact) {
    const char *of_link = read_id(news->link, "reference_id", news->pool);
    const char *of_order = read_id(news->order, "receipt", news->pool);
    if (!of_link && !of_order)
        return;
    fact->receipt = of_link ? of_link : of_order;
    fact->receipt_bond = of_link ? RECEIPT_OF_MONEY : RECEIPT_OF_ORDER;
}

/* Payments without an order of ours come from elsewhere in the same account: nothing is said to us. */
static int payment_event(const struct news *news, enum fact_kind kind, struct provider_event *ret) {
    struct fact *fact = &ret->facts[0];
    if (!json_is_object(news->payment))
        return 0;
    if (read_payment(news->payment, kind, news->pool, fact) != 0)
        return -1;
    take_receipt(news, fact);
    ret->fact_count = fact->order_id || fact->receipt;
    return 0;
}

static int refund_event(const struct news *news, enum fact_kind kind, struct provider_event *ret) {
    struct fact *fact = &ret->facts[0];
    if (!json_is_object(news->refund))
        return 0;
    if (read_refund(news->refund, kind, news->pool, fact) != 0)
        return -1;
    fact->order_id = read_id(news->payment, "order_id", news->pool);
    fact->receipt = read_note(news->payment, "receipt", news->pool);
    ret->fact_count = 1;
    return 0;
}

/* It may be processed already when its creation is told. */
static int refund_created(const struct news *news, enum fact_kind kind, struct provider_event *ret) {
    return json_is_object(news->refund) && refund_kind(news->refund, &kind) != 0 ? -1 : refund_event(news, kind, ret);
}

static int partly_paid(const struct news *news, enum fact_kind kind, struct provider_event *ret) {
    (void)kind, (void)ret;
    const char *receipt = read_id(news->link, "reference_id", news->pool);
    log_warn("razorpay tells of a payment link that was paid in part, which ours cannot be (%s): ignored",
             receipt ? receipt : "no reference");
    return 0;
}

/* All others say nothing to us: that a link was cancelled or ran out does not close its order, and a refund's speed
 * does not matter. */
static const struct {
    const char *name;
    int (*read)(const struct news *, enum fact_kind, struct provider_event *); /* -1: its entity is none */
    enum fact_kind kind;
} events[] = {
    {"payment.authorized", payment_event, FACT_AUTHORIZED},
    {"payment.captured", payment_event, FACT_CAPTURED},
    {"payment.failed", payment_event, FACT_FAILED},
    {"order.paid", payment_event, FACT_CAPTURED},
    {"payment_link.paid", payment_event, FACT_CAPTURED},
    {"payment_link.partially_paid", partly_paid, FACT_CAPTURED},
    {"refund.created", refund_created, FACT_REFUND_PENDING},
    {"refund.processed", refund_event, FACT_REFUND_PROCESSED},
    {"refund.failed", refund_event, FACT_REFUND_FAILED},
};

static int read_facts(json_t *body, struct pool *pool, struct provider_event *ret) {
    json_t *payload = json_object_get(body, "payload");
    const struct news news = {.payment = read_path(payload, "payment", "entity", NULL),
                              .order = read_path(payload, "order", "entity", NULL),
                              .link = read_path(payload, "payment_link", "entity", NULL),
                              .refund = read_path(payload, "refund", "entity", NULL),
                              .pool = pool};
    for (size_t i = 0; i < sizeof events / sizeof *events; i++)
        if (strcmp(events[i].name, ret->type) == 0)
            return events[i].read(&news, events[i].kind, ret);
    return 0;
}

static const struct refusal *read_event(const struct provider_message *message, struct pool *pool,
                                        struct provider_event *ret_event) {
    struct provider_event event = {0};
    if (!message->signature || !hmac_hex_is_of(settings.razorpay_webhook_secret, message->payload,
                                               message->payload_length, message->signature, strlen(message->signature)))
        return &refusal_invalid_signature;
    json_t *body = read_object(message->payload, message->payload_length);
    if (!body)
        return &refusal_malformed_json;
    event.type = read_words(body, "event", pool);
    event.type = event.type ? event.type : "unknown";
    event.id = message->event_id && message->event_id[0]
                   ? pool_text(pool, message->event_id)
                   : read_name_of_bytes(message->payload, message->payload_length, pool);
    if (read_facts(body, pool, &event) != 0) {
        log_warn("suspicious: razorpay webhook %s, event %s: its values are none", event.type, event.id);
        event.fact_count = 0;
    }
    json_decref(body);
    *ret_event = event;
    return NULL;
}

bool razorpay_form_signed(const char *order_id, const char *payment_id, const char *signature) {
    size_t order_length = strlen(order_id), payment_length = strlen(payment_id),
           length = order_length + 1 + payment_length;
    char *signed_text = malloc(length + 1);
    char expected[HMAC_HEX_SIZE];
    if (!signed_text)
        abort();
    memcpy(signed_text, order_id, order_length);
    signed_text[order_length] = '|';
    memcpy(signed_text + order_length + 1, payment_id, payment_length + 1);
    hmac_hex(settings.razorpay_key_secret, strlen(settings.razorpay_key_secret), signed_text, length, expected);
    free(signed_text);
    return configured() && strlen(signature) == HMAC_HEX_SIZE - 1 &&
           sodium_memcmp(expected, signature, HMAC_HEX_SIZE - 1) == 0;
}

const struct provider provider_razorpay = {
    .name = "razorpay",
    .check = check,
    .configured = configured,
    .serves = serves,
    .key_id = key_id,
    .makes_links = true,
    .make_order = make_order,
    .capture = capture,
    .look_up = look_up,
    .close_order = close_order,
    .refund = refund,
    .look_up_refund = look_up_refund,
    .read_event = read_event,
};
