/* Cancellation policies, as tables of cases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "policy.h"

#define HOUR INT64_C(3600)
#define DAY (24 * HOUR)
#define START INT64_C(1796088600)

static void what_is_read(void **state) {
    (void)state;
    static const struct {
        const char *text;
        const char *expected; /* NULL: it is none */
    } cases[] = {
        {"0h=100", "0=100"},
        {"0=100", "0=100"},
        {"168=100,24=50", "168=100,24=50"},
        {"7d=100,24h=50", "168=100,24=50"},
        {"24h=50,7d=100", "168=100,24=50"},
        {" 7d=100 , 24h=50\t", "168=100,24=50"},
        {"2d=80,24=80,0=0", "48=80,24=80,0=0"},
        {"10=9,9=8,8=7,7=6,6=5,5=4,4=3,3=2,2=1,1=0", "10=9,9=8,8=7,7=6,6=5,5=4,4=3,3=2,2=1,1=0"},
        {"11=9,10=9,9=8,8=7,7=6,6=5,5=4,4=3,3=2,2=1,1=0", NULL},
        {"87600=1", "87600=1"},
        {"3650d=1", "87600=1"},
        {"87601=1", NULL},
        {"3651d=1", NULL},
        {"99999999999999999999=1", NULL},
        {"24=101", NULL},
        {"24=50,168=40", NULL},
        {"24=50,1d=50", NULL},
        {"24=50,24=40", NULL},
        {"", NULL},
        {" ", NULL},
        {",", NULL},
        {"24", NULL},
        {"24=", NULL},
        {"=50", NULL},
        {"24=50,", NULL},
        {",24=50", NULL},
        {"24=50 12=40", NULL},
        {"-24=50", NULL},
        {"24=-50", NULL},
        {"24 h=50", NULL},
        {"24m=50", NULL},
        {"24dh=50", NULL},
        {"24=50%", NULL},
        {"24=5.5", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct policy policy;
        char text[POLICY_TEXT_SIZE];
        int result = policy_parse(cases[i].text, &policy);
        if ((result == 0) != (cases[i].expected != NULL))
            fail_msg("'%s'", cases[i].text);
        if (result == 0)
            assert_string_equal(policy_text(&policy, text), cases[i].expected);
    }
}

static void the_longest_text_fits(void **state) {
    (void)state;
    struct policy policy = {.count = POLICY_TIERS_LIMIT}, read;
    for (size_t i = 0; i < POLICY_TIERS_LIMIT; i++)
        policy.tiers[i] = (struct policy_tier){POLICY_HOURS_LIMIT - (int64_t)i, 100};
    char text[POLICY_TEXT_SIZE];
    assert_int_equal(policy_order(&policy), 0);
    assert_int_equal(policy_parse(policy_text(&policy, text), &read), 0);
    assert_memory_equal(&read, &policy, sizeof policy);
}

static void no_tiers_pay_nothing_back(void **state) {
    (void)state;
    struct policy none = {.count = 0}, read;
    char text[POLICY_TEXT_SIZE];
    int64_t changes_at_s = -1;
    assert_int_equal(policy_order(&none), 0);
    assert_int_equal(policy_percent(&none, START, 0, &changes_at_s), 0);
    assert_int_equal(changes_at_s, 0);
    assert_int_equal(policy_parse(policy_text(&none, text), &read), 0);
    assert_int_equal(policy_percent(&read, START, 0, &changes_at_s), 0);
    assert_int_equal(changes_at_s, 0);
}

static void percents_to_the_second(void **state) {
    (void)state;
    static const struct {
        const char *policy;
        int64_t now_s, percent, changes_at_s;
    } cases[] = {
        {"0=100", START - 10 * DAY, 100, START},
        {"0=100", START - 1, 100, START},
        {"0=100", START, 0, 0},
        {"0=100", START + 1, 0, 0},
        {"7d=100,24h=50", START - 30 * DAY, 100, START - 7 * DAY},
        {"7d=100,24h=50", START - 7 * DAY - 1, 100, START - 7 * DAY},
        {"7d=100,24h=50", START - 7 * DAY, 50, START - DAY},
        {"7d=100,24h=50", START - DAY - 1, 50, START - DAY},
        {"7d=100,24h=50", START - DAY, 0, 0},
        {"7d=100,24h=50", START - 1, 0, 0},
        {"7d=100,24h=50", START + DAY, 0, 0},
        {"1=100,0=50", START - HOUR - 1, 100, START - HOUR},
        {"1=100,0=50", START - HOUR, 50, START},
        {"48=80,24=80,12=20", START - 72 * HOUR, 80, START - 24 * HOUR}, /* the same percent is no change */
        {"48=80,24=80,12=20", START - 30 * HOUR, 80, START - 24 * HOUR},
        {"48=80,24=80,12=20", START - 24 * HOUR, 20, START - 12 * HOUR},
        {"48=80,24=0", START - 48 * HOUR - 1, 80, START - 48 * HOUR},
        {"48=80,24=0", START - 48 * HOUR, 0, 0}, /* nothing stays nothing */
        {"0=0", START - DAY, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct policy policy;
        int64_t changes_at_s = -1;
        assert_int_equal(policy_parse(cases[i].policy, &policy), 0);
        if (policy_percent(&policy, START, cases[i].now_s, &changes_at_s) != cases[i].percent ||
            changes_at_s != cases[i].changes_at_s)
            fail_msg("case %zu", i);
    }
}

static void amounts_are_rounded_half_up(void **state) {
    (void)state;
    static const struct {
        int64_t paid_minor, percent, expected;
    } cases[] = {
        {2500, 100, 2500},
        {2500, 0, 0},
        {0, 50, 0},
        {2500, 50, 1250},
        {2501, 50, 1251},
        {2499, 50, 1250},
        {1, 50, 1},
        {1, 49, 0},
        {1, 51, 1},
        {3, 50, 2},
        {99, 33, 33},
        {101, 33, 33},
        {150, 33, 50},
        {151, 33, 50},
        {155, 33, 51},
        {500, 33, 165}, /* yen */
        {1000000000000, 33, 330000000000},
        {INT64_MAX, 100, INT64_MAX},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (policy_amount(cases[i].paid_minor, cases[i].percent) != cases[i].expected)
            fail_msg("case %zu", i);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_read),
        cmocka_unit_test(the_longest_text_fits),
        cmocka_unit_test(no_tiers_pay_nothing_back),
        cmocka_unit_test(percents_to_the_second),
        cmocka_unit_test(amounts_are_rounded_half_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
