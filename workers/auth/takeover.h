/* What becomes of an account whose address somebody proves for the first time, by Google's word or by a mailed link. */
#ifndef TITHI_AUTH_TAKEOVER_H
#define TITHI_AUTH_TAKEOVER_H

#include <stdint.h>

#include "worker.h"

/* Whoever held the account until now had not proven its address: password, second factor, links and webhook are gone,
 * sessions and API keys end, and the address is verified. Identities stay. 0, or -1: the transaction failed. */
int takeover(struct worker *worker, int64_t user_id);

#endif
