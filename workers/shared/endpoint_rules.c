/* See endpoint_rules.h. Tests are tables of cases (tests/unit/test_endpoint_rules.c). */
#include "endpoint_rules.h"

#include "urls.h"

bool rule_address_is_reachable(const struct sockaddr *address, const struct networks *allowed) {
    return address_is_global(address) || networks_contain(allowed, address);
}

enum url_verdict rule_endpoint_url(const char *url, bool production, const struct networks *allowed,
                                   const char **ret_problem) {
    struct sockaddr_storage storage;
    const struct sockaddr *address = (const struct sockaddr *)&storage;
    bool literal = url_address(url, &storage);
    const char *problem = webhook_url_problem(url, !production || (literal && networks_contain(allowed, address)));
    if (problem) {
        *ret_problem = problem;
        return URL_MALFORMED;
    }
    return literal && !rule_address_is_reachable(address, allowed) ? URL_REFUSED : URL_GOOD;
}
