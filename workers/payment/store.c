/* Statements of the payment worker; see store.h. Rows of several bookings are locked in the order of their ids. "OFFSET
 * 0" keeps a look-up by id what it is: a generic plan would rather read a whole index for its order, because this
 * role's planner does without sorts (schemas/roles.sql). */
#include "store.h"

#include <string.h>

#include "booking_columns.h"
#include "columns.h"
#include "rfc3339.h"

#define HOLD_ENDS_AT_S "floor(extract(epoch FROM b.hold_expires_at))::bigint"

#define CHECK_LEASE "now() + interval '60 seconds'" /* longer than a look-up and what may follow from it */
#define ORDER_LEASE "now() + interval '15 seconds'" /* longer than an order's making, or than looking for one */

const struct statement store_sweeps[] = {
    {"sweep_provider_events", "DELETE FROM provider_events WHERE ctid = ANY (ARRAY(SELECT ctid FROM provider_events"
                              " WHERE received_at < now() - interval '30 days' LIMIT $1::integer))"},
};
const size_t store_sweep_count = sizeof store_sweeps / sizeof *store_sweeps;

/* ---- Lists */

static const struct statement list_payments_of_user = {
    "list_payments_of_user",
    "SELECT id, booking_id, event_id, provider, order_id, provider_payment_id,"
    " CASE WHEN closed_at IS NULL AND captured_minor = 0 THEN payment_url END, status, amount_minor, refunded_minor,"
    " currency, created_at, captured_at FROM payments"
    " WHERE user_id = $1::bigint AND id < $2::bigint ORDER BY id DESC LIMIT $3::bigint"};

static struct payment read_payment(const PGresult *result, int row, struct pool *pool) {
    struct payment payment = {.id = db_integer(result, row, 0),
                              .booking_id = db_integer(result, row, 1),
                              .event_id = db_integer(result, row, 2),
                              .provider = db_text(result, row, 3),
                              .status = db_text(result, row, 7),
                              .amount_minor = db_integer(result, row, 8),
                              .refunded_amount_minor = db_integer(result, row, 9),
                              .currency = db_text(result, row, 10),
                              .created_at = rfc3339_text(db_text(result, row, 11), pool)};
    SET_TEXT(payment, provider_id, db_text(result, row, 4));
    SET_TEXT(payment, payment_id, db_text(result, row, 5));
    SET_TEXT(payment, payment_url, db_text(result, row, 6));
    SET_TEXT(payment, captured_at, rfc3339_text(db_text(result, row, 12), pool));
    return payment;
}

int store_list_payments(struct worker *worker, const struct payments_wanted *wanted, size_t count,
                        struct list_payments_reply **ret_replies) {
    struct pool *pool = worker_pool(worker);
    for (size_t i = 0; i < count; i++) {
        struct parameters parameters;
        parameters_init(&parameters, pool);
        parameter_integer(&parameters, wanted[i].user_id);
        parameter_integer(&parameters, wanted[i].before_id);
        parameter_integer(&parameters, wanted[i].limit);
        if (db_queue(worker_db(worker), &list_payments_of_user, &parameters))
            return -1;
    }
    for (size_t i = 0; i < count; i++) {
        PGresult *result = db_receive(worker_db(worker));
        if (!result)
            return -1;
        size_t rows = (size_t)PQntuples(result);
        ret_replies[i]->payments.items = pool_alloc(pool, rows * sizeof(struct payment));
        ret_replies[i]->payments.count = rows;
        for (size_t row = 0; row < rows; row++)
            ret_replies[i]->payments.items[row] = read_payment(result, (int)row, pool);
    }
    return 0;
}

/* ---- Orders */

