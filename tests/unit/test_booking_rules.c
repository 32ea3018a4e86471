/* The booking worker's decisions, as tables of cases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "envelope.h"
#include "rules.h"

static const struct caller owner = {.user_id = 7, .role = "user"};
static const struct caller facilitator = {.user_id = 2, .role = "facilitator"};
static const struct caller stranger = {.user_id = 3, .role = "facilitator"};
static const struct caller admin = {.user_id = 9, .role = "admin"};

static void outcomes_are_refusals(void **state) {
    (void)state;
    static const char *const outcomes[] = {"event_not_found", "account_inactive", "event_cancelled", "event_inactive",
                                           "event_past",      "already_booked",   "event_full"};
    assert_null(rule_refusal_of("placed"));
    for (size_t i = 0; i < sizeof outcomes / sizeof *outcomes; i++)
        assert_string_equal(rule_refusal_of(outcomes[i])->code, outcomes[i]);
    assert_ptr_equal(rule_refusal_of("unheard of"), &refusal_internal_error);
}

static void references_are_readable(void **state) {
    (void)state;
    static const struct {
        const char *year;
        uint64_t random;
        const char *expected;
    } cases[] = {
        {"2026-11-21T00:00:00.000Z", 0, "BK202600000000"},
        {"2026", UINT64_MAX, "BK2026ZZZZZZZZ"},
        {"2027", 1, "BK202700000001"},
        {"2027", 31, "BK20270000000Z"},
        {"2027", UINT64_C(1) << 35, "BK202710000000"},
        {"2027", UINT64_C(1) << 40, "BK202700000000"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char reference[REFERENCE_SIZE];
        assert_string_equal(rule_reference(cases[i].year, cases[i].random, reference), cases[i].expected);
    }
}

static void who_sees_and_cancels(void **state) {
    (void)state;
    static const struct {
        const struct caller *caller;
        const char *status;
        bool started, sees;
        const struct refusal *refusal;
    } cases[] = {
        {&owner, "confirmed", false, true, NULL},
        {&owner, "pending", false, true, NULL},
        {&owner, "cancelled", false, true, &refusal_booking_not_cancellable},
        {&owner, "expired", false, true, &refusal_booking_not_cancellable},
        {&owner, "completed", true, true, &refusal_booking_not_cancellable},
        {&owner, "confirmed", true, true, &refusal_booking_not_cancellable},
        {&admin, "confirmed", false, true, NULL},
        {&facilitator, "confirmed", false, true, NULL},
        {&facilitator, "cancelled", false, true, &refusal_booking_not_cancellable},
        {&stranger, "confirmed", false, false, &refusal_booking_not_found},
        {&stranger, "cancelled", false, false, &refusal_booking_not_found},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct booking booking = {
            .id = 1, .status = cases[i].status, .user = {.id = 7}, .event = {.facilitator = {.id = 2}}};
        if (!rule_may(&operation_get_booking, cases[i].caller, &booking) != cases[i].sees ||
            rule_cancel(cases[i].caller, &booking, cases[i].started) != cases[i].refusal)
            fail_msg("case %zu", i);
    }
}

#define HOUR INT64_C(3600)
#define START INT64_C(1796088600)

static void what_is_paid_back(void **state) {
    (void)state;
    static const struct {
        const char *policy; /* NULL: it is free */
        const char *status;
        bool started;
        int64_t now_s, paid_minor;
        struct quote quote;
        int64_t by_admin;
    } cases[] = {
        {"168=100,24=50", "confirmed", false, START - 200 * HOUR, 2501, {true, 100, 2501, START - 168 * HOUR}, 2501},
        {"168=100,24=50", "confirmed", false, START - 100 * HOUR, 2501, {true, 50, 1251, START - 24 * HOUR}, 2501},
        {"168=100,24=50", "confirmed", false, START - HOUR, 2501, {true, 0, 0, 0}, 2501},
        {"0=100", "pending", false, START - HOUR, 0, {true, 100, 0, START}, 0},
        {NULL, "confirmed", false, START - HOUR, 0, {true, 0, 0, 0}, 0},
        {"0=100", "confirmed", true, START, 2500, {false, 0, 0, 0}, 2500},
        {"0=100", "completed", true, START + HOUR, 2500, {false, 0, 0, 0}, 2500},
        {"0=100", "cancelled", false, START - HOUR, 1250, {false, 0, 0, 0}, 1250},
        {"0=100", "expired", false, START - HOUR, 0, {false, 0, 0, 0}, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct booking booking = {
            .id = 1, .status = cases[i].status, .user = {.id = 7}, .event = {.facilitator = {.id = 2}}};
        struct standing standing = {.event_start_s = START, .now_s = cases[i].now_s, .paid_minor = cases[i].paid_minor};
        if (cases[i].policy)
            assert_int_equal(policy_parse(cases[i].policy, &standing.policy), 0);
        const struct quote quote = rule_quote(&booking, cases[i].started, &standing), expected = cases[i].quote;
        if (quote.cancellable != expected.cancellable || quote.refund_percent != expected.refund_percent ||
            quote.amount_minor != expected.amount_minor || quote.changes_at_s != expected.changes_at_s ||
            rule_refund(&admin, &booking, &standing) != cases[i].by_admin ||
            (quote.cancellable && rule_refund(&owner, &booking, &standing) != expected.amount_minor))
            fail_msg("case %zu", i);
    }
}

