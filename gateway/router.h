/* From a method and a raw path to the route of the contract. */
#ifndef TITHI_ROUTER_H
#define TITHI_ROUTER_H

#include <h2o.h>

#include "codec.h"
#include "contract.h"

#define ROUTER_VALUES_LIMIT 4

struct route_entry {
    const struct route *route;
    const char *names[ROUTER_VALUES_LIMIT]; /* of the template's {values}, in order */
    size_t name_count;
    size_t rest_at; /* where the route takes the rest of the path: the index of its first segment */
};

struct route_match {
    const struct route_entry *entry;
    struct text_span values[ROUTER_VALUES_LIMIT]; /* percent-decoded */
    const char *allowed;                          /* ROUTE_OTHER_METHOD: value of Allow */
};

enum route_result {
    ROUTE_FOUND,
    ROUTE_NONE,
    ROUTE_OTHER_METHOD, /* the path is known, the method is not one of its own */
    ROUTE_MALFORMED,    /* a broken percent-encoding, or a NUL in it */
};

/* Reads the contract's routes. 0, or -1 where two of them claim the same method and path (logged). */
int router_start(void);

/* `path` is raw and without query; what is decoded goes to the pool. A trailing slash is ignored. HEAD finds GET's
 * route. */
enum route_result router_find(enum listener listener, h2o_iovec_t method, const char *path, size_t length,
                              h2o_mem_pool_t *pool, struct route_match *ret_match);

#endif
