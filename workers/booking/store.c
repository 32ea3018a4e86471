/* All SQL of the booking worker; see store.h. Whatever changes a booking's status or an event's `taken` holds the
 * event's lock, taken in the order of ids and in a statement of its own: the next statement then sees all that was
 * committed before. */
#include "store.h"

#include <string.h>

#include "attendees.h"
#include "booking_columns.h"
#include "policies.h"
#include "rfc3339.h"
#include "tickets.h"

#define LIVE "('pending', 'confirmed')" /* these have a place */
#define STANDING "('confirmed', 'completed')"

static const struct statement lock_events = {
    "lock_events", "SELECT id FROM events WHERE id = ANY ($1::bigint[]) ORDER BY id FOR NO KEY UPDATE"};

static const struct statement hold_people = {"hold_people", "SELECT hold_people($1::bigint[])"};

/* Who is refused, and who gets a place: whoever has an offer of the waiting list the one that is kept for them, the
 * others first come, first served, as long as places are available; a second wish of the same person for the same event
 * is a duplicate if the first was granted. EXISTS would become a scan of all bookings, kept in the plan. */
static const struct statement book = {
    "book",
    "WITH asked AS ("
    " SELECT a.*, e.price_minor, e.currency, e.cancellation_policy AS event_policy, e.available,"
    "  e.waiting + e.offered > 0 AS waited_for,"
    "  CASE WHEN e.offered > 0 THEN (SELECT w.id FROM waitlist_entries w WHERE w.user_id = a.user_id"
    "       AND w.event_id = a.event_id AND w.state = 'offered' AND w.offered_until > now() LIMIT 1) END AS offer,"
    "  row_number() OVER (PARTITION BY a.event_id, a.user_id ORDER BY a.position) AS turn,"
    "  CASE WHEN e.id IS NULL OR e.deleted_at IS NOT NULL THEN 'event_not_found'"
    "       WHEN u.is_active IS NOT TRUE THEN 'account_inactive'"
    "       WHEN e.cancelled_at IS NOT NULL THEN 'event_cancelled'"
    "       WHEN NOT e.is_active THEN 'event_inactive'"
    "       WHEN e.start_at <= now() THEN 'event_past'"
    "       WHEN (SELECT 1 FROM bookings b WHERE b.user_id = a.user_id AND b.event_id = a.event_id"
    "             AND b.status IN " LIVE " LIMIT 1) IS NOT NULL THEN 'already_booked' END AS refusal"
    " FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[])"
    "   WITH ORDINALITY AS a (event_id, user_id, reference, notes, position)"
    "  LEFT JOIN events e ON e.id = a.event_id LEFT JOIN users u ON u.id = a.user_id"
    "), ranked AS ("
    " SELECT *, offer IS NOT NULL OR row_number() OVER ("
    "  PARTITION BY event_id, refusal IS NULL AND turn = 1 AND offer IS NULL ORDER BY position)"
    "  <= available IS NOT FALSE AS fits FROM asked"
    "), decided AS MATERIALIZED ("
    " SELECT *, CASE WHEN refusal IS NOT NULL THEN refusal"
    "                WHEN NOT first_value(fits) OVER (PARTITION BY event_id, user_id ORDER BY position)"
    "                THEN 'event_full'"
    "                WHEN turn > 1 THEN 'already_booked' ELSE 'placed' END AS outcome,"
    "  CASE WHEN refusal IS NULL AND turn = 1 AND fits THEN nextval('bookings_id_seq') END AS id,"
    "  CASE WHEN price_minor > 0 THEN 'pending' ELSE 'confirmed' END AS status,"
    "  CASE WHEN price_minor > 0 THEN 'pending' ELSE 'not_required' END AS payment_status,"
    "  CASE WHEN price_minor > 0 THEN now() + $5::bigint * interval '1 second' END AS hold_expires_at,"
    "  CASE WHEN price_minor > 0 THEN coalesce(event_policy, $6::text) END AS cancellation_policy"
    " FROM ranked"
    "), placed AS ("
    " INSERT INTO bookings (id, reference, event_id, user_id, status, payment_status, price_minor, currency, notes,"
    "  hold_expires_at, cancellation_policy)"
    " SELECT id, reference, event_id, user_id, status, payment_status, price_minor, currency, notes,"
    "  hold_expires_at, cancellation_policy FROM decided WHERE outcome = 'placed'"
    "), counted AS ("
    " UPDATE events e SET taken = e.taken + n.places, offered = e.offered - n.offers"
    " FROM (SELECT event_id, count(*) AS places, count(offer) AS offers FROM decided WHERE outcome = 'placed'"
    "  GROUP BY event_id) n WHERE e.id = n.event_id"
    ") SELECT b.position, b.outcome, b.id, b.reference, b.status, b.notes, " SHOWN_PAYMENT ", b.price_minor,"
    "  b.currency, b.hold_expires_at, now(), now(), " NEW_BOOKING_COLUMNS ", " PARTY_COLUMNS ", b.waited_for, b.offer"
    " FROM decided b LEFT JOIN events e ON e.id = b.event_id LEFT JOIN users u ON u.id = b.user_id"
    " LEFT JOIN users f ON f.id = e.facilitator_id"};

