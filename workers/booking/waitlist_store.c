/* SQL of waiting lists; see waitlist_store.h. Whoever changes an entry holds its event's lock, taken in the order of
 * ids and in a statement of its own, and counts it in events.waiting and events.offered in the same statement. */
#include "waitlist_store.h"

#include <string.h>

#include "rfc3339.h"
#include "store.h"

#define IN_LINE "('waiting', 'offered')"
#define EVENTS_AT_ONCE 100 /* of each kind of work */

static int queue_with_ids(struct worker *worker, const struct statement *statement, const int64_t *ids, size_t count) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integers(&parameters, ids, count);
    return db_queue(worker_db(worker), statement, &parameters);
}

/* The locks, people before events as for bookings, and then the statement: $1 events, $2 people. */
static int queue_locked(struct worker *worker, const struct statement *statement, const struct waiter *waiters,
                        size_t count) {
    int64_t *events = pool_alloc(worker_pool(worker), 2 * count * sizeof *events), *people = events + count;
    struct parameters parameters;
    for (size_t i = 0; i < count; i++) {
        events[i] = waiters[i].event_id;
        people[i] = waiters[i].user_id;
    }
    parameters_init(&parameters, worker_pool(worker));
    parameter_integers(&parameters, events, count);
    parameter_integers(&parameters, people, count);
    return store_queue_locks(worker, people, events, count) || db_queue(worker_db(worker), statement, &parameters) ? -1
                                                                                                                   : 0;
}

/* Who is on the list already is told so, whatever has become of the event's places meanwhile. */
static const struct statement join = {
    "join_waitlist",
    "WITH asked AS ("
    " SELECT a.*, w.id AS entry,"
    "  CASE WHEN e.id IS NULL OR e.deleted_at IS NOT NULL THEN 'event_not_found'"
    "       WHEN u.is_active IS NOT TRUE THEN 'account_inactive'"
    "       WHEN e.cancelled_at IS NOT NULL THEN 'event_cancelled'"
    "       WHEN NOT e.is_active THEN 'event_inactive'"
    "       WHEN e.start_at <= now() THEN 'event_past'"
    "       WHEN w.id IS NOT NULL THEN NULL"
    "       WHEN (SELECT 1 FROM bookings b WHERE b.user_id = a.user_id AND b.event_id = a.event_id"
    "             AND b.status IN ('pending', 'confirmed') LIMIT 1) IS NOT NULL THEN 'already_booked'"
    "       WHEN e.available > 0 IS NOT FALSE THEN 'places_free' END AS refusal"
    " FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY AS a (event_id, user_id, position)"
    "  LEFT JOIN events e ON e.id = a.event_id LEFT JOIN users u ON u.id = a.user_id"
    "  LEFT JOIN waitlist_entries w ON w.user_id = a.user_id AND w.event_id = a.event_id AND w.state IN " IN_LINE
    "), joined AS ("
    " INSERT INTO waitlist_entries (event_id, user_id) SELECT event_id, user_id FROM asked"
    " WHERE refusal IS NULL AND entry IS NULL GROUP BY event_id, user_id ORDER BY min(position)"
    " RETURNING id, event_id, user_id"
    "), counted AS ("
    " UPDATE events e SET waiting = e.waiting + n.people"
    " FROM (SELECT event_id, count(*) AS people FROM joined GROUP BY event_id) n WHERE e.id = n.event_id"
    ") SELECT a.position, a.refusal, coalesce(a.entry, j.id) FROM asked a"
    " LEFT JOIN joined j ON j.event_id = a.event_id AND j.user_id = a.user_id"};

int waitlist_store_join(struct worker *worker, const struct waiter *waiters, size_t count, struct joined *ret_joined) {
    struct db *db = worker_db(worker);
    if (queue_locked(worker, &join, waiters, count) || !db_receive(db) || !db_receive(db))
        return -1;
    PGresult *result = db_receive(db);
    for (int row = 0; result && row < PQntuples(result); row++)
        ret_joined[db_integer(result, row, 0) - 1] =
            (struct joined){.refusal = db_text(result, row, 1), .entry_id = db_integer(result, row, 2)};
    return result ? 0 : -1;
}

