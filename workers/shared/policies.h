/* Cancellation policies as events and bookings have them: the operator's CANCELLATION_POLICY where nothing is stored,
 * and how answers show one. */
#ifndef TITHI_SHARED_POLICIES_H
#define TITHI_SHARED_POLICIES_H

#include "operations.h"
#include "policy.h"

/* For a service's `check`, before all others: what is wrong with CANCELLATION_POLICY, in a sentence, or NULL. */
const char *policies_check(void);
/* The operator's policy in the form of the database. */
const char *policies_default_text(void);
/* A stored policy; the operator's where `text_or_null` is NULL. */
struct policy policies_stored(const char *text_or_null);
/* Its tiers, policy->count of them. */
struct refund_tier *policies_shown(const struct policy *policy, struct pool *pool);

#endif
