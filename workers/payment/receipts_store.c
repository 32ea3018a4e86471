/* See receipts_store.h. Payments that came twice are shown, too: so are their refunds. */
#include "receipts_store.h"

#include <string.h>

#include "rfc3339.h"

#define ASKED " FROM unnest($1::bigint[]) WITH ORDINALITY AS i (id, position)"
#define CAPTURED                                                                                                       \
    " JOIN payments p ON p.booking_id = i.id AND p.captured_minor > 0 JOIN users f ON f.id = p.facilitator_id"

static const struct statement read_bookings = {
    "read_bookings_of_receipts",
    "SELECT i.position, b.id, b.reference, b.price_minor, b.currency, b.user_id, u.name, u.email, e.facilitator_id,"
    "  e.id, e.title, e.start_at, e.end_at, e.time_zone, e.location" ASKED
    " JOIN bookings b ON b.id = i.id JOIN users u ON u.id = b.user_id JOIN events e ON e.id = b.event_id"};
static const struct statement read_payments = {
    "read_payments_of_receipts",
    "SELECT i.position, p.provider, p.provider_payment_id, p.captured_minor, p.currency, p.captured_at, f.id, f.name,"
    "  p.refunded_minor" ASKED CAPTURED " ORDER BY i.position, p.captured_at, p.id"};
static const struct statement read_refunds = {
    "read_refunds_of_receipts",
    "SELECT i.position, r.refund_id, r.amount_minor, r.currency,"
    "  CASE r.status WHEN 'created' THEN 'pending' ELSE r.status END, r.cause, r.created_at, r.processed_at" ASKED
    " JOIN refunds r ON r.booking_id = i.id ORDER BY i.position, r.id"};

static void read_booking(const PGresult *result, int row, struct pool *pool, struct receipt_row *ret_row) {
    struct receipt receipt = {
        .booking_id = db_integer(result, row, 1),
        .booking_reference = db_text(result, row, 2),
        .number = pool_printf(pool, "R-%s", db_text(result, row, 2)),
        .currency = db_text(result, row, 4),
        .person = {.name = db_text(result, row, 6), .email = db_text(result, row, 7)},
        .event = {.id = db_integer(result, row, 9),
                  .title = db_text(result, row, 10),
                  .start_datetime = rfc3339_text(db_text(result, row, 11), pool),
                  .time_zone = db_text(result, row, 13)},
    };
    SET_TEXT(receipt.event, end_datetime, rfc3339_text(db_text(result, row, 12), pool));
    SET_TEXT(receipt.event, location, db_text(result, row, 14));
    receipt.lines.items = pool_alloc(pool, sizeof *receipt.lines.items);
    receipt.lines.items[0] = (struct receipt_lines){
        .what = receipt.event.title, .amount_minor = db_integer(result, row, 3), .currency = receipt.currency};
    receipt.lines.count = 1;
    *ret_row = (struct receipt_row){
        .receipt = receipt,
        .holders = {.person_id = db_integer(result, row, 5), .facilitator_id = db_integer(result, row, 8)}};
}

static void add_payment(const PGresult *result, int row, struct pool *pool, struct receipt *receipt) {
    struct receipt_payments payment = {.provider = db_text(result, row, 1),
                                       .amount_minor = db_integer(result, row, 3),
                                       .currency = db_text(result, row, 4),
                                       .captured_at = rfc3339_text(db_text(result, row, 5), pool)};
    SET_TEXT(payment, provider_payment_id, db_text(result, row, 2));
    if (!receipt->payments.count) {
        receipt->issued_at = payment.captured_at;
        receipt->provider = payment.provider;
        SET_TEXT(*receipt, provider_payment_id, payment.provider_payment_id);
        receipt->facilitator.id = db_integer(result, row, 6);
        receipt->facilitator.name = db_text(result, row, 7);
    }
    receipt->payments.items[receipt->payments.count++] = payment;
    receipt->paid_minor += payment.amount_minor;
    receipt->refunded_minor += db_integer(result, row, 8);
}

static void add_refund(const PGresult *result, int row, struct pool *pool, struct receipt *receipt) {
    struct receipt_refunds refund = {.refund_id = db_text(result, row, 1),
                                     .amount_minor = db_integer(result, row, 2),
                                     .currency = db_text(result, row, 3),
                                     .status = db_text(result, row, 4),
                                     .cause = db_text(result, row, 5),
                                     .created_at = rfc3339_text(db_text(result, row, 6), pool)};
    SET_TEXT(refund, processed_at, rfc3339_text(db_text(result, row, 7), pool));
    receipt->refunds.items[receipt->refunds.count++] = refund;
}

static struct receipt_row *row_of(const PGresult *result, int row, struct receipt_row *rows) {
    return &rows[db_integer(result, row, 0) - 1];
}

/* Rows of one booking stand together: its list begins where the first of them does, in one array for all. */
static void read_payments_of(const PGresult *result, struct pool *pool, struct receipt_row *rows) {
    struct receipt_payments *all = pool_alloc(pool, (size_t)PQntuples(result) * sizeof *all);
    for (int row = 0; row < PQntuples(result); row++) {
        struct receipt *receipt = &row_of(result, row, rows)->receipt;
        if (!receipt->payments.count)
            receipt->payments.items = &all[row];
        add_payment(result, row, pool, receipt);
    }
}

static void read_refunds_of(const PGresult *result, struct pool *pool, struct receipt_row *rows) {
    struct receipt_refunds *all = pool_alloc(pool, (size_t)PQntuples(result) * sizeof *all);
    for (int row = 0; row < PQntuples(result); row++) {
        struct receipt *receipt = &row_of(result, row, rows)->receipt;
        if (!receipt->refunds.count)
            receipt->refunds.items = &all[row];
        add_refund(result, row, pool, receipt);
    }
}

int receipts_read(struct worker *worker, const int64_t *ids, size_t count, struct receipt_row *ret_rows) {
    struct db *db = worker_db(worker);
    struct pool *pool = worker_pool(worker);
    struct parameters parameters;
    parameters_init(&parameters, pool);
    parameter_integers(&parameters, ids, count);
    if (db_queue(db, &read_bookings, &parameters) || db_queue(db, &read_payments, &parameters) ||
        db_queue(db, &read_refunds, &parameters))
        return -1;
    PGresult *bookings = db_receive(db), *payments = bookings ? db_receive(db) : NULL;
    PGresult *refunds = payments ? db_receive(db) : NULL;
    if (!refunds)
        return -1;
    memset(ret_rows, 0, count * sizeof *ret_rows);
    for (int row = 0; row < PQntuples(bookings); row++)
        read_booking(bookings, row, pool, row_of(bookings, row, ret_rows));
    read_payments_of(payments, pool, ret_rows);
    read_refunds_of(refunds, pool, ret_rows);
    return 0;
}
