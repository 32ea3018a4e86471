/* All SQL of the booking worker; see store.h. Whatever changes a booking's status or an event's `taken` holds the
 * event's lock, taken in the order of ids and in a statement of its own: the next statement then sees all that was
 * committed before. */
#include "store.h"

#include <string.h>

#include "rfc3339.h"

/* Live bookings have a place; a confirmed one is completed once its event is over. */
#define LIVE "('pending', 'confirmed')"
#define SHOWN_STATUS                                                                                                   \
    "CASE WHEN b.status = 'confirmed' AND coalesce(e.end_at, e.start_at) <= now() THEN 'completed' ELSE b.status END"
#define SHOWN_PAYMENT "CASE b.payment_status WHEN 'not_required' THEN 'completed' ELSE b.payment_status END"

#define BOOKING_COLUMNS                                                                                                \
    "b.id, b.reference, " SHOWN_STATUS ", b.notes, " SHOWN_PAYMENT ", b.price_minor, b.currency, b.hold_expires_at, "  \
    "b.created_at, b.updated_at, b.cancelled_at, "                                                                     \
    "(SELECT p.provider_id FROM payments p WHERE p.booking_id = b.id ORDER BY p.id DESC LIMIT 1), " PARTY_COLUMNS
#define PARTY_COLUMNS                                                                                                  \
    "u.id, u.name, u.email, u.phone, e.id, e.title, e.description, e.event_type, e.start_at, e.end_at, e.time_zone, "  \
    "e.location, e.virtual_link, e.price_minor, e.currency, e.is_active, e.cancelled_at IS NOT NULL, "                 \
    "e.start_at <= now(), f.id, f.name, f.email, e.facilitator_crm_id, f.facilitator_crm_id, "                         \
    "f.is_active AND f.crm_webhook_url IS NOT NULL"
#define PARTIES                                                                                                        \
    " JOIN events e ON e.id = b.event_id JOIN users u ON u.id = b.user_id JOIN users f ON f.id = e.facilitator_id"

enum booking_column {
    BOOKING_ID,
    BOOKING_REFERENCE,
    BOOKING_STATUS,
    BOOKING_NOTES,
    BOOKING_PAYMENT,
    BOOKING_PRICE,
    BOOKING_CURRENCY,
    BOOKING_HOLD,
    BOOKING_CREATED,
    BOOKING_UPDATED,
    BOOKING_CANCELLED,
    BOOKING_PAYMENT_ID,
    USER_ID,
    USER_NAME,
    USER_EMAIL,
    USER_PHONE,
    EVENT_ID,
    EVENT_TITLE,
    EVENT_DESCRIPTION,
    EVENT_TYPE,
    EVENT_START,
    EVENT_END,
    EVENT_TIME_ZONE,
    EVENT_LOCATION,
    EVENT_VIRTUAL_LINK,
    EVENT_PRICE,
    EVENT_CURRENCY,
    EVENT_ACTIVE,
    EVENT_CANCELLED,
    EVENT_STARTED,
    FACILITATOR_ID,
    FACILITATOR_NAME,
    FACILITATOR_EMAIL,
    EVENT_CRM_ID,
    FACILITATOR_CRM_ID,
    FACILITATOR_LISTENS,
    BOOKING_COLUMN_COUNT,
};

/* One row of a result, with the columns above from `first` on. */
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

