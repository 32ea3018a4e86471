/* Stripe as the payment worker speaks it: its webhooks by the published vector, and what goes out and comes back over
 * HTTP. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hmac.h"
#include "operations.h"
#include "scripted_server.h"
#include "settings.h"

#define NOW_S 1700000000

static struct pool *pool;

static int set_up(void **state) {
    (void)state;
    pool = pool_new();
    settings.environment = "development";
    settings.payment_providers = settings.razorpay_key_id = settings.razorpay_key_secret =
        settings.razorpay_webhook_secret = "";
    settings.stripe_secret_key = "sk_test_secret";
    settings.stripe_publishable_key = "pk_test_1";
    settings.stripe_webhook_secret = "whsec_test_secret";
    settings.public_url = "https://tithi.example/";
    if (server_start())
        return -1;
    settings.stripe_api_url = server.url;
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    pool_destroy(&pool);
    pool_destroy(&answered.pool);
    return 0;
}

/* ---- Signatures */

static const struct refusal *read_signed(const char *payload, const char *signature, int64_t now_s,
                                         struct provider_event *ret) {
    const struct provider_message message = {
        .payload = payload, .payload_length = strlen(payload), .signature = signature, .now_s = now_s};
    return provider_stripe.read_event(&message, pool, ret);
}

static const char *signature_of(const char *payload, const char *secret) {
    char hex[HMAC_HEX_SIZE];
    const char *content = pool_printf(pool, "%d.%s", NOW_S, payload);
    return pool_text(pool, hmac_hex(secret, strlen(secret), content, strlen(content), hex));
}

static const struct refusal *read_event(const char *payload, struct provider_event *ret) {
    return read_signed(payload, pool_printf(pool, "t=%d,v1=%s", NOW_S, signature_of(payload, "whsec_test_secret")),
                       NOW_S, ret);
}

#define GOOD "248a374f50f943a28b0f6ab50faf9a7e7e29b710fa26df9fb1618b9bf8ea9c9a"
#define WRONG "348a374f50f943a28b0f6ab50faf9a7e7e29b710fa26df9fb1618b9bf8ea9c9a"

static void test_webhook_signature(void **state) {
    static const char payload[] = "{\"id\":\"evt_1\"}";
    static const char *const good[] = {
        "t=1700000000,v1=" GOOD,
        "v1=" GOOD ",t=1700000000",
        "t=1700000000,v1=" WRONG ",v1=" GOOD,
        "t=1700000000,v1=" GOOD ",v0=" WRONG,
        "t=1700000000,x=y,,v1=" GOOD,
    };
    static const char *const bad[] = {
        NULL,
        "",
        ",",
        "t=1700000000",
        "v1=" GOOD,
        "t=1700000000,v0=" GOOD,
        "t=1700000000,v1=" WRONG,
        "t=1700000001,v1=" GOOD,
        "t=,v1=" GOOD,
        "t=17e8,v1=" GOOD,
        "t=-1700000000,v1=" GOOD,
        "t=1700000000000000000000,v1=" GOOD,
        "t=1700000000,v1=",
        "t=1700000000,v1=" GOOD "0",
        "t=1700000000 ,v1=" GOOD,
        "t=1700000001,t=1700000000,v1=" GOOD,
        "t=1700000000;v1=" GOOD,
    };
    struct provider_event event;
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_null(read_signed(payload, good[i], NOW_S, &event));
        assert_string_equal(event.id, "evt_1");
        assert_int_equal(event.fact_count, 0);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_ptr_equal(read_signed(payload, bad[i], NOW_S, &event), &refusal_invalid_signature);
    assert_ptr_equal(read_signed("{\"id\":\"evt_2\"}", good[0], NOW_S, &event), &refusal_invalid_signature);
}

