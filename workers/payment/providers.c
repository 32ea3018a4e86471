/* Which provider takes which currency: PAYMENT_PROVIDERS ("INR=razorpay,*=stripe"); where that is empty whoever has
 * keys; where nobody has any the sandbox, of which production knows nothing. The setting is short and is read anew each
 * time. */
#include <stdio.h>
#include <string.h>

#include "codec.h"
#include "provider.h"
#include "settings.h"

#define RULES_LIMIT 64

const struct provider *const providers[] = {&provider_razorpay, &provider_stripe, &provider_sandbox};

#define PROVIDER_COUNT (sizeof providers / sizeof *providers)
_Static_assert(PROVIDER_COUNT <= PROVIDER_LIMIT, "more providers than there is room for");
const size_t provider_count = PROVIDER_COUNT;

const struct provider *provider_named(const char *name) {
    for (size_t i = 0; i < PROVIDER_COUNT; i++)
        if (strcmp(providers[i]->name, name) == 0)
            return providers[i];
    return NULL;
}

struct rule {
    char currency[8]; /* "*": every other one */
    char provider[16];
};

/* How many rules PAYMENT_PROVIDERS holds; -1: it holds something else. */
static int read_rules(struct rule rules[RULES_LIMIT]) {
    int count = 0, length;
    for (const char *at = settings.payment_providers + strspn(settings.payment_providers, ", "); *at;
         at += strspn(at, ", "), count++) {
        if (count == RULES_LIMIT ||
            sscanf(at, "%7[A-Z*]=%15[a-z]%n", rules[count].currency, rules[count].provider, &length) != 2 ||
            !strchr(", ", at[length]))
            return -1;
        at += length;
    }
    return count;
}

/* The first `count` rules' word for a currency or for "*"; NULL: none. */
static const struct rule *find_rule(const struct rule *rules, int count, const char *currency) {
    for (int i = 0; i < count; i++)
        if (strcmp(rules[i].currency, currency) == 0)
            return &rules[i];
    return NULL;
}

static const char *rule_problem(const struct rule *rule) {
    const struct provider *provider = provider_named(rule->provider);
    bool every = strcmp(rule->currency, "*") == 0;
    if (!every && currency_decimals(rule->currency) < 0)
        return "there is no such currency";
    if (!provider)
        return "there is no such provider";
    if (provider == &provider_sandbox && settings_production())
        return "the sandbox is not for production";
    if (!provider->configured())
        return "this provider's keys are not set";
    if (!every && !provider->serves(rule->currency))
        return "this provider does not take this currency";
    return NULL;
}

const char *providers_check(void) {
    static char sentence[128];
    struct rule rules[RULES_LIMIT];
    for (size_t i = 0; i < PROVIDER_COUNT; i++) {
        const char *problem = providers[i]->check();
        if (problem)
            return problem;
    }
    int count = read_rules(rules);
    if (count < 0)
        return "PAYMENT_PROVIDERS must be CURRENCY=provider or *=provider, separated by commas";
    for (int i = 0; i < count; i++) {
        const char *problem =
            find_rule(rules, i, rules[i].currency) ? "this currency is there twice" : rule_problem(&rules[i]);
        if (problem) {
            snprintf(sentence, sizeof sentence, "PAYMENT_PROVIDERS, %.7s=%.15s: %s", rules[i].currency,
                     rules[i].provider, problem);
            return sentence;
        }
    }
    return NULL;
}

static bool takes(const struct provider *provider, const char *currency) {
    return provider && provider->configured() && provider->serves(currency);
}

/* Without rules: Razorpay for rupees, Stripe for the rest, each for what the other does not take, and the sandbox for
 * what is left while nobody has keys. */
static const struct provider *provider_by_keys(const char *currency) {
    const struct provider *first = strcmp(currency, "INR") == 0 ? &provider_razorpay : &provider_stripe;
    const struct provider *second = first == &provider_razorpay ? &provider_stripe : &provider_razorpay;
    return takes(first, currency)               ? first
           : takes(second, currency)            ? second
           : takes(&provider_sandbox, currency) ? &provider_sandbox
                                                : NULL;
}

const struct provider *provider_for(const char *currency) {
    struct rule rules[RULES_LIMIT];
    int count = read_rules(rules);
    if (count == 0)
        return provider_by_keys(currency);
    const struct rule *rule = find_rule(rules, count, currency);
    rule = rule ? rule : find_rule(rules, count, "*");
    const struct provider *provider = rule ? provider_named(rule->provider) : NULL;
    return takes(provider, currency) ? provider : NULL;
}

/* The sandbox is never a choice beside real money. */
bool provider_offers(const struct provider *provider, const char *currency) {
    return provider == &provider_sandbox ? provider_for(currency) == provider : takes(provider, currency);
}

bool providers_want_sandbox(void) {
    struct rule rules[RULES_LIMIT];
    int count = read_rules(rules);
    for (int i = 0; i < count; i++)
        if (strcmp(rules[i].provider, provider_sandbox.name) == 0)
            return true;
    return count == 0 && !provider_razorpay.configured() && !provider_stripe.configured();
}
