/* Decisions about payments; see rules.h. */
#include "rules.h"

#include <string.h>

#include "codec.h"
#include "cursor.h"

#define SORT "-id"
#define COUNT(array) (sizeof(array) / sizeof *(array))

static const char *const payment_statuses[] = {
    [PAYMENT_CREATED] = "created",   [PAYMENT_AUTHORIZED] = "authorized",
    [PAYMENT_CAPTURED] = "captured", [PAYMENT_PARTIALLY_REFUNDED] = "partially_refunded",
    [PAYMENT_REFUNDED] = "refunded", [PAYMENT_FAILED] = "failed",
};
static const char *const booking_statuses[] = {
    [SEAT_PENDING] = "pending", [SEAT_CONFIRMED] = "confirmed", [SEAT_CANCELLED] = "cancelled",
    [SEAT_EXPIRED] = "expired", [SEAT_COMPLETED] = "completed",
};
static const char *const refund_statuses[] = {
    [REFUND_CREATED] = "created",
    [REFUND_PENDING] = "pending",
    [REFUND_PROCESSED] = "processed",
    [REFUND_FAILED] = "failed",
};

/* The database's constraints know no other words. */
static int find(const char *const *texts, size_t count, const char *text) {
    for (size_t i = 0; i < count; i++)
        if (!strcmp(texts[i], text))
            return (int)i;
    return -1;
}

enum payment_status rule_payment_status(const char *text) {
    return (enum payment_status)find(payment_statuses, COUNT(payment_statuses), text);
}

enum booking_status rule_booking_status(const char *text) {
    return (enum booking_status)find(booking_statuses, COUNT(booking_statuses), text);
}

enum refund_status rule_refund_status(const char *text) {
    return (enum refund_status)find(refund_statuses, COUNT(refund_statuses), text);
}

static bool is_captured(const struct payment_state *payment) {
    return payment->status == PAYMENT_CAPTURED || payment->status == PAYMENT_PARTIALLY_REFUNDED ||
           payment->status == PAYMENT_REFUNDED;
}

static bool same(const char *a, const char *b) {
    return a && b && !strcmp(a, b);
}

/* An attempt that the fact does not name may be any. */
static bool may_be_same_attempt(const struct fact *fact, const struct payment_state *payment) {
    return !fact->provider_payment_id || same(fact->provider_payment_id, payment->provider_payment_id);
}

static bool is_money_ordered(const struct fact *fact, int64_t amount_minor, const char *currency) {
    return fact->amount_minor == amount_minor && same(fact->currency, currency);
}

const char *rule_no_seat(const struct event_state *event, bool person_has_other, bool person_has_offer) {
    if (event->cancelled)
        return "event_cancelled";
    if (event->started)
        return "begun";
    if (person_has_other)
        return "rebooked";
    return event->full && !person_has_offer ? "full" : NULL;
}

const char *rule_late_cause(const struct circumstances *circumstances) {
    return circumstances->no_seat ? circumstances->no_seat : "booking_cancelled";
}

/* Money has come: what becomes of it? */
static enum effect take_money(const struct circumstances *circumstances) {
    switch (circumstances->booking) {
    case SEAT_PENDING:
        return EFFECT_CONFIRM;
    case SEAT_EXPIRED:
        return circumstances->no_seat ? EFFECT_PAY_BACK_LATE : EFFECT_RESEAT;
    case SEAT_CONFIRMED:
    case SEAT_COMPLETED:
        return EFFECT_PAY_BACK_TWIN;
    case SEAT_CANCELLED:
        break;
    }
    return EFFECT_PAY_BACK_LATE;
}

enum effect rule_unverified(enum effect effect) {
    bool pays_back =
        effect == EFFECT_PAY_BACK_LATE || effect == EFFECT_PAY_BACK_TWIN || effect == EFFECT_PAY_BACK_SECOND;
    return pays_back ? EFFECT_LOOK_UP : effect;
}

static enum effect captured(const struct fact *fact, const struct payment_state *payment,
                            const struct circumstances *circumstances) {
    if (!is_money_ordered(fact, payment->amount_minor, payment->currency))
        return EFFECT_MISMATCH;
    if (!is_captured(payment))
        return take_money(circumstances);
    return may_be_same_attempt(fact, payment) ? EFFECT_NONE : EFFECT_PAY_BACK_SECOND;
}

/* Of two attempts that are held at once the first is taken; the provider lets the other go. */
static enum effect authorized(const struct fact *fact, const struct payment_state *payment) {
    if (!is_money_ordered(fact, payment->amount_minor, payment->currency))
        return EFFECT_MISMATCH;
    return payment->status == PAYMENT_CREATED || payment->status == PAYMENT_FAILED ? EFFECT_AUTHORIZE : EFFECT_NONE;
}