static int queue_with_ids(struct worker *worker, const struct statement *statement, const int64_t *ids, size_t count) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integers(&parameters, ids, count);
    return db_queue(worker_db(worker), statement, &parameters);
}

int store_queue_locks(struct worker *worker, const int64_t *people, const int64_t *events, size_t count) {
    return queue_with_ids(worker, &hold_people, people, count) || queue_with_ids(worker, &lock_events, events, count)
               ? -1
               : 0;
}

static int queue_book(struct worker *worker, const struct wish *wishes, size_t count, const struct terms *terms) {
    struct pool *pool = worker_pool(worker);
    int64_t *ids = pool_alloc(pool, 2 * count * sizeof *ids);
    const char **texts = pool_alloc(pool, 2 * count * sizeof *texts);
    for (size_t i = 0; i < count; i++) {
        ids[i] = wishes[i].event_id;
        ids[count + i] = wishes[i].user_id;
        texts[i] = wishes[i].reference;
        texts[count + i] = wishes[i].notes;
    }
    struct parameters parameters;
    if (store_queue_locks(worker, ids + count, ids, count))
        return -1;
    parameters_init(&parameters, pool);
    parameter_integers(&parameters, ids, count);
    parameter_integers(&parameters, ids + count, count);
    parameter_texts(&parameters, texts, count);
    parameter_texts(&parameters, texts + count, count);
    parameter_integer(&parameters, terms->hold_ttl_s);
    parameter_text(&parameters, terms->cancellation_policy);
    return db_queue(worker_db(worker), &book, &parameters);
}

static const struct statement use_offers = {
    "use_offers", "UPDATE waitlist_entries SET state = 'booked', ended_at = now() WHERE id = ANY ($1::bigint[])"};

int store_book(struct worker *worker, const struct wish *wishes, size_t count, const struct terms *terms,
               struct answer_to_wish *ret_answers) {
    struct db *db = worker_db(worker);
    if (queue_book(worker, wishes, count, terms) || !db_receive(db) || !db_receive(db))
        return -1;
    PGresult *result = db_receive(db);
    if (!result)
        return -1;
    int64_t *offers = pool_alloc(worker_pool(worker), count * sizeof *offers);
    size_t offer_count = 0;
    for (int row = 0, after = 2 + BOOKING_COLUMN_COUNT; row < PQntuples(result); row++) {
        struct answer_to_wish *answer = &ret_answers[db_integer(result, row, 0) - 1];
        answer->outcome = db_text(result, row, 1);
        answer->waited_for = db_boolean(result, row, after);
        if (db_is_null(result, row, 2 + BOOKING_ID))
            continue;
        answer->row = booking_row_at(result, row, 2, worker_pool(worker));
        tickets_show(&answer->row.booking, worker_pool(worker));
        if (!db_is_null(result, row, after + 1))
            offers[offer_count++] = db_integer(result, row, after + 1);
    }
    if (!offer_count)
        return 0;
    return queue_with_ids(worker, &use_offers, offers, offer_count) || !db_receive(db) ? -1 : 0;
}

