/* Facts in the database; see settle_store.h. Each statement takes all changes of its table at once. */
#include "settle_store.h"

#include <string.h>

#include "columns.h"

/* $1 provider, $2 order, $3 receipt, $4 attempt, $5 our name of the refund, which only facts about refunds may have.
 * Whether a receipt counts, rules.c decides; here it only leads to the payment that it names. */
static const struct statement find_facts = {
    "find_facts",
    "SELECT f.position, p.id, p.booking_id, p.event_id, o.booking_id <> p.booking_id"
    " FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])"
    "   WITH ORDINALITY AS f (provider, order_id, receipt, attempt, refund_id, position)"
    " LEFT JOIN LATERAL (SELECT id, booking_id FROM payments"
    "   WHERE provider = f.provider AND provider_payment_id = f.attempt) o ON true"
    " JOIN LATERAL (SELECT id, booking_id, event_id FROM payments WHERE provider = f.provider AND id = coalesce("
    "   (SELECT payment_id FROM refunds WHERE refund_id = split_part(f.refund_id, '-', 1)),"
    "   CASE WHEN f.refund_id IS NOT NULL THEN o.id END,"
    "   (SELECT id FROM payments WHERE provider = f.provider AND order_id = f.order_id AND duplicate_of IS NULL),"
    "   (SELECT id FROM payments WHERE receipt = f.receipt), o.id)) p ON true"};

static int queue_find(struct worker *worker, const char *const *providers, const struct fact *const *facts,
                      size_t count) {
    struct pool *pool = worker_pool(worker);
    const char **texts = pool_alloc(pool, 4 * count * sizeof *texts);
    for (size_t i = 0; i < count; i++) {
        texts[i] = facts[i]->order_id;
        texts[count + i] = facts[i]->receipt;
        texts[2 * count + i] = facts[i]->provider_payment_id;
        if (rule_is_about_refund(facts[i]))
            texts[3 * count + i] = facts[i]->refund_id ? facts[i]->refund_id : "";
    }
    struct parameters parameters;
    parameters_init(&parameters, pool);
    parameter_texts(&parameters, providers, count);
    for (size_t column = 0; column < 4; column++)
        parameter_texts(&parameters, texts + column * count, count);
    return db_queue(worker_db(worker), &find_facts, &parameters);
}

int settle_find(struct worker *worker, const char *const *providers, const struct fact *const *facts, size_t count,
                struct found *ret_found) {
    PGresult *result = queue_find(worker, providers, facts, count) ? NULL : db_receive(worker_db(worker));
    if (!result)
        return -1;
    memset(ret_found, 0, count * sizeof *ret_found);
    for (int row = 0; row < PQntuples(result); row++)
        ret_found[db_integer(result, row, 0) - 1] = (struct found){.payment_id = db_integer(result, row, 1),
                                                                   .booking_id = db_integer(result, row, 2),
                                                                   .event_id = db_integer(result, row, 3),
                                                                   .elsewhere = db_boolean(result, row, 4)};
    return 0;
}

/* Rows to lock are found first and then locked by their ids, in whose order the primary key gives them. */
static const struct statement lock_events = {
    "settle_lock_events",
    "SELECT id, cancelled_at IS NOT NULL OR deleted_at IS NOT NULL, start_at <= now(), available <= 0 FROM events"
    " WHERE id = ANY ($1::bigint[]) ORDER BY id FOR NO KEY UPDATE"};
static const struct statement lock_bookings = {
    "settle_lock_bookings",
    "SELECT id, event_id, user_id, status, (SELECT language FROM users WHERE users.id = user_id),"
    " EXISTS (SELECT FROM waitlist_entries w WHERE w.user_id = bookings.user_id AND w.event_id = bookings.event_id"
    "  AND w.state = 'offered' AND w.offered_until > now())"
    " FROM bookings WHERE id = ANY ($1::bigint[]) ORDER BY id FOR NO KEY UPDATE"};
static const struct statement lock_payments = {
    "settle_lock_payments",
    "SELECT id, booking_id, provider, duplicate_of IS NOT NULL, status, amount_minor, currency, provider_payment_id,"
    " refunded_minor, closed_at IS NOT NULL, order_id FROM payments"
    " WHERE id = ANY (ARRAY(SELECT id FROM payments WHERE booking_id = ANY ($1::bigint[])))"
    " ORDER BY id FOR NO KEY UPDATE"};
