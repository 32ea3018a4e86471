/* Decisions about deliveries and notifications, pure: no clock, no randomness, no database inside. */
#ifndef TITHI_CRM_RULES_H
#define TITHI_CRM_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ATTEMPTS_LIMIT 10 /* Standard Webhooks: 0, 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h */
#define RETRY_AFTER_LIMIT_S 86400

enum delivery_fate { DELIVERY_DONE, DELIVERY_AGAIN, DELIVERY_DEAD };

struct delivery_verdict {
    enum delivery_fate fate;
    int64_t wait_ms; /* until the next attempt, where there is one */
};

/* After attempt number `attempts` (from 1): `status` 0 where no response came; `retry_after_s` 0 where none was given;
 * `random` in [0, 1) makes the jitter of ±20 %. */
struct delivery_verdict rule_delivery(unsigned attempts, long status, int64_t retry_after_s, double random);

#define TRACEPARENT_SIZE 56

/* The traceparent of what we send because of `cause` (W3C Trace Context): its trace, a new parent id; a new trace where
 * `cause` is none. `random`: 24 random bytes. Returns `ret_text`. */
const char *rule_traceparent(const char *cause, const uint8_t random[24], char ret_text[TRACEPARENT_SIZE]);

/* What a notification is about: the action that is named, else the part of the type behind the dot, else "". */
const char *rule_action(const char *action, const char *type);

#endif
