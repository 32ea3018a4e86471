/* Mails that one statement queues for many people: the pieces of such statements. In them `b` is a booking, `e` its
 * event, `f` its facilitator and `u` the person who is written to; $1 is parameter_addresses(). What values a
 * template has stands in workers/mail/templates/README.md. */
#ifndef TITHI_CRM_MAIL_ROWS_H
#define TITHI_CRM_MAIL_ROWS_H

#include "db.h"

/* Who was erased is not active. */
#define WANTS_MAIL(kind)                                                                                               \
    "u.is_active AND NOT EXISTS (SELECT FROM mail_refusals m WHERE m.user_id = u.id AND m.kind = '" kind "')"

/* clang-format off */
/* One per person, template and cause. `values`: pairs, of which those whose value is NULL are left out. */
#define MAIL_ROW(template, kind, zone, values, calendar, cause, entry, trace)                                          \
    "INSERT INTO outbox (channel, owner_id, type, cause, body, entry_id, trace)"                                       \
    " SELECT 'mail', u.id, 'mail." template "', " cause ", json_strip_nulls(json_build_object("                        \
    "  'to', u.email, 'name', u.name, 'template', '" template "', 'language', u.language, 'zone', " zone ","           \
    "  'kind', '" kind "', 'unsubscribe', unsubscribe_token(u.id, '" kind "'),"                                        \
    "  'values', json_build_object(" values "), 'calendar', " calendar "))::text, " entry ", " trace
/* clang-format on */

/* Of a log entry `l` about a booking. What is free is confirmed when it is booked. */
#define CONFIRMED "(l.type = 'booking.confirmed' OR (l.type = 'booking.created' AND b.price_minor = 0))"
#define HAD_BEEN_CONFIRMED                                                                                             \
    "EXISTS (SELECT FROM state_changes s WHERE s.subject = 'booking' AND s.subject_id = b.id"                          \
    "        AND s.old = 'confirmed' AND s.new = 'cancelled')"

#define BOOKING_PAGE "($1::text[])[1] || b.id"
#define CALENDAR_HOST "($1::text[])[2]"
#define EVENT_PAGE "($1::text[])[3] || e.id"

/* Pairs of values. */
#define BOOKING_FACTS "'event_title', e.title, 'booking_reference', b.reference, 'page', " BOOKING_PAGE
#define EVENT_TIMES "'start_at', e.start_at, 'end_at', e.end_at"
#define EVENT_PLACE "'location', e.location, 'virtual_link', e.virtual_link" /* for those who have a place in it */
#define AMOUNT(name, amount_minor, currency)                                                                           \
    "'" name "_minor', nullif(" amount_minor ", 0), 'currency', CASE WHEN " amount_minor " > 0 THEN " currency " END"

/* One entry per booking; its sequence rises with each change that people are told of (RFC 5545 §3.8.7.4). */
#define CALENDAR(method, sequence)                                                                                     \
    "json_build_object('uid', 'booking-' || b.id || '@' || " CALENDAR_HOST ", 'sequence', " sequence                   \
    ", 'method', '" method                                                                                             \
    "', 'start_at', e.start_at, 'end_at', e.end_at, 'summary', e.title, 'location', e.location,"                       \
    " 'url', coalesce(e.virtual_link, " BOOKING_PAGE "), 'description', left(e.description, 1000))"
#define INVITATION CALENDAR("REQUEST", "e.revision")

/* What the address of a booking's page begins with, NULL where PUBLIC_URL is not set (then mails name no page); the
 * host in the names of calendar entries: that of PUBLIC_URL, else of MAIL_FROM; and the beginning for an event's page.
 */
void parameter_addresses(struct parameters *parameters);

#endif
