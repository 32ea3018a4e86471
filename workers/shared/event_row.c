/* Reads events; see event_row.h. */
#include "event_row.h"

#include <stdlib.h>
#include <string.h>

#include "event_columns.h"
#include "policies.h"
#include "rfc3339.h"

static void show_policy(struct policy policy, struct pool *pool, struct event *event) {
    event->has_cancellation_policy = PRESENCE_SET;
    event->cancellation_policy.items = policies_shown(&policy, pool);
    event->cancellation_policy.count = policy.count;
}

/* An array of the database, "{1440,60}". */
static void show_reminders(const char *array, struct pool *pool, struct event *event) {
    int64_t *minutes = pool_alloc(pool, (strlen(array) / 2 + 1) * sizeof *minutes);
    size_t count = 0;
    char *end;
    for (const char *at = array + 1; minutes[count] = strtoll(at, &end, 10), end > at; at = end + (*end == ','))
        count++;
    event->has_reminder_minutes = PRESENCE_SET;
    event->reminder_minutes.items = minutes;
    event->reminder_minutes.count = count;
}

void event_row_at(const PGresult *result, int row, int first, struct pool *pool, struct event *ret_event) {
    bool cancelled = db_boolean(result, row, first + EVENT_CANCELLED);
    const char *code = db_text(result, row, first + EVENT_CRM_ID);
    struct event event = {
        .id = db_integer(result, row, first + EVENT_ID),
        .title = db_text(result, row, first + EVENT_TITLE),
        .event_type = db_text(result, row, first + EVENT_TYPE),
        .start_datetime = rfc3339_text(db_text(result, row, first + EVENT_START), pool),
        .time_zone = db_text(result, row, first + EVENT_TIME_ZONE),
        .current_participants = db_integer(result, row, first + EVENT_TAKEN),
        .places_offered = db_integer(result, row, first + EVENT_OFFERED),
        .waitlist_count = db_integer(result, row, first + EVENT_WAITING),
        .price_minor = db_integer(result, row, first + EVENT_PRICE),
        .currency = db_text(result, row, first + EVENT_CURRENCY),
        .review_count = db_integer(result, row, first + EVENT_REVIEW_COUNT),
        .is_active = db_boolean(result, row, first + EVENT_ACTIVE) && !cancelled,
        .status = cancelled ? "cancelled" : "active",
        .facilitator = {.id = db_integer(result, row, first + FACILITATOR_ID),
                        .name = db_text(result, row, first + FACILITATOR_NAME),
                        .email = db_text(result, row, first + FACILITATOR_EMAIL)},
        .facilitator_id = {.text = code, .number = db_integer(result, row, first + FACILITATOR_ID)},
        .has_revision = PRESENCE_SET,
        .revision = db_integer(result, row, first + EVENT_REVISION),
        .created_at = rfc3339_text(db_text(result, row, first + EVENT_CREATED), pool),
        .updated_at = rfc3339_text(db_text(result, row, first + EVENT_UPDATED), pool),
    };
    SET_TEXT(event, description, db_text(result, row, first + EVENT_DESCRIPTION));
    SET_TEXT(event, end_datetime, rfc3339_text(db_text(result, row, first + EVENT_END), pool));
    SET_TEXT(event, location, db_text(result, row, first + EVENT_LOCATION));
    SET_TEXT(event, virtual_link, db_text(result, row, first + EVENT_VIRTUAL_LINK));
    SET_TEXT(event, language, db_text(result, row, first + EVENT_LANGUAGE));
    SET_TEXT(event, facilitator_crm_id, code ? code : db_text(result, row, first + FACILITATOR_CRM_ID));
    if (!db_is_null(result, row, first + EVENT_CAPACITY)) {
        SET(event, max_participants, db_integer(result, row, first + EVENT_CAPACITY));
        SET(event, available_spots, db_integer(result, row, first + EVENT_AVAILABLE));
    }
    if (!db_is_null(result, row, first + EVENT_RATING))
        SET(event, rating, db_number(result, row, first + EVENT_RATING));
    show_reminders(db_text(result, row, first + EVENT_REMINDERS), pool, &event);
    if (event.price_minor)
        show_policy(policies_stored(db_text(result, row, first + EVENT_POLICY)), pool, &event);
    *ret_event = event;
}

static const struct statement read_events = {
    "read_events", "SELECT i.position, " EVENT_COLUMNS " FROM unnest($1::bigint[]) WITH ORDINALITY AS i (id, position)"
                   " JOIN events e ON e.id = i.id AND e.deleted_at IS NULL JOIN users f ON f.id = e.facilitator_id"};

int event_rows_read(struct worker *worker, const int64_t *ids, size_t count, struct event *ret_events) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integers(&parameters, ids, count);
    PGresult *result = db_query(worker_db(worker), &read_events, &parameters);
    if (!result)
        return -1;
    memset(ret_events, 0, count * sizeof *ret_events);
    for (int row = 0; row < PQntuples(result); row++)
        event_row_at(result, row, 1, worker_pool(worker), &ret_events[db_integer(result, row, 0) - 1]);
    return 0;
}
