/* Decisions about webhook endpoints, pure: where one may be. */
#ifndef TITHI_ENDPOINT_RULES_H
#define TITHI_ENDPOINT_RULES_H

#include <stdbool.h>

#include "addresses.h"

/* May webhooks be sent to this address? To what everybody can reach, and to `allowed` (WEBHOOK_ALLOW_NETS). */
bool rule_address_is_reachable(const struct sockaddr *address, const struct networks *allowed);

enum url_verdict {
    URL_GOOD,
    URL_MALFORMED, /* *ret_problem says how, to follow its name in a sentence */
    URL_REFUSED,   /* it names an address that may not be reached */
};

/* In production only https, and http to addresses that `allowed` names. A name's addresses are judged when it is
 * connected to. */
enum url_verdict rule_endpoint_url(const char *url, bool production, const struct networks *allowed,
                                   const char **ret_problem);

#endif
