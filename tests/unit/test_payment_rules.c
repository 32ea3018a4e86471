/* The payment worker's decisions, as tables of cases: each kind of fact in each state, when providers are asked again,
 * who gets an order and who a refund. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "rules.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define FULL "full"

static struct fact money(enum fact_kind kind, const char *attempt, int64_t amount_minor, const char *currency) {
    return (struct fact){.kind = kind,
                         .order_id = "order_1",
                         .provider_payment_id = attempt,
                         .amount_minor = amount_minor,
                         .currency = currency};
}

static struct payment_state payment(enum payment_status status, const char *attempt) {
    return (struct payment_state){.status = status,
                                  .amount_minor = 2500,
                                  .currency = "INR",
                                  .order_id = "order_1",
                                  .provider_payment_id = attempt};
}

static void what_follows_from_money(void **state) {
    (void)state;
    static const struct {
        enum payment_status payment;
        enum booking_status booking;
        const char *no_seat;
        enum effect expected;
    } cases[] = {
        {PAYMENT_CREATED, SEAT_PENDING, NULL, EFFECT_CONFIRM},
        {PAYMENT_AUTHORIZED, SEAT_PENDING, NULL, EFFECT_CONFIRM},
        {PAYMENT_FAILED, SEAT_PENDING, NULL, EFFECT_CONFIRM},
        {PAYMENT_CREATED, SEAT_EXPIRED, NULL, EFFECT_RESEAT},
        {PAYMENT_FAILED, SEAT_EXPIRED, NULL, EFFECT_RESEAT},
        {PAYMENT_AUTHORIZED, SEAT_EXPIRED, NULL, EFFECT_RESEAT},
        {PAYMENT_CREATED, SEAT_EXPIRED, FULL, EFFECT_PAY_BACK_LATE},
        {PAYMENT_FAILED, SEAT_EXPIRED, FULL, EFFECT_PAY_BACK_LATE},
        {PAYMENT_CREATED, SEAT_CANCELLED, NULL, EFFECT_PAY_BACK_LATE},
        {PAYMENT_AUTHORIZED, SEAT_CANCELLED, NULL, EFFECT_PAY_BACK_LATE},
        {PAYMENT_FAILED, SEAT_CANCELLED, NULL, EFFECT_PAY_BACK_LATE},
        {PAYMENT_CREATED, SEAT_CONFIRMED, NULL, EFFECT_PAY_BACK_TWIN},
        {PAYMENT_FAILED, SEAT_CONFIRMED, NULL, EFFECT_PAY_BACK_TWIN},
        {PAYMENT_CREATED, SEAT_COMPLETED, NULL, EFFECT_PAY_BACK_TWIN},
        {PAYMENT_CAPTURED, SEAT_CONFIRMED, NULL, EFFECT_NONE},
        {PAYMENT_CAPTURED, SEAT_CANCELLED, NULL, EFFECT_NONE},
        {PAYMENT_CAPTURED, SEAT_EXPIRED, FULL, EFFECT_NONE},
        {PAYMENT_PARTIALLY_REFUNDED, SEAT_CONFIRMED, NULL, EFFECT_NONE},
        {PAYMENT_REFUNDED, SEAT_CANCELLED, NULL, EFFECT_NONE},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct circumstances circumstances = {cases[i].booking, cases[i].no_seat};
        struct payment_state known = payment(cases[i].payment, cases[i].payment == PAYMENT_CREATED ? NULL : "pay_1");
        struct fact fact = money(FACT_CAPTURED, "pay_1", 2500, "INR");
        if (rule_payment_fact(&fact, &known, &circumstances) != cases[i].expected)
            fail_msg("case %zu", i);
        /* Whatever the state: another amount or currency changes nothing. */
        struct fact less = money(FACT_CAPTURED, "pay_1", 2499, "INR"),
                    dollars = money(FACT_CAPTURED, "pay_1", 2500, "USD");
        struct fact unnamed = money(FACT_CAPTURED, "pay_1", 2500, NULL);
        assert_int_equal(rule_payment_fact(&less, &known, &circumstances), EFFECT_MISMATCH);
        assert_int_equal(rule_payment_fact(&dollars, &known, &circumstances), EFFECT_MISMATCH);
        assert_int_equal(rule_payment_fact(&unnamed, &known, &circumstances), EFFECT_MISMATCH);
    }
}

