/* Times of the database as answers carry them; see rfc3339.h. */
#include "rfc3339.h"

#include <string.h>

const char *rfc3339_text(const char *database_time, struct pool *pool) {
    if (!database_time)
        return NULL;
    const char *date_end = strchr(database_time, ' ');
    if (!date_end)
        return pool_text(pool, database_time);
    const char *clock = date_end + 1;
    size_t digits = strcspn(clock, ".+-");
    const char *fraction = clock[digits] == '.' ? clock + digits : "";
    size_t fraction_length = strcspn(fraction, "+-");
    const char *zone = *fraction ? fraction + fraction_length : clock + digits;
    const char *minutes = strlen(zone) == sizeof "+05" - 1 ? ":00" : "";
    if (!strcmp(zone, "+00"))
        zone = "Z", minutes = "";
    /* Three digits of the fraction, filled up with zeros that PostgreSQL drops. */
    char milliseconds[] = ".000";
    if (fraction_length > 1)
        memcpy(milliseconds, fraction, fraction_length < 4 ? fraction_length : 4);
    return pool_printf(pool, "%.*sT%.*s%s%s%s", (int)(date_end - database_time), database_time, (int)digits, clock,
                       fraction_length > 1 ? milliseconds : "", zone, minutes);
}