/* What is paid and not paid back; money that came twice is on its way back anyway. */
#define PAID                                                                                                           \
    "coalesce((SELECT sum(captured_minor - refunded_minor)::bigint FROM payments"                                      \
    " WHERE booking_id = b.id AND duplicate_of IS NULL), 0)"
static const struct statement read_standings = {
    "read_standings", "SELECT i.position, " BOOKING_COLUMNS ", b.cancellation_policy,"
                      " extract(epoch FROM e.start_at)::bigint, floor(extract(epoch FROM now()))::bigint, " PAID
                      " FROM unnest($1::bigint[]) WITH ORDINALITY AS i (id, position)"
                      " JOIN bookings b ON b.id = i.id" PARTIES MONEY};

static int receive_standings(struct worker *worker, size_t count, struct standing_booking *ret_standings) {
    PGresult *result = db_receive(worker_db(worker));
    if (!result)
        return -1;
    int first = 1, policy = first + BOOKING_COLUMN_COUNT;
    memset(ret_standings, 0, count * sizeof *ret_standings);
    for (int row = 0; row < PQntuples(result); row++) {
        struct standing_booking *found = &ret_standings[db_integer(result, row, 0) - 1];
        found->row = booking_row_at(result, row, first, worker_pool(worker));
        tickets_show(&found->row.booking, worker_pool(worker));
        found->standing = (struct standing){
            .event_start_s = db_integer(result, row, policy + 1),
            .now_s = db_integer(result, row, policy + 2),
            .paid_minor = db_integer(result, row, policy + 3),
        };
        if (found->row.booking.price_minor)
            found->standing.policy = policies_stored(db_text(result, row, policy));
    }
    return 0;
}

int store_read_standings(struct worker *worker, const int64_t *ids, size_t count,
                         struct standing_booking *ret_standings) {
    return queue_with_ids(worker, &read_standings, ids, count) ? -1 : receive_standings(worker, count, ret_standings);
}

static const struct statement lock_events_of = {
    "lock_events_of_bookings",
    "SELECT id FROM events WHERE id IN (SELECT event_id FROM bookings WHERE id = ANY ($1::bigint[]))"
    " ORDER BY id FOR NO KEY UPDATE"};
static const struct statement lock_bookings = {
    "lock_bookings", "SELECT id FROM bookings WHERE id = ANY ($1::bigint[]) ORDER BY id FOR NO KEY UPDATE"};

int store_lock_bookings(struct worker *worker, const int64_t *ids, size_t count,
                        struct standing_booking *ret_standings) {
    struct db *db = worker_db(worker);
    if (queue_with_ids(worker, &lock_events_of, ids, count) || queue_with_ids(worker, &lock_bookings, ids, count) ||
        queue_with_ids(worker, &read_standings, ids, count) || !db_receive(db) || !db_receive(db))
        return -1;
    return receive_standings(worker, count, ret_standings);
}

/* Frees the places of the bookings in `ended`. */
#define FREED                                                                                                          \
    " freed AS (UPDATE events e SET taken = e.taken - n.places"                                                        \
    " FROM (SELECT event_id, count(*) AS places FROM ended GROUP BY event_id) n WHERE e.id = n.event_id)"

