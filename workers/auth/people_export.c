/* All rows that are kept about one person, list after list, each in the order of a key that never changes. A page ends
 * where a list has more than 500 rows left, or the message would get too long; the next begins there. */
#include <string.h>

#include "api_keys_store.h"
#include "cursor.h"
#include "people_store.h"
#include "rfc3339.h"
#include "security_log_store.h"
#include "uuid.h"

#define LIST_ROWS 500
#define ROW_BYTES 250     /* of a row's field names and numbers */
#define PAGE_BYTES 600000 /* of a page's rows; a message may have 1 MiB */
#define NO_UUID "00000000-0000-0000-0000-000000000000"
#define LAST_MOMENT_US INT64_C(253402300800000000) /* year 10000 */

enum key { KEY_NUMBER, KEY_TEXT, KEY_UUID, KEY_MOMENT };

static const char *copy_text(const PGresult *result, int row, int column, struct pool *pool) {
    const char *text = db_text(result, row, column);
    return text ? pool_text(pool, text) : NULL;
}

static const char *copy_time(const PGresult *result, int row, int column, struct pool *pool) {
    return rfc3339_text(db_text(result, row, column), pool);
}

/* Each reads a row's columns, the first two of which are its key. */
static void read_identity(const PGresult *result, int row, struct pool *pool, void *ret_item) {
    *(struct personal_data_identities *)ret_item =
        (struct personal_data_identities){.issuer = copy_text(result, row, 0, pool),
                                          .subject = copy_text(result, row, 2, pool),
                                          .email = copy_text(result, row, 3, pool),
                                          .created_at = copy_time(result, row, 4, pool)};
}

static void read_session(const PGresult *result, int row, struct pool *pool, void *ret_item) {
    struct personal_data_sessions *session = ret_item;
    *session = (struct personal_data_sessions){.id = copy_text(result, row, 0, pool),
                                               .created_at = copy_time(result, row, 2, pool),
                                               .last_used_at = copy_time(result, row, 3, pool),
                                               .expires_at = copy_time(result, row, 4, pool)};
    SET_TEXT(*session, ended_at, copy_time(result, row, 5, pool));
    SET_TEXT(*session, device, copy_text(result, row, 6, pool));
    SET_TEXT(*session, address, copy_text(result, row, 7, pool));
}

static void read_key(const PGresult *result, int row, struct pool *pool, void *ret_item) {
    *(struct api_key *)ret_item = key_store_row(result, row, 2, pool);
}

static void read_booking(const PGresult *result, int row, struct pool *pool, void *ret_item) {
    struct personal_data_bookings *booking = ret_item;
    *booking = (struct personal_data_bookings){.id = db_integer(result, row, 1),
                                               .reference = copy_text(result, row, 2, pool),
                                               .event_id = db_integer(result, row, 3),
                                               .status = copy_text(result, row, 4, pool),
                                               .payment_status = copy_text(result, row, 5, pool),
                                               .price_minor = db_integer(result, row, 6),
                                               .currency = copy_text(result, row, 7, pool),
                                               .created_at = copy_time(result, row, 8, pool)};
    SET_TEXT(*booking, cancelled_at, copy_time(result, row, 9, pool));
    SET_TEXT(*booking, notes, copy_text(result, row, 10, pool));
    SET_TEXT(*booking, checked_in_at, copy_time(result, row, 11, pool));
}

static void read_payment(const PGresult *result, int row, struct pool *pool, void *ret_item) {
    *(struct personal_data_payments *)ret_item =
        (struct personal_data_payments){.id = db_integer(result, row, 1),
                                        .booking_id = db_integer(result, row, 2),
                                        .provider = copy_text(result, row, 3, pool),
                                        .status = copy_text(result, row, 4, pool),
                                        .amount_minor = db_integer(result, row, 5),
                                        .currency = copy_text(result, row, 6, pool),
                                        .created_at = copy_time(result, row, 7, pool)};
}

static void read_refund(const PGresult *result, int row, struct pool *pool, void *ret_item) {
    *(struct personal_data_refunds *)ret_item =
        (struct personal_data_refunds){.id = copy_text(result, row, 2, pool),
                                       .payment_id = db_integer(result, row, 3),
                                       .status = copy_text(result, row, 4, pool),
                                       .amount_minor = db_integer(result, row, 5),
                                       .currency = copy_text(result, row, 6, pool),
                                       .created_at = copy_time(result, row, 7, pool)};
}