static const struct statement lock_refunds = {
    "settle_lock_refunds",
    "SELECT id, payment_id, refund_id, provider_refund_id, amount_minor, currency, status FROM refunds"
    " WHERE id = ANY (ARRAY(SELECT id FROM refunds WHERE booking_id = ANY ($1::bigint[])))"
    " ORDER BY id FOR NO KEY UPDATE"};
static const struct statement find_others = {
    "settle_find_others",
    "SELECT b.id FROM bookings b JOIN bookings o ON o.user_id = b.user_id AND o.event_id = b.event_id"
    " AND o.status IN ('pending', 'confirmed')"
    " WHERE b.id = ANY ($1::bigint[]) AND b.status = 'expired'"};

static int queue_with_ids(struct worker *worker, const struct statement *statement, const int64_t *ids, size_t count) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integers(&parameters, ids, count);
    return db_queue(worker_db(worker), statement, &parameters);
}

int settle_queue_scene(struct worker *worker, const int64_t *event_ids, const int64_t *booking_ids, size_t count) {
    static const struct statement *const by_booking[] = {&lock_bookings, &lock_payments, &lock_refunds, &find_others};
    if (queue_with_ids(worker, &lock_events, event_ids, count))
        return -1;
    for (size_t i = 0; i < sizeof by_booking / sizeof *by_booking; i++)
        if (queue_with_ids(worker, by_booking[i], booking_ids, count))
            return -1;
    return 0;
}

/* The next result, and room for a struct per row. NULL: it failed. */
static PGresult *receive_rows(struct worker *worker, size_t size, void **ret_items, size_t *ret_count) {
    PGresult *result = db_receive(worker_db(worker));
    if (result) {
        *ret_count = (size_t)PQntuples(result);
        *ret_items = pool_alloc(worker_pool(worker), *ret_count * size);
    }
    return result;
}
#define RECEIVE_ROWS(worker, items, count) receive_rows(worker, sizeof *(items), (void **)&(items), &(count))

static int receive_events(struct worker *worker, struct scene *scene) {
    PGresult *result = RECEIVE_ROWS(worker, scene->events, scene->event_count);
    for (int row = 0; result && row < PQntuples(result); row++)
        scene->events[row] = (struct event_state){.id = db_integer(result, row, 0),
                                                  .cancelled = db_boolean(result, row, 1),
                                                  .started = db_boolean(result, row, 2),
                                                  .full = db_boolean(result, row, 3)};
    return result ? 0 : -1;
}

static int receive_bookings(struct worker *worker, struct scene *scene) {
    PGresult *result = RECEIVE_ROWS(worker, scene->bookings, scene->booking_count);
    for (int row = 0; result && row < PQntuples(result); row++)
        scene->bookings[row] = (struct booking_record){.id = db_integer(result, row, 0),
                                                       .event_id = db_integer(result, row, 1),
                                                       .user_id = db_integer(result, row, 2),
                                                       .status = rule_booking_status(db_text(result, row, 3)),
                                                       .language = db_text(result, row, 4),
                                                       .person_has_offer = db_boolean(result, row, 5)};
    return result ? 0 : -1;
}

static int receive_payments(struct worker *worker, struct scene *scene) {
    PGresult *result = RECEIVE_ROWS(worker, scene->payments, scene->payment_count);
    for (int row = 0; result && row < PQntuples(result); row++)
        scene->payments[row] = (struct payment_record){.id = db_integer(result, row, 0),
                                                       .booking_id = db_integer(result, row, 1),
                                                       .provider = db_text(result, row, 2),
                                                       .is_second = db_boolean(result, row, 3),
                                                       .state = {.status = rule_payment_status(db_text(result, row, 4)),
                                                                 .amount_minor = db_integer(result, row, 5),
                                                                 .currency = db_text(result, row, 6),
                                                                 .provider_payment_id = db_text(result, row, 7),
                                                                 .refunded_minor = db_integer(result, row, 8),
                                                                 .closed = db_boolean(result, row, 9),
                                                                 .order_id = db_text(result, row, 10)}};
    return result ? 0 : -1;
}

