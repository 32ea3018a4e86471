/* Which mails follow from what happened: to the person about a booking and its money, or a place that is offered to
 * them, and to everybody who has a place at an event that has changed (those are only noted here; schedules.c queues
 * them in portions). Nothing is sent that is no longer so: who has paid is not asked to pay. */
#include "booking_columns.h"
#include "mail_rows.h"
#include "spread.h"
#include "worker.h"

#define SPREAD_MAIL(template, kind, values, calendar, more, condition)                                                 \
    MAIL_ROW(template, kind, "e.time_zone", values, calendar, "l.cause", "l.id", "l.trace")                            \
    " FROM log_entries l JOIN bookings b ON b.id = l.booking_id" PARTIES more                                          \
    " WHERE l.id = ANY ($2::bigint[]) AND " condition " AND " WANTS_MAIL(kind) " ON CONFLICT DO NOTHING"

#define BOOKING_PRICE AMOUNT("amount", "b.price_minor", "b.currency")
#define CONFIRMED_FACTS BOOKING_FACTS ", " EVENT_TIMES ", " EVENT_PLACE ", " BOOKING_PRICE ", 'facilitator', f.name"
#define HELD_FACTS                                                                                                     \
    BOOKING_FACTS ", " EVENT_TIMES ", " BOOKING_PRICE ", 'location', e.location, 'hold_expires_at', b.hold_expires_at"

/* What goes back for the cancellation, of all its payments. */
#define GIVEN_BACK                                                                                                     \
    " LEFT JOIN LATERAL (SELECT sum(r.amount_minor) AS amount_minor FROM refunds r"                                    \
    "  WHERE r.booking_id = b.id AND r.cause IN ('cancelled', 'event_cancelled')) r ON true"
#define CANCELLED_BY                                                                                                   \
    "CASE b.status_reason WHEN '" REASON_EVENT_CANCELLED "' THEN 'event_cancelled'"                                    \
    " WHEN '" REASON_CANCELLED_BY "' || b.user_id THEN 'by_person' ELSE 'by_facilitator' END"
#define REFUND AMOUNT("refund", "r.amount_minor", "b.currency")
#define CANCELLED_FACTS BOOKING_FACTS ", " EVENT_TIMES ", " REFUND ", 'reason', " CANCELLED_BY
#define CANCELLATION "CASE WHEN " HAD_BEEN_CONFIRMED " THEN " CALENDAR("CANCEL", "e.revision + 1") " END"

/* Money that came too late has a mail of its own (workers/payment/settle.c). */
#define RECEIVED_FACTS                                                                                                 \
    BOOKING_FACTS ", " AMOUNT("amount", "p.amount_minor", "p.currency") ", 'payment_id', p.provider_payment_id"
#define RECEIVED " JOIN payments p ON p.booking_id = b.id AND p.provider_payment_id = l.body::json ->> 'payment_id'"
#define CAME_IN_TIME "NOT EXISTS (SELECT FROM refunds r WHERE r.payment_id = p.id AND r.cause = 'late')"
#define REFUNDED_FACTS BOOKING_FACTS ", " AMOUNT("amount", "r.amount_minor", "r.currency") ", 'refund_id', r.refund_id"
#define REFUNDED " JOIN refunds r ON r.booking_id = b.id AND r.refund_id = l.body::json ->> 'refund_id'"

/* A place that came free and is kept: as long as it is, and about no booking yet. */
#define OFFERED_FACTS                                                                                                  \
    "'event_title', e.title, 'page', " EVENT_PAGE ", 'offer_ends_at', w.offered_until, " EVENT_TIMES                   \
    ", 'location', e.location, " AMOUNT("amount", "e.price_minor", "e.currency")
#define OFFERED                                                                                                        \
    " FROM log_entries l JOIN waitlist_entries w ON l.cause = 'waitlist:' || w.id AND w.user_id = l.user_id"           \
    " JOIN events e ON e.id = w.event_id JOIN users u ON u.id = w.user_id"                                             \
    " WHERE l.id = ANY ($2::bigint[]) AND l.type = 'waitlist.offered' AND w.state = 'offered' AND " WANTS_MAIL(        \
        "booking") " ON CONFLICT DO NOTHING"

