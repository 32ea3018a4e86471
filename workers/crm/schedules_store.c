/* What is due by the clock, as SQL; see schedules_store.h. The clock is the database's. A reminder is so and so long
 * before the start, whatever clocks do in between; a digest is at a time of day, for which next_digest_at() knows the
 * calendar of its zone. */
#include "schedules_store.h"

#include <inttypes.h>

#include "booking_columns.h"
#include "log.h"
#include "mail_rows.h"
#include "settings.h"
#include "urls.h"
#include "worker.h"

#define EVENTS_AT_ONCE 20
#define PEOPLE_AT_ONCE 25 /* of one event; then it is the next one's turn */
#define DIGESTS_AT_ONCE 20
#define ITEMS "20" /* of a digest's list */

/* Nobody is reminded of what has begun; and of several reminders that are due at once, the last one is enough. */
#define STILL_REMINDS                                                                                                  \
    "(d.template = 'reminder' AND e.start_at > now() AND NOT EXISTS (SELECT FROM event_mails n"                        \
    "  WHERE n.event_id = d.event_id AND n.template = 'reminder' AND n.minutes < d.minutes AND n.due_at <= now()))"
#define STILL_TELLS "(d.template = 'event_changed' AND coalesce(e.end_at, e.start_at) > now())"

/* clang-format off */
#define EVENT_MAIL(template, kind, values, calendar, cause, entry, trace, more)                                        \
    MAIL_ROW(template, kind, "e.time_zone", values, calendar, cause, entry, trace)                                     \
    " FROM portion p JOIN bookings b ON b.id = p.booking_id" PARTIES more                                              \
    " WHERE p.template = '" template "' AND " WANTS_MAIL(kind) " ON CONFLICT DO NOTHING"
#define EVENT_FACTS BOOKING_FACTS ", " EVENT_TIMES ", " EVENT_PLACE
#define REMINDER_CAUSE "'event:' || e.id || ':' || p.minutes || ':' || extract(epoch FROM p.due_at)"
#define REMINDER EVENT_MAIL("reminder", "reminder", EVENT_FACTS, "NULL", REMINDER_CAUSE, "NULL::bigint", "''", "")
#define CHANGE                                                                                                         \
    EVENT_MAIL("event_changed", "change", EVENT_FACTS, INVITATION, "l.cause", "l.id", "l.trace",                       \
               " JOIN log_entries l ON l.id = p.entry_id")
/* clang-format on */

/* $1: addresses, $2: events, $3: people of each; $4: the only event, NULL: any; $5, $6: its template and minutes. */
static const struct statement mail_events = {
    "mail_events", "WITH due AS MATERIALIZED ("
                   " SELECT event_id, template, minutes, due_at, entry_id, reached FROM event_mails"
                   " WHERE done_at IS NULL AND due_at <= now() AND ($4::bigint IS NULL"
                   "  OR (event_id, template, minutes) = ($4::bigint, $5::text, $6::integer))"
                   " ORDER BY due_at LIMIT $2::bigint FOR UPDATE SKIP LOCKED"
                   "), portion AS MATERIALIZED ("
                   " SELECT d.*, b.id AS booking_id FROM due d JOIN events e ON e.id = d.event_id CROSS JOIN LATERAL ("
                   "  SELECT id FROM bookings WHERE event_id = d.event_id AND id > d.reached AND status = 'confirmed'"
                   "  ORDER BY id LIMIT $3::bigint) b"
                   " WHERE e.cancelled_at IS NULL AND e.deleted_at IS NULL AND (" STILL_REMINDS " OR " STILL_TELLS ")"
                   "), noted AS ("
                   " UPDATE event_mails m SET reached = greatest(m.reached, p.last),"
                   "  done_at = CASE WHEN p.people < $3::bigint THEN now() END"
                   " FROM (SELECT event_id, template, minutes, max(booking_id) AS last, count(booking_id) AS people"
                   "  FROM due LEFT JOIN portion USING (event_id, template, minutes) GROUP BY 1, 2, 3) p"
                   " WHERE m.event_id = p.event_id AND m.template = p.template AND m.minutes = p.minutes"
                   "), reminded AS (" REMINDER "), told AS (" CHANGE ") SELECT count(*) FROM due"};