static int receive_refunds(struct worker *worker, struct scene *scene) {
    PGresult *result = RECEIVE_ROWS(worker, scene->refunds, scene->refund_count);
    for (int row = 0; result && row < PQntuples(result); row++)
        scene->refunds[row] = (struct refund_state){.id = db_integer(result, row, 0),
                                                    .payment_id = db_integer(result, row, 1),
                                                    .refund_id = db_text(result, row, 2),
                                                    .provider_refund_id = db_text(result, row, 3),
                                                    .amount_minor = db_integer(result, row, 4),
                                                    .currency = db_text(result, row, 5),
                                                    .status = rule_refund_status(db_text(result, row, 6))};
    return result ? 0 : -1;
}

static int receive_others(struct worker *worker, struct scene *scene) {
    PGresult *result = db_receive(worker_db(worker));
    for (int row = 0; result && row < PQntuples(result); row++)
        for (size_t i = 0; i < scene->booking_count; i++)
            if (scene->bookings[i].id == db_integer(result, row, 0))
                scene->bookings[i].person_has_other = true;
    return result ? 0 : -1;
}

int settle_receive_scene(struct worker *worker, struct scene *ret_scene) {
    return receive_events(worker, ret_scene) || receive_bookings(worker, ret_scene) ||
                   receive_payments(worker, ret_scene) || receive_refunds(worker, ret_scene) ||
                   receive_others(worker, ret_scene)
               ? -1
               : 0;
}

static const struct statement find_seen = {
    "find_seen_events",
    "SELECT g.position FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS g (provider, event_id, position)"
    " JOIN provider_events e ON e.provider = g.provider AND e.event_id = g.event_id"};
static const struct statement note_events = {
    "note_events", "INSERT INTO provider_events (provider, event_id, type)"
                   " SELECT * FROM unnest($1::text[], $2::text[], $3::text[]) ON CONFLICT DO NOTHING"};

int settle_queue_seen(struct worker *worker, const char *const *providers, const char *const *event_ids, size_t count) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_texts(&parameters, providers, count);
    parameter_texts(&parameters, event_ids, count);
    return db_queue(worker_db(worker), &find_seen, &parameters);
}

int settle_receive_seen(struct worker *worker, bool *ret_seen) {
    PGresult *result = db_receive(worker_db(worker));
    for (int row = 0; result && row < PQntuples(result); row++)
        ret_seen[db_integer(result, row, 0) - 1] = true;
    return result ? 0 : -1;
}

int settle_queue_events(struct worker *worker, const char *const *providers, const char *const *event_ids,
                        const char *const *types, size_t count) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_texts(&parameters, providers, count);
    parameter_texts(&parameters, event_ids, count);
    parameter_texts(&parameters, types, count);
    return db_queue(worker_db(worker), &note_events, &parameters);
}

static const struct statement change_payments = {
    "change_payments",
    "UPDATE payments p SET status = coalesce(g.status, p.status),"
    " status_reason = CASE WHEN g.status IS NULL THEN p.status_reason ELSE g.reason END,"
    " provider_payment_id = CASE g.status WHEN 'failed' THEN NULL ELSE coalesce(g.attempt, p.provider_payment_id) END,"
    " captured_minor = CASE g.status WHEN 'captured' THEN p.amount_minor ELSE p.captured_minor END,"
    " captured_at = CASE g.status WHEN 'captured' THEN now() ELSE p.captured_at END,"
    " closed_at = CASE WHEN g.closes <> 0 THEN coalesce(p.closed_at, now()) ELSE p.closed_at END,"
    " next_check_at = CASE WHEN g.checks <> 0 THEN now() WHEN g.watches <> 0 THEN now() + interval '60 seconds'"
    "                      WHEN g.closes <> 0 OR g.status = 'captured' THEN NULL ELSE p.next_check_at END,"
    " checks = CASE WHEN g.checks <> 0 OR g.watches <> 0 THEN 0 ELSE p.checks END, updated_at = now()"
    " FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[])"
    "  AS g (id, status, attempt, reason, closes, checks, watches) WHERE p.id = g.id"};