/* Of entries `w`, for who is told of their offers. */
#define OFFER_COLUMNS                                                                                                  \
    "w.id, w.offered_until, u.id, u.name, u.email, e.id, e.title, e.start_at, e.end_at, f.id, e.facilitator_crm_id,"   \
    " f.facilitator_crm_id"
#define OFFER_PARTIES                                                                                                  \
    " JOIN events e ON e.id = w.event_id JOIN users u ON u.id = w.user_id JOIN users f ON f.id = e.facilitator_id"
enum offer_column {
    OFFER_ENTRY,
    OFFER_UNTIL,
    OFFER_USER,
    OFFER_USER_NAME,
    OFFER_USER_EMAIL,
    OFFER_EVENT,
    OFFER_TITLE,
    OFFER_START,
    OFFER_END,
    OFFER_FACILITATOR,
    OFFER_EVENT_CODE,
    OFFER_PROFILE_CODE,
};

static struct offer read_offer(const PGresult *result, int row, struct pool *pool) {
    const char *code = db_text(result, row, OFFER_EVENT_CODE);
    const struct integer_or_string facilitator = {.text = code, .number = db_integer(result, row, OFFER_FACILITATOR)};
    struct offer offer = {
        .owner_id = facilitator.number,
        .about = {.waitlist_id = db_integer(result, row, OFFER_ENTRY),
                  .offered_until = rfc3339_text(db_text(result, row, OFFER_UNTIL), pool),
                  .user = {.id = db_integer(result, row, OFFER_USER),
                           .name = db_text(result, row, OFFER_USER_NAME),
                           .email = db_text(result, row, OFFER_USER_EMAIL)},
                  .event_id = db_integer(result, row, OFFER_EVENT),
                  .event = {.id = db_integer(result, row, OFFER_EVENT),
                            .title = db_text(result, row, OFFER_TITLE),
                            .start_datetime = rfc3339_text(db_text(result, row, OFFER_START), pool),
                            .facilitator_id = facilitator},
                  .facilitator_id = facilitator},
    };
    SET_TEXT(offer.about.event, end_datetime, rfc3339_text(db_text(result, row, OFFER_END), pool));
    SET_TEXT(offer.about, facilitator_crm_id, code ? code : db_text(result, row, OFFER_PROFILE_CODE));
    return offer;
}

static int receive_offers(struct worker *worker, struct offers *ret_offers) {
    PGresult *result = db_receive(worker_db(worker));
    if (!result)
        return -1;
    struct pool *pool = worker_pool(worker);
    ret_offers->count = (size_t)PQntuples(result);
    ret_offers->items = pool_alloc(pool, ret_offers->count * sizeof *ret_offers->items);
    for (size_t i = 0; i < ret_offers->count; i++)
        ret_offers->items[i] = read_offer(result, (int)i, pool);
    return 0;
}

/* Who had an offer still has its time. */
static const struct statement leave = {
    "leave_waitlist",
    "WITH gone AS ("
    " UPDATE waitlist_entries w SET state = 'left', ended_at = now()"
    " FROM (SELECT DISTINCT * FROM unnest($1::bigint[], $2::bigint[]) AS a (event_id, user_id)) a"
    " WHERE w.user_id = a.user_id AND w.event_id = a.event_id AND w.state IN " IN_LINE " RETURNING w.*"
    "), counted AS ("
    " UPDATE events e SET waiting = e.waiting - n.waiting, offered = e.offered - n.offered"
    " FROM (SELECT event_id, count(*) FILTER (WHERE offered_at IS NULL) AS waiting, count(offered_at) AS offered"
    "  FROM gone GROUP BY event_id) n WHERE e.id = n.event_id"
    ") SELECT " OFFER_COLUMNS ", w.offered_at IS NOT NULL FROM gone w" OFFER_PARTIES " ORDER BY w.id"};
