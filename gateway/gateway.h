/* What the parts of a gateway process share: h2o's context, and the end of a turn of its loop, where everything that
 * the turn collected leaves at once: one script call to Redis, one bundle per service to a broker. */
#ifndef TITHI_GATEWAY_H
#define TITHI_GATEWAY_H

#include <h2o.h>
#include <stdbool.h>

_Static_assert(H2O_USE_LIBUV == 0, "h2o's structs differ between its two loops");

#define BODY_SIZE_LIMIT (64 * 1024)

struct gateway {
    h2o_globalconf_t config;
    h2o_context_t context;
    struct pool *scratch; /* for what is read and used up at once: whoever uses it resets it first */
    bool draining;        /* from the first SIGTERM on */
};

extern struct gateway gateway;

/* What was collected leaves at the end of this turn of the loop. May be called any number of times in a turn. */
void gateway_flush_soon(void);

#endif
