/* What the CRM service keeps of a request that tells of a booking, whichever operation took it. */
#ifndef TITHI_CRM_NOTES_H
#define TITHI_CRM_NOTES_H

#include "store.h"

/* `request_` points to the request of any of these operations: they name things alike. Event and facilitator may stand
 * in two places. What is absent is zero and NULL. */
#define NOTE_OF(request_, action_)                                                                                     \
    ((struct new_notification){                                                                                        \
        .booking_id = (request_)->booking_id,                                                                          \
        .action = (action_),                                                                                           \
        .user_id = (request_)->user.id,                                                                                \
        .user_name = (request_)->user.name,                                                                            \
        .user_email = (request_)->user.email,                                                                          \
        .event_id = (request_)->event.id ? (request_)->event.id : (request_)->event_id,                                \
        .event_title = (request_)->event.title,                                                                        \
        .event_start_at = (request_)->event.start_datetime,                                                            \
        .facilitator_id = NOTE_FACILITATOR(request_)->text ? 0 : NOTE_FACILITATOR(request_)->number,                   \
        .facilitator_code = NOTE_FACILITATOR(request_)->text,                                                          \
        .facilitator_crm_id = (request_)->facilitator_crm_id,                                                          \
    })
#define NOTE_FACILITATOR(request_)                                                                                     \
    ((request_)->has_facilitator_id == PRESENCE_SET ? &(request_)->facilitator_id : &(request_)->event.facilitator_id)

#endif
