/* See endpoint_calls.h: what all operations about an endpoint begin with. */
#include "endpoint_calls.h"

struct endpoint_key endpoint_key_of(const struct call *call, int64_t endpoint_id) {
    return (struct endpoint_key){.id = endpoint_id, .owner_id = call->header.caller.user_id};
}

struct endpoint_key *endpoint_keys(struct worker *worker, const struct call *calls, const int64_t *endpoint_ids,
                                   size_t size, size_t count) {
    struct endpoint_key *keys = pool_alloc(worker_pool(worker), count * sizeof *keys);
    const char *call = (const char *)calls, *endpoint_id = (const char *)endpoint_ids;
    for (size_t i = 0; i < count; i++, call += size, endpoint_id += size)
        keys[i] = endpoint_key_of((const struct call *)call, *(const int64_t *)endpoint_id);
    return keys;
}

struct webhook_endpoint *endpoints_find(struct worker *worker, struct call *calls, const int64_t *endpoint_ids,
                                        size_t size, size_t count) {
    struct webhook_endpoint *endpoints = pool_alloc(worker_pool(worker), count * sizeof *endpoints);
    char *call = (char *)calls;
    if (endpoints_store_read(worker, endpoint_keys(worker, calls, endpoint_ids, size, count), count, endpoints) != 0)
        return NULL;
    for (size_t i = 0; i < count; i++, call += size)
        if (endpoints[i].id == 0 && !((struct call *)call)->refusal)
            refuse((struct call *)call, &refusal_endpoint_not_found);
    return endpoints;
}