static const struct statement cancel_bookings = {
    "cancel_bookings",
    "WITH ended AS ("
    " UPDATE bookings b SET status = 'cancelled', status_reason = i.reason, cancelled_at = now(), updated_at = now(),"
    "  hold_expires_at = NULL,"
    "  payment_status = CASE b.payment_status WHEN 'pending' THEN 'failed' ELSE b.payment_status END"
    " FROM unnest($1::bigint[], $2::text[]) AS i (id, reason) WHERE b.id = i.id RETURNING b.event_id)," FREED
    " SELECT count(*) FROM ended"};

/* A booking's money lies in one payment, unless it was paid through two orders: then the earlier gives it first. */
static const struct statement insert_refunds = {
    "insert_refunds",
    "INSERT INTO refunds (payment_id, booking_id, amount_minor, currency, cause, requested_by)"
    " SELECT id, booking_id, least(paid, asked - before), currency, cause, requested_by"
    " FROM (SELECT p.id, p.booking_id, p.currency, p.captured_minor - p.refunded_minor AS paid,"
    "  sum(p.captured_minor - p.refunded_minor) OVER (PARTITION BY p.booking_id ORDER BY p.id)"
    "   - (p.captured_minor - p.refunded_minor) AS before, i.asked, i.cause, i.requested_by"
    "  FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[]) AS i (id, asked, cause, requested_by)"
    "  JOIN payments p ON p.booking_id = i.id AND p.duplicate_of IS NULL) p"
    " WHERE least(paid, asked - before) > 0"
    " RETURNING booking_id, refund_id, amount_minor, currency, cause"};

/* Queues the refunds of those that are owed any; `ret_queued`: is there one? */
static int queue_refunds(struct worker *worker, const struct cancellation *cancellations, size_t count,
                         bool *ret_queued) {
    struct pool *pool = worker_pool(worker);
    int64_t *ids = pool_alloc(pool, 3 * count * sizeof *ids), *asked = ids + count, *requested_by = asked + count;
    const char **causes = pool_alloc(pool, count * sizeof *causes);
    size_t owed = 0;
    for (size_t i = 0; i < count; i++) {
        if (!cancellations[i].refund_minor)
            continue;
        ids[owed] = cancellations[i].booking_id;
        asked[owed] = cancellations[i].refund_minor;
        requested_by[owed] = cancellations[i].requested_by;
        causes[owed++] = cancellations[i].cause;
    }
    *ret_queued = owed > 0;
    if (!owed)
        return 0;
    struct parameters parameters;
    parameters_init(&parameters, pool);
    parameter_integers(&parameters, ids, owed);
    parameter_integers(&parameters, asked, owed);
    parameter_texts(&parameters, causes, owed);
    parameter_integers(&parameters, requested_by, owed);
    return db_queue(worker_db(worker), &insert_refunds, &parameters);
}

static struct cancelled_booking *find_cancelled(struct cancelled_booking *cancelled, size_t count, int64_t id) {
    for (size_t i = 0; i < count; i++)
        if (cancelled[i].row.booking.id == id)
            return &cancelled[i];
    return NULL;
}

static int receive_cancelled(struct worker *worker, PGresult *refunds, size_t count,
                             struct cancelled_booking *ret_cancelled) {
    struct booking_row *rows = pool_alloc(worker_pool(worker), count * sizeof *rows);
    if (booking_rows_receive(worker, count, rows))
        return -1;
    for (size_t i = 0; i < count; i++)
        ret_cancelled[i] = (struct cancelled_booking){.row = rows[i]};
    for (int row = 0; refunds && row < PQntuples(refunds); row++) {
        struct cancelled_booking *cancelled = find_cancelled(ret_cancelled, count, db_integer(refunds, row, 0));
        if (!cancelled)
            return -1;
        cancelled->refund = (struct refund){
            .refund_id = db_text(refunds, row, 1),
            .amount_minor = cancelled->refund.amount_minor + db_integer(refunds, row, 2),
            .currency = db_text(refunds, row, 3),
            .status = "pending",
            .cause = db_text(refunds, row, 4),
        };
    }
    return 0;
}

