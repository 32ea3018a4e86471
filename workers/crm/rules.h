/* Decisions about deliveries and notifications, pure: no clock, no randomness, no database inside. */
#ifndef TITHI_CRM_RULES_H
#define TITHI_CRM_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "deliveries.h"

/* Seconds after each failed attempt; the attempt after the last is the last. */
#define WEBHOOK_WAITS 9
extern const int64_t rule_webhook_waits_s[WEBHOOK_WAITS];

#define WEBHOOK_GONE 410 /* nobody wants it there any more */

/* `status`: what the endpoint said, 0 where it said nothing. */
enum delivery_verdict rule_webhook(long status);

/* What the owner of an endpoint may hear of. */
enum hears {
    HEARS_NOTHING,
    HEARS_OWN,
    HEARS_ALL, /* also what was queued for them before they were an administrator */
};

/* `about_owner_id`: whose it is that is told of; 0: nobody's in particular. */
bool rule_may_hear(enum hears hears, int64_t owner_id, int64_t about_owner_id);

#define TRACEPARENT_SIZE 56

/* The traceparent of what we send because of `cause` (W3C Trace Context): its trace, a new parent id; a new trace where
 * `cause` is none. `random`: 24 random bytes. Returns `ret_text`. */
const char *rule_traceparent(const char *cause, const uint8_t random[24], char ret_text[TRACEPARENT_SIZE]);

/* What a notification is about: the action that is named, else the part of the type behind the dot, else "". */
const char *rule_action(const char *action, const char *type);

/* CRM_MAIL_ALLOW: addresses and @domains, comma-separated. */
bool rule_mail_list_is_good(const char *list);
/* Is the address on it, or of a domain that is? */
bool rule_mail_is_allowed(const char *list, const char *address);

#endif