/* "+ 0": by the person's bookings, not by all of an event. */
static const struct statement find_orders = {
    "find_orders",
    "SELECT w.position, b.id, b.event_id, b.status, b.price_minor, b.currency, b.hold_expires_at <= now(),"
    " " HOLD_ENDS_AT_S ", b.hold_expires_at, b.reference, e.title, u.name, u.email, p.provider, p.order_id,"
    " p.payment_url, p.closed_at IS NOT NULL, b.status_reason"
    " FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[])"
    "   WITH ORDINALITY AS w (booking_id, event_id, user_id, provider, position)"
    " CROSS JOIN LATERAL (SELECT * FROM bookings WHERE id = CASE WHEN w.booking_id > 0 THEN w.booking_id ELSE coalesce("
    "     (SELECT max(id) FROM bookings WHERE user_id = w.user_id AND event_id + 0 = w.event_id AND status = "
    "'pending'),"
    "     (SELECT max(id) FROM bookings WHERE user_id = w.user_id AND event_id + 0 = w.event_id)) END OFFSET 0) b"
    " JOIN events e ON e.id = b.event_id JOIN users u ON u.id = b.user_id"
    " LEFT JOIN LATERAL (SELECT * FROM payments q WHERE q.booking_id = b.id AND q.duplicate_of IS NULL"
    "   AND (w.provider IS NULL OR q.provider = w.provider)"
    "   ORDER BY q.closed_at IS NULL DESC, q.order_id IS NULL, q.id LIMIT 1) p ON true"
    " WHERE w.user_id = 0 OR b.user_id = w.user_id"};

static struct order_row read_order_row(const PGresult *result, int row, struct pool *pool) {
    return (struct order_row){.booking_id = db_integer(result, row, 1),
                              .event_id = db_integer(result, row, 2),
                              .status = rule_booking_status(db_text(result, row, 3)),
                              .price_minor = db_integer(result, row, 4),
                              .currency = db_text(result, row, 5),
                              .hold_over = db_boolean(result, row, 6),
                              .hold_expires_at_s = db_integer(result, row, 7),
                              .hold_expires_at = rfc3339_text(db_text(result, row, 8), pool),
                              .reference = db_text(result, row, 9),
                              .title = db_text(result, row, 10),
                              .customer_name = db_text(result, row, 11),
                              .customer_email = db_text(result, row, 12),
                              .provider = db_text(result, row, 13),
                              .order_id = db_text(result, row, 14),
                              .payment_url = db_text(result, row, 15),
                              .closed = db_boolean(result, row, 16),
                              .status_reason = db_text(result, row, 17)};
}

int store_find_orders(struct worker *worker, const struct order_wish *wishes, size_t count,
                      struct order_row *ret_rows) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    COLUMN_INTEGERS(&parameters, wishes, count, booking_id);
    COLUMN_INTEGERS(&parameters, wishes, count, event_id);
    COLUMN_INTEGERS(&parameters, wishes, count, user_id);
    COLUMN_TEXTS(&parameters, wishes, count, provider);
    PGresult *result = db_query(worker_db(worker), &find_orders, &parameters);
    if (!result)
        return -1;
    memset(ret_rows, 0, count * sizeof *ret_rows);
    for (int row = 0; row < PQntuples(result); row++)
        ret_rows[db_integer(result, row, 0) - 1] = read_order_row(result, row, worker_pool(worker));
    return 0;
}

/* In one order, so that two workers that add the same rows do not wait for each other in a circle. */
static const struct statement add_payments = {
    "add_payments",
    "INSERT INTO payments (booking_id, user_id, event_id, facilitator_id, provider, amount_minor, currency)"
    " SELECT b.id, b.user_id, b.event_id, e.facilitator_id, w.provider, b.price_minor, b.currency"
    " FROM unnest($1::bigint[], $2::text[]) AS w (booking_id, provider)"
    " CROSS JOIN LATERAL (SELECT * FROM bookings WHERE id = w.booking_id AND status = 'pending' OFFSET 0) b"
    " JOIN events e ON e.id = b.event_id ORDER BY b.id, w.provider"
    " ON CONFLICT (booking_id, provider) WHERE duplicate_of IS NULL AND closed_at IS NULL DO NOTHING"};
