/* When a webhook is sent again, and when no more: Standard Webhooks' schedule with its jitter, 410, Retry-After. Also
 * the names and trace headers that go with deliveries. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "rules.h"

#define LARGEST_RANDOM 0.9999999999

static void waits_follow_the_schedule(void **state) {
    (void)state;
    static const int64_t seconds[] = {5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400};
    for (unsigned attempts = 1; attempts < ATTEMPTS_LIMIT; attempts++) {
        int64_t wait_ms = seconds[attempts - 1] * 1000;
        struct delivery_verdict middle = rule_delivery(attempts, 500, 0, 0.5);
        struct delivery_verdict least = rule_delivery(attempts, 0, 0, 0);
        struct delivery_verdict most = rule_delivery(attempts, 302, 0, LARGEST_RANDOM);
        assert_int_equal(middle.fate, DELIVERY_AGAIN);
        assert_int_equal(middle.wait_ms, wait_ms);
        assert_int_equal(least.fate, DELIVERY_AGAIN);
        assert_in_range(least.wait_ms, wait_ms * 8 / 10 - 1, wait_ms * 8 / 10 + 1);
        assert_int_equal(most.fate, DELIVERY_AGAIN);
        assert_in_range(most.wait_ms, wait_ms * 12 / 10 - 1, wait_ms * 12 / 10);
    }
}

static void answers_decide(void **state) {
    (void)state;
    static const struct {
        unsigned attempts;
        long status;
        int64_t retry_after_s;
        enum delivery_fate fate;
        int64_t wait_ms;
    } cases[] = {
        {1, 200, 0, DELIVERY_DONE, 0},
        {1, 204, 60, DELIVERY_DONE, 0},
        {10, 299, 0, DELIVERY_DONE, 0},
        {1, 199, 0, DELIVERY_AGAIN, 5000},
        {1, 0, 0, DELIVERY_AGAIN, 5000},
        {1, 301, 0, DELIVERY_AGAIN, 5000}, /* redirects are failures */
        {1, 308, 0, DELIVERY_AGAIN, 5000},
        {1, 404, 0, DELIVERY_AGAIN, 5000},
        {1, 410, 0, DELIVERY_DEAD, 0}, /* nobody wants it any more */
        {1, 410, 60, DELIVERY_DEAD, 0},
        {9, 503, 0, DELIVERY_AGAIN, 86400000},
        {10, 503, 0, DELIVERY_DEAD, 0},
        {10, 0, 60, DELIVERY_DEAD, 0},
        {11, 500, 0, DELIVERY_DEAD, 0},
        {1, 503, 60, DELIVERY_AGAIN, 60000},
        {1, 429, 86400, DELIVERY_AGAIN, 86400000},
        {1, 429, 86401, DELIVERY_AGAIN, 86400000}, /* no longer than a day */
        {1, 429, INT64_MAX, DELIVERY_AGAIN, 86400000},
        {2, 503, 1, DELIVERY_AGAIN, 300000}, /* no sooner than the schedule */
        {1, 503, -5, DELIVERY_AGAIN, 5000},
        {1, 503, INT64_MIN / 1000, DELIVERY_AGAIN, 5000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct delivery_verdict verdict =
            rule_delivery(cases[i].attempts, cases[i].status, cases[i].retry_after_s, 0.5);
        if (verdict.fate != cases[i].fate || verdict.wait_ms != cases[i].wait_ms)
            fail_msg("case %zu: fate %d, wait %lld ms", i, verdict.fate, (long long)verdict.wait_ms);
    }
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_follow_the_schedule),
        cmocka_unit_test(answers_decide),
        cmocka_unit_test(traces_go_on),
        cmocka_unit_test(actions_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
