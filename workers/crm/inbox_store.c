/* SQL of inboxes; see inbox_store.h. Who reads pages and counts goes along indices only: (user_id, seq), and the same
 * of what is unread. */
#include "inbox_store.h"

#include <inttypes.h>
#include <string.h>

#include "cursor.h"
#include "rfc3339.h"

#define UNREAD_COUNTED 10000      /* counting goes no further, as openapi.yaml says */
#define ANSWER_BYTES (256 * 1024) /* of bodies: a frame on the bus takes 1 MiB */

#define STRING(text) #text
#define TEXT_OF(macro) STRING(macro)

/* Who is no facilitator any more neither gets messages nor sees those that came before. */
#define HAS_INBOX "u.role IN ('facilitator', 'admin')"
#define MAY_READ " AND EXISTS (SELECT FROM users u WHERE u.id = $1::bigint AND " HAS_INBOX ")"

/* Told live, to those at other doors; but nobody has to read hundreds of them afterwards. */
#define READ_AT "CASE WHEN type IN ('booking.checked_in', 'booking.check_in_undone') THEN now() END"
/* One transaction at a time spreads, so last_seq grows without gaps. Who was erased gets no inbox again. */
static const struct statement spread = {
    "inbox_spread",
    "WITH fresh AS (SELECT id, type, owner_id, event_id, position FROM log_entries WHERE id = ANY ($1::bigint[])),"
    " boxes AS (INSERT INTO inboxes (user_id, last_seq)"
    "  SELECT owner_id, count(*) FROM fresh JOIN users u ON u.id = owner_id AND u.erased_at IS NULL AND " HAS_INBOX
    "  GROUP BY owner_id ORDER BY owner_id"
    "  ON CONFLICT (user_id) DO UPDATE SET last_seq = inboxes.last_seq + excluded.last_seq"
    "  RETURNING user_id, last_seq),"
    " messages AS (INSERT INTO inbox_messages (user_id, seq, entry_id, read_at)"
    "  SELECT owner_id, last_seq + 1 - row_number() OVER (PARTITION BY owner_id ORDER BY position DESC), id, " READ_AT
    "  FROM fresh JOIN boxes ON user_id = owner_id)"
    " SELECT false, user_id, last_seq FROM boxes"
    " UNION ALL SELECT true, event_id, max(position) FROM fresh WHERE event_id IS NOT NULL GROUP BY event_id"};

/* $1 person, $2 seq of the page before, $3 rows */
#define LIST(which)                                                                                                    \
    "SELECT m.seq, e.type, e.created_at, m.read_at, e.body FROM (SELECT seq, read_at, entry_id FROM inbox_messages"    \
    "  WHERE user_id = $1::bigint AND seq < $2::bigint" which MAY_READ " ORDER BY seq DESC LIMIT $3::bigint) m"        \
    " JOIN log_entries e ON e.id = m.entry_id ORDER BY m.seq DESC"

static const struct statement list_all = {"inbox_list", LIST("")};
static const struct statement list_read = {"inbox_list_read", LIST(" AND read_at IS NOT NULL")};
static const struct statement list_unread = {"inbox_list_unread", LIST(" AND read_at IS NULL")};

static const struct statement read_state = {
    "inbox_state",
    "SELECT (SELECT acknowledged FROM inboxes WHERE user_id = $1::bigint),"
    " (SELECT count(*) FROM (SELECT FROM inbox_messages WHERE user_id = $1::bigint AND read_at IS NULL" MAY_READ
    "  LIMIT " TEXT_OF(UNREAD_COUNTED) ") unread)"};

#define MARKED " WHERE user_id = $1::bigint AND (seq <= $2::bigint OR seq = ANY ($3::bigint[]))"

static const struct statement mark_read = {"inbox_mark_read",
                                           "UPDATE inbox_messages SET read_at = now()" MARKED " AND read_at IS NULL"};
static const struct statement mark_unread = {"inbox_mark_unread", "UPDATE inbox_messages SET read_at = NULL" MARKED
                                                                  " AND read_at IS NOT NULL"};