int store_cancel_bookings(struct worker *worker, const struct cancellation *cancellations, size_t count,
                          struct cancelled_booking *ret_cancelled) {
    struct pool *pool = worker_pool(worker);
    struct db *db = worker_db(worker);
    int64_t *ids = pool_alloc(pool, count * sizeof *ids);
    const char **reasons = pool_alloc(pool, count * sizeof *reasons);
    PGresult *refunds = NULL;
    bool owed;
    for (size_t i = 0; i < count; i++) {
        ids[i] = cancellations[i].booking_id;
        reasons[i] = cancellations[i].reason;
    }
    struct parameters parameters;
    parameters_init(&parameters, pool);
    parameter_integers(&parameters, ids, count);
    parameter_texts(&parameters, reasons, count);
    if (db_queue(db, &cancel_bookings, &parameters) || queue_refunds(worker, cancellations, count, &owed) ||
        booking_rows_queue(worker, ids, count) || !db_receive(db) || (owed && !(refunds = db_receive(db))))
        return -1;
    return receive_cancelled(worker, refunds, count, ret_cancelled);
}

int store_lock_events(struct worker *worker, const int64_t *ids, size_t count) {
    return queue_with_ids(worker, &lock_events, ids, count) || !db_receive(worker_db(worker)) ? -1 : 0;
}

static const struct statement read_event_head = {
    "read_event_head",
    "SELECT id, facilitator_id, cancelled_at IS NOT NULL, currency, title, start_at, end_at, time_zone, capacity,"
    " taken, (SELECT count(*) FROM bookings b WHERE b.event_id = events.id AND b.checked_in_at IS NOT NULL"
    "  AND b.status IN " STANDING "), available FROM events WHERE id = $1::bigint AND deleted_at IS NULL"};

int store_queue_event(struct worker *worker, int64_t id) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integer(&parameters, id);
    return db_queue(worker_db(worker), &read_event_head, &parameters);
}

int store_receive_event(struct worker *worker, struct event_head *ret_head) {
    PGresult *result = db_receive(worker_db(worker));
    if (!result)
        return -1;
    struct event_head head = {.state = {.exists = PQntuples(result) > 0}};
    if (head.state.exists) {
        struct pool *pool = worker_pool(worker);
        head.state.facilitator_id = db_integer(result, 0, 1);
        head.state.cancelled = db_boolean(result, 0, 2);
        head.currency = db_text(result, 0, 3);
        head.shown =
            (struct list_event_bookings_reply_event){.id = db_integer(result, 0, 0),
                                                     .title = db_text(result, 0, 4),
                                                     .start_datetime = rfc3339_text(db_text(result, 0, 5), pool),
                                                     .time_zone = db_text(result, 0, 7),
                                                     .current_participants = db_integer(result, 0, 9),
                                                     .checked_in = db_integer(result, 0, 10)};
        SET_TEXT(head.shown, end_datetime, rfc3339_text(db_text(result, 0, 6), pool));
        if (!db_is_null(result, 0, 8)) {
            SET(head.shown, max_participants, db_integer(result, 0, 8));
            SET(head.shown, available_spots, db_integer(result, 0, 11));
        }
    }
    *ret_head = head;
    return 0;
}

static const struct statement cancel_event_row = {
    "cancel_event",
    "UPDATE events SET cancelled_at = now(), is_active = false, updated_at = now() WHERE id = $1::bigint"};

int store_cancel_event(struct worker *worker, int64_t id) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integer(&parameters, id);
    return db_query(worker_db(worker), &cancel_event_row, &parameters) ? 0 : -1;
}

static const struct statement list_live = {
    "list_live_bookings", "SELECT id, price_minor > 0 FROM bookings WHERE event_id = $1::bigint AND id > $2::bigint"
                          " AND status IN " LIVE " ORDER BY id LIMIT $3::bigint FOR NO KEY UPDATE"};