static const struct statement find_event_mail = {"find_event_mail",
                                                 "SELECT event_id, template, minutes, reached FROM event_mails"
                                                 " WHERE done_at IS NULL AND due_at <= now() ORDER BY due_at LIMIT 1"};

/* Goes on behind the next person. $1–$3: whose mails, $4: how far they had got. */
static const struct statement pass_over = {
    "pass_over",
    "WITH next AS (SELECT min(id) AS booking_id FROM bookings"
    "  WHERE event_id = $1::bigint AND id > $4::bigint AND status = 'confirmed')"
    " UPDATE event_mails SET reached = coalesce(booking_id, reached), done_at = CASE WHEN booking_id IS NULL THEN "
    "now() END"
    " FROM next WHERE event_id = $1::bigint AND template = $2::text AND minutes = $3::integer AND reached = $4::bigint"
    " AND done_at IS NULL RETURNING booking_id"};

/* clang-format off */
/* A list's first items, and how many there are. `of`: rows with `item` in the order of `place`. */
#define LIST(name, of)                                                                                                 \
    " CROSS JOIN LATERAL (SELECT count(*) AS " name "_count,"                                                          \
    "  json_agg(item ORDER BY turn) FILTER (WHERE turn <= " ITEMS ") AS " name                                         \
    "  FROM (SELECT item, row_number() OVER (ORDER BY place) AS turn FROM (" of ") listed) listed) " name "_listed"
#define NEWS(which)                                                                                                    \
    "SELECT json_build_object('event_title', e.title, 'user_id', n.id, 'person', n.name, 'start_at', e.start_at,"      \
    "  'zone', e.time_zone) AS item, l.position AS place"                                                              \
    " FROM log_entries l JOIN bookings b ON b.id = l.booking_id JOIN events e ON e.id = b.event_id"                    \
    " JOIN users n ON n.id = b.user_id"                                                                                \
    " WHERE l.owner_id = d.user_id AND l.position > d.position AND " which
#define TODAY                                                                                                          \
    "SELECT json_build_object('event_title', e.title, " EVENT_TIMES ", 'zone', e.time_zone, 'location', e.location,"   \
    "  'taken', e.taken, 'capacity', e.capacity) AS item, (e.start_at, e.id) AS place"                                 \
    " FROM events e WHERE e.facilitator_id = d.user_id AND e.cancelled_at IS NULL AND e.deleted_at IS NULL"            \
    " AND e.start_at >= today::timestamp AT TIME ZONE zone"                                                            \
    " AND e.start_at < (today + 1)::timestamp AT TIME ZONE zone" /* a date of its own would count as UTC's */
#define LISTED(name) ", '" name "', " name ", 'more_" name "', nullif(greatest(" name "_count - " ITEMS ", 0), 0)"
#define DIGEST_FACTS                                                                                                   \
    "'today_on', today, 'page', $1::text" LISTED("events") LISTED("bookings") LISTED("cancellations")
#define DIGEST                                                                                                         \
    MAIL_ROW("digest", "digest", "zone", DIGEST_FACTS, "NULL", "'digest:' || extract(epoch FROM d.next_at)",           \
             "NULL::bigint", "''")                                                                                     \
    " FROM due d JOIN users u ON u.id = d.user_id CROSS JOIN LATERAL known_zone(u.time_zone) AS zone"                  \
    " CROSS JOIN LATERAL (SELECT (now() AT TIME ZONE zone)::date AS today) day" LIST("bookings", NEWS(CONFIRMED))      \
    LIST("cancellations", NEWS("l.type = 'booking.cancelled' AND " HAD_BEEN_CONFIRMED)) LIST("events", TODAY)          \
    " WHERE " WANTS_MAIL("digest") " AND bookings_count + cancellations_count + events_count > 0 ON CONFLICT DO NOTHING"
