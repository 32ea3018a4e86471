/* How long failed sign-ins delay the next one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rules.h"

#define NOW_MS 1800000000000

static void check(const struct throttle_rule *rule, double failures, int64_t since_ms, int64_t wait_ms) {
    const struct throttle_count count = {.failures = failures, .failed_at_ms = NOW_MS - since_ms};
    int64_t found_ms = rule_throttle_wait_ms(rule, count, NOW_MS);
    if (found_ms != wait_ms)
        fail_msg("%f failures, the last %lld ms ago: %lld ms", failures, (long long)since_ms, (long long)found_ms);
    assert_int_equal(rule_throttle_is_slow(rule, count), failures >= rule->free);
}

static void accounts_wait_from_the_tenth_failure_on(void **state) {
    (void)state;
    static const struct {
        double failures;
        int64_t since_ms, wait_ms;
    } cases[] = {
        {0, 0, 0},       {1, 0, 0},           {9, 0, 0},        {10, 0, 1000},       {10, 999, 1},
        {10, 1000, 0},   {11, 0, 2000},       {12, 500, 3500},  {13, 0, 8000},       {19, 0, 512000},
        {20, 0, 900000}, {21, 0, 900000},     {1e9, 0, 900000}, {1e300, 0, 900000},  {20, 899999, 1},
        {20, 900000, 0}, {1e300, 3600000, 0}, {10, -1, 1000},   {10, -999999, 1000}, /* a clock that was set back
                                                                                        prolongs nothing */
    };
    const struct throttle_rule rule = rule_throttle_account();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check(&rule, cases[i].failures, cases[i].since_ms, cases[i].wait_ms);
    assert_true(rule.leak_per_s == 0); /* only a success, or an hour without failure */
}

static void addresses_wait_where_their_count_is_used_up(void **state) {
    (void)state;
    static const struct {
        double failures;
        int64_t since_ms, wait_ms;
    } cases[] = {
        {599, 0, 0},         {599.99, 0, 0},   {600, 0, 1000},   {600.9, 0, 1000},   {601, 0, 2000},
        {603.5, 1000, 7000}, {609, 0, 512000}, {610, 0, 900000}, {99999, 0, 900000},
    };
    const struct throttle_rule rule = rule_throttle_address(600);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check(&rule, cases[i].failures, cases[i].since_ms, cases[i].wait_ms);
    assert_true(rule.leak_per_s * THROTTLE_MEMORY_S == 600); /* all of them in an hour */
}

static void everybody_waits_half_a_minute_at_most(void **state) {
    (void)state;
    static const struct {
        double failures;
        int64_t since_ms, wait_ms;
    } cases[] = {
        {11999, 0, 0},     {12000, 0, 1000}, {12001, 0, 2000}, {12004, 0, 16000},
        {12005, 0, 30000}, {1e9, 29999, 1},  {1e9, 30000, 0},
    };
    const struct throttle_rule rule = rule_throttle_everybody(600, 60);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check(&rule, cases[i].failures, cases[i].since_ms, cases[i].wait_ms);
    assert_true(rule.leak_per_s == 200);
}

static void failures_add_up_and_leak(void **state) {
    (void)state;
    const struct throttle_rule account = rule_throttle_account(), address = rule_throttle_address(600);
    static const struct {
        double failures;
        int64_t since_ms;
        double of_account, of_address;
    } cases[] = {{0, 0, 1, 1},     {9, 0, 10, 10},      {300, 600000, 301, 201},
                 {5, 60000, 6, 1}, {50, 3600001, 1, 1}, {50, -1000, 51, 51}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct throttle_count count = {cases[i].failures, NOW_MS - cases[i].since_ms};
        struct throttle_count raised = rule_throttle_raise(&account, count, NOW_MS);
        assert_true(raised.failures == cases[i].of_account && raised.failed_at_ms == NOW_MS);
        assert_true(rule_throttle_raise(&address, count, NOW_MS).failures == cases[i].of_address);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accounts_wait_from_the_tenth_failure_on),
        cmocka_unit_test(addresses_wait_where_their_count_is_used_up),
        cmocka_unit_test(everybody_waits_half_a_minute_at_most),
        cmocka_unit_test(failures_add_up_and_leak),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
