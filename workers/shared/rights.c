/* See rights.h. */
#include "rights.h"

#include <assert.h>

#include "envelope.h"
#include "operations.h"

static unsigned relations_of(const struct caller *caller, const struct holders *holders) {
    unsigned relations = 0;
    if (!caller->user_id)
        return 0;
    if (caller->user_id == holders->person_id)
        relations |= RELATION_PERSON;
    if (caller->user_id == holders->facilitator_id && (role_bit(caller->role) & (ROLE_FACILITATOR | ROLE_ADMIN)))
        relations |= RELATION_FACILITATOR;
    return relations;
}

const struct refusal *rights_refusal(const struct operation *operation, const struct caller *caller,
                                     const struct holders *holders) {
    const struct ownership *owner = &operation->owner;
    unsigned relations = relations_of(caller, holders);
    assert(owner->refusal && !(owner->relations & RELATION_SELF));
    if ((relations & owner->relations) || (role_bit(caller->role) & owner->roles))
        return NULL;
    return relations & owner->known_to ? &refusal_forbidden : owner->refusal;
}