/* clang-format on */

/* $1: where facilitators see more, $2: digests; $3: the only facilitator, NULL: any. Where there is nothing to say, it
 * is only put off. */
static const struct statement mail_digests = {
    "mail_digests",
    "WITH due AS MATERIALIZED ("
    " SELECT user_id, next_at, position FROM digests WHERE next_at <= now() AND ($3::bigint IS NULL OR user_id = "
    "$3::bigint)"
    " ORDER BY next_at LIMIT $2::bigint FOR UPDATE SKIP LOCKED"
    "), noted AS ("
    " UPDATE digests m SET next_at = next_digest_at(u.time_zone, now()),"
    "  position = coalesce((SELECT max(l.position) FROM log_entries l WHERE l.owner_id = d.user_id), d.position)"
    " FROM due d JOIN users u ON u.id = d.user_id WHERE m.user_id = d.user_id"
    "), told AS (" DIGEST ") SELECT count(*) FROM due"};

static const struct statement find_digest = {
    "find_digest", "SELECT user_id FROM digests WHERE next_at <= now() ORDER BY next_at LIMIT 1"};

static const struct statement put_off = {
    "put_off",
    "UPDATE digests SET next_at = now() + interval '1 hour' WHERE user_id = $1::bigint AND next_at <= now()"};

/* No two mornings are further apart. */
static const struct statement mend_digests = {
    "mend_digests", "UPDATE digests d SET next_at = next_digest_at(u.time_zone, now()) FROM users u"
                    " WHERE u.id = d.user_id AND d.next_at > now() + interval '3 days'"};

/* How many rows a statement takes at once: half as many after a failure, lest there is no time for more, or one of them
 * is refused. */
struct pace {
    int64_t rows, limit;
};

static void slow_down(struct pace *pace) {
    pace->rows = pace->rows > 1 ? pace->rows / 2 : 1;
}

static void speed_up(struct pace *pace) {
    pace->rows = 2 * pace->rows < pace->limit ? 2 * pace->rows : pace->limit;
}

/* It holds something that the database does not take; else it was away, busy or too slow. */
static bool was_refused(struct worker *worker) {
    return db_failure(worker_db(worker)) == DB_REJECTED;
}

struct event_mail {
    int64_t event_id;
    const char *template;
    int64_t minutes, reached;
};

static PGresult *mail_portion(struct worker *worker, int64_t events, int64_t people, const struct event_mail *only) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_addresses(&parameters);
    parameter_integer(&parameters, events);
    parameter_integer(&parameters, people);
    if (only) {
        parameter_integer(&parameters, only->event_id);
        parameter_text(&parameters, only->template);
        parameter_integer(&parameters, only->minutes);
    } else {
        for (int i = 0; i < 3; i++)
            parameter_null(&parameters);
    }
    return db_query(worker_db(worker), &mail_events, &parameters);
}

/* Does the statement work as such? It is asked before and after somebody is refused: where the database takes nothing
 * at all from it, as while a right is missing, that is nobody's fault. */
static bool works_for_nobody(struct worker *worker, const struct event_mail *mail) {
    return mail_portion(worker, 1, 0, mail) != NULL;
}

static int pass_over_person(struct worker *worker, const struct event_mail *mail) {
    struct parameters parameters;
    db_release(worker_db(worker));
    parameters_init(&parameters, worker_pool(worker));
    parameter_integer(&parameters, mail->event_id);
    parameter_text(&parameters, mail->template);
    parameter_integer(&parameters, mail->minutes);
    parameter_integer(&parameters, mail->reached);
    PGresult *result = mail_portion(worker, 1, 0, mail) ? db_query(worker_db(worker), &pass_over, &parameters) : NULL;
    if (!result)
        return -1;
    if (PQntuples(result) && !db_is_null(result, 0, 0))
        log_error("mail.%s of booking %" PRId64 " is refused by the database: it is left out", mail->template,
                  db_integer(result, 0, 0));
    return 0;
}