#define LEAVER_HAD_OFFER (OFFER_PROFILE_CODE + 1)

int waitlist_store_leave(struct worker *worker, const struct waiter *waiters, size_t count, bool *ret_left,
                         struct offers *ret_returned) {
    struct db *db = worker_db(worker);
    struct pool *pool = worker_pool(worker);
    if (queue_locked(worker, &leave, waiters, count) || !db_receive(db) || !db_receive(db))
        return -1;
    PGresult *result = db_receive(db);
    if (!result)
        return -1;
    memset(ret_left, 0, count * sizeof *ret_left);
    *ret_returned = (struct offers){.items = pool_alloc(pool, (size_t)PQntuples(result) * sizeof *ret_returned->items)};
    for (int row = 0; row < PQntuples(result); row++) {
        for (size_t i = 0; i < count; i++)
            if (waiters[i].event_id == db_integer(result, row, OFFER_EVENT) &&
                waiters[i].user_id == db_integer(result, row, OFFER_USER))
                ret_left[i] = true;
        if (db_boolean(result, row, LEAVER_HAD_OFFER))
            ret_returned->items[ret_returned->count++] = read_offer(result, row, pool);
    }
    return 0;
}

/* Of entries `w`, of whoever they are; `e` is the event. */
#define ENTRY_COLUMNS                                                                                                  \
    "w.id, w.state, w.joined_at, w.offered_at,"                                                                        \
    " CASE WHEN w.offered_until IS NOT NULL THEN least(w.offered_until, e.start_at) END, w.ended_at"
enum entry_column { ENTRY_ID, ENTRY_STATE, ENTRY_JOINED, ENTRY_OFFERED, ENTRY_UNTIL, ENTRY_ENDED, ENTRY_COLUMN_COUNT };
#define READ_ENTRY(entry, result, row, first, pool)                                                                    \
    do {                                                                                                               \
        (entry).id = db_integer(result, row, (first) + ENTRY_ID);                                                      \
        (entry).state = db_text(result, row, (first) + ENTRY_STATE);                                                   \
        (entry).joined_at = rfc3339_text(db_text(result, row, (first) + ENTRY_JOINED), pool);                          \
        SET_TEXT(entry, offered_at, rfc3339_text(db_text(result, row, (first) + ENTRY_OFFERED), pool));                \
        SET_TEXT(entry, offered_until, rfc3339_text(db_text(result, row, (first) + ENTRY_UNTIL), pool));               \
        SET_TEXT(entry, ended_at, rfc3339_text(db_text(result, row, (first) + ENTRY_ENDED), pool));                    \
    } while (0)

#define OWN_COLUMNS                                                                                                    \
    ENTRY_COLUMNS ", CASE WHEN w.state = 'waiting' THEN (SELECT count(*) FROM waitlist_entries before"                 \
                  "  WHERE before.event_id = w.event_id AND before.state = 'waiting' AND before.id <= w.id) END,"      \
                  " e.id, e.title, e.start_at, e.end_at, e.time_zone"
enum own_column { OWN_POSITION = ENTRY_COLUMN_COUNT, OWN_EVENT, OWN_TITLE, OWN_START, OWN_END, OWN_TIME_ZONE };

static struct waitlist_entry read_own(const PGresult *result, int row, int first, struct pool *pool) {
    struct waitlist_entry entry = {
        .event_id = db_integer(result, row, first + OWN_EVENT),
        .event = {.id = db_integer(result, row, first + OWN_EVENT),
                  .title = db_text(result, row, first + OWN_TITLE),
                  .start_datetime = rfc3339_text(db_text(result, row, first + OWN_START), pool),
                  .time_zone = db_text(result, row, first + OWN_TIME_ZONE)},
    };
    READ_ENTRY(entry, result, row, first, pool);
    SET_TEXT(entry.event, end_datetime, rfc3339_text(db_text(result, row, first + OWN_END), pool));
    if (!db_is_null(result, row, first + OWN_POSITION))
        SET(entry, position, db_integer(result, row, first + OWN_POSITION));
    return entry;
}

