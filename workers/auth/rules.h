/* Decisions about accounts and sessions, pure: no clock, no database, no settings inside. */
#ifndef TITHI_AUTH_RULES_H
#define TITHI_AUTH_RULES_H

#include <stdbool.h>

struct signup {
    const char *role;
    bool facilitator_pending; /* asked to be a facilitator, and somebody has to say yes */
    bool closed;              /* nobody may ask */
};

/* `policy`: FACILITATOR_SIGNUP. Nobody becomes an administrator by asking. */
struct signup rule_signup(const char *asked_role, const char *policy);

/* What is wrong with a new password, as the end of "password …"; NULL: nothing. */
const char *rule_password_weakness(const char *password, bool production);

/* May webhooks be sent there? In production only over https. Which networks are reachable is the crm worker's question.
 */
bool rule_webhook_address_is_good(const char *url, bool production);

struct refresh_state {
    bool known;
    bool spent;   /* was exchanged before */
    bool revoked; /* its session has ended */
    bool expired;
    bool inactive; /* the account */
};

enum refresh_verdict {
    REFRESH_GOOD,
    REFRESH_INVALID,
    REFRESH_REUSED, /* somebody holds a copy: the session must end (RFC 9700 §4.14.2) */
    REFRESH_INACTIVE,
};

enum refresh_verdict rule_refresh(struct refresh_state state);

#endif