int store_list_live(struct worker *worker, int64_t event_id, int64_t above, size_t limit,
                    struct live_booking *ret_bookings, size_t *ret_count) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integer(&parameters, event_id);
    parameter_integer(&parameters, above);
    parameter_integer(&parameters, (int64_t)limit);
    PGresult *result = db_query(worker_db(worker), &list_live, &parameters);
    if (!result)
        return -1;
    *ret_count = (size_t)PQntuples(result);
    for (int row = 0; row < PQntuples(result); row++)
        ret_bookings[row] =
            (struct live_booking){.id = db_integer(result, row, 0), .priced = db_boolean(result, row, 1)};
    return 0;
}

/* By the same rule as insert_refunds, which pays back all. */
static const struct statement preview_cancellation = {
    "preview_cancellation",
    "WITH live AS MATERIALIZED (SELECT id, status FROM bookings WHERE event_id = ANY ($1::bigint[]) AND status IN " LIVE
    "), owed AS MATERIALIZED ("
    " SELECT p.booking_id, p.currency, p.captured_minor - p.refunded_minor AS amount FROM live"
    " JOIN payments p ON p.booking_id = live.id AND p.duplicate_of IS NULL AND p.captured_minor > p.refunded_minor"
    ") SELECT NULL, count(*), count(*) FILTER (WHERE status = 'pending'),"
    "  (SELECT count(DISTINCT booking_id) FROM owed),"
    "  (SELECT waiting + offered FROM events WHERE id = ANY ($1::bigint[])) FROM live"
    " UNION ALL SELECT currency, sum(amount)::bigint, NULL, NULL, NULL FROM owed GROUP BY currency ORDER BY 1 NULLS "
    "FIRST"};

int store_queue_cancellation(struct worker *worker, int64_t event_id) {
    return queue_with_ids(worker, &preview_cancellation, &event_id, 1);
}

int store_receive_cancellation(struct worker *worker, struct preview_event_cancellation_reply *ret_reply) {
    PGresult *result = db_receive(worker_db(worker));
    if (!result)
        return -1;
    size_t currencies = (size_t)PQntuples(result) - 1; /* behind the counts */
    struct preview_event_cancellation_reply_refunds *refunds =
        pool_alloc(worker_pool(worker), currencies * sizeof *refunds);
    for (size_t i = 0; i < currencies; i++)
        refunds[i] = (struct preview_event_cancellation_reply_refunds){
            .currency = db_text(result, (int)i + 1, 0), .amount_minor = db_integer(result, (int)i + 1, 1)};
    ret_reply->bookings = db_integer(result, 0, 1);
    ret_reply->pending = db_integer(result, 0, 2);
    ret_reply->paid_bookings = db_integer(result, 0, 3);
    ret_reply->waiting = db_integer(result, 0, 4);
    ret_reply->refunds.items = refunds;
    ret_reply->refunds.count = currencies;
    return 0;
}

/* Parameters of all lists: 1 user, event or facilitator, 2 event, 3 status, 4 payment status, 5 past or upcoming, 6 and
 * 7 moment and id where the page before ended, 8 rows; of those of an event also 9 words, 10 checked in. Only the
 * page's bookings are joined with what is shown with them, the moment last. */
/* clang-format off */
#define MICROSECONDS(moment) "(extract(epoch FROM " moment ") * 1000000)::bigint"
#define LIST(columns, joined, scope, moment, comparison, direction)                                                    \
    "SELECT " columns ", " MICROSECONDS(moment)                                                                        \
    " FROM (SELECT b.* FROM bookings b JOIN events e ON e.id = b.event_id WHERE " scope                                \
    " AND ($2::bigint IS NULL OR b.event_id = $2)"                                                                     \
    " AND ($3::text IS NULL OR " SHOWN_STATUS " = $3)"                                                                 \
    " AND ($4::text IS NULL OR " SHOWN_PAYMENT " = $4)"                                                                \
    " AND ($5::text IS NULL OR (e.start_at <= now()) = ($5 = 'past'))"                                                 \
    " AND ($7::bigint IS NULL OR (" MICROSECONDS(moment) ", b.id) " comparison " ($6::bigint, $7))"                    \
    " ORDER BY " moment " " direction ", b.id " direction " LIMIT $8::bigint) b" joined                                \
    " ORDER BY " moment " " direction ", b.id " direction
