/* Cancellation policies; see policy.h. */
#include "policy.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define HOURS_PER_DAY 24
#define SECONDS_PER_HOUR 3600

static const char *skip_blanks(const char *at) {
    while (*at == ' ' || *at == '\t')
        at++;
    return at;
}

/* Digits for a number up to `limit`; NULL: these are none. */
static const char *read_number(const char *at, int64_t limit, int64_t *ret_number) {
    int64_t number = 0;
    const char *first = at;
    for (; *at >= '0' && *at <= '9'; at++)
        if ((number = 10 * number + (*at - '0')) > limit)
            return NULL;
    *ret_number = number;
    return at == first ? NULL : at;
}

/* "168=100", "168h=100" or "7d=100", with blanks around; NULL: it is none. */
static const char *read_tier(const char *at, struct policy_tier *ret_tier) {
    int64_t length, percent, hours_per_unit = 1;
    if (!(at = read_number(skip_blanks(at), POLICY_HOURS_LIMIT, &length)))
        return NULL;
    if (*at == 'd' || *at == 'h')
        hours_per_unit = *at++ == 'd' ? HOURS_PER_DAY : 1;
    if (*at != '=' || !(at = read_number(at + 1, 100, &percent)) || length > POLICY_HOURS_LIMIT / hours_per_unit)
        return NULL;
    *ret_tier = (struct policy_tier){.hours_before = length * hours_per_unit, .refund_percent = percent};
    return skip_blanks(at);
}

int policy_parse(const char *text, struct policy *ret_policy) {
    struct policy policy = {.count = 0};
    const char *at = text;
    for (;;) {
        if (policy.count == POLICY_TIERS_LIMIT || !(at = read_tier(at, &policy.tiers[policy.count])))
            return -1;
        policy.count++;
        if (*at != ',')
            break;
        at++;
    }
    if (*at || policy_order(&policy))
        return -1;
    *ret_policy = policy;
    return 0;
}

static int compare_tiers(const void *left, const void *right) {
    const struct policy_tier *a = left, *b = right;
    return (a->hours_before < b->hours_before) - (a->hours_before > b->hours_before);
}

int policy_order(struct policy *policy) {
    qsort(policy->tiers, policy->count, sizeof *policy->tiers, compare_tiers);
    for (size_t i = 1; i < policy->count; i++) {
        const struct policy_tier *earlier = &policy->tiers[i - 1], *later = &policy->tiers[i];
        if (later->hours_before == earlier->hours_before || later->refund_percent > earlier->refund_percent)
            return -1;
    }
    return 0;
}

const char *policy_text(const struct policy *policy, char ret_text[POLICY_TEXT_SIZE]) {
    size_t length = 0;
    for (size_t i = 0; i < policy->count; i++)
        length += (size_t)snprintf(ret_text + length, POLICY_TEXT_SIZE - length, "%s%" PRId64 "=%" PRId64, i ? "," : "",
                                   policy->tiers[i].hours_before, policy->tiers[i].refund_percent);
    if (!policy->count)
        snprintf(ret_text, POLICY_TEXT_SIZE, "0=0");
    return ret_text;
}

int64_t policy_percent(const struct policy *policy, int64_t start_s, int64_t now_s, int64_t *ret_changes_at_s) {
    size_t i = 0;
    int64_t percent = 0, changes_at_s = 0;
    while (i < policy->count && now_s >= start_s - policy->tiers[i].hours_before * SECONDS_PER_HOUR)
        i++;
    if (i < policy->count)
        percent = policy->tiers[i].refund_percent;
    /* Neighbours may pay back the same; percents fall to nothing in the end. */
    for (; percent && i < policy->count && policy->tiers[i].refund_percent == percent; i++)
        changes_at_s = start_s - policy->tiers[i].hours_before * SECONDS_PER_HOUR;
    *ret_changes_at_s = changes_at_s;
    return percent;
}

int64_t policy_amount(int64_t paid_minor, int64_t percent) {
    return paid_minor / 100 * percent + (paid_minor % 100 * percent + 50) / 100;
}