/* A negative `after` is none. */
static const struct statement read_messages = {
    "inbox_read",
    "SELECT w.place, b.acknowledged, b.last_seq, m.seq, e.type, e.created_at, e.body"
    " FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) WITH ORDINALITY AS w (user_id, after, rows, place)"
    " JOIN inboxes b ON b.user_id = w.user_id JOIN users u ON u.id = w.user_id AND " HAS_INBOX
    " LEFT JOIN LATERAL (SELECT seq, entry_id FROM inbox_messages WHERE user_id = w.user_id"
    "  AND seq > CASE WHEN w.after < 0 THEN b.acknowledged ELSE w.after END ORDER BY seq LIMIT w.rows) m ON true"
    " LEFT JOIN log_entries e ON e.id = m.entry_id ORDER BY w.place, m.seq"};

static const struct statement acknowledge = {
    "inbox_acknowledge",
    "WITH asked AS (SELECT user_id, max(seq) AS seq FROM unnest($1::bigint[], $2::bigint[]) AS w (user_id, seq)"
    "  GROUP BY user_id),"
    " boxes AS (SELECT b.user_id, greatest(b.acknowledged, least(asked.seq, b.last_seq)) AS acknowledged"
    "  FROM inboxes b JOIN asked USING (user_id) ORDER BY b.user_id FOR UPDATE OF b)"
    " UPDATE inboxes SET acknowledged = boxes.acknowledged FROM boxes WHERE inboxes.user_id = boxes.user_id"
    " RETURNING inboxes.user_id, inboxes.acknowledged"};

static const struct statement read_places_of = {
    "read_places",
    "SELECT w.place, e.id, e.capacity, e.taken, e.available, e.cancelled_at IS NOT NULL,"
    " coalesce((SELECT position FROM log_entries WHERE event_id = e.id AND position IS NOT NULL ORDER BY position DESC "
    "LIMIT 1), 1)"
    " FROM unnest($1::bigint[]) WITH ORDINALITY AS w (id, place) JOIN events e ON e.id = w.id AND e.deleted_at IS "
    "NULL"};

int inbox_store_spread(struct worker *worker, const int64_t *entries, size_t count, struct inbox_change **ret_changes,
                       size_t *ret_change_count) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integers(&parameters, entries, count);
    PGresult *result = db_query(worker_db(worker), &spread, &parameters);
    if (!result)
        return -1;
    *ret_change_count = (size_t)PQntuples(result);
    *ret_changes = pool_alloc(worker_pool(worker), *ret_change_count * sizeof **ret_changes);
    for (int row = 0; row < PQntuples(result); row++)
        (*ret_changes)[row] = (struct inbox_change){.of_places = db_boolean(result, row, 0),
                                                    .id = db_integer(result, row, 1),
                                                    .number = db_integer(result, row, 2)};
    return 0;
}

static int queue_state(struct worker *worker, int64_t user_id) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integer(&parameters, user_id);
    return db_queue(worker_db(worker), &read_state, &parameters);
}

static int queue_list(struct worker *worker, const struct inbox_wanted *wanted) {
    const struct statement *statement = wanted->has_unread != PRESENCE_SET ? &list_all
                                        : wanted->unread                   ? &list_unread
                                                                           : &list_read;
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integer(&parameters, wanted->user_id);
    parameter_integer(&parameters, wanted->before_seq);
    parameter_integer(&parameters, wanted->limit + 1); /* is there more? */
    return db_queue(worker_db(worker), statement, &parameters);
}

static struct pushed_notification read_notification(const PGresult *result, int row, struct pool *pool) {
    struct pushed_notification notification = {.seq = db_integer(result, row, 0),
                                               .type = pool_text(pool, db_text(result, row, 1)),
                                               .time = rfc3339_text(db_text(result, row, 2), pool),
                                               .read = !db_is_null(result, row, 3),
                                               .data = pool_text(pool, db_text(result, row, 4))};
    SET_TEXT(notification, read_at, rfc3339_text(db_text(result, row, 3), pool));
    return notification;
}

/* How many of these rows an answer has room for, at least one. */
static int count_fitting(const PGresult *result, int body_column) {
    size_t bytes = 0;
    int row = 0;
    while (row < PQntuples(result) && (row == 0 || bytes < ANSWER_BYTES))
        bytes += (size_t)PQgetlength(result, row++, body_column);
    return row;
}