/* Only the attempt that holds the money can let it go, and only where it is named. */
static enum effect failed(const struct fact *fact, const struct payment_state *payment) {
    bool lets_go =
        payment->status == PAYMENT_AUTHORIZED && fact->provider_payment_id && may_be_same_attempt(fact, payment);
    return payment->status == PAYMENT_CREATED || lets_go ? EFFECT_FAIL : EFFECT_NONE;
}

static enum effect closed(const struct payment_state *payment) {
    bool open = payment->status == PAYMENT_CREATED || payment->status == PAYMENT_FAILED;
    return open && !payment->closed ? EFFECT_CLOSE : EFFECT_NONE;
}

/* Or does it only name our receipt? */
static bool is_about(const struct fact *fact, const struct payment_state *payment) {
    if (same(fact->order_id, payment->order_id) || same(fact->provider_payment_id, payment->provider_payment_id))
        return true;
    return fact->receipt_bond == RECEIPT_OF_MONEY || (fact->receipt_bond == RECEIPT_OF_ORDER && !payment->order_id);
}

/* A failed attempt to pay another order is nobody's concern: somebody's try at our payment link is told so. */
static enum effect stray(const struct fact *fact, const struct payment_state *payment) {
    if (fact->kind == FACT_FAILED)
        return EFFECT_NONE;
    return is_captured(payment) ? EFFECT_STRAY : EFFECT_STRAY_OPEN;
}

enum effect rule_payment_fact(const struct fact *fact, const struct payment_state *payment,
                              const struct circumstances *circumstances) {
    if (!is_about(fact, payment))
        return stray(fact, payment);
    switch (fact->kind) {
    case FACT_CAPTURED:
        return captured(fact, payment, circumstances);
    case FACT_AUTHORIZED:
        return authorized(fact, payment);
    case FACT_FAILED:
        return failed(fact, payment);
    case FACT_CLOSED:
        return closed(payment);
    default:
        return EFFECT_NONE;
    }
}

bool rule_is_about_refund(const struct fact *fact) {
    return fact->kind == FACT_REFUND_PENDING || fact->kind == FACT_REFUND_PROCESSED || fact->kind == FACT_REFUND_FAILED;
}

/* A refund that failed and is asked for again goes under a further name: "rfnd_…-2". */
static bool is_name_of(const char *name, const char *refund_id) {
    size_t length = strlen(refund_id);
    return name && !strncmp(name, refund_id, length) && (name[length] == '\0' || name[length] == '-');
}

static bool fits(const struct fact *fact, const struct payment_state *payment) {
    return fact->amount_minor > 0 && same(fact->currency, payment->currency) &&
           fact->amount_minor <= payment->amount_minor - payment->refunded_minor;
}

/* Somebody who pays back by hand, at the provider, pays what has failed. What we are still asking for is that only
 * where the money is not enough for both. */
static bool may_be_paid_by_hand(const struct fact *fact, const struct payment_state *payment,
                                const struct refund_state *refund) {
    bool waits = refund->status == REFUND_CREATED && !refund->provider_refund_id;
    return fact->kind != FACT_REFUND_FAILED && fact->amount_minor == refund->amount_minor &&
           (refund->status == REFUND_FAILED || (waits && !fits(fact, payment)));
}

const struct refund_state *rule_find_refund(const struct fact *fact, int64_t payment_id,
                                            const struct payment_state *payment, const struct refund_state *refunds,
                                            size_t count) {
    const struct refund_state *likely = NULL;
    size_t likely_count = 0;
    for (size_t i = 0; i < count; i++)
        if (refunds[i].payment_id == payment_id && is_name_of(fact->refund_id, refunds[i].refund_id))
            return &refunds[i];
    for (size_t i = 0; i < count; i++)
        if (refunds[i].payment_id == payment_id && same(fact->provider_refund_id, refunds[i].provider_refund_id))
            return &refunds[i];
    for (size_t i = 0; i < count; i++)
        if (refunds[i].payment_id == payment_id && may_be_same_attempt(fact, payment) &&
            may_be_paid_by_hand(fact, payment, &refunds[i])) {
            likely = &refunds[i];
            likely_count++;
        }
    return likely_count == 1 ? likely : NULL;
}

bool rule_is_paid_twice(const struct fact *fact, const struct refund_state *refund) {
    return fact->kind == FACT_REFUND_PROCESSED && refund->status == REFUND_PROCESSED && fact->provider_refund_id &&
           refund->provider_refund_id && !same(fact->provider_refund_id, refund->provider_refund_id);
}

/* A refund may be several at the provider, one after the other: the next one is made when the one before has failed,
 * which is final. So that one failed says nothing once another one is under way, and what was paid may still come
 * back. */