static void money_of_another_attempt_goes_back(void **state) {
    (void)state;
    static const enum payment_status paid[] = {PAYMENT_CAPTURED, PAYMENT_PARTIALLY_REFUNDED, PAYMENT_REFUNDED};
    const struct circumstances circumstances = {SEAT_CONFIRMED, NULL};
    struct fact second = money(FACT_CAPTURED, "pay_2", 2500, "INR"), unnamed = money(FACT_CAPTURED, NULL, 2500, "INR");
    for (size_t i = 0; i < COUNT(paid); i++) {
        struct payment_state known = payment(paid[i], "pay_1");
        assert_int_equal(rule_payment_fact(&second, &known, &circumstances), EFFECT_PAY_BACK_SECOND);
        assert_int_equal(rule_payment_fact(&unnamed, &known, &circumstances), EFFECT_NONE);
    }
}

static void a_receipt_counts_by_its_bond(void **state) {
    (void)state;
    static const struct {
        const char *own_order, *order, *attempt; /* of the payment; of the fact */
        enum receipt_bond bond;
        bool counts;
    } cases[] = {
        {"order_1", "order_1", "pay_2", RECEIPT_NOTED, true},
        {"order_1", "order_2", "pay_2", RECEIPT_NOTED, false},
        {"order_1", NULL, "pay_2", RECEIPT_NOTED, false},
        {"order_1", "order_2", "pay_2", RECEIPT_OF_ORDER, false},
        {"order_1", NULL, "pay_2", RECEIPT_OF_ORDER, false},
        {"order_1", "order_2", "pay_2", RECEIPT_OF_MONEY, true},
        {"order_1", NULL, "pay_2", RECEIPT_OF_MONEY, true},
        {NULL, "order_2", "pay_2", RECEIPT_NOTED, false},
        {NULL, NULL, "pay_2", RECEIPT_NOTED, false},
        {NULL, "order_2", "pay_2", RECEIPT_OF_ORDER, true},
        {NULL, NULL, "pay_2", RECEIPT_OF_MONEY, true},
        {"order_1", "order_2", "pay_1", RECEIPT_NOTED, true}, /* the link's, once its payment is known */
    };
    static const struct {
        enum fact_kind fact;
        enum payment_status payment;
        enum effect stray;
    } kinds[] = {
        {FACT_CAPTURED, PAYMENT_CREATED, EFFECT_STRAY_OPEN},
        {FACT_CAPTURED, PAYMENT_AUTHORIZED, EFFECT_STRAY_OPEN},
        {FACT_CAPTURED, PAYMENT_FAILED, EFFECT_STRAY_OPEN},
        {FACT_CAPTURED, PAYMENT_CAPTURED, EFFECT_STRAY},
        {FACT_CAPTURED, PAYMENT_REFUNDED, EFFECT_STRAY},
        {FACT_CAPTURED, PAYMENT_PARTIALLY_REFUNDED, EFFECT_STRAY},
        {FACT_AUTHORIZED, PAYMENT_CREATED, EFFECT_STRAY_OPEN},
        {FACT_AUTHORIZED, PAYMENT_CAPTURED, EFFECT_STRAY},
        {FACT_CLOSED, PAYMENT_CREATED, EFFECT_STRAY_OPEN},
        {FACT_FAILED, PAYMENT_CREATED, EFFECT_NONE},
        {FACT_FAILED, PAYMENT_AUTHORIZED, EFFECT_NONE},
        {FACT_FAILED, PAYMENT_CAPTURED, EFFECT_NONE},
    };
    const struct circumstances circumstances = {SEAT_PENDING, NULL};
    for (size_t i = 0; i < COUNT(cases); i++)
        for (size_t k = 0; k < COUNT(kinds); k++) {
            struct payment_state known = payment(kinds[k].payment, "pay_1"), same = known;
            struct fact fact = money(kinds[k].fact, cases[i].attempt, 2500, "INR"), plain = fact;
            known.order_id = cases[i].own_order;
            fact.order_id = cases[i].order;
            fact.receipt_bond = cases[i].bond;
            enum effect expected = cases[i].counts ? rule_payment_fact(&plain, &same, &circumstances) : kinds[k].stray;
            if (rule_payment_fact(&fact, &known, &circumstances) != expected)
                fail_msg("case %zu, kind %zu", i, k);
        }
}

