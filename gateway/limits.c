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

static struct limit_policy policies[LIMIT_SEND + 1];
static struct local_caller *callers;

static struct limit_policy policy_of(const char *name, struct limit limit) {
    struct limit_policy policy = {.name = name, .count = limit.count, .seconds = limit.seconds};
    if (limit.count == 0)
        return policy;
    policy.window_us = limit.seconds * 1000000;
    policy.interval_us = policy.window_us / limit.count;
    policy.interval_us = policy.interval_us ? policy.interval_us : 1;
    snprintf(policy.text, sizeof policy.text, "\"%s\";q=%" PRId64 ";w=%" PRId64, name, limit.count, limit.seconds);
    return policy;
}

void limits_start(void) {
    policies[LIMIT_READ] = policy_of("read", settings.rate_limit_read);
    policies[LIMIT_WRITE] = policy_of("write", settings.rate_limit_write);
    policies[LIMIT_AUTH] = policy_of("auth", settings.rate_limit_auth);
    policies[LIMIT_SEND] = policy_of("send", settings.rate_limit_send);
}

struct limit_policy limits_key_policy(int64_t per_minute) {
    return policy_of("key", per_minute > 0 ? (struct limit){per_minute, 60} : settings.rate_limit_key);
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

bool limits_tighter(const struct quota *a, const struct quota *b) {
    return a->refused || (!b->refused && a->remaining < b->remaining);
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