static int queue_payments(struct worker *worker, const struct changes *changes) {
    const struct payment_change *items = changes->payments;
    size_t count = changes->payment_count;
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    COLUMN_INTEGERS(&parameters, items, count, id);
    COLUMN_TEXTS(&parameters, items, count, status);
    COLUMN_TEXTS(&parameters, items, count, provider_payment_id);
    COLUMN_TEXTS(&parameters, items, count, reason);
    COLUMN_FLAGS(&parameters, items, count, closes);
    COLUMN_FLAGS(&parameters, items, count, checks);
    COLUMN_FLAGS(&parameters, items, count, watches);
    return db_queue(worker_db(worker), &change_payments, &parameters);
}

/* The receipt of a second payment is a name that nobody asked a provider by. */
static const struct statement add_seconds = {
    "add_second_payments",
    "WITH second AS ("
    " INSERT INTO payments (booking_id, user_id, event_id, facilitator_id, provider, order_id, provider_payment_id,"
    "  duplicate_of, status, status_reason, amount_minor, currency, captured_minor, captured_at)"
    " SELECT p.booking_id, p.user_id, p.event_id, p.facilitator_id, p.provider, p.order_id, g.attempt,"
    "  p.id, 'captured', g.reason, p.amount_minor, p.currency, p.amount_minor, now()"
    " FROM unnest($1::bigint[], $2::text[], $3::text[]) AS g (payment_id, attempt, reason)"
    "  JOIN payments p ON p.id = g.payment_id RETURNING *"
    ") INSERT INTO refunds (payment_id, booking_id, amount_minor, currency, cause, status_reason)"
    " SELECT id, booking_id, captured_minor, currency, 'duplicate', status_reason FROM second"};

static int queue_seconds(struct worker *worker, const struct changes *changes) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    COLUMN_INTEGERS(&parameters, changes->seconds, changes->second_count, payment_id);
    COLUMN_TEXTS(&parameters, changes->seconds, changes->second_count, provider_payment_id);
    COLUMN_TEXTS(&parameters, changes->seconds, changes->second_count, reason);
    return db_queue(worker_db(worker), &add_seconds, &parameters);
}

#define FIRST_REFUND_CHECK "now() + interval '60 seconds'"

static const struct statement add_refunds = {
    "add_refunds",
    "INSERT INTO refunds (payment_id, booking_id, amount_minor, currency, cause, status, provider_refund_id,"
    " status_reason, processed_at, next_check_at)"
    " SELECT p.id, p.booking_id, CASE g.amount_minor WHEN 0 THEN p.captured_minor - p.refunded_minor"
    "  ELSE g.amount_minor END, p.currency, g.cause, g.status, g.provider_refund_id, g.reason,"
    "  CASE g.status WHEN 'processed' THEN now() END, CASE g.status WHEN 'pending' THEN " FIRST_REFUND_CHECK " END"
    " FROM payments p JOIN unnest($1::bigint[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[])"
    "  AS g (id, cause, amount_minor, status, provider_refund_id, reason) USING (id)"
    " RETURNING payment_id, refund_id"};

static int queue_new_refunds(struct worker *worker, const struct changes *changes) {
    const struct new_refund *items = changes->new_refunds;
    size_t count = changes->new_refund_count;
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    COLUMN_INTEGERS(&parameters, items, count, payment_id);
    COLUMN_TEXTS(&parameters, items, count, cause);
    COLUMN_INTEGERS(&parameters, items, count, amount_minor);
    COLUMN_TEXTS(&parameters, items, count, status);
    COLUMN_TEXTS(&parameters, items, count, provider_refund_id);
    COLUMN_TEXTS(&parameters, items, count, reason);
    return db_queue(worker_db(worker), &add_refunds, &parameters);
}

static const struct statement change_refunds = {
    "change_refunds",
    "UPDATE refunds r SET status = g.status, status_reason = g.reason,"
    " provider_refund_id = coalesce(g.provider_refund_id, r.provider_refund_id),"
    " processed_at = CASE g.status WHEN 'processed' THEN now() END,"
    " next_check_at = CASE g.status WHEN 'pending' THEN " FIRST_REFUND_CHECK " END, checks = 0,"
    " failures = r.failures + (g.status = 'failed')::integer, updated_at = now()"
    " FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[]) AS g (id, status, provider_refund_id, reason)"
    " WHERE r.id = g.id"};

