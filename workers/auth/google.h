/* Sign-in with Google: OpenID Connect Core 1.0 by the authorization code flow with PKCE, or by an id_token. */
#ifndef TITHI_AUTH_GOOGLE_H
#define TITHI_AUTH_GOOGLE_H

#include <stdbool.h>

#include "worker.h"

/* NULL, or what is wrong with the settings. The issuer itself is asked lazily. */
const char *google_check(void);
/* Goes on with all that waits for the provider: when something has come from outside, and once a second. */
void google_tick(struct worker *worker);
/* Questions are in flight. */
bool google_busy(void);
/* Once the client for the outside is gone: nothing comes any more. */
void google_stop(struct worker *worker);

#endif
