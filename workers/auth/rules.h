/* Decisions about accounts and sessions, pure: no clock, no database, no settings inside. */
#ifndef TITHI_AUTH_RULES_H
#define TITHI_AUTH_RULES_H

#include <stdbool.h>
#include <stdint.h>

struct signup {
    const char *role;
    bool facilitator_pending; /* asked to be a facilitator, and somebody has to say yes */
    bool closed;              /* nobody may ask */
};

/* `policy`: FACILITATOR_SIGNUP. Nobody becomes an administrator by asking. */
struct signup rule_signup(const char *asked_role, const char *policy);

/* What is wrong with a new password, as the end of "password …"; NULL: nothing. Of whose it is to be, NULL where that
 * is not known. */
const char *rule_password_weakness(const char *password, const char *email, const char *name, bool production);

#define RULE_DEVICE_SIZE 1025

/* What is kept of a User-Agent: at most 1024 bytes of whole characters, without control characters and what is no
 * UTF-8. NULL: nothing is left. `given` may be NULL. */
const char *rule_device(const char *given, char ret_text[RULE_DEVICE_SIZE]);

/* The one of `languages` (NULL at the end) that an Accept-Language (RFC 9110 §12.5.4) prefers; of those it likes alike,
 * the first that it names. NULL: it names none. `accepted` may be NULL. */
const char *rule_language(const char *accepted, const char *const *languages);

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

/* How failed sign-ins delay the next: so many are free, then each doubles the wait, from a second on. A success, or
 * THROTTLE_MEMORY_S without a failure, ends it. */
#define THROTTLE_MEMORY_S 3600

struct throttle_rule {
    double free;       /* failures that delay nothing */
    double leak_per_s; /* failures that are forgotten in a second */
    int64_t longest_ms;
};

struct throttle_count {
    double failures; /* after the last one; 0: none */
    int64_t failed_at_ms;
};

struct throttle_rule rule_throttle_account(void);
/* `count`, `seconds`: RATE_LIMIT_AUTH. */
struct throttle_rule rule_throttle_address(int64_t count);
struct throttle_rule rule_throttle_everybody(int64_t count, int64_t seconds);

/* After one more failure. */
struct throttle_count rule_throttle_raise(const struct throttle_rule *rule, struct throttle_count count,
                                          int64_t now_ms);
/* Milliseconds until the next attempt may be made; 0: now. */
int64_t rule_throttle_wait_ms(const struct throttle_rule *rule, struct throttle_count count, int64_t now_ms);
/* Are there so many that attempts are made one by one? */
bool rule_throttle_is_slow(const struct throttle_rule *rule, struct throttle_count count);

#endif