static int queue_refunds(struct worker *worker, const struct changes *changes) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    COLUMN_INTEGERS(&parameters, changes->refunds, changes->refund_count, id);
    COLUMN_TEXTS(&parameters, changes->refunds, changes->refund_count, status);
    COLUMN_TEXTS(&parameters, changes->refunds, changes->refund_count, provider_refund_id);
    COLUMN_TEXTS(&parameters, changes->refunds, changes->refund_count, reason);
    return db_queue(worker_db(worker), &change_refunds, &parameters);
}

/* The delivery of what has failed, done, under way or swept: the operator finds it among the dead ones. */
static const struct statement bury_deliveries = {
    "bury_refund_deliveries",
    "INSERT INTO outbox (channel, type, cause, body, state, last_error, finished_at)"
    " SELECT 'refund', 'refund.created', 'refund:' || r.refund_id,"
    "  json_build_object('refund_id', r.refund_id)::text, 'dead', g.reason, now()"
    " FROM unnest($1::bigint[], $2::text[], $3::text[]) AS g (id, status, reason) JOIN refunds r ON r.id = g.id"
    " WHERE g.status = 'failed' ON CONFLICT (channel, lane, coalesce(owner_id, 0), type, cause)"
    " DO UPDATE SET state = 'dead', last_error = excluded.last_error, finished_at = now()"};

static int queue_burials(struct worker *worker, const struct changes *changes) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    COLUMN_INTEGERS(&parameters, changes->refunds, changes->refund_count, id);
    COLUMN_TEXTS(&parameters, changes->refunds, changes->refund_count, status);
    COLUMN_TEXTS(&parameters, changes->refunds, changes->refund_count, reason);
    return db_queue(worker_db(worker), &bury_deliveries, &parameters);
}

/* What has been paid back shows in the payment, and in the booking where that payment is the one that counts: the
 * latest that was captured and did not come twice. */
static const struct statement sum_payments = {
    "sum_payments",
    "UPDATE payments p SET status = s.status, updated_at = now(), status_reason ="
    "  CASE WHEN p.status = 'refunded' OR s.status = 'captured' THEN 'a refund came back' ELSE 'paid back' END"
    " FROM (SELECT q.id, CASE WHEN coalesce(sum(r.amount_minor), 0) = 0 THEN 'captured'"
    "         WHEN sum(r.amount_minor) >= q.captured_minor THEN 'refunded' ELSE 'partially_refunded' END AS status"
    "  FROM payments q LEFT JOIN refunds r ON r.payment_id = q.id AND r.status = 'processed'"
    "  WHERE q.id = ANY ($1::bigint[]) GROUP BY q.id) s"
    " WHERE p.id = s.id AND p.status <> s.status"};
static const struct statement sum_bookings = {
    "sum_bookings",
    "UPDATE bookings b SET payment_status = s.status, updated_at = now() FROM payments p"
    " CROSS JOIN LATERAL (SELECT CASE p.status WHEN 'captured' THEN 'completed' ELSE p.status END AS status) s"
    " WHERE p.id = ANY ($1::bigint[]) AND b.id = p.booking_id AND b.payment_status <> s.status AND p.id = ("
    "  SELECT q.id FROM payments q"
    "  WHERE q.booking_id = p.booking_id AND q.captured_minor > 0 AND q.duplicate_of IS NULL"
    "  AND NOT EXISTS (SELECT FROM refunds r WHERE r.payment_id = q.id AND r.cause = 'duplicate')"
    "  ORDER BY q.captured_at DESC, q.id DESC LIMIT 1)"};

static int queue_sums(struct worker *worker, const struct statement *statement, const struct changes *changes) {
    size_t count = changes->refund_count + changes->new_refund_count;
    int64_t *ids = pool_alloc(worker_pool(worker), count * sizeof *ids);
    for (size_t i = 0; i < changes->refund_count; i++)
        ids[i] = changes->refunds[i].payment_id;
    for (size_t i = 0; i < changes->new_refund_count; i++)
        ids[changes->refund_count + i] = changes->new_refunds[i].payment_id;
    return queue_with_ids(worker, statement, ids, count);
}

static const struct statement change_bookings = {
    "change_bookings",
    "UPDATE bookings b SET status = coalesce(g.status, b.status),"
    " payment_status = coalesce(g.payment_status, b.payment_status),"
    " status_reason = CASE WHEN g.status IS NULL THEN b.status_reason ELSE g.reason END,"
    " hold_expires_at = CASE coalesce(g.status, b.status) WHEN 'pending' THEN b.hold_expires_at END, updated_at = now()"
    " FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[]) AS g (id, status, payment_status, reason)"
    " WHERE b.id = g.id"};