static void what_is_no_money_lowers_no_payment(void **state) {
    (void)state;
    static const struct {
        enum fact_kind fact;
        const char *attempt;
        enum payment_status payment;
        enum effect expected;
    } cases[] = {
        {FACT_AUTHORIZED, "pay_1", PAYMENT_CREATED, EFFECT_AUTHORIZE},
        {FACT_AUTHORIZED, "pay_1", PAYMENT_FAILED, EFFECT_AUTHORIZE},
        {FACT_AUTHORIZED, "pay_1", PAYMENT_AUTHORIZED, EFFECT_NONE},
        {FACT_AUTHORIZED, "pay_2", PAYMENT_AUTHORIZED, EFFECT_NONE},
        {FACT_AUTHORIZED, "pay_1", PAYMENT_CAPTURED, EFFECT_NONE},
        {FACT_AUTHORIZED, "pay_2", PAYMENT_CAPTURED, EFFECT_NONE},
        {FACT_AUTHORIZED, "pay_1", PAYMENT_PARTIALLY_REFUNDED, EFFECT_NONE},
        {FACT_AUTHORIZED, "pay_1", PAYMENT_REFUNDED, EFFECT_NONE},
        {FACT_FAILED, "pay_1", PAYMENT_CREATED, EFFECT_FAIL},
        {FACT_FAILED, NULL, PAYMENT_CREATED, EFFECT_FAIL},
        {FACT_FAILED, "pay_1", PAYMENT_FAILED, EFFECT_NONE},
        {FACT_FAILED, "pay_1", PAYMENT_AUTHORIZED, EFFECT_FAIL},
        {FACT_FAILED, "pay_2", PAYMENT_AUTHORIZED, EFFECT_NONE},
        {FACT_FAILED, NULL, PAYMENT_AUTHORIZED, EFFECT_NONE},
        {FACT_FAILED, "pay_1", PAYMENT_CAPTURED, EFFECT_NONE},
        {FACT_FAILED, "pay_2", PAYMENT_CAPTURED, EFFECT_NONE},
        {FACT_FAILED, "pay_1", PAYMENT_PARTIALLY_REFUNDED, EFFECT_NONE},
        {FACT_FAILED, "pay_1", PAYMENT_REFUNDED, EFFECT_NONE},
        {FACT_CLOSED, NULL, PAYMENT_CREATED, EFFECT_CLOSE},
        {FACT_CLOSED, NULL, PAYMENT_FAILED, EFFECT_CLOSE},
        {FACT_CLOSED, NULL, PAYMENT_AUTHORIZED, EFFECT_NONE},
        {FACT_CLOSED, NULL, PAYMENT_CAPTURED, EFFECT_NONE},
        {FACT_CLOSED, NULL, PAYMENT_PARTIALLY_REFUNDED, EFFECT_NONE},
        {FACT_CLOSED, NULL, PAYMENT_REFUNDED, EFFECT_NONE},
    };
    static const enum booking_status bookings[] = {SEAT_PENDING, SEAT_CONFIRMED, SEAT_CANCELLED, SEAT_EXPIRED};
    for (size_t i = 0; i < COUNT(cases); i++)
        for (size_t k = 0; k < COUNT(bookings); k++) {
            const struct circumstances circumstances = {bookings[k], NULL};
            bool named = cases[i].payment == PAYMENT_CREATED || cases[i].payment == PAYMENT_FAILED;
            struct payment_state known = payment(cases[i].payment, named ? NULL : "pay_1");
            struct fact fact = money(cases[i].fact, cases[i].attempt, 2500, "INR");
            if (rule_payment_fact(&fact, &known, &circumstances) != cases[i].expected)
                fail_msg("case %zu, booking %zu", i, k);
        }
    struct payment_state closed = payment(PAYMENT_FAILED, NULL), created = payment(PAYMENT_CREATED, NULL);
    struct fact again = money(FACT_CLOSED, NULL, 0, NULL), more = money(FACT_AUTHORIZED, "pay_1", 2501, "INR");
    closed.closed = true;
    assert_int_equal(rule_payment_fact(&again, &closed, &(struct circumstances){SEAT_EXPIRED, NULL}), EFFECT_NONE);
    assert_int_equal(rule_payment_fact(&more, &created, &(struct circumstances){SEAT_PENDING, NULL}), EFFECT_MISMATCH);
}