static void test_tolerance(void **state) {
    static const char payload[] = "{\"id\":\"evt_1\"}", signature[] = "t=1700000000,v1=" GOOD;
    struct provider_event event;
    (void)state;
    assert_null(read_signed(payload, signature, NOW_S + 300, &event));
    assert_null(read_signed(payload, signature, NOW_S - 300, &event));
    assert_ptr_equal(read_signed(payload, signature, NOW_S + 301, &event), &refusal_invalid_signature);
    assert_ptr_equal(read_signed(payload, signature, NOW_S - 301, &event), &refusal_invalid_signature);
}

static void test_rotation(void **state) {
    static const char payload[] = "{\"id\":\"evt_1\",\"type\":\"invoice.paid\",\"data\":{\"object\":{}}}";
    struct provider_event event;
    (void)state;
    settings.stripe_webhook_secret = "whsec_new,whsec_old";
    const char *old = pool_printf(pool, "t=%d,v1=%s", NOW_S, signature_of(payload, "whsec_old"));
    assert_null(read_signed(payload, old, NOW_S, &event));
    assert_string_equal(event.id, "evt_1");
    assert_int_equal(event.fact_count, 0);
    assert_null(read_signed(payload,
                            pool_printf(pool, "t=%d,v1=%s,v1=%s", NOW_S, signature_of(payload, "whsec_x"),
                                        signature_of(payload, "whsec_new")),
                            NOW_S, &event));
    settings.stripe_webhook_secret = "whsec_new";
    assert_ptr_equal(read_signed(payload, old, NOW_S, &event), &refusal_invalid_signature);
    settings.stripe_webhook_secret = "";
    assert_ptr_equal(
        read_signed(payload, pool_printf(pool, "t=%d,v1=%s", NOW_S, signature_of(payload, "")), NOW_S, &event),
        &refusal_invalid_signature);
    settings.stripe_webhook_secret = "whsec_test_secret";
}

/* ---- Webhooks' facts */

#define EVENT(type, object)                                                                                            \
    "{\"id\":\"evt_1\",\"object\":\"event\",\"api_version\":\"2024-06-20\",\"created\":1700000000,\"livemode\":false," \
    "\"type\":\"" type "\",\"data\":{\"object\":" object "}}"
#define SESSION(status, payment_status, intent)                                                                        \
    "{\"id\":\"cs_test_1\",\"object\":\"checkout.session\",\"amount_subtotal\":50000,\"amount_total\":50000,"          \
    "\"currency\":\"inr\","                                                                                            \
    "\"client_reference_id\":\"tp_1\",\"metadata\":{\"receipt\":\"tp_1\",\"booking\":\"BK1\"},\"mode\":\"payment\","   \
    "\"payment_intent\":" intent ",\"payment_status\":\"" payment_status "\",\"status\":\"" status "\",\"url\":null}"
#define REFUND(status, metadata)                                                                                       \
    "{\"id\":\"re_1\",\"object\":\"refund\",\"amount\":2000,\"charge\":\"ch_1\",\"currency\":\"inr\","                 \
    "\"metadata\":" metadata ",\"payment_intent\":\"pi_1\",\"reason\":\"requested_by_customer\",\"failure_reason\":"   \
    "\"expired_or_canceled_card\",\"status\":\"" status "\"}"