static int queue_bookings(struct worker *worker, const struct changes *changes) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    COLUMN_INTEGERS(&parameters, changes->bookings, changes->booking_count, id);
    COLUMN_TEXTS(&parameters, changes->bookings, changes->booking_count, status);
    COLUMN_TEXTS(&parameters, changes->bookings, changes->booking_count, payment_status);
    COLUMN_TEXTS(&parameters, changes->bookings, changes->booking_count, reason);
    return db_queue(worker_db(worker), &change_bookings, &parameters);
}

/* Of these bookings. A place that the waiting list kept for the same person is the one. */
static const struct statement take_places = {
    "take_places",
    "WITH seated AS (SELECT event_id, user_id FROM bookings WHERE id = ANY ($1::bigint[])"
    "), used AS (UPDATE waitlist_entries w SET state = 'booked', ended_at = now() FROM seated s"
    "  WHERE w.user_id = s.user_id AND w.event_id = s.event_id AND w.state = 'offered' RETURNING w.event_id)"
    " UPDATE events e SET taken = e.taken + n.places, offered = e.offered - n.offers"
    " FROM (SELECT event_id, count(*) AS places,"
    "   (SELECT count(*) FROM used WHERE used.event_id = seated.event_id) AS offers"
    "  FROM seated GROUP BY event_id) n WHERE e.id = n.event_id"};

static int receive_new_refunds(struct worker *worker, const struct changes *changes, const char **ret_refund_ids) {
    PGresult *result = db_receive(worker_db(worker));
    for (int row = 0; result && row < PQntuples(result); row++)
        for (size_t i = 0; i < changes->new_refund_count; i++)
            if (changes->new_refunds[i].payment_id == db_integer(result, row, 0))
                ret_refund_ids[i] = db_text(result, row, 1);
    return result ? 0 : -1;
}

/* Other orders of a booking that is paid now: nobody should pay them, so they are closed soon. */
static const struct statement check_siblings = {
    "check_siblings",
    "UPDATE payments p SET next_check_at = now(), checks = 0, updated_at = now()"
    " FROM unnest($1::bigint[], $2::text[]) AS g (booking_id, status)"
    " WHERE g.status = 'confirmed' AND p.booking_id = g.booking_id AND p.duplicate_of IS NULL AND p.closed_at IS NULL"
    " AND p.status IN ('created', 'failed')"};

static int queue_siblings(struct worker *worker, const struct changes *changes) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    COLUMN_INTEGERS(&parameters, changes->bookings, changes->booking_count, id);
    COLUMN_TEXTS(&parameters, changes->bookings, changes->booking_count, status);
    return db_queue(worker_db(worker), &check_siblings, &parameters);
}

int settle_apply(struct worker *worker, const struct changes *changes, const char **ret_refund_ids) {
    bool pays_back = changes->refund_count || changes->new_refund_count;
    size_t before = !!changes->payment_count + !!changes->second_count;
    size_t after = (changes->refund_count ? 2 : 0) + (pays_back ? 2 : 0) + (changes->booking_count ? 2 : 0) +
                   !!changes->place_count;
    if ((changes->payment_count && queue_payments(worker, changes)) ||
        (changes->second_count && queue_seconds(worker, changes)) ||
        (changes->new_refund_count && queue_new_refunds(worker, changes)) ||
        (changes->refund_count && (queue_refunds(worker, changes) || queue_burials(worker, changes))) ||
        (changes->booking_count && (queue_bookings(worker, changes) || queue_siblings(worker, changes))) ||
        (pays_back && (queue_sums(worker, &sum_payments, changes) || queue_sums(worker, &sum_bookings, changes))) ||
        (changes->place_count && queue_with_ids(worker, &take_places, changes->places, changes->place_count)))
        return -1;
    for (; before; before--)
        if (!db_receive(worker_db(worker)))
            return -1;
    if (changes->new_refund_count && receive_new_refunds(worker, changes, ret_refund_ids))
        return -1;
    for (; after; after--)
        if (!db_receive(worker_db(worker)))
            return -1;
    return 0;
}