static void read_event(const PGresult *result, int row, struct pool *pool, void *ret_item) {
    *(struct personal_data_events *)ret_item =
        (struct personal_data_events){.id = db_integer(result, row, 1),
                                      .title = copy_text(result, row, 2, pool),
                                      .start_at = copy_time(result, row, 3, pool),
                                      .created_at = copy_time(result, row, 4, pool)};
}

static void read_review(const PGresult *result, int row, struct pool *pool, void *ret_item) {
    struct personal_data_reviews *review = ret_item;
    *review = (struct personal_data_reviews){.id = db_integer(result, row, 1),
                                             .event_id = db_integer(result, row, 2),
                                             .rating = db_integer(result, row, 3),
                                             .created_at = copy_time(result, row, 4, pool),
                                             .updated_at = copy_time(result, row, 5, pool)};
    SET_TEXT(*review, text, copy_text(result, row, 6, pool));
}

static void read_notification(const PGresult *result, int row, struct pool *pool, void *ret_item) {
    struct personal_data_notifications *notification = ret_item;
    *notification = (struct personal_data_notifications){.id = db_integer(result, row, 1),
                                                         .booking_id = db_integer(result, row, 2),
                                                         .created_at = copy_time(result, row, 3, pool)};
    SET_TEXT(*notification, action, copy_text(result, row, 4, pool));
}

static void read_endpoint(const PGresult *result, int row, struct pool *pool, void *ret_item) {
    struct personal_data_webhook_endpoints *endpoint = ret_item;
    *endpoint = (struct personal_data_webhook_endpoints){.id = db_integer(result, row, 1),
                                                         .url = copy_text(result, row, 2, pool),
                                                         .created_at = copy_time(result, row, 4, pool)};
    SET_TEXT(*endpoint, description, copy_text(result, row, 3, pool));
    SET_TEXT(*endpoint, disabled_at, copy_time(result, row, 5, pool));
}

static void read_message(const PGresult *result, int row, struct pool *pool, void *ret_item) {
    struct personal_data_inbox *message = ret_item;
    *message = (struct personal_data_inbox){.seq = db_integer(result, row, 1),
                                            .type = copy_text(result, row, 2, pool),
                                            .time = copy_time(result, row, 3, pool)};
    SET_TEXT(*message, read_at, copy_time(result, row, 4, pool));
}

static void read_wait(const PGresult *result, int row, struct pool *pool, void *ret_item) {
    struct personal_data_waitlist *wait = ret_item;
    *wait = (struct personal_data_waitlist){.id = db_integer(result, row, 1),
                                            .event_id = db_integer(result, row, 2),
                                            .state = copy_text(result, row, 3, pool),
                                            .joined_at = copy_time(result, row, 4, pool)};
    SET_TEXT(*wait, offered_until, copy_time(result, row, 5, pool));
    SET_TEXT(*wait, ended_at, copy_time(result, row, 6, pool));
}

static void read_logged(const PGresult *result, int row, struct pool *pool, void *ret_item) {
    *(struct logged_event *)ret_item = security_log_row(result, row, 2, pool);
}

/* $1 the person, $2 and $3 the last row's key: a text and a number, of which a list uses one or both. The limit is a
 * constant, or the planner would guess that a tenth of all is wanted. */
#define LIMIT " LIMIT 501"
#define BY_ID " AND id > $3::bigint AND $2::text = '' ORDER BY id" LIMIT
#define PART(name, item, key, first, read, sql)                                                                        \
    {                                                                                                                  \
#name, offsetof(struct personal_data, name), sizeof(item), key, first, read, {                                 \
            "export_" #name, sql                                                                                       \
        }                                                                                                              \
    }