static void who_gets_a_place_again(void **state) {
    (void)state;
    static const struct {
        struct event_state event;
        bool has_other, has_offer;
        const char *expected;
    } cases[] = {
        {{.id = 1}, false, false, NULL},
        {{.id = 1, .full = true}, false, false, FULL},
        {{.id = 1, .full = true}, false, true, NULL},
        {{.id = 1, .started = true}, false, true, "begun"},
        {{.id = 1, .cancelled = true, .started = true, .full = true}, true, false, "event_cancelled"},
        {{.id = 1}, true, false, "rebooked"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *cause = rule_no_seat(&cases[i].event, cases[i].has_other, cases[i].has_offer);
        const struct circumstances circumstances = {cause ? SEAT_EXPIRED : SEAT_CANCELLED, cause};
        if (cases[i].expected)
            assert_string_equal(cause, cases[i].expected);
        else
            assert_null(cause);
        assert_string_equal(rule_late_cause(&circumstances), cause ? cause : "booking_cancelled");
    }
}

static struct refund_state refund(int64_t id, enum refund_status status, const char *provider_refund_id) {
    return (struct refund_state){.id = id,
                                 .payment_id = 7,
                                 .refund_id = id == 1 ? "rfnd_a" : "rfnd_ab",
                                 .provider_refund_id = provider_refund_id,
                                 .amount_minor = 1000,
                                 .currency = "INR",
                                 .status = status};
}

static struct fact about_refund(enum fact_kind kind, const char *refund_id, const char *provider_refund_id) {
    return (struct fact){.kind = kind,
                         .refund_id = refund_id,
                         .provider_refund_id = provider_refund_id,
                         .amount_minor = 1000,
                         .currency = "INR"};
}

static void what_follows_for_a_refund(void **state) {
    (void)state;
    static const struct {
        enum fact_kind fact;
        const char *provider_refund_id;
        enum refund_status refund;
        enum effect expected;
    } cases[] = {
        {FACT_REFUND_PENDING, "r1", REFUND_CREATED, EFFECT_REFUND_PENDING},
        {FACT_REFUND_PENDING, "r1", REFUND_PENDING, EFFECT_NONE},
        {FACT_REFUND_PENDING, "r1", REFUND_PROCESSED, EFFECT_NONE},
        {FACT_REFUND_PENDING, "r1", REFUND_FAILED, EFFECT_NONE}, /* late news of the one that failed */
        {FACT_REFUND_PENDING, "r2", REFUND_FAILED, EFFECT_REFUND_PENDING},
        {FACT_REFUND_PROCESSED, "r1", REFUND_CREATED, EFFECT_REFUND_PROCESSED},
        {FACT_REFUND_PROCESSED, "r1", REFUND_PENDING, EFFECT_REFUND_PROCESSED},
        {FACT_REFUND_PROCESSED, "r1", REFUND_PROCESSED, EFFECT_NONE},
        {FACT_REFUND_PROCESSED, "r2", REFUND_FAILED, EFFECT_REFUND_PROCESSED},
        {FACT_REFUND_FAILED, "r1", REFUND_CREATED, EFFECT_REFUND_FAILED},
        {FACT_REFUND_FAILED, "r1", REFUND_PENDING, EFFECT_REFUND_FAILED},
        {FACT_REFUND_PROCESSED, "r1", REFUND_FAILED, EFFECT_NONE}, /* late news: it has come back since */
        {FACT_REFUND_PROCESSED, "r2", REFUND_PROCESSED, EFFECT_NONE},
        {FACT_REFUND_FAILED, "r1", REFUND_PROCESSED, EFFECT_REFUND_FAILED}, /* it came back */
        {FACT_REFUND_FAILED, "r2", REFUND_PROCESSED, EFFECT_NONE},
        {FACT_REFUND_FAILED, NULL, REFUND_PROCESSED, EFFECT_NONE},
        {FACT_REFUND_FAILED, "r2", REFUND_PENDING, EFFECT_NONE}, /* late news of another one */
        {FACT_REFUND_FAILED, NULL, REFUND_PENDING, EFFECT_NONE},
        {FACT_REFUND_FAILED, "r1", REFUND_FAILED, EFFECT_NONE},
        {FACT_REFUND_FAILED, "r2", REFUND_FAILED, EFFECT_REFUND_FAILED}, /* asked for again, and failed again */
        {FACT_REFUND_FAILED, NULL, REFUND_FAILED, EFFECT_REFUND_FAILED}, /* and refused */
    };
    struct payment_state paid = payment(PAYMENT_CAPTURED, "pay_1");
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct refund_state known = refund(1, cases[i].refund, cases[i].refund == REFUND_CREATED ? NULL : "r1");
        struct fact fact = about_refund(cases[i].fact, "rfnd_a", cases[i].provider_refund_id);
        if (rule_refund_fact(&fact, &paid, &known) != cases[i].expected)
            fail_msg("case %zu", i);
        bool other = cases[i].provider_refund_id && strcmp(cases[i].provider_refund_id, "r1");
        bool twice = cases[i].fact == FACT_REFUND_PROCESSED && cases[i].refund == REFUND_PROCESSED && other;
        assert_int_equal(rule_is_paid_twice(&fact, &known), twice);
        fact.amount_minor = 999;
        assert_int_equal(rule_refund_fact(&fact, &paid, &known), EFFECT_MISMATCH);
    }
}