static void fill_page(const PGresult *result, int64_t limit, struct pool *pool, struct list_inbox_reply *reply) {
    int rows = count_fitting(result, 4);
    rows = rows < limit ? rows : (int)limit;
    reply->notifications.count = (size_t)rows;
    reply->notifications.items = pool_alloc(pool, (size_t)rows * sizeof *reply->notifications.items);
    for (int row = 0; row < rows; row++)
        reply->notifications.items[row] = read_notification(result, row, pool);
    if (rows == PQntuples(result))
        return;
    const struct cursor last = {.sort = INBOX_SORT, .value = "", .id = db_integer(result, rows - 1, 0)};
    SET(*reply, next, cursor_text(&last, pool));
}

int inbox_store_list(struct worker *worker, const struct inbox_wanted *wanted, size_t count,
                     struct list_inbox_reply **ret_replies) {
    for (size_t i = 0; i < count; i++)
        if (queue_list(worker, &wanted[i]) != 0 || queue_state(worker, wanted[i].user_id) != 0)
            return -1;
    for (size_t i = 0; i < count; i++) {
        PGresult *page = db_receive(worker_db(worker)), *state = page ? db_receive(worker_db(worker)) : NULL;
        if (!state)
            return -1;
        fill_page(page, wanted[i].limit, worker_pool(worker), ret_replies[i]);
        ret_replies[i]->acknowledged = db_integer(state, 0, 0);
        ret_replies[i]->unread_count = db_integer(state, 0, 1);
    }
    return 0;
}

static int queue_marking(struct worker *worker, const struct inbox_marking *marking) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integer(&parameters, marking->user_id);
    parameter_integer(&parameters, marking->up_to);
    parameter_integers(&parameters, marking->seqs, marking->seq_count);
    return db_queue(worker_db(worker), marking->read ? &mark_read : &mark_unread, &parameters);
}

int inbox_store_mark(struct worker *worker, const struct inbox_marking *markings, size_t count,
                     int64_t *ret_unread_counts) {
    for (size_t i = 0; i < count; i++)
        if (queue_marking(worker, &markings[i]) != 0 || queue_state(worker, markings[i].user_id) != 0)
            return -1;
    for (size_t i = 0; i < count; i++) {
        PGresult *state;
        if (!db_receive(worker_db(worker)) || !(state = db_receive(worker_db(worker))))
            return -1;
        ret_unread_counts[i] = db_integer(state, 0, 1);
    }
    return 0;
}

static PGresult *query_messages(struct worker *worker, const struct read_inbox_call *calls, size_t count) {
    struct pool *pool = worker_pool(worker);
    int64_t *user_ids = pool_alloc(pool, count * sizeof *user_ids);
    int64_t *afters = pool_alloc(pool, count * sizeof *afters);
    int64_t *limits = pool_alloc(pool, count * sizeof *limits);
    for (size_t i = 0; i < count; i++) {
        const struct read_inbox_request *request = &calls[i].request;
        user_ids[i] = request->user_id;
        afters[i] = request->has_after == PRESENCE_SET ? request->after : -1;
        limits[i] = request->limit;
    }
    struct parameters parameters;
    parameters_init(&parameters, pool);
    parameter_integers(&parameters, user_ids, count);
    parameter_integers(&parameters, afters, count);
    parameter_integers(&parameters, limits, count);
    return db_query(worker_db(worker), &read_messages, &parameters);
}

enum message_column { PLACE, ACKNOWLEDGED, LAST_SEQ, SEQ, TYPE, CREATED, BODY };

/* The message as it goes to the person; its body is JSON, and types need no escapes. */
static const char *message_text(const PGresult *result, int row, struct pool *pool) {
    return pool_printf(pool, "{\"seq\":%" PRId64 ",\"type\":\"%s\",\"data\":%s,\"time\":\"%s\"}",
                       db_integer(result, row, SEQ), db_text(result, row, TYPE), db_text(result, row, BODY),
                       rfc3339_text(db_text(result, row, CREATED), pool));
}