static void test_session_events(void **state) {
    static const struct {
        const char *payload;
        size_t fact_count;
        enum fact_kind kinds[2];
    } cases[] = {
        {EVENT("checkout.session.completed", SESSION("complete", "paid", "\"pi_1\"")), 1, {FACT_CAPTURED}},
        {EVENT("checkout.session.completed", SESSION("complete", "paid", "{\"id\":\"pi_1\"}")), 1, {FACT_CAPTURED}},
        {EVENT("checkout.session.completed", SESSION("complete", "unpaid", "\"pi_1\"")), 0, {0}},
        {EVENT("checkout.session.completed", SESSION("complete", "no_payment_required", "null")), 0, {0}},
        {EVENT("checkout.session.async_payment_succeeded", SESSION("complete", "paid", "\"pi_1\"")),
         1,
         {FACT_CAPTURED}},
        {EVENT("checkout.session.async_payment_failed", SESSION("complete", "unpaid", "\"pi_1\"")),
         2,
         {FACT_FAILED, FACT_CLOSED}},
        {EVENT("checkout.session.expired", SESSION("expired", "unpaid", "null")), 1, {FACT_CLOSED}},
        {EVENT("payment_intent.succeeded", "{\"id\":\"pi_1\"}"), 0, {0}},
        {EVENT("charge.refunded", "{\"id\":\"ch_1\"}"), 0, {0}},
        {EVENT("checkout.session.unheard_of", "7"), 0, {0}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct provider_event event;
        assert_null(read_event(cases[i].payload, &event));
        assert_string_equal(event.id, "evt_1");
        assert_int_equal(event.fact_count, cases[i].fact_count);
        for (size_t j = 0; j < event.fact_count; j++) {
            assert_int_equal(event.facts[j].kind, cases[i].kinds[j]);
            assert_string_equal(event.facts[j].order_id, "cs_test_1");
            assert_string_equal(event.facts[j].receipt, "tp_1");
            assert_int_equal(event.facts[j].receipt_bond, RECEIPT_OF_ORDER);
        }
        if (event.fact_count && event.facts[0].kind == FACT_CAPTURED) {
            assert_string_equal(event.facts[0].provider_payment_id, "pi_1");
            assert_int_equal(event.facts[0].amount_minor, 50000);
            assert_string_equal(event.facts[0].currency, "INR");
        }
    }
}

static void test_refund_events(void **state) {
    static const struct {
        const char *payload;
        enum fact_kind kind;
        const char *refund_id;
    } cases[] = {
        {EVENT("refund.created", REFUND("pending", "{\"refund_id\":\"rfnd_ours\"}")), FACT_REFUND_PENDING, "rfnd_ours"},
        {EVENT("refund.created", REFUND("succeeded", "{\"refund_id\":\"rfnd_ours\"}")), FACT_REFUND_PROCESSED,
         "rfnd_ours"},
        {EVENT("refund.updated", REFUND("requires_action", "{}")), FACT_REFUND_PENDING, NULL},
        {EVENT("refund.failed", REFUND("failed", "null")), FACT_REFUND_FAILED, NULL},
        {EVENT("charge.refund.updated", REFUND("canceled", "[]")), FACT_REFUND_FAILED, NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct provider_event event;
        assert_null(read_event(cases[i].payload, &event));
        assert_int_equal(event.fact_count, 1);
        const struct fact *fact = &event.facts[0];
        assert_int_equal(fact->kind, cases[i].kind);
        assert_string_equal(fact->provider_payment_id, "pi_1");
        assert_string_equal(fact->provider_refund_id, "re_1");
        assert_int_equal(fact->amount_minor, 2000);
        assert_string_equal(fact->currency, "INR");
        assert_string_equal(fact->reason, "expired_or_canceled_card");
        if (cases[i].refund_id)
            assert_string_equal(fact->refund_id, cases[i].refund_id);
        else
            assert_null(fact->refund_id);
    }
}

static void test_unusable_events(void **state) {
    static const char *const unusable[] = {
        "{}",
        "{\"id\":\"evt_1\"}",
        "{\"type\":\"checkout.session.completed\"}",
        "{\"id\":1,\"type\":\"invoice.paid\"}",
        "{\"id\":\"evt_1\",\"type\":\"checkout.session.expired\"}",
        EVENT("checkout.session.expired", "{\"id\":7}"),
        EVENT("checkout.session.expired", "[]"),
        EVENT("checkout.session.completed", "null"),
        EVENT("checkout.session.completed",
              "{\"id\":\"cs_1\",\"payment_status\":\"paid\",\"currency\":\"inr\",\"payment_intent\":\"pi_1\"}"),
        EVENT("checkout.session.completed", "{\"id\":\"cs_1\",\"payment_status\":\"paid\",\"amount_total\":1,"
                                            "\"currency\":\"inr\",\"payment_intent\":null}"),
        EVENT("checkout.session.completed", "{\"id\":\"cs_1\",\"payment_status\":\"paid\",\"amount_total\":null,"
                                            "\"currency\":\"inr\",\"payment_intent\":\"pi_1\"}"),
        EVENT("checkout.session.completed", "{\"id\":\"cs_1\",\"payment_status\":\"paid\",\"amount_total\":\"1\","
                                            "\"currency\":\"inr\",\"payment_intent\":\"pi_1\"}"),
        EVENT("checkout.session.completed", "{\"id\":\"cs_1\",\"payment_status\":\"paid\",\"amount_total\":1e3,"
                                            "\"currency\":\"inr\",\"payment_intent\":\"pi_1\"}"),
        EVENT("checkout.session.completed", "{\"id\":\"cs_1\",\"payment_status\":\"paid\",\"amount_total\":"
                                            "9223372036854775807,\"currency\":\"inr\",\"payment_intent\":\"pi_1\"}"),
        EVENT("checkout.session.completed", "{\"id\":\"cs_1\",\"payment_status\":\"paid\",\"amount_total\":1,"
                                            "\"currency\":\"in\",\"payment_intent\":\"pi_1\"}"),
        EVENT("refund.created", REFUND("unheard_of", "{}")),
        EVENT("refund.created", "{\"id\":\"re_1\",\"status\":\"succeeded\",\"amount\":-5,\"currency\":\"inr\","
                                "\"payment_intent\":\"pi_1\"}"),
    };
    (void)state;
    for (size_t i = 0; i < sizeof unusable / sizeof *unusable; i++) {
        struct provider_event event;
        assert_null(read_event(unusable[i], &event));
        assert_non_null(event.type);
        assert_int_equal(event.fact_count, 0);
        if (strstr(unusable[i], "evt_1"))
            assert_string_equal(event.id, "evt_1");
        else
            assert_memory_equal(event.id, "sha256:", 7);
    }
}

static void test_malformed_events(void **state) {
    static const char *const malformed[] = {
        "", "[]", "{", "null", "\"text\"", "{\"id\":\"evt_1\",\"type\":\"a\",\"type\":\"b\"}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++) {
        struct provider_event event;
        assert_ptr_equal(read_event(malformed[i], &event), &refusal_malformed_json);
    }
}

/* ---- Sessions */

#define PAGE "https://checkout.stripe.com/c/pay/cs_test_1#fidkdWxOYHwnPyd1blpxYHZxWjA0"
#define OPEN                                                                                                           \
    "{\"id\":\"cs_test_1\",\"object\":\"checkout.session\",\"client_reference_id\":\"tp_1\",\"payment_intent\":null,"  \
    "\"payment_status\":\"unpaid\","                                                                                   \
    "\"status\":\"open\",\"url\":\"" PAGE "\"}"
#define BAD_REQUEST                                                                                                    \
    "{\"error\":{\"type\":\"invalid_request_error\",\"code\":\"amount_too_small\",\"param\":\"x\",\"message\":\"The "  \
    "amount is too small\"}}"
#define LIST(items) "{\"object\":\"list\",\"has_more\":false,\"data\":[" items "]}"
#define SESSIONS_QUESTION "GET /v1/checkout/sessions?limit=8&customer_details%5Bemail%5D=asha%2Byoga%40example.com"
#define OTHER_PARAMETERS                                                                                               \
    "{\"error\":{\"type\":\"idempotency_error\",\"message\":\"Keys for idempotent requests can only be used with the " \
    "same parameters\"}}"

static struct provider_order order = {.receipt = "tp_1",
                                      .amount_minor = 50000,
                                      .currency = "INR",
                                      .title = "Yoga & Tee = 100% ü",
                                      .booking_reference = "BK1",
                                      .customer_name = "Asha",
                                      .customer_email = "asha+yoga@example.com"};

static void test_make_order(void **state) {
    char first[REQUEST_SIZE], expiry[64];
    (void)state;
    order.expires_at_s = time(NULL) + 900;
    ask_provider(provider_stripe.make_order, &order, NULL, NULL, SCRIPT({"POST /v1/checkout/sessions", 200, OPEN}));
    assert_int_equal(answered.fate, PROVIDER_DONE);
    assert_string_equal(answered.order_id, "cs_test_1");
    assert_string_equal(answered.payment_url, PAGE);
    assert_true(sent_header(0, "Authorization: Bearer sk_test_secret"));
    assert_true(sent_header(0, "Idempotency-Key: tp_1"));
    assert_true(sent_header(0, "Content-Type: application/x-www-form-urlencoded"));
    assert_null(strstr(server.seen[0], "Stripe-Version"));
    snprintf(expiry, sizeof expiry, "&expires_at=%lld", (long long)(order.expires_at_s + 31 * 60));
    snprintf(first, sizeof first,
             "mode=payment&line_items%%5B0%%5D%%5Bprice_data%%5D%%5Bcurrency%%5D=inr"
             "&line_items%%5B0%%5D%%5Bprice_data%%5D%%5Bproduct_data%%5D%%5Bname%%5D=Yoga%%20%%26%%20Tee%%20%%3D%%"
             "20100%%25%%20%%C3%%BC"
             "&line_items%%5B0%%5D%%5Bprice_data%%5D%%5Bunit_amount%%5D=50000&line_items%%5B0%%5D%%5Bquantity%%5D=1"
             "&success_url=https%%3A%%2F%%2Ftithi.example%%2Fapp%%2Fbookings%%3Fpaid%%3DBK1&cancel_url=https%%3A%%2F%%"
             "2Ftithi.example%%2Fapp%%2Fbookings%%3Fpaid%%3DBK1"
             "&client_reference_id=tp_1&customer_email=asha%%2Byoga%%40example.com&metadata%%5Breceipt%%5D=tp_1&"
             "metadata%%5Bbooking%%5D=BK1"
             "&payment_intent_data%%5Bmetadata%%5D%%5Breceipt%%5D=tp_1%s",
             expiry);
    assert_string_equal(sent_body(0), first);

    order.asked_before = true; /* the key holds only for the same parameters */
    ask_provider(provider_stripe.make_order, &order, NULL, NULL,
                 SCRIPT({SESSIONS_QUESTION, 200, LIST("")}, {"POST /v1/checkout/sessions", 200, OPEN}));
    assert_string_equal(sent_body(1), first);
    ask_provider(provider_stripe.make_order, &order, NULL, NULL,
                 SCRIPT({SESSIONS_QUESTION, 200, LIST("{\"client_reference_id\":\"tp_2\"},7," OPEN)}));
    assert_string_equal(answered.order_id, "cs_test_1");
    assert_string_equal(answered.payment_url, PAGE);
    ask_provider(provider_stripe.make_order, &order, NULL, NULL, SCRIPT({SESSIONS_QUESTION, 500, "{}"}));
    assert_int_equal(answered.fate, PROVIDER_AGAIN);
    order.asked_before = false;
}

static void test_expiry(void **state) {
    struct provider_order long_hold = order;
    (void)state;
    long_hold.expires_at_s = time(NULL) + 7 * 86400;
    ask_provider(provider_stripe.make_order, &long_hold, NULL, NULL, SCRIPT({"POST /v1/checkout/sessions", 200, OPEN}));
    assert_null(strstr(sent_body(0), "expires_at")); /* Stripe's own 24 hours */
}

static void test_unusable_sessions(void **state) {
    static const struct {
        int status;
        const char *body;
        enum provider_fate fate;
        const char *error;
    } cases[] = {
        {200, SESSION("expired", "unpaid", "null"), PROVIDER_REFUSED, "stripe's session for this order has expired"},
        {200, SESSION("complete", "paid", "\"pi_1\""), PROVIDER_DONE, NULL},
        {200, SESSION("open", "unpaid", "null"), PROVIDER_AGAIN, "stripe answered a session without its page"},
        {200, "{}", PROVIDER_AGAIN, "stripe answered what is no session"},
        {200, "<html>", PROVIDER_AGAIN, "stripe answered 200 with what is no JSON object"},
        {400, BAD_REQUEST, PROVIDER_REFUSED, "stripe answered 400: amount_too_small: The amount is too small"},
        {400, OTHER_PARAMETERS, PROVIDER_REFUSED, NULL},
        {402, BAD_REQUEST, PROVIDER_REFUSED, NULL},
        {401, BAD_REQUEST, PROVIDER_AGAIN, "stripe refuses our keys (401)"},
        {409, BAD_REQUEST, PROVIDER_AGAIN, NULL},
        {429, BAD_REQUEST, PROVIDER_AGAIN, NULL},
        {500, BAD_REQUEST, PROVIDER_AGAIN, NULL},
        {0, NULL, PROVIDER_AGAIN, NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ask_provider(provider_stripe.make_order, &order, NULL, NULL,
                     SCRIPT({"POST /v1/checkout/sessions", cases[i].status, cases[i].body}));
        assert_int_equal(answered.fate, cases[i].fate);
        assert_true((answered.fate == PROVIDER_DONE) == (answered.error == NULL));
        if (cases[i].error)
            assert_string_equal(answered.error, cases[i].error);
    }
}

static void test_look_up(void **state) {
    static const struct {
        const char *body;
        size_t fact_count;
        enum fact_kind kind;
    } cases[] = {
        {OPEN, 0, 0},
        {SESSION("complete", "paid", "\"pi_1\""), 1, FACT_CAPTURED},
        {SESSION("complete", "unpaid", "\"pi_1\""), 0, 0},
        {SESSION("expired", "unpaid", "null"), 1, FACT_CLOSED},
    };
    struct provider_order known = order;
    (void)state;
    known.order_id = "cs_test_1";
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ask_provider(provider_stripe.look_up, &known, NULL, NULL,
                     SCRIPT({"GET /v1/checkout/sessions/cs_test_1", 200, cases[i].body}));
        assert_int_equal(answered.fate, PROVIDER_DONE);
        assert_int_equal(answered.fact_count, cases[i].fact_count);
        if (answered.fact_count)
            assert_int_equal(answered.facts[0].kind, cases[i].kind);
    }
    known.order_id = "cs_test_2";
    ask_provider(provider_stripe.look_up, &known, NULL, NULL,
                 SCRIPT({"GET /v1/checkout/sessions/cs_test_2", 200, OPEN}));
    assert_int_equal(answered.fate, PROVIDER_AGAIN);
    ask_provider(provider_stripe.look_up, &known, NULL, NULL,
                 SCRIPT({"GET /v1/checkout/sessions/cs_test_2", 404, BAD_REQUEST}));
    assert_int_equal(answered.fate, PROVIDER_REFUSED);
}

static void test_look_up_by_receipt(void **state) {
    (void)state;
    ask_provider(provider_stripe.look_up, &order, NULL, NULL,
                 SCRIPT({SESSIONS_QUESTION, 200, LIST(SESSION("complete", "paid", "\"pi_1\""))}));
    assert_string_equal(answered.order_id, "cs_test_1");
    assert_int_equal(answered.facts[0].kind, FACT_CAPTURED);
    ask_provider(provider_stripe.look_up, &order, NULL, NULL, SCRIPT({SESSIONS_QUESTION, 200, LIST("")}));
    assert_int_equal(answered.fate, PROVIDER_DONE);
    assert_null(answered.order_id);
    assert_int_equal(answered.fact_count, 0);
    ask_provider(provider_stripe.look_up, &order, NULL, NULL, SCRIPT({SESSIONS_QUESTION, 500, "{}"}));
    assert_int_equal(answered.fate, PROVIDER_AGAIN);
    ask_provider(provider_stripe.look_up, &order, NULL, NULL, SCRIPT({SESSIONS_QUESTION, 200, "{\"data\":{}}"}));
    assert_int_equal(answered.fate, PROVIDER_AGAIN);
    ask_provider(provider_stripe.look_up, &order, NULL, NULL,
                 SCRIPT({SESSIONS_QUESTION, 200, LIST("{\"id\":7,\"client_reference_id\":\"tp_1\"}")}));
    assert_int_equal(answered.fate, PROVIDER_AGAIN);
}

static void test_close(void **state) {
    struct provider_order known = order;
    (void)state;
    known.order_id = "cs_test_1";
    ask_provider(provider_stripe.close_order, &known, NULL, NULL,
                 SCRIPT({"POST /v1/checkout/sessions/cs_test_1/expire", 200, SESSION("expired", "unpaid", "null")}));
    assert_int_equal(answered.fate, PROVIDER_DONE);
    assert_int_equal(answered.facts[0].kind, FACT_CLOSED);
    ask_provider(provider_stripe.close_order, &known, NULL, NULL,
                 SCRIPT({"POST /v1/checkout/sessions/cs_test_1/expire", 400, BAD_REQUEST},
                        {"GET /v1/checkout/sessions/cs_test_1", 200, SESSION("complete", "paid", "\"pi_1\"")}));
    assert_int_equal(answered.facts[0].kind, FACT_CAPTURED);
    ask_provider(provider_stripe.close_order, &order, NULL, NULL,
                 SCRIPT({SESSIONS_QUESTION, 200, LIST(OPEN)},
                        {"POST /v1/checkout/sessions/cs_test_1/expire", 200, SESSION("expired", "unpaid", "null")}));
    assert_int_equal(answered.facts[0].kind, FACT_CLOSED);
    ask_provider(provider_stripe.close_order, &order, NULL, NULL,
                 SCRIPT({SESSIONS_QUESTION, 200, LIST(SESSION("complete", "paid", "\"pi_1\""))}));
    assert_int_equal(answered.facts[0].kind, FACT_CAPTURED);
    ask_provider(provider_stripe.close_order, &order, NULL, NULL, SCRIPT({SESSIONS_QUESTION, 200, LIST("")}));
    assert_int_equal(answered.fate, PROVIDER_DONE);
    assert_null(answered.order_id);
    assert_int_equal(answered.facts[0].kind, FACT_CLOSED);
}

static void test_capture(void **state) {
    struct provider_order known = order;
    (void)state;
    known.provider_payment_id = "pi_1";
    ask_provider(provider_stripe.capture, &known, NULL, NULL, NO_SCRIPT);
    assert_int_equal(answered.fate, PROVIDER_REFUSED);
}

/* ---- Refunds */

static const struct provider_refund refund = {.refund_id = "rfnd_ours",
                                              .provider_payment_id = "pi_1",
                                              .order_id = "cs_test_1",
                                              .amount_minor = 2000,
                                              .currency = "INR"};

#define OURS "{\"refund_id\":\"rfnd_ours\"}"
#define REFUNDS_QUESTION "GET /v1/refunds?payment_intent=pi_1&limit=50"

static void test_refund(void **state) {
    struct provider_refund again = refund;
    (void)state;
    ask_provider(NULL, NULL, provider_stripe.refund, &refund,
                 SCRIPT({"POST /v1/refunds", 200, REFUND("succeeded", OURS)}));
    assert_int_equal(answered.fate, PROVIDER_DONE);
    assert_int_equal(answered.facts[0].kind, FACT_REFUND_PROCESSED);
    assert_string_equal(answered.facts[0].provider_refund_id, "re_1");
    assert_string_equal(answered.facts[0].refund_id, "rfnd_ours");
    assert_true(sent_header(0, "Idempotency-Key: rfnd_ours"));
    assert_string_equal(
        sent_body(0), "payment_intent=pi_1&amount=2000&reason=requested_by_customer&metadata%5Brefund_id%5D=rfnd_ours");

    again.asked_before = true;
    ask_provider(NULL, NULL, provider_stripe.refund, &again,
                 SCRIPT({REFUNDS_QUESTION, 200, LIST(REFUND("pending", "{}") "," REFUND("pending", OURS))}));
    assert_int_equal(answered.fact_count, 1);
    assert_int_equal(answered.facts[0].kind, FACT_REFUND_PENDING);
    ask_provider(NULL, NULL, provider_stripe.refund, &again,
                 SCRIPT({REFUNDS_QUESTION, 200, LIST("")}, {"POST /v1/refunds", 200, REFUND("pending", OURS)}));
    assert_int_equal(answered.facts[0].kind, FACT_REFUND_PENDING);
    ask_provider(
        NULL, NULL, provider_stripe.refund, &refund,
        SCRIPT({"POST /v1/refunds", 400, BAD_REQUEST}, {REFUNDS_QUESTION, 200, LIST(REFUND("succeeded", OURS))}));
    assert_int_equal(answered.fate, PROVIDER_DONE);
    ask_provider(NULL, NULL, provider_stripe.refund, &refund,
                 SCRIPT({"POST /v1/refunds", 400, BAD_REQUEST}, {REFUNDS_QUESTION, 200, LIST("")}));
    assert_int_equal(answered.fate, PROVIDER_REFUSED);
    assert_string_equal(answered.error, "stripe answered 400: amount_too_small: The amount is too small");
    again.provider_payment_id = "pi_1&amount=1";
    ask_provider(NULL, NULL, provider_stripe.refund, &again, NO_SCRIPT);
    assert_int_equal(answered.fate, PROVIDER_REFUSED);
}

static void test_look_up_refund(void **state) {
    struct provider_refund known = refund;
    (void)state;
    known.provider_refund_id = "re_1";
    ask_provider(NULL, NULL, provider_stripe.look_up_refund, &known,
                 SCRIPT({"GET /v1/refunds/re_1", 200, REFUND("canceled", "{}")}));
    assert_int_equal(answered.facts[0].kind, FACT_REFUND_FAILED);
    assert_string_equal(answered.facts[0].refund_id, "rfnd_ours");
    ask_provider(NULL, NULL, provider_stripe.look_up_refund, &known,
                 SCRIPT({"GET /v1/refunds/re_1", 200, REFUND("canceled", "{\"refund_id\":\"rfnd_else\"}")}));
    assert_int_equal(answered.fate, PROVIDER_AGAIN);
    ask_provider(NULL, NULL, provider_stripe.look_up_refund, &refund, SCRIPT({REFUNDS_QUESTION, 200, "{\"data\":7}"}));
    assert_int_equal(answered.fate, PROVIDER_AGAIN);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_webhook_signature),
        cmocka_unit_test(test_tolerance),
        cmocka_unit_test(test_rotation),
        cmocka_unit_test(test_session_events),
        cmocka_unit_test(test_refund_events),
        cmocka_unit_test(test_unusable_events),
        cmocka_unit_test(test_malformed_events),
        cmocka_unit_test(test_make_order),
        cmocka_unit_test(test_expiry),
        cmocka_unit_test(test_unusable_sessions),
        cmocka_unit_test(test_look_up),
        cmocka_unit_test(test_look_up_by_receipt),
        cmocka_unit_test(test_close),
        cmocka_unit_test(test_capture),
        cmocka_unit_test(test_refund),
        cmocka_unit_test(test_look_up_refund),
    };
    return cmocka_run_group_tests_name("stripe", tests, set_up, tear_down);
}
