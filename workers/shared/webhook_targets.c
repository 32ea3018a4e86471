/* The settings' part of what endpoint_rules.c decides; see webhook_targets.h. */
#include "webhook_targets.h"

#include "endpoint_rules.h"
#include "operations.h"
#include "settings.h"
#include "worker.h"

static struct networks allowed;

const char *webhook_targets_check(void) {
    if (networks_parse(settings.webhook_allow_nets, &allowed) != 0)
        return "WEBHOOK_ALLOW_NETS is no comma-separated list of CIDRs";
    return NULL;
}

bool webhook_targets_contain(const struct sockaddr *address) {
    return rule_address_is_reachable(address, &allowed);
}

bool webhook_targets_take(struct call *call, const char *field, const char *url) {
    const char *problem;
    switch (rule_endpoint_url(url, settings_production(), &allowed, &problem)) {
    case URL_GOOD:
        return true;
    case URL_MALFORMED:
        refuse_field(call, &refusal_validation_error, field, "%s", problem);
        return false;
    case URL_REFUSED:
        refuse_field(call, &refusal_address_refused, field, "is not reachable for everybody");
        return false;
    }
    return false;
}