static const struct statement read_entries = {
    "read_waitlist_entries",
    "SELECT i.position, " OWN_COLUMNS " FROM unnest($1::bigint[]) WITH ORDINALITY AS i (id, position)"
    " JOIN waitlist_entries w ON w.id = i.id JOIN events e ON e.id = w.event_id"};

int waitlist_store_read(struct worker *worker, const int64_t *ids, size_t count, struct waitlist_entry *ret_entries) {
    PGresult *result = queue_with_ids(worker, &read_entries, ids, count) ? NULL : db_receive(worker_db(worker));
    if (!result)
        return -1;
    memset(ret_entries, 0, count * sizeof *ret_entries);
    for (int row = 0; row < PQntuples(result); row++)
        ret_entries[db_integer(result, row, 0) - 1] = read_own(result, row, 1, worker_pool(worker));
    return 0;
}

#define IN_STATE "(w.state = $2::text OR ($2 IS NULL AND w.state IN " IN_LINE "))"

static const struct statement list_own = {
    "list_own_waitlist",
    "SELECT " OWN_COLUMNS " FROM (SELECT * FROM waitlist_entries w WHERE w.user_id = $1::bigint AND " IN_STATE
    "  AND ($3::bigint IS NULL OR w.event_id = $3) AND ($4::bigint = 0 OR w.id < $4)"
    "  ORDER BY w.id DESC LIMIT $5::bigint) w JOIN events e ON e.id = w.event_id ORDER BY w.id DESC"};

int waitlist_store_queue_own(struct worker *worker, const struct waitlist_filter *filter) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integer(&parameters, filter->id);
    parameter_text(&parameters, filter->state);
    if (filter->event_id)
        parameter_integer(&parameters, filter->event_id);
    else
        parameter_null(&parameters);
    parameter_integer(&parameters, filter->after);
    parameter_integer(&parameters, filter->limit + 1); /* one more tells whether there is a next page */
    return db_queue(worker_db(worker), &list_own, &parameters);
}

int waitlist_store_receive_own(struct worker *worker, int64_t limit, struct pool *pool,
                               struct list_waitlist_reply *ret_page, int64_t *ret_next) {
    PGresult *result = db_receive(worker_db(worker));
    if (!result)
        return -1;
    int rows = PQntuples(result), shown = rows > limit ? (int)limit : rows;
    ret_page->entries.items = pool_alloc(pool, (size_t)shown * sizeof *ret_page->entries.items);
    ret_page->entries.count = (size_t)shown;
    for (int row = 0; row < shown; row++)
        ret_page->entries.items[row] = read_own(result, row, 0, pool);
    *ret_next = rows > shown ? ret_page->entries.items[shown - 1].id : 0;
    return 0;
}

/* A page holds all who wait between its ends, so positions are counted once. */
static const struct statement list_line = {
    "list_event_waitlist",
    "SELECT " ENTRY_COLUMNS ", CASE WHEN w.state = 'waiting' THEN (SELECT count(*) FROM waitlist_entries before"
    "  WHERE before.event_id = $1::bigint AND before.state = 'waiting' AND before.id <= $3::bigint)"
    "  + count(*) FILTER (WHERE w.state = 'waiting') OVER (ORDER BY w.id) END, u.id, u.name, u.email"
    " FROM (SELECT * FROM waitlist_entries w WHERE w.event_id = $1::bigint AND " IN_STATE " AND w.id > $3::bigint"
    "  ORDER BY w.id LIMIT $4::bigint) w JOIN events e ON e.id = w.event_id JOIN users u ON u.id = w.user_id"
    " ORDER BY w.id"};