static struct booking_event read_booking_event(struct row row) {
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

static struct booking_row read_booking(struct row row) {
    struct booking booking = {
        .id = integer(row, BOOKING_ID),
        .booking_reference = text(row, BOOKING_REFERENCE),
        .status = text(row, BOOKING_STATUS),
        .payment_status = text(row, BOOKING_PAYMENT),
        .price_minor = integer(row, BOOKING_PRICE),
        .currency = text(row, BOOKING_CURRENCY),
        .user = {.id = integer(row, USER_ID), .name = text(row, USER_NAME), .email = text(row, USER_EMAIL)},
        .event_id = integer(row, EVENT_ID),
        .event = read_booking_event(row),
        .created_at = moment(row, BOOKING_CREATED),
        .updated_at = moment(row, BOOKING_UPDATED),
    };
    SET_TEXT(booking, notes, text(row, BOOKING_NOTES));
    SET_TEXT(booking, payment_id, text(row, BOOKING_PAYMENT_ID));
    SET_TEXT(booking, cancelled_at, moment(row, BOOKING_CANCELLED));
    SET_TEXT(booking, hold_expires_at, moment(row, BOOKING_HOLD));
    SET_TEXT(booking.user, phone, text(row, USER_PHONE));
    return (struct booking_row){.booking = booking,
                                .event_started = boolean(row, EVENT_STARTED),
                                .facilitator_listens = boolean(row, FACILITATOR_LISTENS)};
}

static const struct statement lock_events = {
    "lock_events", "SELECT id FROM events WHERE id = ANY ($1::bigint[]) ORDER BY id FOR NO KEY UPDATE"};

/* Who is refused, and who gets a place: first come, first served, as long as the event has places; a second wish of the
 * same person for the same event is a duplicate if the first was granted. EXISTS would become a scan of all bookings,
 * kept in the plan. */
static const struct statement book = {
    "book",
    "WITH asked AS ("
    " SELECT a.*, e.price_minor, e.currency, e.capacity - e.taken AS places,"
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
    " SELECT *, row_number() OVER (PARTITION BY event_id, refusal IS NULL AND turn = 1 ORDER BY position)"
    "  <= places IS NOT FALSE AS fits FROM asked"
    "), decided AS MATERIALIZED ("
    " SELECT *, CASE WHEN refusal IS NOT NULL THEN refusal"
    "                WHEN NOT first_value(fits) OVER (PARTITION BY event_id, user_id ORDER BY position)"
    "                THEN 'event_full'"
    "                WHEN turn > 1 THEN 'already_booked' ELSE 'placed' END AS outcome,"
    "  CASE WHEN refusal IS NULL AND turn = 1 AND fits THEN nextval('bookings_id_seq') END AS id,"
    "  CASE WHEN price_minor > 0 THEN 'pending' ELSE 'confirmed' END AS status,"
    "  CASE WHEN price_minor > 0 THEN 'pending' ELSE 'not_required' END AS payment_status,"
    "  CASE WHEN price_minor > 0 THEN now() + $5::bigint * interval '1 second' END AS hold_expires_at"
    " FROM ranked"
    "), placed AS ("
    " INSERT INTO bookings"
    "  (id, reference, event_id, user_id, status, payment_status, price_minor, currency, notes, hold_expires_at)"
    " SELECT id, reference, event_id, user_id, status, payment_status, price_minor, currency, notes, hold_expires_at"
    " FROM decided WHERE outcome = 'placed'"
    "), counted AS ("
    " UPDATE events e SET taken = e.taken + n.places"
    " FROM (SELECT event_id, count(*) AS places FROM decided WHERE outcome = 'placed' GROUP BY event_id) n"
    " WHERE e.id = n.event_id"
    ") SELECT b.position, b.outcome, b.id, b.reference, b.status, b.notes, " SHOWN_PAYMENT ", b.price_minor,"
    "  b.currency, b.hold_expires_at, now(), now(), NULL, NULL, " PARTY_COLUMNS
    " FROM decided b LEFT JOIN events e ON e.id = b.event_id LEFT JOIN users u ON u.id = b.user_id"
    " LEFT JOIN users f ON f.id = e.facilitator_id"};

static int queue_book(struct worker *worker, const struct wish *wishes, size_t count, int64_t hold_ttl_s) {
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
    parameters_init(&parameters, pool);
    parameter_integers(&parameters, ids, count);
    if (db_queue(worker_db(worker), &lock_events, &parameters))
        return -1;
    parameter_integers(&parameters, ids + count, count);
    parameter_texts(&parameters, texts, count);
    parameter_texts(&parameters, texts + count, count);
    parameter_integer(&parameters, hold_ttl_s);
    return db_queue(worker_db(worker), &book, &parameters);
}

int store_book(struct worker *worker, const struct wish *wishes, size_t count, int64_t hold_ttl_s,
               struct answer_to_wish *ret_answers) {
    if (queue_book(worker, wishes, count, hold_ttl_s) || !db_receive(worker_db(worker)))
        return -1;
    PGresult *result = db_receive(worker_db(worker));
    if (!result)
        return -1;
    for (int row = 0; row < PQntuples(result); row++) {
        struct answer_to_wish *answer = &ret_answers[db_integer(result, row, 0) - 1];
        answer->outcome = db_text(result, row, 1);
        if (!db_is_null(result, row, 2 + BOOKING_ID))
            answer->row = read_booking((struct row){result, row, 2, worker_pool(worker)});
    }
    return 0;
}

static const struct statement read_bookings = {"read_bookings",
                                               "SELECT i.position, " BOOKING_COLUMNS
                                               " FROM unnest($1::bigint[]) WITH ORDINALITY AS i (id, position)"
                                               " JOIN bookings b ON b.id = i.id" PARTIES};

static int receive_by_position(struct worker *worker, size_t count, struct booking_row *ret_rows) {
    PGresult *result = db_receive(worker_db(worker));
    if (!result)
        return -1;
    memset(ret_rows, 0, count * sizeof *ret_rows);
    for (int row = 0; row < PQntuples(result); row++)
        ret_rows[db_integer(result, row, 0) - 1] = read_booking((struct row){result, row, 1, worker_pool(worker)});
    return 0;
}

static int queue_with_ids(struct worker *worker, const struct statement *statement, const int64_t *ids, size_t count) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integers(&parameters, ids, count);
    return db_queue(worker_db(worker), statement, &parameters);
}