#define BOOKINGS(...) LIST(BOOKING_COLUMNS, PARTIES MONEY, __VA_ARGS__)
#define AT_EVENT                                                                                                       \
    "b.event_id = $1::bigint AND ($10::boolean IS NULL OR (b.checked_in_at IS NOT NULL) = $10)"                        \
    " AND ($9::text IS NULL OR (SELECT bool_and(position(word IN"                                                      \
    "   lower(concat_ws(' ', w.name, w.email, b.reference))) > 0)"                                                     \
    "  FROM users w, regexp_split_to_table(lower($9), '\\s+') AS word WHERE w.id = b.user_id))"
#define LISTS(sort, name, ...)                                                                                         \
    {sort,                                                                                                             \
     {[OF_USER] = {"list_bookings_of_user_" name, BOOKINGS("b.user_id = $1::bigint", __VA_ARGS__)},                    \
      [OF_EVENT] = {"list_bookings_of_event_" name, BOOKINGS(AT_EVENT, __VA_ARGS__)},                                  \
      [ATTENDEES] = {"list_attendees_" name, LIST(ATTENDEE_COLUMNS, PARTIES, AT_EVENT, __VA_ARGS__)},                  \
      [OF_FACILITATOR] = {"list_bookings_of_facilitator_" name, BOOKINGS("e.facilitator_id = $1::bigint", __VA_ARGS__)}}}
/* clang-format on */

static const struct booking_list {
    const char *sort;
    struct statement statements[BOOKING_SCOPE_COUNT];
} lists[] = {
    LISTS("-created", "created_down", "b.created_at", "<", "DESC"),
    LISTS("created", "created_up", "b.created_at", ">", "ASC"),
    LISTS("-start", "start_down", "e.start_at", "<", "DESC"),
    LISTS("start", "start_up", "e.start_at", ">", "ASC"),
};

static const struct statement *find_list(const struct booking_filter *filter) {
    size_t i = 0;
    while (i + 1 < sizeof lists / sizeof *lists && strcmp(lists[i].sort, filter->sort))
        i++;
    return &lists[i].statements[filter->scope];
}

int store_queue_list(struct worker *worker, const struct booking_filter *filter) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integer(&parameters, filter->id);
    if (filter->event_id)
        parameter_integer(&parameters, filter->event_id);
    else
        parameter_null(&parameters);
    parameter_text(&parameters, filter->status);
    parameter_text(&parameters, filter->payment_status);
    parameter_text(&parameters, filter->when);
    if (filter->after) {
        parameter_integer(&parameters, filter->after->moment_us);
        parameter_integer(&parameters, filter->after->id);
    } else {
        parameter_null(&parameters);
        parameter_null(&parameters);
    }
    parameter_integer(&parameters, filter->limit + 1); /* one more tells whether there is a next page */
    if (filter->scope == OF_EVENT || filter->scope == ATTENDEES) {
        parameter_text(&parameters, filter->words);
        if (filter->checked_in)
            parameter_boolean(&parameters, *filter->checked_in);
        else
            parameter_null(&parameters);
    }
    return db_queue(worker_db(worker), find_list(filter), &parameters);
}

