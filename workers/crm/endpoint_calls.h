/* Which endpoint a call is about: one of who calls, by the number in its path. */
#ifndef TITHI_CRM_ENDPOINT_CALLS_H
#define TITHI_CRM_ENDPOINT_CALLS_H

#include "endpoints_store.h"

struct endpoint_key endpoint_key_of(const struct call *call, int64_t endpoint_id);

/* Both take an array of calls of one operation whose request has an `endpoint_id`, and answer from the worker's pool.
 */
#define ENDPOINT_KEYS(worker, calls, count)                                                                            \
    endpoint_keys((worker), &(calls)->call, &(calls)->request.endpoint_id, sizeof *(calls), (count))
/* The endpoints as they are; a call whose endpoint is not there is refused. NULL: the transaction failed. */
#define ENDPOINTS_FIND(worker, calls, count)                                                                           \
    endpoints_find((worker), &(calls)->call, &(calls)->request.endpoint_id, sizeof *(calls), (count))

/* `size`: bytes from one call, and its endpoint_id, to the next. */
struct endpoint_key *endpoint_keys(struct worker *worker, const struct call *calls, const int64_t *endpoint_ids,
                                   size_t size, size_t count);
struct webhook_endpoint *endpoints_find(struct worker *worker, struct call *calls, const int64_t *endpoint_ids,
                                        size_t size, size_t count);

#endif
