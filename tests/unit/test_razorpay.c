/* Razorpay as the payment worker speaks it: its webhooks and signatures by the published vectors, and what goes out and
 * comes back over HTTP. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>

#include "hmac.h"
#include "operations.h"
#include "scripted_server.h"
#include "settings.h"

static struct pool *pool;

static int set_up(void **state) {
    (void)state;
    pool = pool_new();
    settings.environment = "development";
    settings.payment_providers = settings.stripe_secret_key = settings.stripe_publishable_key =
        settings.stripe_webhook_secret = "";
    settings.razorpay_key_id = "rzp_test_1";
    settings.razorpay_key_secret = "testsecret";
    settings.razorpay_webhook_secret = "whsecret";
    settings.public_url = "https://tithi.example";
    if (server_start())
        return -1;
    settings.razorpay_api_url = server.url;
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    pool_destroy(&pool);
    pool_destroy(&answered.pool);
    return 0;
}

/* ---- Signatures */

static void test_form_signature(void **state) {
    static const char good[] = "956180bc5d17af9d70fe3852e40d90b5e04423fdc94b2968a5e3434d7838c443";
    (void)state;
    assert_true(razorpay_form_signed("order_9A33XWu170gUtm", "pay_29QQoUBi66xm2f", good));
    assert_false(razorpay_form_signed("order_9A33XWu170gUtn", "pay_29QQoUBi66xm2f", good));
    assert_false(razorpay_form_signed("order_9A33XWu170gUtm", "pay_29QQoUBi66xm2g", good));
    assert_false(razorpay_form_signed("order_9A33XWu170gUtm", "pay_29QQoUBi66xm2f", ""));
    assert_false(razorpay_form_signed("order_9A33XWu170gUtm", "pay_29QQoUBi66xm2f",
                                      "956180BC5D17AF9D70FE3852E40D90B5E04423FDC94B2968A5E3434D7838C443"));
    assert_false(razorpay_form_signed("order_9A33XWu170gUtm", "pay_29QQoUBi66xm2f",
                                      "956180bc5d17af9d70fe3852e40d90b5e04423fdc94b2968a5e3434d7838c4430"));
    settings.razorpay_key_secret = "";
    char unkeyed[HMAC_HEX_SIZE];
    hmac_hex("", 0, "order_1|pay_1", 13, unkeyed);
    assert_false(razorpay_form_signed("order_1", "pay_1", unkeyed));
    settings.razorpay_key_secret = "testsecret";
}

static const struct refusal *read_signed(const char *payload, const char *signature, const char *id,
                                         struct provider_event *ret) {
    const struct provider_message message = {.payload = payload,
                                             .payload_length = strlen(payload),
                                             .signature = signature,
                                             .event_id = id,
                                             .now_s = 1700000000};
    return provider_razorpay.read_event(&message, pool, ret);
}

static const struct refusal *read_event(const char *payload, struct provider_event *ret) {
    char signature[HMAC_HEX_SIZE];
    return read_signed(payload, hmac_hex("whsecret", 8, payload, strlen(payload), signature), "evt_1", ret);
}