/* A lease that is there has ended, but tells that somebody has asked. */
static const struct statement claim_orders = {
    "claim_orders",
    "WITH wanted AS MATERIALIZED ("
    " SELECT id, leased_until IS NOT NULL AS asked FROM payments WHERE id = ANY (ARRAY("
    "   SELECT p.id FROM unnest($1::bigint[], $2::text[], $3::bigint[]) AS w (booking_id, provider, with_link)"
    "   CROSS JOIN LATERAL (SELECT * FROM payments WHERE booking_id = w.booking_id OFFSET 0) p"
    "   WHERE p.provider = w.provider AND p.duplicate_of IS NULL AND p.closed_at IS NULL"
    "   AND (p.order_id IS NULL OR w.with_link <> 0)))"
    " AND (order_id IS NULL"
    "  OR (payment_url IS NULL AND status IN ('created', 'failed') AND next_check_at > now()))"
    " AND (leased_until IS NULL OR leased_until <= now()) ORDER BY id FOR NO KEY UPDATE"
    ") UPDATE payments p SET leased_until = " ORDER_LEASE ","
    "  next_check_at = CASE WHEN order_id IS NULL THEN now() + interval '30 seconds' ELSE next_check_at END"
    " FROM wanted w WHERE p.id = w.id RETURNING p.id, p.booking_id, p.provider, p.receipt, w.asked, p.order_id"};

static void take_claim(const PGresult *result, int row, const struct wanted_order *wanted, size_t count,
                       struct order_claim *ret_claims) {
    for (size_t i = 0; i < count; i++)
        if (wanted[i].booking_id == db_integer(result, row, 1) &&
            !strcmp(wanted[i].provider, db_text(result, row, 2))) {
            ret_claims[i] = (struct order_claim){.payment_id = db_integer(result, row, 0),
                                                 .receipt = db_text(result, row, 3),
                                                 .asked_before = db_boolean(result, row, 4),
                                                 .order_id = db_text(result, row, 5)};
            return;
        }
}

int store_claim_orders(struct worker *worker, const struct wanted_order *wanted, size_t count,
                       struct order_claim *ret_claims) {
    struct db *db = worker_db(worker);
    struct parameters bookings, orders;
    parameters_init(&bookings, worker_pool(worker));
    COLUMN_INTEGERS(&bookings, wanted, count, booking_id);
    COLUMN_TEXTS(&bookings, wanted, count, provider);
    parameters_init(&orders, worker_pool(worker));
    COLUMN_INTEGERS(&orders, wanted, count, booking_id);
    COLUMN_TEXTS(&orders, wanted, count, provider);
    COLUMN_FLAGS(&orders, wanted, count, with_link);
    if (db_queue(db, &add_payments, &bookings) || db_queue(db, &claim_orders, &orders) || !db_receive(db))
        return -1;
    PGresult *result = db_receive(db);
    if (!result)
        return -1;
    memset(ret_claims, 0, count * sizeof *ret_claims);
    for (int row = 0; row < PQntuples(result); row++)
        take_claim(result, row, wanted, count, ret_claims);
    return 0;
}

/* A lease that stays, ended, tells that the order may be there although we do not know its name. The link of an order
 * that was known does not put its check off, however often it is asked for. */
static const struct statement record_orders = {
    "record_orders",
    "WITH locked AS MATERIALIZED (SELECT id FROM payments WHERE id = ANY ($1::bigint[]) ORDER BY id FOR NO KEY UPDATE)"
    " UPDATE payments p SET order_id = coalesce(p.order_id, g.order_id),"
    "  payment_url = CASE WHEN coalesce(p.order_id, g.order_id) = g.order_id"
    "                     THEN coalesce(p.payment_url, g.payment_url) ELSE p.payment_url END,"
    "  leased_until = CASE WHEN g.in_flight <> 0 THEN p.leased_until WHEN g.order_id IS NOT NULL THEN NULL"
    "                      WHEN g.known = 0 THEN now() END,"
    "  status_reason = coalesce(g.error, p.status_reason), updated_at = now(),"
    "  checks = CASE WHEN p.order_id IS NULL THEN 0 ELSE p.checks END,"
    "  next_check_at = CASE WHEN p.order_id IS NULL AND p.status = 'created'"
    "                       THEN now() + g.check_after_s * interval '1 second' ELSE p.next_check_at END"
    " FROM locked JOIN unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[],"
    "  $7::bigint[]) AS g (id, order_id, payment_url, error, known, in_flight, check_after_s) USING (id)"
    " WHERE p.id = g.id"};

