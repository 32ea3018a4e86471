/* Decisions about bookings; see rules.h. */
#include "rules.h"

#include <stddef.h>
#include <string.h>

#include "envelope.h"
#include "rights.h"

#define MICROSECONDS INT64_C(1000000)
#define FIRST_MOMENT (INT64_C(-62135596800) * MICROSECONDS) /* year 1 */
#define LAST_MOMENT (INT64_C(253402300800) * MICROSECONDS)  /* year 10000 */

const struct refusal *rule_refusal_of(const char *outcome) {
    const struct refusal *refusal = refusal_find(outcome);
    if (!strcmp(outcome, "placed"))
        return NULL;
    return refusal ? refusal : &refusal_internal_error;
}

const char *rule_reference(const char *year, uint64_t random, char ret_reference[REFERENCE_SIZE]) {
    static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"; /* Crockford's base 32 */
    char *at = stpcpy(ret_reference, "BK");
    at = stpncpy(at, year, 4);
    for (int shift = 35; shift >= 0; shift -= 5)
        *at++ = digits[random >> shift & 31];
    *at = '\0';
    return ret_reference;
}

const struct refusal *rule_may(const struct operation *operation, const struct caller *caller,
                               const struct booking *booking) {
    const struct holders holders = {.person_id = booking->user.id, .facilitator_id = booking->event.facilitator.id};
    return rights_refusal(operation, caller, &holders);
}

static bool is_cancellable(const struct booking *booking, bool started) {
    bool live = !strcmp(booking->status, "pending") || !strcmp(booking->status, "confirmed");
    return live && !started;
}

const struct refusal *rule_cancel(const struct caller *caller, const struct booking *booking, bool started) {
    const struct refusal *refusal = rule_may(&operation_cancel_booking, caller, booking);
    if (refusal)
        return refusal;
    return is_cancellable(booking, started) ? NULL : &refusal_booking_not_cancellable;
}

int64_t rule_refund(const struct caller *caller, const struct booking *booking, const struct standing *standing) {
    bool is_own = booking->user.id == caller->user_id;
    return is_own ? rule_quote(booking, false, standing).amount_minor : standing->paid_minor;
}

struct quote rule_quote(const struct booking *booking, bool started, const struct standing *standing) {
    struct quote quote = {.cancellable = is_cancellable(booking, started)};
    if (!quote.cancellable)
        return quote;
    quote.refund_percent =
        policy_percent(&standing->policy, standing->event_start_s, standing->now_s, &quote.changes_at_s);
    quote.amount_minor = policy_amount(standing->paid_minor, quote.refund_percent);
    return quote;
}

const struct refusal *rule_check_in(const struct booking *booking, int64_t event_id, const struct event_hours *hours) {
    if (event_id && event_id != booking->event_id)
        return &refusal_ticket_of_another_event;
    if (strcmp(booking->status, "confirmed") && strcmp(booking->status, "completed"))
        return &refusal_booking_not_confirmed;
    bool open = hours->now_s >= hours->start_s - CHECK_IN_MARGIN_S && hours->now_s < hours->end_s + CHECK_IN_MARGIN_S;
    return open ? NULL : &refusal_check_in_closed;
}

const struct refusal *rule_may_manage(const struct operation *operation, const struct caller *caller,
                                      const struct event_state *event) {
    if (!event->exists)
        return &refusal_event_not_found;
    return rights_refusal(operation, caller, &(struct holders){.facilitator_id = event->facilitator_id});
}

const struct refusal *rule_cancel_event(const struct operation *operation, const struct caller *caller,
                                        const struct event_state *event) {
    const struct refusal *refusal = rule_may_manage(operation, caller, event);
    return refusal || !event->cancelled ? refusal : &refusal_event_already_cancelled;
}

int rule_read_place(const char *after, const char *sort, struct pool *pool, struct booking_place *ret_place) {
    struct cursor cursor;
    struct booking_place place;
    if (cursor_read(after, sort, pool, &cursor) || cursor_integer(&cursor, FIRST_MOMENT, LAST_MOMENT, &place.moment_us))
        return -1;
    place.id = cursor.id;
    *ret_place = place;
    return 0;
}