enum line_column { LINE_POSITION = ENTRY_COLUMN_COUNT, LINE_USER, LINE_USER_NAME, LINE_USER_EMAIL };

int waitlist_store_queue_line(struct worker *worker, const struct waitlist_filter *filter) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integer(&parameters, filter->id);
    parameter_text(&parameters, filter->state);
    parameter_integer(&parameters, filter->after);
    parameter_integer(&parameters, filter->limit + 1); /* one more tells whether there is a next page */
    return db_queue(worker_db(worker), &list_line, &parameters);
}

static struct list_event_waitlist_reply_entries read_line(const PGresult *result, int row, struct pool *pool) {
    struct list_event_waitlist_reply_entries entry = {.user = {.id = db_integer(result, row, LINE_USER),
                                                               .name = db_text(result, row, LINE_USER_NAME),
                                                               .email = db_text(result, row, LINE_USER_EMAIL)}};
    READ_ENTRY(entry, result, row, 0, pool);
    if (!db_is_null(result, row, LINE_POSITION))
        SET(entry, position, db_integer(result, row, LINE_POSITION));
    return entry;
}

int waitlist_store_receive_line(struct worker *worker, int64_t limit, struct pool *pool,
                                struct list_event_waitlist_reply *ret_page, int64_t *ret_next) {
    PGresult *result = db_receive(worker_db(worker));
    if (!result)
        return -1;
    int rows = PQntuples(result), shown = rows > limit ? (int)limit : rows;
    ret_page->entries.items = pool_alloc(pool, (size_t)shown * sizeof *ret_page->entries.items);
    ret_page->entries.count = (size_t)shown;
    for (int row = 0; row < shown; row++)
        ret_page->entries.items[row] = read_line(result, row, pool);
    *ret_next = rows > shown ? ret_page->entries.items[shown - 1].id : 0;
    return 0;
}

/* --- what is due */

#define OVER "state = 'offered' AND offered_until <= now()"
#define BEGUN "waiting + offered > 0 AND start_at <= now()"

/* The orders lead to the indexes. */
static const struct statement find_due = {
    "find_due_waitlists",
    "SELECT (SELECT 1 FROM events WHERE waitlist_due ORDER BY id LIMIT 1) IS NOT NULL"
    " OR (SELECT 1 FROM waitlist_entries WHERE " OVER " ORDER BY offered_until LIMIT 1) IS NOT NULL"
    " OR (SELECT 1 FROM events WHERE " BEGUN " ORDER BY start_at LIMIT 1) IS NOT NULL"};
static const struct statement lock_due = {"lock_due_waitlists",
                                          "SELECT id FROM events WHERE id = ANY (ARRAY("
                                          " (SELECT id FROM events WHERE waitlist_due ORDER BY id LIMIT $1::bigint)"
                                          " UNION (SELECT event_id FROM waitlist_entries WHERE " OVER
                                          "  ORDER BY offered_until LIMIT $1)"
                                          " UNION (SELECT id FROM events WHERE " BEGUN " ORDER BY start_at LIMIT $1)))"
                                          " ORDER BY id FOR NO KEY UPDATE"};

static const struct statement lapse = {
    "lapse_offers",
    "WITH gone AS ("
    " UPDATE waitlist_entries SET state = 'lapsed', ended_at = now() WHERE event_id = ANY ($1::bigint[]) AND " OVER
    " RETURNING *"
    "), counted AS ("
    " UPDATE events e SET offered = e.offered - n.offers"
    " FROM (SELECT event_id, count(*) AS offers FROM gone GROUP BY event_id) n WHERE e.id = n.event_id"
    ") SELECT " OFFER_COLUMNS " FROM gone w" OFFER_PARTIES " ORDER BY w.id"};

