/* What the auth worker deletes, slowly, once nobody needs it any more. */
#ifndef TITHI_AUTH_SWEEPS_H
#define TITHI_AUTH_SWEEPS_H

#include <stddef.h>

#include "db.h"

extern const struct statement sweeps[];
extern const size_t sweep_count;

#endif
