/* What the auth worker decides: who becomes what, which passwords are too weak, what a refresh token is worth.
 * Tests are tables of cases (tests/unit/test_auth_rules.c). */
#include "rules.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "format.h"
#include "weak_password.h"

#define ACCOUNT_FREE_FAILURES 10
#define EVERYBODY_FACTOR 20 /* as many addresses may fail as much as one may */
#define LONGEST_WAIT_MS (15 * 60 * 1000)
#define LONGEST_WAIT_FOR_ALL_MS (30 * 1000)
#define FIRST_WAIT_MS 1000
#define DOUBLINGS_LIMIT 20

struct signup rule_signup(const char *asked_role, const char *policy) {
    if (strcmp(asked_role, "facilitator") != 0)
        return (struct signup){.role = "user"};
    if (strcmp(policy, "open") == 0)
        return (struct signup){.role = "facilitator"};
    if (strcmp(policy, "approval") == 0)
        return (struct signup){.role = "user", .facilitator_pending = true};
    return (struct signup){.role = "user", .closed = true};
}

const char *rule_password_weakness(const char *password, const char *email, const char *name, bool production) {
    return production ? weak_password_reason(password, email, name) : NULL;
}

/* C0, DEL, and C1 (U+0080 to U+009F, C2 80 to C2 9F). */
static bool is_control(const unsigned char *character) {
    return character[0] < 0x20 || character[0] == 0x7f || (character[0] == 0xc2 && character[1] < 0xa0);
}

const char *rule_device(const char *given, char ret_text[RULE_DEVICE_SIZE]) {
    size_t length = 0, left = given ? strlen(given) : 0;
    while (left > 0) {
        size_t size = format_code_point_size(given, left), step = size ? size : 1;
        if (length + size >= RULE_DEVICE_SIZE)
            break;
        if (size && !is_control((const unsigned char *)given)) {
            memcpy(ret_text + length, given, size);
            length += size;
        }
        given += step;
        left -= step;
    }
    ret_text[length] = '\0';
    return length ? ret_text : NULL;
}

/* "de-CH;q=0.8" is de. */
static const char *language_of(const char *range, const char *const *languages) {
    size_t length = strcspn(range, "-;, \t");
    for (; *languages; languages++)
        if (strlen(*languages) == length && strncasecmp(*languages, range, length) == 0)
            return *languages;
    return NULL;
}

/* 0: not wanted, or malformed. */
static double quality_of(const char *range, size_t length) {
    const char *weight = memchr(range, ';', length);
    if (!weight)
        return 1;
    weight += 1 + strspn(weight + 1, " \t");
    if (strncasecmp(weight, "q=", 2) != 0 || !strchr("01", weight[2]))
        return 0;
    double quality = strtod(weight + 2, NULL);
    return quality > 0 && quality <= 1 ? quality : 0;
}

const char *rule_language(const char *accepted, const char *const *languages) {
    static const char between[] = ", \t";
    const char *best = NULL;
    double best_quality = 0;
    for (const char *at = accepted ? accepted : ""; *(at += strspn(at, between)); at += strcspn(at, ",")) {
        const char *language = language_of(at, languages);
        double quality = quality_of(at, strcspn(at, ","));
        if (!language || quality <= best_quality)
            continue;
        best = language;
        best_quality = quality;
    }
    return best;
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

struct throttle_rule rule_throttle_account(void) {
    return (struct throttle_rule){.free = ACCOUNT_FREE_FAILURES, .longest_ms = LONGEST_WAIT_MS};
}

struct throttle_rule rule_throttle_address(int64_t count) {
    return (struct throttle_rule){
        .free = (double)count, .leak_per_s = (double)count / THROTTLE_MEMORY_S, .longest_ms = LONGEST_WAIT_MS};
}

struct throttle_rule rule_throttle_everybody(int64_t count, int64_t seconds) {
    double free = EVERYBODY_FACTOR * (double)count;
    return (struct throttle_rule){
        .free = free, .leak_per_s = free / (double)seconds, .longest_ms = LONGEST_WAIT_FOR_ALL_MS};
}

bool rule_throttle_is_slow(const struct throttle_rule *rule, struct throttle_count count) {
    return count.failures >= rule->free;
}

struct throttle_count rule_throttle_raise(const struct throttle_rule *rule, struct throttle_count count,
                                          int64_t now_ms) {
    double since_s = now_ms > count.failed_at_ms ? (double)(now_ms - count.failed_at_ms) / 1000 : 0;
    double left = since_s > THROTTLE_MEMORY_S ? 0 : count.failures - since_s * rule->leak_per_s;
    return (struct throttle_count){.failures = (left > 0 ? left : 0) + 1, .failed_at_ms = now_ms};
}

int64_t rule_throttle_wait_ms(const struct throttle_rule *rule, struct throttle_count count, int64_t now_ms) {
    double excess = count.failures - rule->free;
    int64_t since_ms = now_ms > count.failed_at_ms ? now_ms - count.failed_at_ms : 0;
    if (excess < 0)
        return 0;
    int64_t wait_ms = FIRST_WAIT_MS << (excess < DOUBLINGS_LIMIT ? (int)excess : DOUBLINGS_LIMIT);
    if (wait_ms > rule->longest_ms)
        wait_ms = rule->longest_ms;
    return wait_ms > since_ms ? wait_ms - since_ms : 0;
}