static const struct statement close_lists = {
    "close_waitlists",
    "WITH closed AS ("
    " UPDATE events SET waiting = 0, offered = 0 WHERE id = ANY ($1::bigint[]) AND waiting + offered > 0"
    "  AND (start_at <= now() OR cancelled_at IS NOT NULL OR deleted_at IS NOT NULL) RETURNING id)"
    " UPDATE waitlist_entries SET state = 'closed', ended_at = now()"
    " WHERE event_id = ANY (ARRAY(SELECT id FROM closed)) AND state IN " IN_LINE};

/* What is free of each event goes to as many as are first in line; accounts that were shut out lose their turn, and who
 * comes behind them is found the next time. */
static const struct statement make_offers = {
    "make_offers",
    "WITH free AS ("
    " SELECT id, start_at, coalesce(capacity - taken - offered, waiting) AS places FROM events"
    " WHERE id = ANY ($1::bigint[]) AND waitlist_due AND start_at > now()"
    "), first AS ("
    " SELECT w.id, w.is_active, free.start_at FROM free CROSS JOIN LATERAL ("
    "  SELECT w.id, u.is_active FROM waitlist_entries w JOIN users u ON u.id = w.user_id"
    "  WHERE w.event_id = free.id AND w.state = 'waiting' ORDER BY w.id LIMIT least(free.places, $2::bigint)) w"
    " ORDER BY free.id, w.id LIMIT $2"
    "), turned AS ("
    " UPDATE waitlist_entries w SET state = CASE WHEN first.is_active THEN 'offered' ELSE 'closed' END,"
    "  offered_at = CASE WHEN first.is_active THEN now() END,"
    "  offered_until = CASE WHEN first.is_active"
    "   THEN least(now() + $3::bigint * interval '1 second', first.start_at) END,"
    "  ended_at = CASE WHEN NOT first.is_active THEN now() END FROM first WHERE w.id = first.id RETURNING w.*"
    "), counted AS ("
    " UPDATE events e SET waiting = e.waiting - n.people, offered = e.offered + n.offers"
    " FROM (SELECT event_id, count(*) AS people, count(offered_at) AS offers FROM turned GROUP BY event_id) n"
    " WHERE e.id = n.event_id"
    ") SELECT " OFFER_COLUMNS " FROM turned w" OFFER_PARTIES " WHERE w.state = 'offered' ORDER BY w.id"};

int waitlist_store_find_due(struct worker *worker, bool *ret_found) {
    PGresult *result = db_query(worker_db(worker), &find_due, NULL);
    if (!result)
        return -1;
    *ret_found = db_boolean(result, 0, 0);
    return 0;
}

static int queue_offers(struct worker *worker, const int64_t *events, size_t count, size_t limit, int64_t offer_ttl_s) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integers(&parameters, events, count);
    parameter_integer(&parameters, (int64_t)limit);
    parameter_integer(&parameters, offer_ttl_s);
    return db_queue(worker_db(worker), &make_offers, &parameters);
}

int waitlist_store_advance(struct worker *worker, size_t limit, int64_t offer_ttl_s, struct offers *ret_lapsed,
                           struct offers *ret_made) {
    struct db *db = worker_db(worker);
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integer(&parameters, EVENTS_AT_ONCE);
    PGresult *locked = db_query(db, &lock_due, &parameters);
    if (!locked)
        return -1;
    size_t count = (size_t)PQntuples(locked);
    int64_t *events = pool_alloc(worker_pool(worker), count * sizeof *events);
    for (size_t i = 0; i < count; i++)
        events[i] = db_integer(locked, (int)i, 0);
    if (queue_with_ids(worker, &lapse, events, count) || queue_with_ids(worker, &close_lists, events, count) ||
        queue_offers(worker, events, count, limit, offer_ttl_s))
        return -1;
    return receive_offers(worker, ret_lapsed) || !db_receive(db) || receive_offers(worker, ret_made) ? -1 : 0;
}
