/* Times as PostgreSQL prints them (ISO style) in the form that answers carry (RFC 3339). */
#ifndef TITHI_RFC3339_H
#define TITHI_RFC3339_H

#include "pool.h"

/* "2026-08-01 10:00:00.123456+00" -> "2026-08-01T10:00:00.123Z"; milliseconds are left out where the time has none.
 * NULL gives NULL. */
const char *rfc3339_text(const char *database_time, struct pool *pool);

#endif
