/* A row's values in somebody's language: moments become local times, minor units money, seconds durations
 * (templates/README.md). Words and forms are ICU's; zones' rules the machine's zoneinfo, which is kept up to date. */
#ifndef TITHI_MAIL_VALUES_H
#define TITHI_MAIL_VALUES_H

#include <jansson.h>
#include <stdint.h>

#include "pool.h"

/* Once, before there are threads: TZ of this process is used for the zones from then on. */
void values_start(void);

struct place {
    const char *language;
    const char *zone; /* IANA; one that is not known: UTC */
};

/* RFC 3339, with seconds and zone. 0, or -1: it is none. */
int values_read_moment(const char *text, int64_t *ret_wall_s);

/* The same values as texts, a new object. NULL and *ret_problem, a sentence in the pool: one of them is not what its
 * name says. */
json_t *values_localize(const json_t *values, const struct place *place, struct pool *pool, const char **ret_problem);

#endif