int store_read_bookings(struct worker *worker, const int64_t *ids, size_t count, struct booking_row *ret_rows) {
    return queue_with_ids(worker, &read_bookings, ids, count) ? -1 : receive_by_position(worker, count, ret_rows);
}

static const struct statement lock_events_of = {
    "lock_events_of_bookings",
    "SELECT id FROM events WHERE id IN (SELECT event_id FROM bookings WHERE id = ANY ($1::bigint[]))"
    " ORDER BY id FOR NO KEY UPDATE"};
static const struct statement lock_bookings = {
    "lock_bookings", "SELECT id FROM bookings WHERE id = ANY ($1::bigint[]) ORDER BY id FOR NO KEY UPDATE"};

int store_lock_bookings(struct worker *worker, const int64_t *ids, size_t count, struct booking_row *ret_rows) {
    struct db *db = worker_db(worker);
    if (queue_with_ids(worker, &lock_events_of, ids, count) || queue_with_ids(worker, &lock_bookings, ids, count) ||
        queue_with_ids(worker, &read_bookings, ids, count) || !db_receive(db) || !db_receive(db))
        return -1;
    return receive_by_position(worker, count, ret_rows);
}

/* Frees the places of the bookings in `ended`, and shows these. */
#define FREED                                                                                                          \
    ", freed AS (UPDATE events e SET taken = e.taken - n.places"                                                       \
    " FROM (SELECT event_id, count(*) AS places FROM ended GROUP BY event_id) n WHERE e.id = n.event_id)"              \
    " SELECT " BOOKING_COLUMNS " FROM ended b" PARTIES

static const struct statement cancel_bookings = {
    "cancel_bookings",
    "WITH ended AS ("
    " UPDATE bookings SET status = 'cancelled', cancelled_at = now(), updated_at = now(), hold_expires_at = NULL,"
    "  payment_status = CASE payment_status WHEN 'pending' THEN 'failed' ELSE payment_status END"
    " WHERE id = ANY ($1::bigint[]) RETURNING *)" FREED};

static int receive_rows(struct worker *worker, struct booking_rows *ret_rows) {
    PGresult *result = db_receive(worker_db(worker));
    if (!result)
        return -1;
    struct pool *pool = worker_pool(worker);
    int count = PQntuples(result);
    ret_rows->items = pool_alloc(pool, (size_t)count * sizeof *ret_rows->items);
    ret_rows->count = (size_t)count;
    for (int row = 0; row < count; row++)
        ret_rows->items[row] = read_booking((struct row){result, row, 0, pool});
    return 0;
}