int store_record_orders(struct worker *worker, const struct made_order *orders, size_t count) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    COLUMN_INTEGERS(&parameters, orders, count, payment_id);
    COLUMN_TEXTS(&parameters, orders, count, order_id);
    COLUMN_TEXTS(&parameters, orders, count, payment_url);
    COLUMN_TEXTS(&parameters, orders, count, error);
    COLUMN_FLAGS(&parameters, orders, count, known);
    COLUMN_FLAGS(&parameters, orders, count, in_flight);
    COLUMN_INTEGERS(&parameters, orders, count, check_after_s);
    return db_query(worker_db(worker), &record_orders, &parameters) ? 0 : -1;
}

static const struct statement lock_events_of = {
    "lock_events_of_bookings",
    "SELECT id FROM events WHERE id = ANY (ARRAY(SELECT event_id FROM bookings WHERE id = ANY ($1::bigint[])))"
    " ORDER BY id FOR NO KEY UPDATE"};
static const struct statement lock_bookings = {
    "lock_bookings", "SELECT id FROM bookings WHERE id = ANY ($1::bigint[]) ORDER BY id FOR NO KEY UPDATE"};
static const struct statement lock_payments_of = {
    "lock_payments_of_bookings",
    "SELECT id FROM payments WHERE id = ANY (ARRAY(SELECT id FROM payments WHERE booking_id = ANY ($1::bigint[])))"
    " ORDER BY id FOR NO KEY UPDATE"};
static const struct statement cancel_pending = {
    "cancel_pending",
    "WITH ended AS ("
    " UPDATE bookings b SET status = 'cancelled', status_reason = g.reason, payment_status = 'failed',"
    "  hold_expires_at = NULL, cancelled_at = now(), updated_at = now()"
    " FROM unnest($1::bigint[], $2::text[]) AS g (id, reason)"
    " WHERE b.id = g.id AND b.status = 'pending' RETURNING b.id, b.event_id"
    "), freed AS (UPDATE events e SET taken = e.taken - n.places"
    " FROM (SELECT event_id, count(*) AS places FROM ended GROUP BY event_id) n WHERE e.id = n.event_id)"
    " SELECT id FROM ended"};

static int queue_with_ids(struct worker *worker, const struct statement *statement, const int64_t *ids, size_t count) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integers(&parameters, ids, count);
    return db_queue(worker_db(worker), statement, &parameters);
}

static int queue_locks(struct worker *worker, const struct unpayable *bookings, size_t count) {
    int64_t *ids = pool_alloc(worker_pool(worker), count * sizeof *ids);
    for (size_t i = 0; i < count; i++)
        ids[i] = bookings[i].booking_id;
    return queue_with_ids(worker, &lock_events_of, ids, count) || queue_with_ids(worker, &lock_bookings, ids, count);
}

int store_cancel_pending(struct worker *worker, const struct unpayable *bookings, size_t count, int64_t *ret_cancelled,
                         size_t *ret_count) {
    struct db *db = worker_db(worker);
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    COLUMN_INTEGERS(&parameters, bookings, count, booking_id);
    COLUMN_TEXTS(&parameters, bookings, count, reason);
    if (queue_locks(worker, bookings, count) || db_queue(db, &cancel_pending, &parameters) || !db_receive(db) ||
        !db_receive(db))
        return -1;
    PGresult *result = db_receive(db);
    if (!result)
        return -1;
    *ret_count = (size_t)PQntuples(result);
    for (int row = 0; row < PQntuples(result); row++)
        ret_cancelled[row] = db_integer(result, row, 0);
    return 0;
}