static void refunds_made_at_the_provider(void **state) {
    (void)state;
    static const struct {
        enum fact_kind fact;
        enum payment_status payment;
        int64_t refunded_minor;
        enum effect expected;
    } cases[] = {
        {FACT_REFUND_PROCESSED, PAYMENT_CAPTURED, 0, EFFECT_REFUND_FOUND},
        {FACT_REFUND_PENDING, PAYMENT_CAPTURED, 1500, EFFECT_REFUND_FOUND},
        {FACT_REFUND_PROCESSED, PAYMENT_PARTIALLY_REFUNDED, 1501, EFFECT_MISMATCH}, /* more than is left */
        {FACT_REFUND_PROCESSED, PAYMENT_REFUNDED, 2500, EFFECT_MISMATCH},
        {FACT_REFUND_FAILED, PAYMENT_CAPTURED, 0, EFFECT_NONE},
        {FACT_REFUND_PROCESSED, PAYMENT_CREATED, 0, EFFECT_TOO_EARLY},
        {FACT_REFUND_PENDING, PAYMENT_AUTHORIZED, 0, EFFECT_TOO_EARLY},
        {FACT_REFUND_PROCESSED, PAYMENT_FAILED, 0, EFFECT_TOO_EARLY},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct payment_state known = payment(cases[i].payment, "pay_1");
        struct fact fact = about_refund(cases[i].fact, NULL, "r9");
        known.refunded_minor = cases[i].refunded_minor;
        if (rule_refund_fact(&fact, &known, NULL) != cases[i].expected)
            fail_msg("case %zu", i);
    }
    struct payment_state known = payment(PAYMENT_CAPTURED, "pay_1");
    struct fact dollars = about_refund(FACT_REFUND_PROCESSED, NULL, "r9"), nothing = dollars;
    struct fact of_another = dollars;
    of_another.provider_payment_id = "pay_2"; /* whose capture has not been told */
    assert_int_equal(rule_refund_fact(&of_another, &known, NULL), EFFECT_TOO_EARLY);
    dollars.currency = "USD";
    nothing.amount_minor = 0;
    assert_int_equal(rule_refund_fact(&dollars, &known, NULL), EFFECT_MISMATCH);
    assert_int_equal(rule_refund_fact(&nothing, &known, NULL), EFFECT_MISMATCH);
}

