/* What follows from an attempt to deliver, and what a notification is called. Tests are tables of cases
 * (tests/unit/test_schedule.c). */
#include "rules.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "format.h"

/* Standard Webhooks: 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h. */
const int64_t rule_webhook_waits_s[WEBHOOK_WAITS] = {5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400};

enum delivery_verdict rule_webhook(long status) {
    if (status >= 200 && status < 300)
        return DELIVERY_DONE;
    return status == WEBHOOK_GONE ? DELIVERY_DEAD : DELIVERY_AGAIN;
}

static bool is_lower_hex(const char *text, size_t length) {
    return strspn(text, "0123456789abcdef") >= length;
}

/* Version 00 only: 00-<32 hex>-<16 hex>-<2 hex>, ids not all zero. */
static bool is_traceparent(const char *text) {
    return strlen(text) == TRACEPARENT_SIZE - 1 && strncmp(text, "00-", 3) == 0 && is_lower_hex(text + 3, 32) &&
           text[35] == '-' && is_lower_hex(text + 36, 16) && text[52] == '-' && is_lower_hex(text + 53, 2) &&
           strspn(text + 3, "0") < 32 && strspn(text + 36, "0") < 16;
}

static void put_hex(char *at, const uint8_t *bytes, size_t length) {
    for (size_t i = 0; i < length; i++)
        sprintf(at + 2 * i, "%02x", bytes[i]);
}

bool rule_may_hear(enum hears hears, int64_t owner_id, int64_t about_owner_id) {
    return hears == HEARS_ALL || (hears == HEARS_OWN && (!about_owner_id || about_owner_id == owner_id));
}

const char *rule_traceparent(const char *cause, const uint8_t random[24], char ret_text[TRACEPARENT_SIZE]) {
    char trace[33], parent[17];
    bool known = is_traceparent(cause);
    put_hex(trace, random, 16);
    put_hex(parent, random + 16, 8);
    snprintf(ret_text, TRACEPARENT_SIZE, "00-%.32s-%s-%.2s", known ? cause + 3 : trace, parent,
             known ? cause + 53 : "00");
    return ret_text;
}

static const char between[] = ", ";

bool rule_mail_list_is_good(const char *list) {
    for (; *(list += strspn(list, between)); list += strcspn(list, between)) {
        char address[256] = "x"; /* in front of a domain */
        size_t length = strcspn(list, between), begin = *list == '@';
        if (begin + length >= sizeof address)
            return false;
        memcpy(address + begin, list, length);
        if (!format_is_email(address, begin + length))
            return false;
    }
    return true;
}

bool rule_mail_is_allowed(const char *list, const char *address) {
    for (; *(list += strspn(list, between)); list += strcspn(list, between)) {
        const char *compared = *list == '@' ? strrchr(address, '@') : address;
        size_t length = strcspn(list, between);
        if (compared && strlen(compared) == length && strncasecmp(compared, list, length) == 0)
            return true;
    }
    return false;
}

const char *rule_action(const char *action, const char *type) {
    if (action)
        return action;
    const char *dot = type ? strchr(type, '.') : NULL;
    return dot ? dot + 1 : type ? type : "";
}