static const struct statement find_named = {
    "find_named_orders",
    "SELECT w.position, p.id, p.booking_id, p.receipt, p.order_id, p.payment_url, p.amount_minor, p.currency,"
    " CASE WHEN p.captured_minor > 0 THEN p.provider_payment_id END, b.reference, " SHOWN_STATUS ", e.title,"
    " b.hold_expires_at, " HOLD_ENDS_AT_S " FROM unnest($2::text[]) WITH ORDINALITY AS w (order_id, position)"
    " JOIN payments p ON p.provider = $1::text AND p.order_id = w.order_id AND p.duplicate_of IS NULL"
    " JOIN bookings b ON b.id = p.booking_id JOIN events e ON e.id = b.event_id"};

static struct named_order read_named(const PGresult *result, int row, struct pool *pool) {
    return (struct named_order){.payment_id = db_integer(result, row, 1),
                                .booking_id = db_integer(result, row, 2),
                                .receipt = db_text(result, row, 3),
                                .order_id = db_text(result, row, 4),
                                .payment_url = db_text(result, row, 5),
                                .amount_minor = db_integer(result, row, 6),
                                .currency = db_text(result, row, 7),
                                .paid_by = db_text(result, row, 8),
                                .booking_reference = db_text(result, row, 9),
                                .booking_status = db_text(result, row, 10),
                                .event_title = db_text(result, row, 11),
                                .hold_expires_at = rfc3339_text(db_text(result, row, 12), pool),
                                .hold_expires_at_s = db_integer(result, row, 13)};
}

int store_find_named(struct worker *worker, const char *provider, const char *const *order_ids, size_t count,
                     struct named_order *ret_orders) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_text(&parameters, provider);
    parameter_texts(&parameters, order_ids, count);
    PGresult *result = db_query(worker_db(worker), &find_named, &parameters);
    if (!result)
        return -1;
    memset(ret_orders, 0, count * sizeof *ret_orders);
    for (int row = 0; row < PQntuples(result); row++)
        ret_orders[db_integer(result, row, 0) - 1] = read_named(result, row, worker_pool(worker));
    return 0;
}

static const struct statement find_causes = {
    "find_refund_causes", "SELECT w.position, r.cause FROM unnest($2::text[]) WITH ORDINALITY AS w (attempt, position)"
                          " JOIN payments p ON p.provider = $1::text AND p.provider_payment_id = w.attempt"
                          " JOIN refunds r ON r.payment_id = p.id AND r.cause IN ('late', 'duplicate')"};

int store_find_causes(struct worker *worker, const char *provider, const char *const *attempts, size_t count,
                      const char **ret_causes) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_text(&parameters, provider);
    parameter_texts(&parameters, attempts, count);
    PGresult *result = db_query(worker_db(worker), &find_causes, &parameters);
    for (int row = 0; result && row < PQntuples(result); row++)
        ret_causes[db_integer(result, row, 0) - 1] = db_text(result, row, 1);
    return result ? 0 : -1;
}

/* ---- Refunds */

static const struct statement read_refundable = {
    "read_refundable",
    "SELECT w.position, b.id, b.user_id, e.facilitator_id, p.id, p.captured_minor, p.captured_minor - p.refunded_minor,"
    " p.currency FROM unnest($1::bigint[]) WITH ORDINALITY AS w (id, position) JOIN bookings b ON b.id = w.id"
    " JOIN events e ON e.id = b.event_id"
    " LEFT JOIN LATERAL (SELECT * FROM payments q WHERE q.booking_id = b.id AND q.captured_minor > 0"
    "   ORDER BY q.captured_minor - q.refunded_minor DESC, q.id LIMIT 1) p ON true"};