static const struct part {
    const char *name; /* of its cursors, too */
    size_t offset, item_size;
    enum key key;
    const char *first; /* text that comes before all */
    void (*read)(const PGresult *result, int row, struct pool *pool, void *ret_item);
    struct statement statement;
} parts[] = {
    PART(identities, struct personal_data_identities, KEY_TEXT, "", read_identity,
         "SELECT issuer, 0, subject, email, created_at FROM identities"
         " WHERE user_id = $1::bigint AND issuer > $2::text AND $3::bigint = 0 ORDER BY issuer" LIMIT),
    PART(sessions, struct personal_data_sessions, KEY_UUID, NO_UUID, read_session,
         "SELECT id, 0, created_at, used_at, expires_at, revoked_at, user_agent, address FROM sessions"
         " WHERE user_id = $1::bigint AND id > $2::uuid AND $3::bigint = 0 ORDER BY id" LIMIT),
    PART(api_keys, struct api_key, KEY_NUMBER, "", read_key,
         "SELECT '', id, " KEY_STORE_COLUMNS " FROM api_keys WHERE user_id = $1::bigint" BY_ID),
    PART(bookings, struct personal_data_bookings, KEY_NUMBER, "", read_booking,
         "SELECT '', id, reference, event_id, status, payment_status, price_minor, currency, created_at, cancelled_at,"
         " notes, checked_in_at FROM bookings WHERE user_id = $1::bigint" BY_ID),
    PART(payments, struct personal_data_payments, KEY_NUMBER, "", read_payment,
         "SELECT '', id, booking_id, provider, status, amount_minor, currency, created_at FROM payments"
         " WHERE user_id = $1::bigint" BY_ID),
    PART(refunds, struct personal_data_refunds, KEY_NUMBER, "", read_refund,
         "WITH own AS MATERIALIZED ("
         "  SELECT r.* FROM payments p JOIN refunds r ON r.payment_id = p.id WHERE p.user_id = $1::bigint)"
         " SELECT '', id, refund_id, payment_id, status, amount_minor, currency, created_at FROM own"
         " WHERE true" BY_ID),
    PART(events, struct personal_data_events, KEY_NUMBER, "", read_event,
         "WITH own AS MATERIALIZED (SELECT * FROM events WHERE facilitator_id = $1::bigint)"
         " SELECT '', id, title, start_at, created_at FROM own WHERE true" BY_ID),
    PART(reviews, struct personal_data_reviews, KEY_NUMBER, "", read_review,
         "WITH own AS MATERIALIZED (SELECT * FROM reviews WHERE user_id = $1::bigint)"
         " SELECT '', id, event_id, rating, created_at, updated_at, text FROM own WHERE true" BY_ID),
    PART(notifications, struct personal_data_notifications, KEY_NUMBER, "", read_notification,
         "WITH own AS MATERIALIZED (" PEOPLE_NOTIFICATIONS(
             "$1") ")"
                   " SELECT '', id, booking_id, created_at, action FROM own WHERE true" BY_ID),
    PART(security_events, struct logged_event, KEY_MOMENT, "1", read_logged,
         "SELECT (extract(epoch FROM at) * 1000000)::bigint, id, " SECURITY_LOG_COLUMNS " FROM security_events"
         " WHERE user_id = $1::bigint"
         "  AND (at, id) > ('epoch'::timestamptz + $2::bigint * interval '1 microsecond', $3::bigint)"
         " ORDER BY at, id" LIMIT),
    PART(webhook_endpoints, struct personal_data_webhook_endpoints, KEY_NUMBER, "", read_endpoint,
         "SELECT '', id, url, description, created_at, disabled_at FROM webhook_endpoints"
         " WHERE owner_id = $1::bigint" BY_ID),
    PART(inbox, struct personal_data_inbox, KEY_NUMBER, "", read_message,
         "SELECT '', seq, type, created_at, read_at FROM inbox_messages m JOIN log_entries e ON e.id = m.entry_id"
         " WHERE m.user_id = $1::bigint AND seq > $3::bigint AND $2::text = '' ORDER BY seq" LIMIT),
    PART(waitlist, struct personal_data_waitlist, KEY_NUMBER, "", read_wait,
         "SELECT '', id, event_id, state, joined_at, offered_until, ended_at FROM waitlist_entries"
         " WHERE user_id = $1::bigint" BY_ID),
};
#define PART_COUNT (sizeof parts / sizeof *parts)

static bool key_is_good(const struct part *part, const struct cursor *cursor) {
    struct uuid id;
    int64_t moment_us;
    switch (part->key) {
    case KEY_UUID:
        return uuid_parse(cursor->value, &id) == 0;
    case KEY_MOMENT:
        return cursor_integer(cursor, 1, LAST_MOMENT_US, &moment_us) == 0;
    case KEY_NUMBER:
    case KEY_TEXT:
        break;
    }
    return true;
}

bool export_read_place(const char *after, struct pool *pool, struct export_place *ret_place) {
    struct cursor cursor;
    *ret_place = (struct export_place){.part = 0, .key = parts[0].first};
    if (!after)
        return true;
    for (size_t i = 0; i < PART_COUNT; i++)
        if (cursor_read(after, parts[i].name, pool, &cursor) == 0 && key_is_good(&parts[i], &cursor)) {
            *ret_place = (struct export_place){.part = i, .key = cursor.value, .id = cursor.id};
            return true;
        }
    return false;
}