int store_receive_list(struct worker *worker, const char *sort, int64_t limit, struct pool *pool,
                       struct booking_page *ret_page) {
    PGresult *result = db_receive(worker_db(worker));
    if (!result)
        return -1;
    int rows = PQntuples(result), shown = rows > limit ? (int)limit : rows;
    ret_page->bookings.items = pool_alloc(pool, (size_t)shown * sizeof *ret_page->bookings.items);
    ret_page->bookings.count = (size_t)shown;
    for (int row = 0; row < shown; row++) {
        ret_page->bookings.items[row] = booking_row_at(result, row, 0, pool).booking;
        tickets_show(&ret_page->bookings.items[row], pool);
    }
    if (rows > shown) {
        struct cursor cursor = {.sort = sort,
                                .value = db_text(result, shown - 1, BOOKING_COLUMN_COUNT),
                                .id = ret_page->bookings.items[shown - 1].id};
        SET(*ret_page, next, cursor_text(&cursor, pool));
    }
    return 0;
}

#define OVER "status = 'pending' AND hold_expires_at <= now()"

/* Without the order the planner might look through all live bookings, by another index. */
static const struct statement find_expired = {"find_expired_holds", "SELECT (SELECT 1 FROM bookings WHERE " OVER
                                                                    " ORDER BY hold_expires_at LIMIT 1) IS NOT NULL"};

int store_find_expired(struct worker *worker, bool *ret_found) {
    PGresult *result = db_query(worker_db(worker), &find_expired, NULL);
    if (!result)
        return -1;
    *ret_found = db_boolean(result, 0, 0);
    return 0;
}

static const struct statement lock_events_of_expired = {
    "lock_events_of_expired_holds", "SELECT id FROM events WHERE id IN (SELECT event_id FROM bookings WHERE " OVER
                                    " ORDER BY hold_expires_at LIMIT $1::bigint) ORDER BY id FOR NO KEY UPDATE"};
static const struct statement expire_holds = {
    "expire_holds",
    "WITH over AS ("
    " SELECT id FROM bookings WHERE " OVER " AND event_id = ANY ($1::bigint[])"
    " ORDER BY hold_expires_at LIMIT $2::bigint FOR NO KEY UPDATE SKIP LOCKED"
    "), ended AS ("
    " UPDATE bookings b SET status = 'expired', status_reason = 'not paid in time', payment_status = 'failed',"
    "  hold_expires_at = NULL, updated_at = now() FROM over WHERE b.id = over.id RETURNING b.*)," FREED
    " SELECT " BOOKING_COLUMNS " FROM ended b" PARTIES MONEY};

static int receive_rows(struct worker *worker, struct booking_rows *ret_rows) {
    PGresult *result = db_receive(worker_db(worker));
    if (!result)
        return -1;
    struct pool *pool = worker_pool(worker);
    int count = PQntuples(result);
    ret_rows->items = pool_alloc(pool, (size_t)count * sizeof *ret_rows->items);
    ret_rows->count = (size_t)count;
    for (int row = 0; row < count; row++)
        ret_rows->items[row] = booking_row_at(result, row, 0, pool);
    return 0;
}

int store_expire_holds(struct worker *worker, size_t limit, struct booking_rows *ret_expired) {
    struct db *db = worker_db(worker);
    struct pool *pool = worker_pool(worker);
    struct parameters parameters;
    parameters_init(&parameters, pool);
    parameter_integer(&parameters, (int64_t)limit);
    PGresult *locked = db_query(db, &lock_events_of_expired, &parameters);
    if (!locked)
        return -1;
    size_t count = (size_t)PQntuples(locked);
    int64_t *ids = pool_alloc(pool, count * sizeof *ids);
    for (size_t i = 0; i < count; i++)
        ids[i] = db_integer(locked, (int)i, 0);
    parameters_init(&parameters, pool);
    parameter_integers(&parameters, ids, count);
    parameter_integer(&parameters, (int64_t)limit);
    return db_queue(db, &expire_holds, &parameters) ? -1 : receive_rows(worker, ret_expired);
}
