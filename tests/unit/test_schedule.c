/* When a webhook or a mail is sent again, and when no more: the schedules with their jitter, what answers mean,
 * Retry-After. Also the names and trace headers that go with deliveries. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "backoff.h"
#include "mail.h"
#include "rules.h"

#define LARGEST_RANDOM 0.9999999999

static int64_t webhook_wait_ms(unsigned attempt, int64_t asked_s, double random) {
    return backoff_wait_ms(rule_webhook_waits_s, WEBHOOK_WAITS, attempt, asked_s, random);
}

static void waits_follow_the_schedule(void **state) {
    (void)state;
    static const int64_t seconds[] = {5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400};
    for (unsigned attempt = 1; attempt <= WEBHOOK_WAITS; attempt++) {
        int64_t wait_ms = seconds[attempt - 1] * 1000;
        assert_int_equal(webhook_wait_ms(attempt, 0, 0.5), wait_ms);
        assert_in_range(webhook_wait_ms(attempt, 0, 0), wait_ms * 8 / 10 - 1, wait_ms * 8 / 10 + 1);
        assert_in_range(webhook_wait_ms(attempt, 0, LARGEST_RANDOM), wait_ms * 12 / 10 - 1, wait_ms * 12 / 10);
    }
    assert_int_equal(mail_waits_s[0], 20);
}

static void others_may_ask_for_patience(void **state) {
    (void)state;
    static const struct {
        unsigned attempt;
        int64_t asked_s, wait_ms;
    } cases[] = {
        {10, 0, -1}, /* the last */
        {10, 60, -1},
        {11, 0, -1},
        {1, 60, 60000},
        {1, 86400, 86400000},
        {1, 86401, 86400000}, /* no longer than a day */
        {1, INT64_MAX, 86400000},
        {2, 1, 300000}, /* no sooner than the schedule */
        {1, -5, 5000},
        {1, INT64_MIN / 1000, 5000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t wait_ms = webhook_wait_ms(cases[i].attempt, cases[i].asked_s, 0.5);
        if (wait_ms != cases[i].wait_ms)
            fail_msg("case %zu: wait %lld ms", i, (long long)wait_ms);
    }
}

static void answers_decide(void **state) {
    (void)state;
    static const struct {
        long status;
        enum delivery_verdict webhook, mail;
    } cases[] = {
        {0, DELIVERY_AGAIN, DELIVERY_AGAIN},   {199, DELIVERY_AGAIN, DELIVERY_AGAIN},
        {200, DELIVERY_DONE, DELIVERY_DONE},   {204, DELIVERY_DONE, DELIVERY_DONE},
        {250, DELIVERY_DONE, DELIVERY_DONE},   {299, DELIVERY_DONE, DELIVERY_DONE},
        {301, DELIVERY_AGAIN, DELIVERY_AGAIN}, /* redirects are failures */
        {308, DELIVERY_AGAIN, DELIVERY_AGAIN}, {404, DELIVERY_AGAIN, DELIVERY_AGAIN},
        {410, DELIVERY_DEAD, DELIVERY_AGAIN}, /* Gone: nobody wants it any more */
        {451, DELIVERY_AGAIN, DELIVERY_AGAIN}, {503, DELIVERY_AGAIN, DELIVERY_DEAD}, /* SMTP: for good */
        {530, DELIVERY_AGAIN, DELIVERY_AGAIN},                                       /* SMTP: a login is wanted */
        {550, DELIVERY_AGAIN, DELIVERY_DEAD},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (rule_webhook(cases[i].status) != cases[i].webhook || mail_verdict(cases[i].status) != cases[i].mail)
            fail_msg("%ld", cases[i].status);
}

static void lists_of_addresses(void **state) {
    (void)state;
    static const char list[] = "a@example.com, @example.org,,B+c@sub.example.net ";
    static const struct {
        const char *address;
        bool allowed;
    } cases[] = {
        {"a@example.com", true},       {"A@Example.COM", true},
        {"anybody@example.org", true}, {"b+c@SUB.example.net", true},
        {"aa@example.com", false},     {"a@example.co", false},
        {"a@example.com.evil", false}, {"a@sub.example.org", false},
        {"x@notexample.org", false},   {"x@example.com", false},
        {"@example.org", true},        {"example.org", false},
        {"x@example.org@evil", false}, {"", false},
    };
    assert_true(rule_mail_list_is_good(list));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (rule_mail_is_allowed(list, cases[i].address) != cases[i].allowed)
            fail_msg("%s", cases[i].address);
    assert_true(rule_mail_list_is_good("") && rule_mail_list_is_good(" ,"));
    assert_false(rule_mail_is_allowed("", "a@example.com"));
    static const char *const bad[] = {
        "example.org", "@", "a@", "@a b", "a@example.com;b@example.com", "@@example.org", "@exa<mple.org", "*"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (rule_mail_list_is_good(bad[i]))
            fail_msg("%s", bad[i]);
}

static void traces_go_on(void **state) {
    (void)state;
    static const char good[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    static const char *const bad[] = {
        "",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
        "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-\r\n",
    };
    uint8_t random[24];
    char text[TRACEPARENT_SIZE];
    memset(random, 0xab, sizeof random);
    assert_string_equal(rule_traceparent(good, random, text),
                        "00-4bf92f3577b34da6a3ce929d0e0e4736-abababababababab-01");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_string_equal(rule_traceparent(bad[i], random, text),
                            "00-abababababababababababababababab-abababababababab-00");
}

static void actions_have_names(void **state) {
    (void)state;
    assert_string_equal(rule_action("cancelled", "booking.created"), "cancelled");
    assert_string_equal(rule_action(NULL, "booking.created"), "created");
    assert_string_equal(rule_action(NULL, "created"), "created");
    assert_string_equal(rule_action(NULL, NULL), "");
}

static void who_may_hear_of_whom(void **state) {
    (void)state;
    assert_true(rule_may_hear(HEARS_OWN, 7, 7) && rule_may_hear(HEARS_OWN, 7, 0));
    assert_false(rule_may_hear(HEARS_OWN, 7, 8));
    assert_true(rule_may_hear(HEARS_ALL, 7, 8));
    assert_false(rule_may_hear(HEARS_NOTHING, 7, 7) || rule_may_hear(HEARS_NOTHING, 7, 0));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_follow_the_schedule),
        cmocka_unit_test(others_may_ask_for_patience),
        cmocka_unit_test(answers_decide),
        cmocka_unit_test(lists_of_addresses),
        cmocka_unit_test(traces_go_on),
        cmocka_unit_test(actions_have_names),
        cmocka_unit_test(who_may_hear_of_whom),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
