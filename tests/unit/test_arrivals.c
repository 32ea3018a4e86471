/* What a loop that was held up believes about the age of what it reads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "arrivals.h"

static void a_frozen_process_counts_the_time_in_its_sockets(void **state) {
    static const struct {
        const char *what;
        int64_t timeout_ms, now_ms, arrived_ms;
    } steps[] = {
        {"woken by a message", 1000, 1400, 1400},
        {"woken by the timeout", 1000, 2400, 2400},
        {"a little late", 1000, 3800, 3800},
        {"frozen: it may have come at once", 1000, 9800, 3800},
        {"the same backlog", 0, 9850, 3850},
        {"and the rest of it", 100, 9950, 3950},
        {"over", 100, 10050, 10050},
        {"held up without a wait", 0, 10700, 10050},
        {"woken by a message", 1000, 10950, 10950},
    };
    struct arrivals arrivals = arrivals_begin(1000);
    (void)state;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        arrivals_wait(&arrivals, steps[i].timeout_ms);
        if (arrivals_look(&arrivals, steps[i].now_ms) != steps[i].arrived_ms)
            fail_msg("%s", steps[i].what);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frozen_process_counts_the_time_in_its_sockets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
