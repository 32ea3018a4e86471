/* What the auth worker decides: who becomes what, which passwords are too weak, what a refresh token is worth.
 * Tests are tables of cases (tests/unit/test_auth_rules.c). */
#include "rules.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#define PRODUCTION_PASSWORD_MINIMUM 8

struct signup rule_signup(const char *asked_role, const char *policy) {
    if (strcmp(asked_role, "facilitator") != 0)
        return (struct signup){.role = "user"};
    if (strcmp(policy, "open") == 0)
        return (struct signup){.role = "facilitator"};
    if (strcmp(policy, "approval") == 0)
        return (struct signup){.role = "user", .facilitator_pending = true};
    return (struct signup){.role = "user", .closed = true};
}

static bool is_common(const char *password) {
    static const char *const common[] = {
#define PASSWORD(text) text,
#include "common_passwords.def"
#undef PASSWORD
    };
    for (size_t i = 0; i < sizeof common / sizeof *common; i++)
        if (strcasecmp(password, common[i]) == 0)
            return true;
    return false;
}

static size_t count_characters(const char *text) {
    size_t count = 0;
    for (; *text; text++)
        count += (*text & 0xc0) != 0x80;
    return count;
}

const char *rule_password_weakness(const char *password, bool production) {
    if (!production)
        return NULL;
    if (count_characters(password) < PRODUCTION_PASSWORD_MINIMUM)
        return "must have at least 8 characters";
    return is_common(password) ? "is among the first that are guessed" : NULL;
}

bool rule_webhook_address_is_good(const char *url, bool production) {
    size_t scheme = strncasecmp(url, "https://", 8) == 0                 ? 8
                    : !production && strncasecmp(url, "http://", 7) == 0 ? 7
                                                                         : 0;
    return scheme && !memchr(url + scheme, '@', strcspn(url + scheme, "/?#"));
}

enum refresh_verdict rule_refresh(struct refresh_state state) {
    if (!state.known)
        return REFRESH_INVALID;
    if (state.spent)
        return REFRESH_REUSED;
    if (state.revoked || state.expired)
        return REFRESH_INVALID;
    return state.inactive ? REFRESH_INACTIVE : REFRESH_GOOD;
}
