/* Cancellation policies: tiers of "until so many hours before the start, so many percent back"; after the last of them
 * nothing. Pure. */
#ifndef TITHI_SHARED_POLICY_H
#define TITHI_SHARED_POLICY_H

#include <stddef.h>
#include <stdint.h>

#define POLICY_TIERS_LIMIT 10
#define POLICY_HOURS_LIMIT 87600 /* ten years */
#define POLICY_TEXT_SIZE 128     /* of the form in the database: "168=100,24=50" */

struct policy_tier {
    int64_t hours_before;
    int64_t refund_percent;
};

struct policy {
    struct policy_tier tiers[POLICY_TIERS_LIMIT]; /* hours descending, each once; percents never rise */
    size_t count;
};

/* Reads the form in the database and that of CANCELLATION_POLICY ("7d=100, 24h=50"), and orders it. 0, or -1: it is
 * none. */
int policy_parse(const char *text, struct policy *ret_policy);
/* Sorts; 0, or -1 where two tiers have the same hours or a later one pays back more than an earlier one. */
int policy_order(struct policy *policy);
/* The form in the database; "0=0" where there are no tiers. */
const char *policy_text(const struct policy *policy, char ret_text[POLICY_TEXT_SIZE]);

/* What is paid back now, in percent. A tier ends at its moment: that many hours before the start it counts no more.
 * `ret_changes_at_s`: from when on it is another percent, 0: never. */
int64_t policy_percent(const struct policy *policy, int64_t start_s, int64_t now_s, int64_t *ret_changes_at_s);
/* Percent of an amount in minor units, rounded half up. */
int64_t policy_amount(int64_t paid_minor, int64_t percent);

#endif
