/* GCRA (generic cell rate algorithm) for this process; see limits.h. */
#include "limits.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "settings.h"

#define LOCAL_CALLER_LIMIT 20000

struct local_caller {
    UT_hash_handle hh;
    int64_t due_us; /* theoretical arrival time of the next call at an even pace */
    char key[];
};

static struct limit_policy policies[LIMIT_AUTH + 1];
static struct local_caller *callers;

static void set_policy(enum limit_class class, const char *name, const struct limit *limit) {
    if (limit->count == 0)
        return;
    int64_t window_us = limit->seconds * 1000000;
    int64_t interval_us = window_us / limit->count;
    struct limit_policy *policy = &policies[class];
    *policy = (struct limit_policy){name, limit->count, limit->seconds, interval_us ? interval_us : 1, window_us, ""};
    snprintf(policy->text, sizeof policy->text, "\"%s\";q=%" PRId64 ";w=%" PRId64, name, limit->count, limit->seconds);
}

void limits_start(void) {
    set_policy(LIMIT_READ, "read", &settings.rate_limit_read);
    set_policy(LIMIT_WRITE, "write", &settings.rate_limit_write);
    set_policy(LIMIT_AUTH, "auth", &settings.rate_limit_auth);
}

const struct limit_policy *limits_policy(enum limit_class class) {
    return policies[class].count ? &policies[class] : NULL;
}

static int64_t seconds_up(int64_t us) {
    return (us + 999999) / 1000000;
}

struct quota limits_quota(const struct limit_policy *policy, int64_t debt_us) {
    if (debt_us <= 0) {
        int64_t retry_s = seconds_up(-debt_us);
        return (struct quota){
            .policy = policy, .refused = true, .reset_s = policy->seconds, .retry_s = retry_s ? retry_s : 1};
    }
    return (struct quota){.policy = policy,
                          .remaining = (policy->window_us - debt_us) / policy->interval_us,
                          .reset_s = seconds_up(debt_us)};
}

static void make_room(void) {
    if (HASH_COUNT(callers) < LOCAL_CALLER_LIMIT)
        return;
    struct local_caller *oldest = callers;
    HASH_DEL(callers, oldest);
    free(oldest);
}

int64_t limits_count_locally(const struct limit_policy *policy, const char *key, size_t length, int64_t now_us) {
    struct local_caller *caller;
    HASH_FIND(hh, callers, key, length, caller);
    if (caller) {
        HASH_DEL(callers, caller); /* to be added again as the newest */
    } else {
        make_room();
        caller = malloc(sizeof *caller + length);
        if (!caller)
            abort();
        caller->due_us = 0;
        memcpy(caller->key, key, length);
    }
    HASH_ADD_KEYPTR(hh, callers, caller->key, length, caller);
    int64_t due_us = (caller->due_us > now_us ? caller->due_us : now_us) + policy->interval_us;
    if (due_us - now_us > policy->window_us)
        return -(due_us - now_us - policy->window_us);
    caller->due_us = due_us;
    return due_us - now_us;
}
