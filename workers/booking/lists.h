/* What the lists of bookings have in common. */
#ifndef TITHI_BOOKING_LISTS_H
#define TITHI_BOOKING_LISTS_H

#include "store.h"

/* From a request that names it alike. */
#define FILTER_OF(request_, scope_, id_)                                                                               \
    {                                                                                                                  \
        .scope = (scope_), .id = (id_), .status = (request_).status, .payment_status = (request_).payment_status,      \
        .sort = (request_).sort, .limit = (request_).limit,                                                            \
    }

/* Queues one list, or refuses the call where `after` (NULL: from the start) marks no place in it. */
int lists_queue(struct worker *worker, struct call *call, struct booking_filter *filter, const char *after);

#endif