static void which_refund_a_fact_is_about(void **state) {
    (void)state;
    struct refund_state both[] = {refund(1, REFUND_CREATED, NULL), refund(2, REFUND_PENDING, "r2")};
    struct refund_state alike[] = {refund(1, REFUND_CREATED, NULL), refund(2, REFUND_CREATED, NULL)};
    static const struct {
        const char *refund_id, *provider_refund_id;
        int64_t payment_id;
        int expected; /* -1: none */
    } cases[] = {
        {"rfnd_a", "r2", 7, 0},                                                 /* our own name counts first */
        {"rfnd_ab", NULL, 7, 1}, {"rfnd_a-1", "r5", 7, 0},                      /* asked for again */
        {"rfnd_ac", "r2", 7, 1}, {NULL, "r2", 7, 1},       {NULL, "r5", 7, -1}, /* a further one */
        {NULL, "r5", 8, -1},     {"rfnd_a", NULL, 8, -1},
    };
    struct payment_state roomy = payment(PAYMENT_CAPTURED, "pay_1"), narrow = roomy;
    roomy.refunded_minor = 1500;
    narrow.refunded_minor = 1501;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct fact fact = about_refund(FACT_REFUND_PROCESSED, cases[i].refund_id, cases[i].provider_refund_id);
        const struct refund_state *found = rule_find_refund(&fact, cases[i].payment_id, &roomy, both, COUNT(both));
        if (found != (cases[i].expected < 0 ? NULL : &both[cases[i].expected]))
            fail_msg("case %zu", i);
    }
    struct fact unnamed = about_refund(FACT_REFUND_PROCESSED, NULL, "r5"), other = unnamed, of_another = unnamed;
    struct fact failed = about_refund(FACT_REFUND_FAILED, NULL, "r5");
    other.amount_minor = 400;
    of_another.provider_payment_id = "pay_2";
    assert_ptr_equal(rule_find_refund(&unnamed, 7, &narrow, both, COUNT(both)), &both[0]); /* there is no other money */
    assert_null(rule_find_refund(&unnamed, 7, &narrow, alike, COUNT(alike)));
    assert_null(rule_find_refund(&other, 7, &narrow, both, COUNT(both)));
    assert_null(rule_find_refund(&of_another, 7, &narrow, both, COUNT(both)));
    assert_null(rule_find_refund(&failed, 7, &narrow, both, COUNT(both)));

    /* What has failed is paid by hand. */
    both[0].status = REFUND_FAILED;
    assert_ptr_equal(rule_find_refund(&unnamed, 7, &roomy, both, COUNT(both)), &both[0]);
    assert_ptr_equal(rule_find_refund(&unnamed, 7, &narrow, both, COUNT(both)), &both[0]);
    assert_null(rule_find_refund(&of_another, 7, &narrow, both, COUNT(both)));
    assert_null(rule_find_refund(&failed, 7, &narrow, both, COUNT(both)));
}

