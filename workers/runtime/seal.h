/* Secrets at rest: whoever reads the database can do nothing with them. Sealed under keys derived from JWT_SECRET_KEY,
 * one per purpose; opened under JWT_PREVIOUS_SECRET_KEY too, so that a change of keys loses nothing. Services that may
 * not sign tokens have SEAL_KEY instead. */
#ifndef TITHI_SEAL_H
#define TITHI_SEAL_H

#include <stdbool.h>

#include "db.h"
#include "pool.h"

/* `purpose`: a few words, at most SEAL_PURPOSE_LIMIT bytes; what was sealed for one is not opened for another. */
#define SEAL_PURPOSE_LIMIT 40

/* "" where there is none: then nothing may be sealed. */
const char *seal_key(void);

struct bytes seal(struct pool *pool, const char *purpose, struct bytes plain);
/* data NULL: sealed by neither key, for something else, or damaged. *ret_outdated (may be NULL): it was the previous
 * key, so it should be sealed anew before that key is dropped. */
struct bytes unseal(struct pool *pool, const char *purpose, struct bytes sealed, bool *ret_outdated);

#endif