static void test_webhook_signature(void **state) {
    static const char payload[] = "{\"entity\":\"event\",\"event\":\"order.paid\"}";
    static const char good[] = "f71af94de97e5b4c0e09f5e98c51550f21ae6dc8383e9fe3002676f32f0ec267";
    struct provider_event event;
    (void)state;
    assert_null(read_signed(payload, good, NULL, &event)); /* and tells of no payment */
    assert_string_equal(event.type, "order.paid");
    assert_int_equal(event.fact_count, 0);
    assert_ptr_equal(read_signed("{\"entity\":\"event\",\"event\":\"order.paid\"} ", good, NULL, &event),
                     &refusal_invalid_signature);
    static const char *const bad[] = {NULL,
                                      "",
                                      "0",
                                      "f71af94de97e5b4c0e09f5e98c51550f21ae6dc8383e9fe3002676f32f0ec268",
                                      "F71AF94DE97E5B4C0E09F5E98C51550F21AE6DC8383E9FE3002676F32F0EC267",
                                      "f71af94de97e5b4c0e09f5e98c51550f21ae6dc8383e9fe3002676f32f0ec267,"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_ptr_equal(read_signed(payload, bad[i], NULL, &event), &refusal_invalid_signature);
}

static void test_rotation(void **state) {
    static const char payload[] = "{\"event\":\"invoice.paid\"}";
    char old[HMAC_HEX_SIZE], new[HMAC_HEX_SIZE], empty[HMAC_HEX_SIZE];
    struct provider_event event;
    (void)state;
    hmac_hex("old", 3, payload, strlen(payload), old);
    hmac_hex("new", 3, payload, strlen(payload), new);
    hmac_hex("", 0, payload, strlen(payload), empty);
    settings.razorpay_webhook_secret = "new, old,";
    assert_null(read_signed(payload, old, "1", &event));
    assert_null(read_signed(payload, new, "1", &event));
    assert_ptr_equal(read_signed(payload, empty, "1", &event), &refusal_invalid_signature);
    settings.razorpay_webhook_secret = "new";
    assert_ptr_equal(read_signed(payload, old, "1", &event), &refusal_invalid_signature);
    settings.razorpay_webhook_secret = "";
    assert_ptr_equal(read_signed(payload, empty, "1", &event), &refusal_invalid_signature);
    settings.razorpay_webhook_secret = "whsecret";
}

static void test_event_id(void **state) {
    static const char payload[] = "{\"event\":\"invoice.paid\"}";
    char signature[HMAC_HEX_SIZE];
    struct provider_event event;
    (void)state;
    hmac_hex("whsecret", 8, payload, strlen(payload), signature);
    assert_null(read_signed(payload, signature, "evt_abc", &event));
    assert_string_equal(event.id, "evt_abc");
    assert_string_equal(event.type, "invoice.paid");
    assert_int_equal(event.fact_count, 0);
    assert_null(read_signed(payload, signature, NULL, &event));
    assert_int_equal(strlen(event.id), 7 + 64);
    assert_memory_equal(event.id, "sha256:", 7);
    assert_null(read_signed(payload, signature, "", &event));
    assert_memory_equal(event.id, "sha256:", 7);
}

/* ---- Webhooks' facts */

#define PAYMENT(status, notes)                                                                                         \
    "{\"entity\":{\"id\":\"pay_1\",\"entity\":\"payment\",\"amount\":50000,\"currency\":\"INR\",\"base_amount\":"      \
    "50000,\"status\":\"" status "\",\"order_id\":\"order_1\",\"invoice_id\":null,\"method\":\"upi\",\"amount_"        \
    "refunded\":0,\"captured\":false,\"email\":\"a@example.com\","                                                     \
    "\"notes\":" notes                                                                                                 \
    ",\"error_code\":\"BAD_REQUEST_ERROR\",\"error_description\":\"Declined by the bank\",\"created_at\":1567674599}}"
#define ORDER                                                                                                          \
    "{\"entity\":{\"id\":\"order_1\",\"entity\":\"order\",\"amount\":50000,\"amount_paid\":50000,\"amount_due\":0,"    \
    "\"currency\":\"INR\","                                                                                            \
    "\"receipt\":\"tp_1\",\"status\":\"paid\",\"attempts\":1,\"notes\":[]}}"
#define LINK                                                                                                           \
    "{\"entity\":{\"id\":\"plink_1\",\"amount\":50000,\"amount_paid\":50000,\"currency\":\"INR\",\"reference_id\":"    \
    "\"tp_1\",\"status\":\"paid\"}}"
#define REFUND(status, notes, receipt)                                                                                 \
    "{\"entity\":{\"id\":\"rfnd_1\",\"entity\":\"refund\",\"amount\":2000,\"currency\":\"INR\",\"payment_id\":\"pay_"  \
    "1\",\"notes\":" notes ",\"receipt\":" receipt ",\"status\":\"" status "\",\"speed_processed\":\"normal\"}}"
#define EVENT(name, payload)                                                                                           \
    "{\"entity\":\"event\",\"account_id\":\"acc_1\",\"event\":\"" name                                                 \
    "\",\"contains\":[\"payment\"],\"payload\":{" payload "},\"created_at\":1}"

static void test_payment_events(void **state) {
    static const struct {
        const char *payload;
        enum fact_kind kind;
        const char *receipt;
        enum receipt_bond bond;
    } cases[] = {
        {EVENT("payment.authorized", "\"payment\":" PAYMENT("authorized", "[]")), FACT_AUTHORIZED, NULL, RECEIPT_NOTED},
        {EVENT("payment.authorized", "\"payment\":" PAYMENT("captured", "[]")), FACT_AUTHORIZED, NULL, RECEIPT_NOTED},
        {EVENT("payment.captured", "\"payment\":" PAYMENT("captured", "{\"receipt\":\"tp_noted\"}")), FACT_CAPTURED,
         "tp_noted", RECEIPT_NOTED},
        {EVENT("payment.captured", "\"payment\":" PAYMENT("captured", "{\"receipt\":7}")), FACT_CAPTURED, NULL,
         RECEIPT_NOTED},
        {EVENT("payment.captured", "\"payment\":" PAYMENT("captured", "null")), FACT_CAPTURED, NULL, RECEIPT_NOTED},
        {EVENT("payment.failed", "\"payment\":" PAYMENT("failed", "[]")), FACT_FAILED, NULL, RECEIPT_NOTED},
        {EVENT("order.paid", "\"payment\":" PAYMENT("captured", "{\"receipt\":\"tp_noted\"}") ",\"order\":" ORDER),
         FACT_CAPTURED, "tp_1", RECEIPT_OF_ORDER},
        {EVENT("payment_link.paid",
               "\"payment\":" PAYMENT("captured", "[]") ",\"order\":" ORDER ",\"payment_link\":" LINK),
         FACT_CAPTURED, "tp_1", RECEIPT_OF_MONEY},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct provider_event event;
        assert_null(read_event(cases[i].payload, &event));
        assert_int_equal(event.fact_count, 1);
        const struct fact *fact = &event.facts[0];
        assert_int_equal(fact->kind, cases[i].kind);
        assert_int_equal(fact->receipt_bond, cases[i].bond);
        assert_string_equal(fact->order_id, "order_1");
        assert_string_equal(fact->provider_payment_id, "pay_1");
        if (cases[i].receipt)
            assert_string_equal(fact->receipt, cases[i].receipt);
        else
            assert_null(fact->receipt);
        if (cases[i].kind == FACT_FAILED) {
            assert_string_equal(fact->reason, "Declined by the bank");
            assert_null(fact->currency);
        } else {
            assert_int_equal(fact->amount_minor, 50000);
            assert_string_equal(fact->currency, "INR");
        }
    }
}

static void test_refund_events(void **state) {
    static const struct {
        const char *payload;
        enum fact_kind kind;
        const char *refund_id;
    } cases[] = {
        {EVENT("refund.created",
               "\"refund\":" REFUND("pending", "[]", "null") ",\"payment\":" PAYMENT("captured", "[]")),
         FACT_REFUND_PENDING, NULL},
        {EVENT("refund.created", "\"refund\":" REFUND("processed", "{\"refund_id\":\"rfnd_ours\"}",
                                                      "null") ",\"payment\":" PAYMENT("captured", "[]")),
         FACT_REFUND_PROCESSED, "rfnd_ours"},
        {EVENT("refund.processed",
               "\"refund\":" REFUND("processed", "[]", "\"rfnd_ours\"") ",\"payment\":" PAYMENT("captured", "[]")),
         FACT_REFUND_PROCESSED, "rfnd_ours"},
        {EVENT("refund.failed", "\"refund\":" REFUND("failed", "{\"refund_id\":\"rfnd_ours\"}",
                                                     "null") ",\"payment\":" PAYMENT("captured", "[]")),
         FACT_REFUND_FAILED, "rfnd_ours"},
        {EVENT("refund.processed",
               "\"refund\":" REFUND("processed", "[]", "\"Receipt No. 31\"") ",\"payment\":" PAYMENT("captured", "[]")),
         FACT_REFUND_PROCESSED, NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct provider_event event;
        assert_null(read_event(cases[i].payload, &event));
        assert_int_equal(event.fact_count, 1);
        const struct fact *fact = &event.facts[0];
        assert_int_equal(fact->kind, cases[i].kind);
        assert_string_equal(fact->order_id, "order_1");
        assert_string_equal(fact->provider_payment_id, "pay_1");
        assert_string_equal(fact->provider_refund_id, "rfnd_1");
        assert_int_equal(fact->amount_minor, 2000);
        if (cases[i].refund_id)
            assert_string_equal(fact->refund_id, cases[i].refund_id);
        else
            assert_null(fact->refund_id);
    }
}

static void test_silent_events(void **state) {
    static const char *const silent[] = {
        EVENT("payment_link.cancelled", "\"payment_link\":" LINK),
        EVENT("payment_link.expired", "\"payment_link\":" LINK),
        EVENT("payment_link.partially_paid", "\"payment_link\":" LINK),
        EVENT("refund.speed_changed", "\"refund\":" REFUND("processed", "[]", "null")),
        EVENT("payment.captured", "\"payment\":{\"entity\":{\"id\":\"pay_1\",\"amount\":1,\"currency\":\"INR\",\"order_"
                                  "id\":null,\"notes\":[]}}"),
        "{\"event\":\"something.else\",\"payload\":[]}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof silent / sizeof *silent; i++) {
        struct provider_event event;
        assert_null(read_event(silent[i], &event));
        assert_int_equal(event.fact_count, 0);
    }
}

/* A signed body is noted where it is a JSON object, whatever it lacks. */
static void test_unusable_events(void **state) {
    static const char *const unusable[] = {
        "{}",
        "{\"event\":1}",
        "{\"event\":null,\"payload\":{\"payment\":7}}",
        "{\"entity\":\"event\",\"event\":\"order.paid\"}",
        EVENT("payment.captured", ""),
        EVENT("payment.captured", "\"payment\":[]"),
        EVENT("payment.captured", "\"payment\":{\"entity\":[]}"),
        EVENT("refund.created", ""),
        EVENT("refund.processed", "\"refund\":{\"entity\":null}"),
        EVENT("payment.captured", "\"payment\":{\"entity\":{\"id\":\"pay_1\",\"amount\":\"50000\",\"currency\":\"INR\","
                                  "\"order_id\":\"order_1\"}}"),
        EVENT("payment.captured", "\"payment\":{\"entity\":{\"id\":\"pay_1\",\"amount\":500.0,\"currency\":\"INR\","
                                  "\"order_id\":\"order_1\"}}"),
        EVENT(
            "payment.captured",
            "\"payment\":{\"entity\":{\"id\":\"pay_1\",\"amount\":-1,\"currency\":\"INR\",\"order_id\":\"order_1\"}}"),
        EVENT("payment.captured", "\"payment\":{\"entity\":{\"id\":\"pay_1\",\"amount\":9007199254740993,\"currency\":"
                                  "\"INR\",\"order_id\":\"order_1\"}}"),
        EVENT("payment.captured", "\"payment\":{\"entity\":{\"id\":\"pay_1\",\"amount\":99999999999999999999,"
                                  "\"currency\":\"INR\",\"order_id\":\"order_1\"}}"),
        EVENT("payment.captured", "\"payment\":{\"entity\":{\"id\":\"pay_1\",\"amount\":true,\"currency\":\"INR\","
                                  "\"order_id\":\"order_1\"}}"),
        EVENT(
            "payment.captured",
            "\"payment\":{\"entity\":{\"id\":\"pay_1\",\"amount\":1,\"currency\":\"RUPEE\",\"order_id\":\"order_1\"}}"),
        EVENT("payment.captured",
              "\"payment\":{\"entity\":{\"id\":\"pay_1\",\"amount\":1,\"currency\":\"I N\",\"order_id\":\"order_1\"}}"),
        EVENT("payment.captured", "\"payment\":{\"entity\":{\"id\":\"../"
                                  "orders\",\"amount\":1,\"currency\":\"INR\",\"order_id\":\"order_1\"}}"),
        EVENT("refund.created", "\"refund\":" REFUND("unheard of", "[]", "null")),
        EVENT("refund.processed", "\"refund\":{\"entity\":{\"id\":\"rfnd_1\",\"amount\":2000,\"currency\":\"INR\"}}"),
        EVENT("payment.captured",
              "\"payment\":{\"entity\":{\"id\":\"pay_1\",\"currency\":\"INR\",\"order_id\":\"order_1\"}}"),
        EVENT("payment.captured",
              "\"payment\":{\"entity\":{\"id\":null,\"amount\":1,\"currency\":\"INR\",\"order_id\":\"order_1\"}}"),
        EVENT("payment.captured", "\"payment\":{\"entity\":{}}"),
    };
    (void)state;
    for (size_t i = 0; i < sizeof unusable / sizeof *unusable; i++) {
        struct provider_event event;
        assert_null(read_event(unusable[i], &event));
        assert_string_equal(event.id, "evt_1");
        assert_non_null(event.type);
        assert_int_equal(event.fact_count, 0);
    }
}

static void test_malformed_events(void **state) {
    static const char *const malformed[] = {
        "",
        "[]",
        "{",
        "null",
        "\"text\"",
        "7",
        "\xff\xfe",
        "{\"event\":\"a\",\"event\":\"b\"}",
        "{\"event\":\"order.paid\"} x",
    };
    (void)state;
    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++) {
        struct provider_event event;
        assert_ptr_equal(read_event(malformed[i], &event), &refusal_malformed_json);
    }
}

/* ---- Orders */

static const struct provider_order order = {.receipt = "tp_1",
                                            .amount_minor = 50000,
                                            .currency = "INR",
                                            .title = "Yoga \"am\" Fluß",
                                            .booking_reference = "BK1",
                                            .customer_name = "Asha",
                                            .customer_email = "asha@example.com",
                                            .expires_at_s = 4000000000};

#define MADE_ORDER                                                                                                     \
    "{\"id\":\"order_1\",\"entity\":\"order\",\"amount\":50000,\"amount_paid\":0,\"amount_due\":50000,\"currency\":"   \
    "\"INR\",\"receipt\":\"tp_1\","                                                                                    \
    "\"status\":\"created\",\"notes\":[]}"
#define MADE_LINK                                                                                                      \
    "{\"id\":\"plink_1\",\"short_url\":\"https://rzp.io/i/nxrHnLJ\",\"status\":\"created\",\"reference_id\":\"tp_1\"}"
#define BAD_REQUEST "{\"error\":{\"code\":\"BAD_REQUEST_ERROR\",\"description\":\"The amount is odd\",\"metadata\":{}}}"
#define LINK_QUESTION "GET /v1/payment_links?reference_id=tp_1"

static json_t *sent_json(int line) {
    json_t *json = json_loads(sent_body(line), JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(json);
    return json;
}

static void assert_sent_json(int line, const char *expected) {
    json_t *sent = sent_json(line), *wanted = json_loads(expected, 0, NULL);
    assert_non_null(wanted);
    assert_true(json_equal(sent, wanted));
    json_decref(sent);
    json_decref(wanted);
}

static void test_make_order(void **state) {
    (void)state;
    ask_provider(provider_razorpay.make_order, &order, NULL, NULL,
                 SCRIPT({"POST /v1/orders", 200, MADE_ORDER}, {"POST /v1/payment_links/", 200, MADE_LINK}));
    assert_int_equal(answered.fate, PROVIDER_DONE);
    assert_string_equal(answered.order_id, "order_1");
    assert_string_equal(answered.payment_url, "https://rzp.io/i/nxrHnLJ");
    assert_true(sent_header(0, "Authorization: Basic cnpwX3Rlc3RfMTp0ZXN0c2VjcmV0"));
    assert_true(sent_header(0, "Content-Type: application/json"));
    assert_sent_json(0, "{\"amount\":50000,\"currency\":\"INR\",\"receipt\":\"tp_1\",\"notes\":{\"receipt\":\"tp_1\","
                        "\"booking\":\"BK1\"}}");
    assert_sent_json(
        1, "{\"amount\":50000,\"currency\":\"INR\",\"accept_partial\":false,\"expire_by\":4000000000,\"reference_id\":"
           "\"tp_1\","
           "\"description\":\"Yoga \\\"am\\\" Fluß\",\"customer\":{\"name\":\"Asha\",\"email\":\"asha@example.com\"},"
           "\"notify\":{\"sms\":false,\"email\":false},\"reminder_enable\":false,\"notes\":{\"receipt\":\"tp_1\"},"
           "\"callback_url\":\"https://tithi.example/app/bookings?paid=BK1\",\"callback_method\":\"get\"}");
}

static void test_link_of_a_short_hold(void **state) {
    struct provider_order short_hold = order;
    (void)state;
    short_hold.expires_at_s = time(NULL) + 60;
    settings.public_url = "http://127.0.0.1:5000";
    ask_provider(provider_razorpay.make_order, &short_hold, NULL, NULL,
                 SCRIPT({"POST /v1/orders", 200, MADE_ORDER}, {"POST /v1/payment_links/", 200, MADE_LINK}));
    settings.public_url = "https://tithi.example";
    json_t *sent = sent_json(1);
    int64_t expire_by = json_integer_value(json_object_get(sent, "expire_by"));
    assert_true(expire_by >= time(NULL) + 15 * 60 + 30 && expire_by <= time(NULL) + 17 * 60);
    assert_null(json_object_get(sent, "callback_url"));
    json_decref(sent);
}

/* The order counts; a link is an extra. */
static void test_order_without_link(void **state) {
    (void)state;
    ask_provider(provider_razorpay.make_order, &order, NULL, NULL,
                 SCRIPT({"POST /v1/orders", 200, MADE_ORDER}, {"POST /v1/payment_links/", 500, "oops"}));
    assert_int_equal(answered.fate, PROVIDER_DONE);
    assert_string_equal(answered.order_id, "order_1");
    assert_null(answered.payment_url);
    ask_provider(
        provider_razorpay.make_order, &order, NULL, NULL,
        SCRIPT({"POST /v1/orders", 200, MADE_ORDER}, {"POST /v1/payment_links/", 400, BAD_REQUEST},
               {LINK_QUESTION, 200,
                "{\"payment_links\":[{\"reference_id\":\"tp_2\",\"short_url\":\"https://rzp.io/i/b\"}," MADE_LINK
                "]}"}));
    assert_string_equal(answered.payment_url, "https://rzp.io/i/nxrHnLJ");
    ask_provider(provider_razorpay.make_order, &order, NULL, NULL,
                 SCRIPT({"POST /v1/orders", 200, MADE_ORDER},
                        {"POST /v1/payment_links/", 200, "{\"short_url\":\"javascript:alert(1)\"}"}));
    assert_null(answered.payment_url);
}

/* Razorpay has no idempotency key for orders, and libcurl would send anew what broke off on a kept connection. */
static void test_order_is_sent_once(void **state) {
    (void)state;
    kept_client = http_client_new(4, NULL, NULL);
    ask_provider(provider_razorpay.make_order, &order, NULL, NULL,
                 SCRIPT({"POST /v1/orders", 200, MADE_ORDER}, {"POST /v1/payment_links/", 200, MADE_LINK}));
    ask_provider(provider_razorpay.make_order, &order, NULL, NULL,
                 SCRIPT({"POST /v1/orders", 0, NULL}, {"POST /v1/payment_links/", 200, MADE_LINK}));
    assert_int_equal(answered.fate, PROVIDER_AGAIN);
    http_client_destroy(&kept_client);
}

static void test_order_is_found_again(void **state) {
    struct provider_order again = order;
    (void)state;
    again.asked_before = true;
    ask_provider(provider_razorpay.make_order, &again, NULL, NULL,
                 SCRIPT({"GET /v1/orders?receipt=tp_1", 200,
                         "{\"entity\":\"collection\",\"count\":1,\"items\":[" MADE_ORDER "]}"},
                        {"POST /v1/payment_links/", 200, MADE_LINK}));
    assert_string_equal(answered.order_id, "order_1");
    ask_provider(provider_razorpay.make_order, &again, NULL, NULL,
                 SCRIPT({"GET /v1/orders?receipt=tp_1", 200, "{\"entity\":\"collection\",\"count\":0,\"items\":[]}"},
                        {"POST /v1/orders", 200, MADE_ORDER}, {"POST /v1/payment_links/", 200, MADE_LINK}));
    assert_string_equal(answered.order_id, "order_1");
    ask_provider(provider_razorpay.make_order, &again, NULL, NULL,
                 SCRIPT({"GET /v1/orders?receipt=tp_1", 502, "x"}, {"POST /v1/payment_links/", 200, MADE_LINK}));
    assert_int_equal(answered.fate, PROVIDER_AGAIN);
}

static void test_fates(void **state) {
    static const struct {
        int status;
        const char *body;
        enum provider_fate fate;
        const char *error;
    } cases[] = {
        {400, BAD_REQUEST, PROVIDER_REFUSED, "razorpay answered 400: BAD_REQUEST_ERROR: The amount is odd"},
        {404, "not json", PROVIDER_REFUSED, "razorpay answered 404"},
        {408, "{}", PROVIDER_AGAIN, "razorpay answered 408"},
        {409, BAD_REQUEST, PROVIDER_AGAIN, "razorpay answered 409"},
        {429, "{}", PROVIDER_AGAIN, "razorpay answered 429"},
        {500, "{}", PROVIDER_AGAIN, "razorpay answered 500"},
        {302, "", PROVIDER_AGAIN, "razorpay answered 302"},
        {200, "<html>", PROVIDER_AGAIN, "razorpay answered 200 with what is no JSON object"},
        {200, "[]", PROVIDER_AGAIN, "razorpay answered 200 with what is no JSON object"},
        {200, "{\"id\":\"order_1\",\"id\":\"order_2\"}", PROVIDER_AGAIN,
         "razorpay answered 200 with what is no JSON object"},
        {200, "{}", PROVIDER_AGAIN, "razorpay answered what is not the order that was asked for"},
        {200, "{\"id\":\"order_1\",\"amount\":50000,\"currency\":\"USD\"}", PROVIDER_AGAIN,
         "razorpay answered what is not the order that was asked for"},
        {200, "{\"id\":\"order_1\",\"amount\":5000,\"currency\":\"INR\"}", PROVIDER_AGAIN,
         "razorpay answered what is not the order that was asked for"},
        {401, BAD_REQUEST, PROVIDER_AGAIN, "razorpay refuses our keys (401)"},
        {403, "{}", PROVIDER_AGAIN, "razorpay refuses our keys (403)"},
        {400, "{\"error\":{\"code\":\"BAD_REQUEST_ERROR\",\"description\":\"The api key provided is invalid\"}}",
         PROVIDER_AGAIN, "razorpay refuses our keys (400)"},
        {0, NULL, PROVIDER_AGAIN, NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ask_provider(
            provider_razorpay.make_order, &order, NULL, NULL,
            SCRIPT({"POST /v1/orders", cases[i].status, cases[i].body}, {"POST /v1/payment_links/", 200, MADE_LINK}));
        assert_int_equal(answered.fate, cases[i].fate);
        assert_non_null(answered.error);
        assert_null(strstr(answered.error, "testsecret"));
        if (cases[i].error)
            assert_string_equal(answered.error, cases[i].error);
    }
}

static void test_endless_answer(void **state) {
    char *body = malloc(200 * 1024);
    (void)state;
    memset(body, ' ', 200 * 1024);
    body[0] = '{';
    body[200 * 1024 - 1] = '\0';
    ask_provider(provider_razorpay.make_order, &order, NULL, NULL,
                 SCRIPT({"POST /v1/orders", 200, body}, {"POST /v1/payment_links/", 200, MADE_LINK}));
    assert_int_equal(answered.fate, PROVIDER_AGAIN);
    free(body);
}

static void test_three_decimals(void **state) {
    struct provider_order dinars = order;
    (void)state;
    dinars.currency = "KWD";
    dinars.amount_minor = 5001;
    ask_provider(provider_razorpay.make_order, &dinars, NULL, NULL, NO_SCRIPT);
    assert_int_equal(answered.fate, PROVIDER_REFUSED);
}

/* ---- Look-ups */

#define PAID                                                                                                           \
    "{\"id\":\"pay_2\",\"entity\":\"payment\",\"amount\":50000,\"currency\":\"INR\",\"status\":\"captured\",\"order_"  \
    "id\":\"order_1\",\"notes\":[]}"
#define REFUNDED(captured)                                                                                             \
    "{\"id\":\"pay_2\",\"amount\":50000,\"currency\":\"INR\",\"status\":\"refunded\",\"captured\":" captured           \
    ",\"order_id\":\"order_1\",\"notes\":[]}"
#define TRIED                                                                                                          \
    "{\"id\":\"pay_1\",\"entity\":\"payment\",\"amount\":50000,\"currency\":\"INR\",\"status\":\"failed\",\"order_"    \
    "id\":\"order_1\",\"notes\":[],"                                                                                   \
    "\"error_code\":\"BAD_REQUEST_ERROR\",\"error_description\":null}"
#define ITEMS(items) "{\"entity\":\"collection\",\"count\":1,\"items\":[" items "]}"
#define LINKS(links) "{\"payment_links\":[" links "]}"
#define PAID_LINK(payments)                                                                                            \
    "{\"id\":\"plink_1\",\"reference_id\":\"tp_1\",\"currency\":\"INR\",\"amount\":50000,\"amount_paid\":50000,"       \
    "\"status\":\"paid\",\"payments\":" payments "}"
#define LINK_PAYMENT                                                                                                   \
    "[{\"amount\":50000,\"created_at\":1,\"method\":\"upi\",\"payment_id\":\"pay_3\",\"status\":\"captured\"}]"

static struct provider_order made(void) {
    struct provider_order known = order;
    known.order_id = "order_1";
    known.payment_url = "https://rzp.io/i/nxrHnLJ";
    return known;
}

static void test_look_up(void **state) {
    struct provider_order known = made();
    (void)state;
    ask_provider(provider_razorpay.look_up, &known, NULL, NULL,
                 SCRIPT({"GET /v1/orders/order_1/payments", 200, ITEMS(TRIED "," PAID)},
                        {LINK_QUESTION, 200, LINKS(MADE_LINK)}));
    assert_int_equal(answered.fate, PROVIDER_DONE);
    assert_int_equal(answered.fact_count, 2);
    assert_int_equal(answered.facts[0].kind, FACT_FAILED);
    assert_string_equal(answered.facts[0].reason, "BAD_REQUEST_ERROR");
    assert_int_equal(answered.facts[1].kind, FACT_CAPTURED);
    assert_string_equal(answered.facts[1].provider_payment_id, "pay_2");
    assert_string_equal(answered.facts[1].receipt, "tp_1");
    assert_int_equal(answered.facts[1].receipt_bond, RECEIPT_OF_MONEY);
    assert_int_equal(answered.facts[1].amount_minor, 50000);

    ask_provider(provider_razorpay.look_up, &known, NULL, NULL,
                 SCRIPT({"GET /v1/orders/order_1/payments", 200, ITEMS("")}, {LINK_QUESTION, 200, LINKS(MADE_LINK)}));
    assert_int_equal(answered.fate, PROVIDER_DONE);
    assert_string_equal(answered.order_id, "order_1");
    assert_int_equal(answered.fact_count, 0);

    ask_provider(provider_razorpay.look_up, &known, NULL, NULL,
                 SCRIPT({"GET /v1/orders/order_1/payments", 200, ITEMS(REFUNDED("true") "," REFUNDED("false"))},
                        {LINK_QUESTION, 200, LINKS(MADE_LINK)}));
    assert_int_equal(answered.fact_count, 2);
    assert_int_equal(answered.facts[0].kind, FACT_CAPTURED);
    assert_int_equal(answered.facts[1].kind, FACT_FAILED); /* nobody took it */
}

static void test_look_up_of_a_paid_order_and_link(void **state) {
    struct provider_order known = made();
    (void)state;
    ask_provider(provider_razorpay.look_up, &known, NULL, NULL,
                 SCRIPT({"GET /v1/orders/order_1/payments", 200, ITEMS(PAID)},
                        {LINK_QUESTION, 200, LINKS(PAID_LINK(LINK_PAYMENT))}));
    assert_int_equal(answered.fact_count, 2);
    assert_string_equal(answered.facts[0].provider_payment_id, "pay_2");
    assert_string_equal(answered.facts[1].provider_payment_id, "pay_3");
    ask_provider(provider_razorpay.look_up, &known, NULL, NULL,
                 SCRIPT({"GET /v1/orders/order_1/payments", 200, ITEMS(PAID)}, {LINK_QUESTION, 500, "{}"}));
    assert_int_equal(answered.fate, PROVIDER_DONE); /* what is known counts */
    assert_int_equal(answered.fact_count, 1);
    ask_provider(provider_razorpay.close_order, &known, NULL, NULL,
                 SCRIPT({LINK_QUESTION, 200, LINKS(MADE_LINK)},
                        {"POST /v1/payment_links/plink_1/cancel", 200, MADE_LINK},
                        {"GET /v1/orders/order_1/payments", 200, ITEMS(PAID)}, {LINK_QUESTION, 500, "{}"}));
    assert_int_equal(answered.fate, PROVIDER_AGAIN);
}

static void test_look_up_of_a_paid_link(void **state) {
    struct provider_order known = made();
    (void)state;
    ask_provider(provider_razorpay.look_up, &known, NULL, NULL,
                 SCRIPT({"GET /v1/orders/order_1/payments", 200, ITEMS("")},
                        {LINK_QUESTION, 200, LINKS(PAID_LINK(LINK_PAYMENT))}));
    assert_int_equal(answered.fact_count, 1);
    assert_int_equal(answered.facts[0].kind, FACT_CAPTURED);
    assert_string_equal(answered.facts[0].provider_payment_id, "pay_3");
    assert_string_equal(answered.facts[0].receipt, "tp_1");
    assert_int_equal(answered.facts[0].receipt_bond, RECEIPT_OF_MONEY);
    assert_null(answered.facts[0].order_id);
    assert_string_equal(answered.facts[0].currency, "INR");
    ask_provider(provider_razorpay.look_up, &known, NULL, NULL,
                 SCRIPT({"GET /v1/orders/order_1/payments", 200, ITEMS(TRIED)},
                        {LINK_QUESTION, 200, LINKS(PAID_LINK("[]"))},
                        {"GET /v1/payment_links/plink_1", 200, PAID_LINK(LINK_PAYMENT)}));
    assert_int_equal(answered.fact_count, 2);
    assert_int_equal(answered.facts[1].kind, FACT_CAPTURED);
}

static void test_look_up_by_receipt(void **state) {
    (void)state;
    ask_provider(provider_razorpay.look_up, &order, NULL, NULL,
                 SCRIPT({"GET /v1/orders?receipt=tp_1", 200, ITEMS(MADE_ORDER)},
                        {"GET /v1/orders/order_1/payments", 200, ITEMS(PAID)}, {LINK_QUESTION, 200, LINKS("")}));
    assert_string_equal(answered.order_id, "order_1");
    assert_int_equal(answered.fact_count, 1);
    ask_provider(provider_razorpay.look_up, &order, NULL, NULL,
                 SCRIPT({"GET /v1/orders?receipt=tp_1", 200, ITEMS("")}, {LINK_QUESTION, 200, LINKS("")}));
    assert_int_equal(answered.fate, PROVIDER_DONE);
    assert_null(answered.order_id);
    assert_int_equal(answered.fact_count, 0);
}

static void test_odd_look_ups(void **state) {
    static const char *const odd[] = {
        "{}",
        "{\"items\":{}}",
        ITEMS("{\"id\":\"pay_2\",\"amount\":50000,\"currency\":\"INR\",\"status\":\"captured\",\"order_id\":\"order_"
              "2\"}"),
        ITEMS("{\"id\":\"pay_2\",\"amount\":50000,\"currency\":\"INR\",\"status\":\"captured\"}"),
        ITEMS(
            "{\"id\":\"pay_2\",\"amount\":5.5,\"currency\":\"INR\",\"status\":\"captured\",\"order_id\":\"order_1\"}"),
        ITEMS(
            "{\"id\":\"pay_2\",\"amount\":50000,\"currency\":\"INR\",\"status\":\"stolen\",\"order_id\":\"order_1\"}"),
        ITEMS("7"),
    };
    struct provider_order known = made();
    (void)state;
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        ask_provider(provider_razorpay.look_up, &known, NULL, NULL,
                     SCRIPT({"GET /v1/orders/order_1/payments", 200, odd[i]}));
        assert_int_equal(answered.fate, PROVIDER_AGAIN);
    }
    known.order_id = "order_1/../../v1/refunds";
    ask_provider(provider_razorpay.look_up, &known, NULL, NULL, NO_SCRIPT);
    assert_int_equal(answered.fate, PROVIDER_REFUSED);
}

static void test_close(void **state) {
    struct provider_order known = made();
    (void)state;
    ask_provider(provider_razorpay.close_order, &known, NULL, NULL,
                 SCRIPT({LINK_QUESTION, 200, LINKS(MADE_LINK)},
                        {"POST /v1/payment_links/plink_1/cancel", 200, MADE_LINK},
                        {"GET /v1/orders/order_1/payments", 200, ITEMS("")}, {LINK_QUESTION, 200, LINKS("")}));
    assert_int_equal(answered.fate, PROVIDER_DONE);
    assert_int_equal(answered.fact_count, 0); /* the order can still be paid */
    ask_provider(provider_razorpay.close_order, &known, NULL, NULL,
                 SCRIPT({LINK_QUESTION, 200, LINKS(MADE_LINK)},
                        {"POST /v1/payment_links/plink_1/cancel", 400, BAD_REQUEST},
                        {"GET /v1/orders/order_1/payments", 200, ITEMS("")},
                        {LINK_QUESTION, 200, LINKS(PAID_LINK(LINK_PAYMENT))}));
    assert_int_equal(answered.fact_count, 1);
    assert_int_equal(answered.facts[0].kind, FACT_CAPTURED);
    ask_provider(provider_razorpay.close_order, &order, NULL, NULL,
                 SCRIPT({LINK_QUESTION, 200, LINKS("")}, {"GET /v1/orders?receipt=tp_1", 200, ITEMS("")},
                        {LINK_QUESTION, 200, LINKS("")}));
    assert_int_equal(answered.fact_count, 1); /* there never was one */
    assert_int_equal(answered.facts[0].kind, FACT_CLOSED);
    ask_provider(provider_razorpay.close_order, &known, NULL, NULL, SCRIPT({LINK_QUESTION, 500, "{}"}));
    assert_int_equal(answered.fate, PROVIDER_AGAIN);
}

/* ---- Captures and refunds */

static void test_capture(void **state) {
    struct provider_order held = made();
    (void)state;
    held.provider_payment_id = "pay_2";
    ask_provider(provider_razorpay.capture, &held, NULL, NULL, SCRIPT({"POST /v1/payments/pay_2/capture", 200, PAID}));
    assert_int_equal(answered.fate, PROVIDER_DONE);
    assert_int_equal(answered.facts[0].kind, FACT_CAPTURED);
    assert_sent_json(0, "{\"amount\":50000,\"currency\":\"INR\"}");
    ask_provider(provider_razorpay.capture, &held, NULL, NULL,
                 SCRIPT({"POST /v1/payments/pay_2/capture", 400, BAD_REQUEST}, {"GET /v1/payments/pay_2", 200, PAID}));
    assert_int_equal(answered.fate, PROVIDER_DONE);
    assert_int_equal(answered.facts[0].kind, FACT_CAPTURED);
    ask_provider(provider_razorpay.capture, &held, NULL, NULL,
                 SCRIPT({"POST /v1/payments/pay_2/capture", 400, BAD_REQUEST},
                        {"GET /v1/payments/pay_2", 200,
                         "{\"id\":\"pay_2\",\"amount\":50000,\"currency\":\"INR\",\"status\":\"authorized\",\"order_"
                         "id\":\"order_1\"}"}));
    assert_int_equal(answered.fate, PROVIDER_REFUSED);
    assert_string_equal(answered.error, "razorpay answered 400: BAD_REQUEST_ERROR: The amount is odd");
    ask_provider(provider_razorpay.capture, &held, NULL, NULL, SCRIPT({"POST /v1/payments/pay_2/capture", 200, TRIED}));
    assert_int_equal(answered.fate, PROVIDER_AGAIN);
    ask_provider(provider_razorpay.capture, &order, NULL, NULL, NO_SCRIPT);
    assert_int_equal(answered.fate, PROVIDER_REFUSED);
}

static const struct provider_refund refund = {.refund_id = "rfnd_ours_0001",
                                              .provider_payment_id = "pay_2",
                                              .order_id = "order_1",
                                              .amount_minor = 2000,
                                              .currency = "INR"};

#define PAID_BACK(payment, receipt, status)                                                                            \
    "{\"id\":\"rfnd_1\",\"entity\":\"refund\",\"amount\":2000,\"currency\":\"INR\",\"payment_id\":\"" payment          \
    "\",\"notes\":[],\"receipt\":" receipt ",\"status\":\"" status "\"}"

static void test_refund(void **state) {
    (void)state;
    ask_provider(NULL, NULL, provider_razorpay.refund, &refund,
                 SCRIPT({"POST /v1/payments/pay_2/refund", 200, PAID_BACK("pay_2", "\"rfnd_ours_0001\"", "pending")}));
    assert_int_equal(answered.fate, PROVIDER_DONE);
    assert_int_equal(answered.fact_count, 1);
    assert_int_equal(answered.facts[0].kind, FACT_REFUND_PENDING);
    assert_string_equal(answered.facts[0].provider_refund_id, "rfnd_1");
    assert_string_equal(answered.facts[0].refund_id, "rfnd_ours_0001");
    assert_string_equal(answered.facts[0].order_id, "order_1");
    assert_true(sent_header(0, "X-Refund-Idempotency: rfnd_ours_0001"));
    assert_sent_json(0, "{\"amount\":2000,\"speed\":\"normal\",\"receipt\":\"rfnd_ours_0001\",\"notes\":{\"refund_id\":"
                        "\"rfnd_ours_0001\"}}");
    ask_provider(NULL, NULL, provider_razorpay.refund, &refund,
                 SCRIPT({"POST /v1/payments/pay_2/refund", 200, PAID_BACK("pay_9", "null", "pending")}));
    assert_int_equal(answered.fate, PROVIDER_AGAIN);
}

#define REFUNDS_QUESTION "GET /v1/payments/pay_2/refunds?count=100"

static void test_refund_is_made_once(void **state) {
    struct provider_refund again = refund;
    (void)state;
    again.asked_before = true;
    ask_provider(NULL, NULL, provider_razorpay.refund, &again,
                 SCRIPT({REFUNDS_QUESTION, 200,
                         ITEMS(PAID_BACK("pay_2", "\"rfnd_other_001\"",
                                         "processed") "," PAID_BACK("pay_2", "\"rfnd_ours_0001\"", "processed"))}));
    assert_int_equal(answered.fact_count, 1);
    assert_int_equal(answered.facts[0].kind, FACT_REFUND_PROCESSED);
    ask_provider(NULL, NULL, provider_razorpay.refund, &again,
                 SCRIPT({REFUNDS_QUESTION, 200, ITEMS("")},
                        {"POST /v1/payments/pay_2/refund", 200, PAID_BACK("pay_2", "null", "processed")}));
    assert_int_equal(answered.fact_count, 1);
    assert_string_equal(answered.facts[0].refund_id, "rfnd_ours_0001");
    ask_provider(NULL, NULL, provider_razorpay.refund, &refund,
                 SCRIPT({"POST /v1/payments/pay_2/refund", 400, BAD_REQUEST},
                        {REFUNDS_QUESTION, 200, ITEMS(PAID_BACK("pay_2", "\"rfnd_ours_0001\"", "failed"))}));
    assert_int_equal(answered.fate, PROVIDER_DONE);
    assert_int_equal(answered.facts[0].kind, FACT_REFUND_FAILED);
    ask_provider(NULL, NULL, provider_razorpay.refund, &refund,
                 SCRIPT({"POST /v1/payments/pay_2/refund", 400, BAD_REQUEST}, {REFUNDS_QUESTION, 200, ITEMS("")}));
    assert_int_equal(answered.fate, PROVIDER_REFUSED);
    ask_provider(NULL, NULL, provider_razorpay.refund, &refund,
                 SCRIPT({"POST /v1/payments/pay_2/refund", 400, BAD_REQUEST}, {REFUNDS_QUESTION, 500, "{}"}));
    assert_int_equal(answered.fate, PROVIDER_AGAIN);
    ask_provider(NULL, NULL, provider_razorpay.refund, &refund,
                 SCRIPT({"POST /v1/payments/pay_2/refund", 409, BAD_REQUEST}));
    assert_int_equal(answered.fate, PROVIDER_AGAIN);
    ask_provider(NULL, NULL, provider_razorpay.refund, &refund,
                 SCRIPT({"POST /v1/payments/pay_2/refund", 425, BAD_REQUEST}));
    assert_int_equal(answered.fate, PROVIDER_AGAIN);
}

static void test_refund_under_a_further_name(void **state) {
    struct provider_refund again = refund;
    (void)state;
    again.asked_before = true;
    again.refund_id = "rfnd_ours_0001-2";
    ask_provider(NULL, NULL, provider_razorpay.refund, &again,
                 SCRIPT({REFUNDS_QUESTION, 200,
                         ITEMS(PAID_BACK("pay_2", "\"rfnd_ours_0001\"",
                                         "failed") "," PAID_BACK("pay_2", "\"rfnd_ours_0001-1\"", "processed"))}));
    assert_int_equal(answered.fact_count, 1);
    assert_int_equal(answered.facts[0].kind, FACT_REFUND_PROCESSED);
    assert_string_equal(answered.facts[0].refund_id, "rfnd_ours_0001-1");
    ask_provider(
        NULL, NULL, provider_razorpay.refund, &again,
        SCRIPT({REFUNDS_QUESTION, 200, ITEMS(PAID_BACK("pay_2", "\"rfnd_ours_0001-1\"", "failed"))},
               {"POST /v1/payments/pay_2/refund", 200, PAID_BACK("pay_2", "\"rfnd_ours_0001-2\"", "pending")}));
    assert_int_equal(answered.facts[0].kind, FACT_REFUND_PENDING);
    again.refund_id = "rfnd_ours_0001";
    again.provider_refund_id = "rfnd_1";
    ask_provider(NULL, NULL, provider_razorpay.look_up_refund, &again,
                 SCRIPT({"GET /v1/refunds/rfnd_1", 200, PAID_BACK("pay_2", "\"rfnd_ours_0001-1\"", "processed")}));
    assert_int_equal(answered.facts[0].kind, FACT_REFUND_PROCESSED);
}

#define POOR                                                                                                           \
    "{\"error\":{\"code\":\"BAD_REQUEST_ERROR\",\"description\":\"Your account does not have enough balance to carry " \
    "out "                                                                                                             \
    "the refund operation.\",\"metadata\":{}}}"

/* Not the payment's refunds, and not our account's money: neither says that it cannot be paid back. */
static void test_what_refuses_no_refund(void **state) {
    struct provider_refund again = refund;
    (void)state;
    again.asked_before = true;
    ask_provider(NULL, NULL, provider_razorpay.refund, &again, SCRIPT({REFUNDS_QUESTION, 400, BAD_REQUEST}));
    assert_int_equal(answered.fate, PROVIDER_AGAIN);
    ask_provider(NULL, NULL, provider_razorpay.refund, &refund,
                 SCRIPT({"POST /v1/payments/pay_2/refund", 400, BAD_REQUEST}, {REFUNDS_QUESTION, 400, BAD_REQUEST}));
    assert_int_equal(answered.fate, PROVIDER_AGAIN);
    ask_provider(NULL, NULL, provider_razorpay.refund, &refund,
                 SCRIPT({"POST /v1/payments/pay_2/refund", 400, BAD_REQUEST}, {REFUNDS_QUESTION, 200, "{}"}));
    assert_int_equal(answered.fate, PROVIDER_AGAIN);
    ask_provider(NULL, NULL, provider_razorpay.refund, &refund,
                 SCRIPT({"POST /v1/payments/pay_2/refund", 400, POOR}, {REFUNDS_QUESTION, 200, ITEMS("")}));
    assert_int_equal(answered.fate, PROVIDER_AGAIN);
}

static void test_look_up_refund(void **state) {
    struct provider_refund known = refund;
    (void)state;
    ask_provider(NULL, NULL, provider_razorpay.look_up_refund, &refund, SCRIPT({REFUNDS_QUESTION, 200, ITEMS("")}));
    assert_int_equal(answered.fate, PROVIDER_DONE);
    assert_int_equal(answered.fact_count, 0);
    known.provider_refund_id = "rfnd_1";
    ask_provider(NULL, NULL, provider_razorpay.look_up_refund, &known,
                 SCRIPT({"GET /v1/refunds/rfnd_1", 200, PAID_BACK("pay_2", "null", "processed")}));
    assert_int_equal(answered.facts[0].kind, FACT_REFUND_PROCESSED);
    known.provider_refund_id = "rfnd_2";
    ask_provider(NULL, NULL, provider_razorpay.look_up_refund, &known,
                 SCRIPT({"GET /v1/refunds/rfnd_2", 200, PAID_BACK("pay_2", "null", "processed")}));
    assert_int_equal(answered.fate, PROVIDER_AGAIN);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_form_signature),
        cmocka_unit_test(test_webhook_signature),
        cmocka_unit_test(test_rotation),
        cmocka_unit_test(test_event_id),
        cmocka_unit_test(test_payment_events),
        cmocka_unit_test(test_refund_events),
        cmocka_unit_test(test_silent_events),
        cmocka_unit_test(test_unusable_events),
        cmocka_unit_test(test_malformed_events),
        cmocka_unit_test(test_make_order),
        cmocka_unit_test(test_link_of_a_short_hold),
        cmocka_unit_test(test_order_without_link),
        cmocka_unit_test(test_order_is_sent_once),
        cmocka_unit_test(test_order_is_found_again),
        cmocka_unit_test(test_fates),
        cmocka_unit_test(test_endless_answer),
        cmocka_unit_test(test_three_decimals),
        cmocka_unit_test(test_look_up),
        cmocka_unit_test(test_look_up_of_a_paid_order_and_link),
        cmocka_unit_test(test_look_up_of_a_paid_link),
        cmocka_unit_test(test_look_up_by_receipt),
        cmocka_unit_test(test_odd_look_ups),
        cmocka_unit_test(test_close),
        cmocka_unit_test(test_capture),
        cmocka_unit_test(test_refund),
        cmocka_unit_test(test_refund_is_made_once),
        cmocka_unit_test(test_refund_under_a_further_name),
        cmocka_unit_test(test_what_refuses_no_refund),
        cmocka_unit_test(test_look_up_refund),
    };
    return cmocka_run_group_tests_name("razorpay", tests, set_up, tear_down);
}