static void the_browser_pays_nobody_back(void **state) {
    (void)state;
    for (enum effect effect = EFFECT_NONE; effect < EFFECT_COUNT; effect++) {
        bool pays_back =
            effect == EFFECT_PAY_BACK_LATE || effect == EFFECT_PAY_BACK_TWIN || effect == EFFECT_PAY_BACK_SECOND;
        assert_int_equal(rule_unverified(effect), pays_back ? EFFECT_LOOK_UP : effect);
    }
}

static void when_providers_are_asked_again(void **state) {
    (void)state;
    static const int64_t waits_s[] = {30, 60, 120, 300, 600, 900, 900, 900};
    for (size_t i = 0; i < COUNT(waits_s); i++) {
        assert_int_equal(rule_check_wait_s(CHECK_UNANSWERED, (int64_t)i, 0, 0), waits_s[i]);
        assert_int_equal(rule_check_wait_s(CHECK_UNPAID, (int64_t)i, 0, 0), waits_s[i]);
    }
    for (int64_t checks = 0; checks < 1000; checks++) { /* an outage of any length */
        assert_in_range(rule_check_wait_s(CHECK_UNANSWERED, checks, 0, 0), 30, 900);
        assert_in_range(rule_check_wait_s(CHECK_UNANSWERED, checks, INT64_MAX, 0), 30, 900);
    }
    assert_int_equal(rule_check_wait_s(CHECK_UNANSWERED, 0, 45, 0), 45);
    assert_int_equal(rule_check_wait_s(CHECK_UNPAID, 4, 0, 100), 102); /* just after the hold */
    assert_int_equal(rule_check_wait_s(CHECK_UNPAID, 0, 0, 100), 30);
    assert_int_equal(rule_check_wait_s(CHECK_UNANSWERED, 4, 0, 100), 600);
    assert_int_equal(rule_check_wait_s(CHECK_OVER, 100, 0, 0), 6 * 3600);
    assert_int_equal(rule_check_wait_s(CHECK_REFUND, 0, 0, 0), 60);
    assert_int_equal(rule_check_wait_s(CHECK_PAID, 0, 0, 0), 20 * 60);

    const int64_t day_s = 86400;
    assert_false(rule_gives_up(CHECK_OVER, 7 * day_s - 1));
    assert_true(rule_gives_up(CHECK_OVER, 7 * day_s));
    assert_false(rule_gives_up(CHECK_REFUSED, 7 * day_s));
    assert_true(rule_gives_up(CHECK_REFUSED, 30 * day_s));
    assert_false(rule_gives_up(CHECK_UNANSWERED, 365 * day_s));
    assert_false(rule_gives_up(CHECK_UNPAID, 365 * day_s));
}