static void who_manages_an_event(void **state) {
    (void)state;
    static const struct {
        const struct caller *caller;
        struct event_state event;
        const struct refusal *manage, *cancel;
    } cases[] = {
        {&facilitator, {.exists = true, .facilitator_id = 2}, NULL, NULL},
        {&admin, {.exists = true, .facilitator_id = 2}, NULL, NULL},
        {&stranger, {.exists = true, .facilitator_id = 2}, &refusal_forbidden, &refusal_forbidden},
        {&facilitator,
         {.exists = true, .facilitator_id = 2, .cancelled = true},
         NULL,
         &refusal_event_already_cancelled},
        {&stranger, {.exists = true, .facilitator_id = 2, .cancelled = true}, &refusal_forbidden, &refusal_forbidden},
        {&facilitator, {.exists = false}, &refusal_event_not_found, &refusal_event_not_found},
        {&admin, {.exists = false}, &refusal_event_not_found, &refusal_event_not_found},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (rule_may_manage(&operation_list_event_bookings, cases[i].caller, &cases[i].event) != cases[i].manage ||
            rule_cancel_event(&operation_cancel_event, cases[i].caller, &cases[i].event) != cases[i].cancel ||
            rule_cancel_event(&operation_preview_event_cancellation, cases[i].caller, &cases[i].event) !=
                cases[i].cancel)
            fail_msg("case %zu", i);
}

static void who_is_let_in(void **state) {
    (void)state;
    enum { END = START + HOUR, DAY = 24 * HOUR };
    static const struct {
        const char *status;
        int64_t door, now_s;
        const struct refusal *refusal;
    } cases[] = {
        {"confirmed", 0, START, NULL},
        {"confirmed", 5, START, NULL},
        {"completed", 5, END, NULL},
        {"confirmed", 6, START, &refusal_ticket_of_another_event},
        {"cancelled", 6, END + DAY, &refusal_ticket_of_another_event},
        {"pending", 5, START, &refusal_booking_not_confirmed},
        {"cancelled", 5, START, &refusal_booking_not_confirmed},
        {"expired", 5, END + DAY, &refusal_booking_not_confirmed},
        {"confirmed", 5, START - DAY - 1, &refusal_check_in_closed},
        {"confirmed", 5, START - DAY, NULL},
        {"completed", 5, END + DAY - 1, NULL},
        {"completed", 5, END + DAY, &refusal_check_in_closed},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct booking booking = {.id = 1, .event_id = 5, .status = cases[i].status};
        const struct event_hours hours = {.start_s = START, .end_s = END, .now_s = cases[i].now_s};
        if (rule_check_in(&booking, cases[i].door, &hours) != cases[i].refusal)
            fail_msg("case %zu", i);
    }
}

static void places_in_lists(void **state) {
    (void)state;
    static const struct {
        const char *value;
        bool good;
    } cases[] = {
        {"1796088600000000", true},
        {"0", true},
        {"-62135596800000000", true},
        {"-62135596800000001", false},
        {"253402300800000001", false},
        {"", false},
        {"now", false},
    };
    struct pool *pool = pool_new();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct cursor cursor = {"-created", cases[i].value, 5};
        struct booking_place place;
        const char *text = cursor_text(&cursor, pool);
        if ((rule_read_place(text, "-created", pool, &place) == 0) != cases[i].good ||
            rule_read_place(text, "created", pool, &place) == 0)
            fail_msg("case %zu", i);
    }
    pool_destroy(&pool);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outcomes_are_refusals), cmocka_unit_test(references_are_readable),
        cmocka_unit_test(who_sees_and_cancels),  cmocka_unit_test(who_manages_an_event),
        cmocka_unit_test(places_in_lists),       cmocka_unit_test(what_is_paid_back),
        cmocka_unit_test(who_is_let_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