int store_lock_refundable(struct worker *worker, const int64_t *booking_ids, size_t count,
                          struct refundable *ret_rows) {
    struct db *db = worker_db(worker);
    if (queue_with_ids(worker, &lock_bookings, booking_ids, count) ||
        queue_with_ids(worker, &lock_payments_of, booking_ids, count) ||
        queue_with_ids(worker, &read_refundable, booking_ids, count) || !db_receive(db) || !db_receive(db))
        return -1;
    PGresult *result = db_receive(db);
    if (!result)
        return -1;
    memset(ret_rows, 0, count * sizeof *ret_rows);
    for (int row = 0; row < PQntuples(result); row++)
        ret_rows[db_integer(result, row, 0) - 1] = (struct refundable){.booking_id = db_integer(result, row, 1),
                                                                       .user_id = db_integer(result, row, 2),
                                                                       .facilitator_id = db_integer(result, row, 3),
                                                                       .payment_id = db_integer(result, row, 4),
                                                                       .captured_minor = db_integer(result, row, 5),
                                                                       .left_minor = db_integer(result, row, 6),
                                                                       .currency = db_text(result, row, 7)};
    return 0;
}

static const struct statement add_refund = {
    "add_manual_refund",
    "INSERT INTO refunds (payment_id, booking_id, amount_minor, currency, cause, reason, requested_by)"
    " SELECT id, booking_id, $2::bigint, currency, 'manual', $3::text, $4::bigint FROM payments WHERE id = $1::bigint"
    " RETURNING refund_id"};

int store_queue_refund(struct worker *worker, const struct wanted_refund *wanted) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integer(&parameters, wanted->payment_id);
    parameter_integer(&parameters, wanted->amount_minor);
    parameter_text(&parameters, wanted->reason);
    parameter_integer(&parameters, wanted->requested_by);
    return db_queue(worker_db(worker), &add_refund, &parameters);
}

int store_receive_refund(struct worker *worker, const char **ret_refund_id) {
    PGresult *result = db_receive(worker_db(worker));
    if (!result || PQntuples(result) != 1)
        return -1;
    *ret_refund_id = db_text(result, 0, 0);
    return 0;
}

#define REFUND_COLUMNS                                                                                                 \
    "r.id, r.refund_id, p.provider, r.provider_refund_id, p.provider_payment_id, p.order_id, r.amount_minor,"          \
    " r.currency, r.status, r.failures, floor(extract(epoch FROM now() - r.created_at))::bigint, r.checks,"            \
    " r.next_check_at"

static struct due_refund read_refund(const PGresult *result, int row, int first) {
    return (struct due_refund){.id = db_integer(result, row, first),
                               .refund_id = db_text(result, row, first + 1),
                               .provider = db_text(result, row, first + 2),
                               .provider_refund_id = db_text(result, row, first + 3),
                               .provider_payment_id = db_text(result, row, first + 4),
                               .order_id = db_text(result, row, first + 5),
                               .amount_minor = db_integer(result, row, first + 6),
                               .currency = db_text(result, row, first + 7),
                               .status = rule_refund_status(db_text(result, row, first + 8)),
                               .failures = db_integer(result, row, first + 9),
                               .age_s = db_integer(result, row, first + 10),
                               .checks = db_integer(result, row, first + 11),
                               .due_at = db_text(result, row, first + 12)};
}

static const struct statement read_refunds = {
    "read_refunds",
    "SELECT w.position, " REFUND_COLUMNS " FROM unnest($1::text[]) WITH ORDINALITY AS w (refund_id, position)"
    " JOIN refunds r ON r.refund_id = w.refund_id JOIN payments p ON p.id = r.payment_id"};