static const struct statement mails[] = {
    {"mail_confirmed", SPREAD_MAIL("booking_confirmed", "booking", CONFIRMED_FACTS, INVITATION, "", CONFIRMED)},
    {"mail_held", SPREAD_MAIL("booking_held", "booking", HELD_FACTS, "NULL", "",
                              "l.type = 'booking.created' AND b.status = 'pending'")},
    {"mail_cancelled", SPREAD_MAIL("booking_cancelled", "booking", CANCELLED_FACTS, CANCELLATION, GIVEN_BACK,
                                   "l.type = 'booking.cancelled'")},
    {"mail_received", SPREAD_MAIL("payment_received", "payment", RECEIVED_FACTS, "NULL", RECEIVED,
                                  "l.type = 'payment.captured' AND " CAME_IN_TIME)},
    {"mail_refunded",
     SPREAD_MAIL("refund_made", "payment", REFUNDED_FACTS, "NULL", REFUNDED, "l.type = 'payment.refunded'")},
    {"mail_offered", MAIL_ROW("waitlist_offered", "booking", "e.time_zone", OFFERED_FACTS, "NULL", "l.cause", "l.id",
                              "l.trace") OFFERED},
};
#define MAIL_COUNT (sizeof mails / sizeof *mails)

static const struct statement schedules[] = {
    /* A change that comes before the former one was told to all begins anew: what is told is what is so now. */
    {"note_changes",
     "INSERT INTO event_mails (event_id, template, entry_id)"
     " WITH ours AS MATERIALIZED (" /* the bodies of no others are looked into */
     "  SELECT * FROM log_entries WHERE id = ANY ($1::bigint[]) AND type = 'event.updated')"
     " SELECT event_id, 'event_changed', max(id) FROM ours WHERE body::jsonb -> 'changed' ?| ARRAY["
     "  'title', 'start_datetime', 'end_datetime', 'time_zone', 'location', 'virtual_link'] GROUP BY event_id"
     " ON CONFLICT (event_id, template, minutes)"
     " DO UPDATE SET entry_id = excluded.entry_id, due_at = excluded.due_at, reached = 0, done_at = NULL"},
    /* Whose first news these are has a digest from now on. */
    {"begin_digests",
     "INSERT INTO digests (user_id, next_at) SELECT id, next_digest_at(time_zone, now())"
     " FROM (SELECT DISTINCT u.id, u.time_zone FROM log_entries l JOIN users u ON u.id = l.owner_id"
     "  WHERE l.id = ANY ($1::bigint[]) AND NOT EXISTS (SELECT FROM digests d WHERE d.user_id = l.owner_id)) new"
     " ON CONFLICT DO NOTHING"},
};
#define SCHEDULE_COUNT (sizeof schedules / sizeof *schedules)

static int queue_all(struct worker *worker, const struct statement *statements, size_t count,
                     const struct parameters *parameters) {
    for (size_t i = 0; i < count; i++)
        if (db_queue(worker_db(worker), &statements[i], parameters))
            return -1;
    return 0;
}

int mails_spread(struct worker *worker, const int64_t *entries, size_t count) {
    struct parameters for_mails, for_schedules;
    parameters_init(&for_mails, worker_pool(worker));
    parameter_addresses(&for_mails);
    parameter_integers(&for_mails, entries, count);
    parameters_init(&for_schedules, worker_pool(worker));
    parameter_integers(&for_schedules, entries, count);
    if (queue_all(worker, mails, MAIL_COUNT, &for_mails) ||
        queue_all(worker, schedules, SCHEDULE_COUNT, &for_schedules))
        return -1;
    for (size_t i = 0; i < MAIL_COUNT + SCHEDULE_COUNT; i++)
        if (!db_receive(worker_db(worker)))
            return -1;
    return 0;
}