static const struct statement read_rest = {
    "export_rest", "SELECT picture_url, confirmed_at, language, time_zone FROM users"
                   " LEFT JOIN second_factors ON user_id = users.id WHERE users.id = $1::bigint"};
static const struct statement read_refusals = {"export_mail_refusals",
                                               "SELECT kind FROM mail_refusals WHERE user_id = $1::bigint"};

static void read_kinds(const PGresult *result, struct pool *pool, struct personal_data *data) {
    data->refused_mail.count = (size_t)PQntuples(result);
    data->refused_mail.items = pool_alloc(pool, data->refused_mail.count * sizeof *data->refused_mail.items);
    for (int row = 0; row < PQntuples(result); row++)
        data->refused_mail.items[row] = copy_text(result, row, 0, pool);
}

int export_read_rest(struct worker *worker, int64_t user_id, struct personal_data *data) {
    struct pool *pool = worker_pool(worker);
    struct parameters parameters;
    parameters_init(&parameters, pool);
    parameter_integer(&parameters, user_id);
    PGresult *result = db_query(worker_db(worker), &read_rest, &parameters);
    PGresult *refusals = result ? db_query(worker_db(worker), &read_refusals, &parameters) : NULL;
    if (!refusals)
        return -1;
    read_kinds(refusals, pool, data);
    if (PQntuples(result) == 1) {
        SET_TEXT(*data, picture_url, copy_text(result, 0, 0, pool));
        if (!db_is_null(result, 0, 1))
            SET(*data, second_factor_since, copy_time(result, 0, 1, pool));
        data->language = copy_text(result, 0, 2, pool);
        data->time_zone = copy_text(result, 0, 3, pool);
    }
    return 0;
}

static int queue_parts(struct worker *worker, int64_t user_id, const struct export_place *place) {
    for (size_t i = place->part; i < PART_COUNT; i++) {
        struct parameters parameters;
        bool continued = i == place->part;
        parameters_init(&parameters, worker_pool(worker));
        parameter_integer(&parameters, user_id);
        parameter_text(&parameters, continued ? place->key : parts[i].first);
        parameter_integer(&parameters, continued ? place->id : 0);
        if (db_queue(worker_db(worker), &parts[i].statement, &parameters) != 0)
            return -1;
    }
    return 0;
}

static size_t bytes_of(const PGresult *result, int row) {
    size_t bytes = ROW_BYTES;
    for (int column = 0; column < PQnfields(result); column++)
        bytes += (size_t)PQgetlength(result, row, column);
    return bytes;
}

/* Takes as many rows as fit. *ret_next: the cursor behind them where there are more. */
static void take_rows(const struct part *part, const PGresult *result, struct pool *pool, size_t *left_bytes,
                      struct export_place *place, struct personal_data *data, const char **ret_next) {
    struct list *rows = (struct list *)((char *)data + part->offset);
    int found = PQntuples(result), row = 0;
    rows->items = pool_alloc(pool, (size_t)found * part->item_size);
    for (; row < found && row < LIST_ROWS && bytes_of(result, row) <= *left_bytes; row++) {
        *left_bytes -= bytes_of(result, row);
        part->read(result, row, pool, (char *)rows->items + (size_t)row * part->item_size);
        place->key = copy_text(result, row, 0, pool);
        place->id = db_integer(result, row, 1);
    }
    rows->count = (size_t)row;
    if (row < found)
        *ret_next = cursor_text(&(struct cursor){part->name, place->key, place->id}, pool);
}

int export_read(struct worker *worker, int64_t user_id, const struct export_place *place,
                struct personal_data *ret_data) {
    struct pool *pool = worker_pool(worker);
    size_t left_bytes = PAGE_BYTES;
    const char *next = NULL;
    if (queue_parts(worker, user_id, place) != 0)
        return -1;
    for (size_t i = place->part; i < PART_COUNT; i++) {
        struct export_place here = i == place->part ? *place : (struct export_place){.part = i, .key = parts[i].first};
        PGresult *result = db_receive(worker_db(worker));
        if (!result)
            return -1;
        if (!next)
            take_rows(&parts[i], result, pool, &left_bytes, &here, ret_data, &next);
    }
    SET_TEXT(*ret_data, next, next);
    return 0;
}