int store_read_refunds(struct worker *worker, const char *const *refund_ids, size_t count,
                       struct due_refund *ret_refunds) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_texts(&parameters, refund_ids, count);
    PGresult *result = db_query(worker_db(worker), &read_refunds, &parameters);
    if (!result)
        return -1;
    memset(ret_refunds, 0, count * sizeof *ret_refunds);
    for (int row = 0; row < PQntuples(result); row++)
        ret_refunds[db_integer(result, row, 0) - 1] = read_refund(result, row, 1);
    return 0;
}

/* ---- Checks */

static const struct statement claim_payments = {
    "claim_due_payments",
    "WITH claimed AS ("
    " UPDATE payments SET leased_until = CASE WHEN order_id IS NULL THEN " ORDER_LEASE " ELSE " CHECK_LEASE " END"
    " WHERE id = ANY (ARRAY(SELECT id FROM payments"
    "  WHERE provider = $1::text AND next_check_at <= now() AND (leased_until IS NULL OR leased_until <= now())"
    "  ORDER BY next_check_at LIMIT $2::bigint FOR NO KEY UPDATE SKIP LOCKED)) RETURNING *"
    ") SELECT p.id, p.booking_id, p.receipt, p.order_id, p.payment_url, p.provider_payment_id, p.amount_minor,"
    " p.currency, p.status, p.checks, p.next_check_at, b.status, b.reference, " HOLD_ENDS_AT_S ","
    " coalesce(greatest(ceil(extract(epoch FROM b.hold_expires_at - now())), 0), 0)::bigint,"
    " CASE WHEN b.status = 'pending' THEN 0"
    "  ELSE greatest(floor(extract(epoch FROM now() - coalesce(b.cancelled_at, b.updated_at)))::bigint, 1) END,"
    " e.title, u.name, u.email"
    " FROM claimed p JOIN bookings b ON b.id = p.booking_id JOIN events e ON e.id = p.event_id"
    " JOIN users u ON u.id = p.user_id"};
static const struct statement claim_refunds = {
    "claim_due_refunds",
    "WITH claimed AS ("
    " UPDATE refunds SET leased_until = " CHECK_LEASE " WHERE id = ANY (ARRAY("
    "  SELECT r.id FROM refunds r JOIN payments p ON p.id = r.payment_id WHERE p.provider = $1::text"
    "  AND r.next_check_at <= now() AND (r.leased_until IS NULL OR r.leased_until <= now())"
    "  ORDER BY r.next_check_at LIMIT $2::bigint FOR NO KEY UPDATE OF r SKIP LOCKED)) RETURNING *"
    ") SELECT " REFUND_COLUMNS " FROM claimed r JOIN payments p ON p.id = r.payment_id"};

static int queue_claim(struct worker *worker, const struct statement *statement, const char *provider, size_t limit) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_text(&parameters, provider);
    parameter_integer(&parameters, (int64_t)limit);
    return db_queue(worker_db(worker), statement, &parameters);
}

int store_queue_due_payments(struct worker *worker, const char *provider, size_t limit) {
    return queue_claim(worker, &claim_payments, provider, limit);
}

int store_queue_due_refunds(struct worker *worker, const char *provider, size_t limit) {
    return queue_claim(worker, &claim_refunds, provider, limit);
}

static struct due_payment read_due_payment(const PGresult *result, int row) {
    return (struct due_payment){.id = db_integer(result, row, 0),
                                .booking_id = db_integer(result, row, 1),
                                .order = {.receipt = db_text(result, row, 2),
                                          .order_id = db_text(result, row, 3),
                                          .payment_url = db_text(result, row, 4),
                                          .provider_payment_id = db_text(result, row, 5),
                                          .amount_minor = db_integer(result, row, 6),
                                          .currency = db_text(result, row, 7),
                                          .booking_reference = db_text(result, row, 12),
                                          .expires_at_s = db_integer(result, row, 13),
                                          .title = db_text(result, row, 16),
                                          .customer_name = db_text(result, row, 17),
                                          .customer_email = db_text(result, row, 18),
                                          .asked_before = true},
                                .status = rule_payment_status(db_text(result, row, 8)),
                                .checks = db_integer(result, row, 9),
                                .due_at = db_text(result, row, 10),
                                .booking = rule_booking_status(db_text(result, row, 11)),
                                .hold_left_s = db_integer(result, row, 14),
                                .over_s = db_integer(result, row, 15)};
}

