/* The waits between attempts; see backoff.h. Tests are tables of cases (tests/unit/test_schedule.c). */
#include "backoff.h"

#define JITTER 0.2

int64_t backoff_wait_ms(const int64_t *waits_s, size_t wait_count, unsigned attempt, int64_t asked_s, double random) {
    if (attempt > wait_count)
        return -1;
    int64_t wait_ms = (int64_t)((double)waits_s[attempt - 1] * 1000 * (1 - JITTER + 2 * JITTER * random));
    if (asked_s > BACKOFF_ASKED_LIMIT_S)
        asked_s = BACKOFF_ASKED_LIMIT_S;
    return asked_s * 1000 > wait_ms ? asked_s * 1000 : wait_ms;
}