static void who_gets_an_order(void **state) {
    (void)state;
    static const struct {
        enum booking_status booking;
        int64_t price_minor;
        bool hold_over;
        const struct refusal *expected;
    } cases[] = {
        {SEAT_PENDING, 2500, false, NULL},
        {SEAT_PENDING, 2500, true, &refusal_hold_expired},
        {SEAT_EXPIRED, 2500, false, &refusal_hold_expired},
        {SEAT_CANCELLED, 2500, false, &refusal_booking_cancelled},
        {SEAT_CONFIRMED, 2500, false, &refusal_already_paid},
        {SEAT_COMPLETED, 2500, false, &refusal_already_paid},
        {SEAT_CONFIRMED, 0, false, &refusal_nothing_to_pay},
        {SEAT_CANCELLED, 0, false, &refusal_nothing_to_pay},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        if (rule_payable(cases[i].booking, cases[i].price_minor, cases[i].hold_over) != cases[i].expected)
            fail_msg("case %zu", i);
}

static void who_pays_back_and_how_much(void **state) {
    (void)state;
    static const struct {
        struct refund_wish wish;
        int64_t captured_minor, left_minor;
        const char *currency;
        const struct refusal *refusal;
        const char *field;
        int64_t amount_minor;
    } cases[] = {
        {{.all = true}, 2500, 2500, "INR", NULL, NULL, 2500},
        {{.all = true}, 2500, 700, "KWD", NULL, NULL, 700},
        {{.amount_minor = 700}, 2500, 700, "INR", NULL, NULL, 700},
        {{.amount_minor = 701}, 2500, 700, "INR", &refusal_refund_exceeds_payment, NULL, 0},
        {{.amount_minor = 1, .currency = "INR"}, 2500, 2500, "INR", NULL, NULL, 1},
        {{.all = true}, 2500, 0, "INR", &refusal_refund_exceeds_payment, NULL, 0},
        {{.all = true}, 0, 0, NULL, &refusal_booking_not_paid, NULL, 0},
        {{.amount_minor = 100}, 0, 0, NULL, &refusal_booking_not_paid, NULL, 0},
        {{.amount_minor = 100, .currency = "USD"}, 2500, 2500, "INR", &refusal_refund_currency_mismatch, NULL, 0},
        {{.all = true, .currency = "USD"}, 2500, 2500, "INR", &refusal_refund_currency_mismatch, NULL, 0},
        {{.amount_minor = 100}, 2500, 2500, "KWD", &refusal_validation_error, "currency", 0},
        {{.amount_minor = 100}, 2500, 2500, "JPY", &refusal_validation_error, "currency", 0},
        {{.amount_minor = 100, .currency = "KWD"}, 2500, 2500, "KWD", NULL, NULL, 100},
        {{.amount_minor = 0}, 2500, 2500, "INR", &refusal_validation_error, "amount", 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct refund_verdict verdict =
            rule_refund_wish(&cases[i].wish, cases[i].captured_minor, cases[i].left_minor, cases[i].currency);
        if (verdict.refusal != cases[i].refusal || verdict.amount_minor != cases[i].amount_minor ||
            !verdict.wrong_field != !cases[i].field || (cases[i].field && strcmp(verdict.wrong_field, cases[i].field)))
            fail_msg("case %zu", i);
    }
}

static void states_are_read(void **state) {
    (void)state;
    assert_int_equal(rule_payment_status("created"), PAYMENT_CREATED);
    assert_int_equal(rule_payment_status("partially_refunded"), PAYMENT_PARTIALLY_REFUNDED);
    assert_int_equal(rule_payment_status("failed"), PAYMENT_FAILED);
    assert_int_equal(rule_booking_status("expired"), SEAT_EXPIRED);
    assert_int_equal(rule_booking_status("completed"), SEAT_COMPLETED);
    assert_int_equal(rule_refund_status("processed"), REFUND_PROCESSED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_follows_from_money),
        cmocka_unit_test(money_of_another_attempt_goes_back),
        cmocka_unit_test(a_receipt_counts_by_its_bond),
        cmocka_unit_test(what_is_no_money_lowers_no_payment),
        cmocka_unit_test(who_gets_a_place_again),
        cmocka_unit_test(what_follows_for_a_refund),
        cmocka_unit_test(refunds_made_at_the_provider),
        cmocka_unit_test(which_refund_a_fact_is_about),
        cmocka_unit_test(the_browser_pays_nobody_back),
        cmocka_unit_test(when_providers_are_asked_again),
        cmocka_unit_test(who_gets_an_order),
        cmocka_unit_test(who_pays_back_and_how_much),
        cmocka_unit_test(states_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