/* Something was refused alone. Takes what comes first, now by name, and passes over who is refused again. */
static int mail_one(struct worker *worker) {
    db_release(worker_db(worker));
    PGresult *result = db_query(worker_db(worker), &find_event_mail, NULL);
    if (!result)
        return -1;
    if (!PQntuples(result))
        return 0;
    const struct event_mail first = {.event_id = db_integer(result, 0, 0),
                                     .template = pool_text(worker_pool(worker), db_text(result, 0, 1)),
                                     .minutes = db_integer(result, 0, 2),
                                     .reached = db_integer(result, 0, 3)};
    if (!works_for_nobody(worker, &first))
        return -1;
    if (mail_portion(worker, 1, 1, &first))
        return 0;
    return was_refused(worker) ? pass_over_person(worker, &first) : -1;
}

int schedules_mail_events(struct worker *worker, bool *ret_more) {
    static struct pace events = {EVENTS_AT_ONCE, EVENTS_AT_ONCE}, people = {PEOPLE_AT_ONCE, PEOPLE_AT_ONCE};
    PGresult *result = mail_portion(worker, events.rows, people.rows, NULL);
    if (result) {
        speed_up(people.rows < people.limit ? &people : &events);
        *ret_more = db_integer(result, 0, 0) > 0;
        return 0;
    }
    bool alone = events.rows == 1 && people.rows == 1, refused = was_refused(worker);
    slow_down(events.rows > 1 ? &events : &people);
    *ret_more = refused && (!alone || mail_one(worker) == 0);
    return *ret_more && alone ? 0 : -1;
}

static PGresult *mail_some_digests(struct worker *worker, int64_t count, const int64_t *only) {
    struct pool *pool = worker_pool(worker);
    struct parameters parameters;
    parameters_init(&parameters, pool);
    parameter_text(&parameters, settings.public_url[0] ? public_page("/dashboard", pool) : NULL);
    parameter_integer(&parameters, count);
    if (only)
        parameter_integer(&parameters, *only);
    else
        parameter_null(&parameters);
    return db_query(worker_db(worker), &mail_digests, &parameters);
}

static int put_off_digest(struct worker *worker, int64_t user_id) {
    struct parameters parameters;
    db_release(worker_db(worker));
    parameters_init(&parameters, worker_pool(worker));
    parameter_integer(&parameters, user_id);
    if (!mail_some_digests(worker, 0, NULL) || !db_query(worker_db(worker), &put_off, &parameters))
        return -1;
    log_error("the digest of facilitator %" PRId64 " is refused by the database: it is put off for an hour", user_id);
    return 0;
}

/* As mail_one(). */
static int mail_one_digest(struct worker *worker) {
    db_release(worker_db(worker));
    PGresult *result = db_query(worker_db(worker), &find_digest, NULL);
    if (!result)
        return -1;
    int64_t user_id = PQntuples(result) ? db_integer(result, 0, 0) : 0;
    if (!user_id)
        return 0;
    if (!mail_some_digests(worker, 0, NULL))
        return -1;
    if (mail_some_digests(worker, 1, &user_id))
        return 0;
    return was_refused(worker) ? put_off_digest(worker, user_id) : -1;
}

int schedules_mail_digests(struct worker *worker, bool *ret_more) {
    static struct pace pace = {DIGESTS_AT_ONCE, DIGESTS_AT_ONCE};
    PGresult *result = mail_some_digests(worker, pace.rows, NULL);
    if (result) {
        speed_up(&pace);
        *ret_more = db_integer(result, 0, 0) > 0;
        return 0;
    }
    bool alone = pace.rows == 1, refused = was_refused(worker);
    slow_down(&pace);
    *ret_more = refused && (!alone || mail_one_digest(worker) == 0);
    return *ret_more && alone ? 0 : -1;
}

int schedules_mend_digests(struct worker *worker) {
    return db_query(worker_db(worker), &mend_digests, NULL) ? 0 : -1;
}
