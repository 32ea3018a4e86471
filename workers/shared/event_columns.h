/* The columns of an event as answers show it, for the statements that read some: `e` is the event, `f` its facilitator.
 * event_row_at() reads them, in this order. */
#ifndef TITHI_SHARED_EVENT_COLUMNS_H
#define TITHI_SHARED_EVENT_COLUMNS_H

#define EVENT_COLUMNS                                                                                                  \
    "e.id, e.title, e.description, e.event_type, e.start_at, e.end_at, e.time_zone, e.location, e.virtual_link, "      \
    "e.capacity, e.taken, e.available, e.offered, e.waiting, e.price_minor, e.currency, e.shown_rating, "              \
    "e.review_count, e.language, e.is_active, e.cancelled_at IS NOT NULL, f.id, f.name, f.email, "                     \
    "e.facilitator_crm_id, f.facilitator_crm_id, e.cancellation_policy, e.reminder_minutes, e.revision, "              \
    "e.created_at, e.updated_at"

enum event_column {
    EVENT_ID,
    EVENT_TITLE,
    EVENT_DESCRIPTION,
    EVENT_TYPE,
    EVENT_START,
    EVENT_END,
    EVENT_TIME_ZONE,
    EVENT_LOCATION,
    EVENT_VIRTUAL_LINK,
    EVENT_CAPACITY,
    EVENT_TAKEN,
    EVENT_AVAILABLE,
    EVENT_OFFERED,
    EVENT_WAITING,
    EVENT_PRICE,
    EVENT_CURRENCY,
    EVENT_RATING,
    EVENT_REVIEW_COUNT,
    EVENT_LANGUAGE,
    EVENT_ACTIVE,
    EVENT_CANCELLED,
    FACILITATOR_ID,
    FACILITATOR_NAME,
    FACILITATOR_EMAIL,
    EVENT_CRM_ID,
    FACILITATOR_CRM_ID,
    EVENT_POLICY,
    EVENT_REMINDERS,
    EVENT_REVISION,
    EVENT_CREATED,
    EVENT_UPDATED,
    EVENT_COLUMN_COUNT,
};

#endif
