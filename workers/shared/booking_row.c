/* Reads bookings; see booking_row.h. */
#include "booking_row.h"

#include <string.h>

#include "booking_columns.h"
#include "rfc3339.h"

/* One row of a result, with the columns of a booking from `first` on. */
struct row {
    const PGresult *result;
    int row, first;
    struct pool *pool;
};

static const char *text(struct row row, int column) {
    return db_text(row.result, row.row, row.first + column);
}

static const char *moment(struct row row, int column) {
    return rfc3339_text(text(row, column), row.pool);
}

static int64_t integer(struct row row, int column) {
    return db_integer(row.result, row.row, row.first + column);
}

static bool boolean(struct row row, int column) {
    return db_boolean(row.result, row.row, row.first + column);
}

static struct booking_event read_event(struct row row) {
    bool cancelled = boolean(row, EVENT_CANCELLED);
    const char *code = text(row, EVENT_CRM_ID);
    struct booking_event event = {
        .id = integer(row, EVENT_ID),
        .title = text(row, EVENT_TITLE),
        .event_type = text(row, EVENT_TYPE),
        .start_datetime = moment(row, EVENT_START),
        .time_zone = text(row, EVENT_TIME_ZONE),
        .price_minor = integer(row, EVENT_PRICE),
        .currency = text(row, EVENT_CURRENCY),
        .is_active = boolean(row, EVENT_ACTIVE) && !cancelled,
        .status = cancelled ? "cancelled" : "active",
        .facilitator = {.id = integer(row, FACILITATOR_ID),
                        .name = text(row, FACILITATOR_NAME),
                        .email = text(row, FACILITATOR_EMAIL)},
        .facilitator_id = {.text = code, .number = integer(row, FACILITATOR_ID)},
    };
    SET_TEXT(event, description, text(row, EVENT_DESCRIPTION));
    SET_TEXT(event, end_datetime, moment(row, EVENT_END));
    SET_TEXT(event, location, text(row, EVENT_LOCATION));
    SET_TEXT(event, virtual_link, text(row, EVENT_VIRTUAL_LINK));
    SET_TEXT(event, facilitator_crm_id, code ? code : text(row, FACILITATOR_CRM_ID));
    return event;
}

static struct refund read_refund(struct row row) {
    return (struct refund){
        .refund_id = text(row, BOOKING_REFUND_ID),
        .amount_minor = integer(row, BOOKING_REFUND_AMOUNT),
        .currency = text(row, BOOKING_REFUND_CURRENCY),
        .status = text(row, BOOKING_REFUND_STATUS),
        .cause = text(row, BOOKING_REFUND_CAUSE),
    };
}

struct booking_row booking_row_at(const PGresult *result, int row_number, int first, struct pool *pool) {
    struct row row = {result, row_number, first, pool};
    struct booking booking = {
        .id = integer(row, BOOKING_ID),
        .booking_reference = text(row, BOOKING_REFERENCE),
        .status = text(row, BOOKING_STATUS),
        .payment_status = text(row, BOOKING_PAYMENT_STATUS),
        .price_minor = integer(row, BOOKING_PRICE),
        .currency = text(row, BOOKING_CURRENCY),
        .user = {.id = integer(row, USER_ID), .name = text(row, USER_NAME), .email = text(row, USER_EMAIL)},
        .event_id = integer(row, EVENT_ID),
        .event = read_event(row),
        .created_at = moment(row, BOOKING_CREATED),
        .updated_at = moment(row, BOOKING_UPDATED),
    };
    SET_TEXT(booking, notes, text(row, BOOKING_NOTES));
    SET_TEXT(booking, payment_id, text(row, BOOKING_PAYMENT_ID));
    SET_TEXT(booking, payment_reference, text(row, BOOKING_ORDER_ID));
    SET_TEXT(booking, payment_url, text(row, BOOKING_PAYMENT_URL));
    SET_TEXT(booking, cancelled_at, moment(row, BOOKING_CANCELLED));
    SET_TEXT(booking, hold_expires_at, moment(row, BOOKING_HOLD));
    SET_TEXT(booking, checked_in_at, moment(row, BOOKING_CHECKED_IN));
    SET_TEXT(booking.user, phone, text(row, USER_PHONE));
    if (text(row, BOOKING_REFUND_ID))
        SET(booking, refund, read_refund(row));
    return (struct booking_row){.booking = booking, .event_started = boolean(row, EVENT_STARTED)};
}

static const struct statement read_bookings = {"read_bookings",
                                               "SELECT i.position, " BOOKING_COLUMNS
                                               " FROM unnest($1::bigint[]) WITH ORDINALITY AS i (id, position)"
                                               " JOIN bookings b ON b.id = i.id" PARTIES MONEY};

int booking_rows_queue(struct worker *worker, const int64_t *ids, size_t count) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integers(&parameters, ids, count);
    return db_queue(worker_db(worker), &read_bookings, &parameters);
}

int booking_rows_receive(struct worker *worker, size_t count, struct booking_row *ret_rows) {
    PGresult *result = db_receive(worker_db(worker));
    if (!result)
        return -1;
    memset(ret_rows, 0, count * sizeof *ret_rows);
    for (int row = 0; row < PQntuples(result); row++)
        ret_rows[db_integer(result, row, 0) - 1] = booking_row_at(result, row, 1, worker_pool(worker));
    return 0;
}

int booking_rows_read(struct worker *worker, const int64_t *ids, size_t count, struct booking_row *ret_rows) {
    return booking_rows_queue(worker, ids, count) ? -1 : booking_rows_receive(worker, count, ret_rows);
}
