/* Ended sessions and revoked API keys (known by api_keys.session_id), told to Redis, where the gateways look at every
 * request. PostgreSQL remains the place of the fact. */
#ifndef TITHI_AUTH_REVOCATIONS_H
#define TITHI_AUTH_REVOCATIONS_H

#include <stdbool.h>
#include <stddef.h>

struct worker;

/* Tells Redis that these sessions or keys are over. False: it could not be told; revocations_tick() does it once Redis
 * is there. */
bool revocations_publish(const char *const *sessions, size_t count);
/* Tells Redis what it does not know: unpublished revocations, and all recent ones where it was emptied. */
void revocations_tick(struct worker *worker);

#endif