int store_cancel_bookings(struct worker *worker, const int64_t *ids, size_t count, struct booking_rows *ret_cancelled) {
    return queue_with_ids(worker, &cancel_bookings, ids, count) ? -1 : receive_rows(worker, ret_cancelled);
}

int store_lock_events(struct worker *worker, const int64_t *ids, size_t count) {
    return queue_with_ids(worker, &lock_events, ids, count) || !db_receive(worker_db(worker)) ? -1 : 0;
}

static const struct statement read_event_head = {
    "read_event_head",
    "SELECT id, facilitator_id, cancelled_at IS NOT NULL, currency, title, start_at, end_at, time_zone, capacity,"
    " taken FROM events WHERE id = $1::bigint AND deleted_at IS NULL"};

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
        struct row row = {result, 0, 0, worker_pool(worker)};
        head.state.facilitator_id = integer(row, 1);
        head.state.cancelled = boolean(row, 2);
        head.currency = text(row, 3);
        head.shown = (struct list_event_bookings_reply_event){.id = integer(row, 0),
                                                              .title = text(row, 4),
                                                              .start_datetime = moment(row, 5),
                                                              .time_zone = text(row, 7),
                                                              .current_participants = integer(row, 9)};
        SET_TEXT(head.shown, end_datetime, moment(row, 6));
        if (text(row, 8)) {
            SET(head.shown, max_participants, integer(row, 8));
            SET(head.shown, available_spots, integer(row, 8) - integer(row, 9));
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
    "list_live_bookings", "SELECT id FROM bookings WHERE event_id = $1::bigint AND id > $2::bigint AND status IN " LIVE
                          " ORDER BY id LIMIT $3::bigint FOR NO KEY UPDATE"};

int store_list_live(struct worker *worker, int64_t event_id, int64_t above, size_t limit, int64_t *ret_ids,
                    size_t *ret_count) {
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
        ret_ids[row] = db_integer(result, row, 0);
    return 0;
}

/* Parameters of all lists: 1 user, event or facilitator, 2 event, 3 status, 4 payment status, 5 past or upcoming, 6 and
 * 7 moment and id where the page before ended, 8 rows. */
/* clang-format off */
#define MICROSECONDS(moment) "(extract(epoch FROM " moment ") * 1000000)::bigint"
#define LIST(scope, moment, comparison, direction)                                                                     \
    "SELECT " BOOKING_COLUMNS ", " MICROSECONDS(moment) " FROM bookings b" PARTIES                                     \
    " WHERE " scope " = $1::bigint"                                                                                    \
    " AND ($2::bigint IS NULL OR b.event_id = $2)"                                                                     \
    " AND ($3::text IS NULL OR " SHOWN_STATUS " = $3)"                                                                 \
    " AND ($4::text IS NULL OR " SHOWN_PAYMENT " = $4)"                                                                \
    " AND ($5::text IS NULL OR (e.start_at <= now()) = ($5 = 'past'))"                                                 \
    " AND ($7::bigint IS NULL OR (" MICROSECONDS(moment) ", b.id) " comparison " ($6::bigint, $7))"                    \
    " ORDER BY " moment " " direction ", b.id " direction " LIMIT $8::bigint"
#define LISTS(sort, name, ...)                                                                                         \
    {sort,                                                                                                             \
     {[OF_USER] = {"list_bookings_of_user_" name, LIST("b.user_id", __VA_ARGS__)},                                     \
      [OF_EVENT] = {"list_bookings_of_event_" name, LIST("b.event_id", __VA_ARGS__)},                                  \
      [OF_FACILITATOR] = {"list_bookings_of_facilitator_" name, LIST("e.facilitator_id", __VA_ARGS__)}}}
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
    for (int row = 0; row < shown; row++)
        ret_page->bookings.items[row] = read_booking((struct row){result, row, 0, pool}).booking;
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
    " UPDATE bookings b SET status = 'expired', payment_status = 'failed', hold_expires_at = NULL, updated_at = now()"
    " FROM over WHERE b.id = over.id RETURNING b.*)" FREED};

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