int store_receive_due_payments(struct worker *worker, struct due_payment **ret_payments, size_t *ret_count) {
    PGresult *result = db_receive(worker_db(worker));
    if (!result)
        return -1;
    size_t count = (size_t)PQntuples(result);
    struct due_payment *payments = pool_alloc(worker_pool(worker), count * sizeof *payments);
    for (size_t row = 0; row < count; row++)
        payments[row] = read_due_payment(result, (int)row);
    *ret_payments = payments;
    *ret_count = count;
    return 0;
}

int store_receive_due_refunds(struct worker *worker, struct due_refund **ret_refunds, size_t *ret_count) {
    PGresult *result = db_receive(worker_db(worker));
    if (!result)
        return -1;
    size_t count = (size_t)PQntuples(result);
    struct due_refund *refunds = pool_alloc(worker_pool(worker), count * sizeof *refunds);
    for (size_t row = 0; row < count; row++)
        refunds[row] = read_refund(result, (int)row, 0);
    *ret_refunds = refunds;
    *ret_count = count;
    return 0;
}

/* What settling has set meanwhile counts more. */
#define NEXT_CHECK                                                                                                     \
    " checks = t.checks + (t.next_check_at IS NOT DISTINCT FROM g.due_at)::integer,"                                   \
    " next_check_at = CASE WHEN t.next_check_at IS DISTINCT FROM g.due_at THEN t.next_check_at"                        \
    "  WHEN g.wait_s >= 0 THEN now() + g.wait_s * interval '1 second' END"

/* Of an order whose name is not known the ended lease stays: it may be there (see record_orders). */
static const struct statement record_payments = {
    "record_checked_payments",
    "WITH locked AS MATERIALIZED (SELECT id FROM payments WHERE id = ANY ($1::bigint[]) ORDER BY id FOR NO KEY UPDATE)"
    " UPDATE payments t SET order_id = coalesce(t.order_id, g.order_id),"
    "  leased_until = CASE WHEN coalesce(t.order_id, g.order_id) IS NULL THEN now() END," NEXT_CHECK
    " FROM locked JOIN unnest($1::bigint[], $2::text[]::timestamptz[], $3::bigint[], $4::text[])"
    "  AS g (id, due_at, wait_s, order_id) USING (id) WHERE t.id = g.id"};
static const struct statement record_refunds = {
    "record_checked_refunds",
    "WITH locked AS MATERIALIZED (SELECT id FROM refunds WHERE id = ANY ($1::bigint[]) ORDER BY id FOR NO KEY UPDATE)"
    " UPDATE refunds t SET leased_until = NULL," NEXT_CHECK
    " FROM locked JOIN unnest($1::bigint[], $2::text[]::timestamptz[], $3::bigint[]) AS g (id, due_at, wait_s) USING "
    "(id)"
    " WHERE t.id = g.id"};

static void add_checked(struct parameters *parameters, const struct checked *checked, size_t count) {
    COLUMN_INTEGERS(parameters, checked, count, id);
    COLUMN_TEXTS(parameters, checked, count, due_at);
    COLUMN_INTEGERS(parameters, checked, count, wait_s);
}

int store_record_checked_payments(struct worker *worker, const struct checked *checked, size_t count) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    add_checked(&parameters, checked, count);
    COLUMN_TEXTS(&parameters, checked, count, order_id);
    return db_query(worker_db(worker), &record_payments, &parameters) ? 0 : -1;
}

int store_record_checked_refunds(struct worker *worker, const struct checked *checked, size_t count) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    add_checked(&parameters, checked, count);
    return db_query(worker_db(worker), &record_refunds, &parameters) ? 0 : -1;
}