static enum effect known_refund(const struct fact *fact, const struct refund_state *refund) {
    if (!is_money_ordered(fact, refund->amount_minor, refund->currency))
        return EFFECT_MISMATCH;
    bool is_same = same(fact->provider_refund_id, refund->provider_refund_id);
    bool open = refund->status == REFUND_CREATED || (refund->status == REFUND_FAILED && !is_same);
    switch (fact->kind) {
    case FACT_REFUND_PROCESSED:
        return open || refund->status == REFUND_PENDING ? EFFECT_REFUND_PROCESSED : EFFECT_NONE;
    case FACT_REFUND_PENDING:
        return open ? EFFECT_REFUND_PENDING : EFFECT_NONE;
    default:
        return open || (is_same && refund->status != REFUND_FAILED) ? EFFECT_REFUND_FAILED : EFFECT_NONE;
    }
}

enum effect rule_refund_fact(const struct fact *fact, const struct payment_state *payment,
                             const struct refund_state *refund) {
    if (refund)
        return known_refund(fact, refund);
    if (fact->kind == FACT_REFUND_FAILED)
        return EFFECT_NONE;
    if (!is_captured(payment) || !may_be_same_attempt(fact, payment))
        return EFFECT_TOO_EARLY;
    return fits(fact, payment) ? EFFECT_REFUND_FOUND : EFFECT_MISMATCH;
}

#define MINUTE INT64_C(60)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define HOLD_GRACE_S 2 /* the booking worker ends holds within a second */

struct schedule {
    int64_t waits_s[8];
    size_t count; /* the last wait repeats */
};
static const struct schedule schedules[] = {
    [CHECK_UNANSWERED] = {{30, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE}, 6},
    [CHECK_UNPAID] = {{30, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE}, 6},
    [CHECK_REFUSED] = {{MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 6 * HOUR}, 5},
    [CHECK_OVER] = {{MINUTE, 2 * MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR}, 7},
    [CHECK_PAID] = {{20 * MINUTE}, 1},
    [CHECK_REFUND] = {{MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 6 * HOUR}, 5},
};

int64_t rule_check_wait_s(enum check_result result, int64_t checks, int64_t retry_after_s, int64_t hold_left_s) {
    const struct schedule *schedule = &schedules[result];
    int64_t last_s = schedule->waits_s[schedule->count - 1];
    int64_t wait_s = checks < (int64_t)schedule->count ? schedule->waits_s[checks] : last_s;
    if (retry_after_s > wait_s)
        wait_s = retry_after_s < last_s ? retry_after_s : last_s;
    if (result == CHECK_UNPAID && hold_left_s > 0 && hold_left_s + HOLD_GRACE_S < wait_s)
        wait_s = hold_left_s + HOLD_GRACE_S;
    return wait_s;
}

bool rule_gives_up(enum check_result result, int64_t over_s) {
    return (result == CHECK_OVER && over_s >= 7 * DAY) || (result == CHECK_REFUSED && over_s >= 30 * DAY);
}

const struct refusal *rule_payable(enum booking_status booking, int64_t price_minor, bool hold_over) {
    if (!price_minor)
        return &refusal_nothing_to_pay;
    switch (booking) {
    case SEAT_PENDING:
        return hold_over ? &refusal_hold_expired : NULL;
    case SEAT_EXPIRED:
        return &refusal_hold_expired;
    case SEAT_CANCELLED:
        return &refusal_booking_cancelled;
    default:
        return &refusal_already_paid;
    }
}

struct refund_verdict rule_refund_wish(const struct refund_wish *wish, int64_t captured_minor, int64_t left_minor,
                                       const char *currency) {
    if (!captured_minor)
        return (struct refund_verdict){.refusal = &refusal_booking_not_paid};
    if (wish->currency && strcmp(wish->currency, currency))
        return (struct refund_verdict){.refusal = &refusal_refund_currency_mismatch};
    if (!wish->all && !wish->currency && currency_decimals(currency) != 2)
        return (struct refund_verdict){&refusal_validation_error, "currency", "is needed for this payment", 0};
    if (!wish->all && wish->amount_minor <= 0)
        return (struct refund_verdict){&refusal_validation_error, "amount", "must be more than 0", 0};
    int64_t amount_minor = wish->all ? left_minor : wish->amount_minor;
    if (!amount_minor || amount_minor > left_minor)
        return (struct refund_verdict){.refusal = &refusal_refund_exceeds_payment};
    return (struct refund_verdict){.amount_minor = amount_minor};
}

int rule_page_start(const struct list_payments_request *request, struct pool *pool, int64_t *ret_before_id) {
    struct cursor cursor = {.id = INT64_MAX};
    if (request->has_after == PRESENCE_SET && cursor_read(request->after, SORT, pool, &cursor) != 0)
        return -1;
    *ret_before_id = cursor.id;
    return 0;
}

void rule_page_end(const struct list_payments_request *request, struct pool *pool, struct list_payments_reply *reply) {
    size_t limit = (size_t)request->limit;
    if (reply->payments.count <= limit)
        return;
    const struct cursor last = {.sort = SORT, .value = "", .id = reply->payments.items[limit - 1].id};
    reply->payments.count = limit;
    SET(*reply, next, cursor_text(&last, pool));
}
