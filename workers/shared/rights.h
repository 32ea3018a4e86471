/* May this person do that to this row? The contract says who may (x-owner), a worker says whose the row is; nowhere
 * else is a caller compared with anybody. */
#ifndef TITHI_RIGHTS_H
#define TITHI_RIGHTS_H

#include <stdint.h>

#include "contract.h"

struct caller;

/* Whose the row is that a call is about. 0: nobody's. An event's holder is its facilitator only in that role, or as an
 * administrator: not who was demoted, or lacks the second factor that the role needs. */
struct holders {
    int64_t person_id, facilitator_id;
};

/* NULL: the caller may. The operation must have an x-owner other than `self`, which asks for no decision: there the
 * caller's id is part of how rows are found. */
const struct refusal *rights_refusal(const struct operation *operation, const struct caller *caller,
                                     const struct holders *holders);

#endif
