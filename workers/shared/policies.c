/* Reads CANCELLATION_POLICY once; see policies.h. */
#include "policies.h"

#include "pool.h"
#include "settings.h"

static struct policy operators;
static char operators_text[POLICY_TEXT_SIZE];

const char *policies_check(void) {
    if (policy_parse(settings.cancellation_policy, &operators))
        return "CANCELLATION_POLICY is no list of up to ten tiers such as 7d=100,24h=50 whose percents never rise "
               "towards "
               "the start";
    policy_text(&operators, operators_text);
    return NULL;
}

const char *policies_default_text(void) {
    return operators_text;
}

struct policy policies_stored(const char *text_or_null) {
    struct policy policy;
    return text_or_null && !policy_parse(text_or_null, &policy) ? policy : operators;
}

struct refund_tier *policies_shown(const struct policy *policy, struct pool *pool) {
    struct refund_tier *tiers = pool_alloc(pool, policy->count * sizeof *tiers);
    for (size_t i = 0; i < policy->count; i++)
        tiers[i] = (struct refund_tier){.hours_before = policy->tiers[i].hours_before,
                                        .refund_percent = policy->tiers[i].refund_percent};
    return tiers;
}
