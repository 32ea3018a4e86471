/* Rate limits by GCRA: a caller has `count` calls at once, and gets them back evenly over `seconds`. The same
 * arithmetic runs in Redis (admission.c) for all gateways together, and here for this process alone while Redis is
 * away. */
#ifndef TITHI_LIMITS_H
#define TITHI_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "contract.h"

struct limit_policy {
    const char *name; /* "read" */
    int64_t count;    /* 0: no limit */
    int64_t seconds;
    int64_t interval_us; /* between two calls at an even pace */
    int64_t window_us;
    char text[80]; /* as RateLimit-Policy says it */
};

/* What is left after a call was counted. */
struct quota {
    const struct limit_policy *policy; /* NULL: nothing was counted */
    bool refused;
    int64_t remaining;
    int64_t reset_s; /* until all is back */
    int64_t retry_s; /* where refused */
};

void limits_start(void);
/* NULL where that class is not limited. */
const struct limit_policy *limits_policy(enum limit_class class);
/* Of an API key: `per_minute`, or RATE_LIMIT_KEY where that is 0. Its count is 0 where there is no limit. */
struct limit_policy limits_key_policy(int64_t per_minute);

/* `debt_us`: how far the caller is ahead of the even pace (> 0: counted), or minus the time to wait (<= 0: refused). */
struct quota limits_quota(const struct limit_policy *policy, int64_t debt_us);

bool limits_tighter(const struct quota *a, const struct quota *b);

/* Counts one call of `key` in this process. Remembers a bounded number of callers; those that waited longest are
 * forgotten first. */
int64_t limits_count_locally(const struct limit_policy *policy, const char *key, size_t length, int64_t now_us);

#endif