int inbox_store_read(struct worker *worker, struct read_inbox_call *calls, size_t count) {
    struct pool *pool = worker_pool(worker);
    PGresult *result = query_messages(worker, calls, count);
    if (!result)
        return -1;
    size_t bytes = 0;
    for (int row = 0; row < PQntuples(result); row++) {
        struct read_inbox_call *call = &calls[db_integer(result, row, PLACE) - 1];
        struct read_inbox_reply *reply = &call->reply;
        if (!reply->messages.items) {
            reply->messages.items = pool_alloc(pool, (size_t)call->request.limit * sizeof *reply->messages.items);
            reply->acknowledged = db_integer(result, row, ACKNOWLEDGED);
            reply->last = db_integer(result, row, LAST_SEQ);
            bytes = 0;
        }
        if (db_is_null(result, row, SEQ) || bytes >= ANSWER_BYTES)
            continue;
        struct read_inbox_reply_messages message = {db_integer(result, row, SEQ), message_text(result, row, pool)};
        reply->messages.items[reply->messages.count++] = message;
        bytes += strlen(message.text);
    }
    return 0;
}

int inbox_store_acknowledge(struct worker *worker, struct acknowledge_inbox_call *calls, size_t count) {
    struct pool *pool = worker_pool(worker);
    int64_t *user_ids = pool_alloc(pool, count * sizeof *user_ids);
    int64_t *seqs = pool_alloc(pool, count * sizeof *seqs);
    for (size_t i = 0; i < count; i++) {
        user_ids[i] = calls[i].request.user_id;
        seqs[i] = calls[i].request.seq;
    }
    struct parameters parameters;
    parameters_init(&parameters, pool);
    parameter_integers(&parameters, user_ids, count);
    parameter_integers(&parameters, seqs, count);
    PGresult *result = db_query(worker_db(worker), &acknowledge, &parameters);
    if (!result)
        return -1;
    for (int row = 0; row < PQntuples(result); row++)
        for (size_t i = 0; i < count; i++) /* one person may acknowledge at several gateways */
            if (user_ids[i] == db_integer(result, row, 0))
                calls[i].reply.acknowledged = db_integer(result, row, 1);
    return 0;
}

enum places_column {
    PLACES_PLACE,
    PLACES_EVENT,
    PLACES_CAPACITY,
    PLACES_TAKEN,
    PLACES_AVAILABLE,
    PLACES_CANCELLED,
    PLACES_VERSION
};

static const char *places_text(const PGresult *result, int row, struct pool *pool) {
    int64_t taken = db_integer(result, row, PLACES_TAKEN), capacity = db_integer(result, row, PLACES_CAPACITY);
    const char *status = db_boolean(result, row, PLACES_CANCELLED) ? "cancelled" : "active";
    const char *limits = db_is_null(result, row, PLACES_CAPACITY)
                             ? "\"max_participants\":null,\"available_spots\":null"
                             : pool_printf(pool, "\"max_participants\":%" PRId64 ",\"available_spots\":%" PRId64,
                                           capacity, db_integer(result, row, PLACES_AVAILABLE));
    return pool_printf(pool, "{\"event_id\":%" PRId64 ",%s,\"current_participants\":%" PRId64 ",\"status\":\"%s\"}",
                       db_integer(result, row, PLACES_EVENT), limits, taken, status);
}

int inbox_store_read_places(struct worker *worker, struct read_places_call *calls, size_t count) {
    struct pool *pool = worker_pool(worker);
    int64_t *event_ids = pool_alloc(pool, count * sizeof *event_ids);
    for (size_t i = 0; i < count; i++) {
        event_ids[i] = calls[i].request.event_id;
        calls[i].reply.text = "";
    }
    struct parameters parameters;
    parameters_init(&parameters, pool);
    parameter_integers(&parameters, event_ids, count);
    PGresult *result = db_query(worker_db(worker), &read_places_of, &parameters);
    if (!result)
        return -1;
    for (int row = 0; row < PQntuples(result); row++) {
        struct read_places_reply *reply = &calls[db_integer(result, row, PLACES_PLACE) - 1].reply;
        reply->version = db_integer(result, row, PLACES_VERSION);
        reply->text = places_text(result, row, pool);
    }
    return 0;
}
