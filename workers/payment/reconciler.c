/* Orders without an end and refunds that are under way are looked up when they are due. Each provider has its own share
 * in flight. A check is leased; one whose worker died is due again when the lease has ended. */
#include "reconciler.h"

#include <inttypes.h>

#include "inquiries.h"
#include "log.h"
#include "process.h"
#include "settle.h"
#include "store.h"

struct check { /* of a payment or of a refund */
    struct inquiry inquiry;
    int64_t id;
    const char *due_at;
    int64_t checks;
    enum payment_status status; /* payments: this and the following */
    enum booking_status booking;
    int64_t hold_left_s, over_s;
};

static bool is_paid(const struct check *check) {
    return check->status == PAYMENT_CAPTURED || check->status == PAYMENT_PARTIALLY_REFUNDED ||
           check->status == PAYMENT_REFUNDED;
}

/* ---- Payments */

static enum check_result result_of(const struct check *check) {
    switch (check->inquiry.answer.fate) {
    case PROVIDER_AGAIN:
        return CHECK_UNANSWERED;
    case PROVIDER_REFUSED:
        return CHECK_REFUSED;
    default:
        return check->booking == SEAT_PENDING ? CHECK_UNPAID : CHECK_OVER;
    }
}

/* An order that is none, or stays unpaid for so long after its booking, counts as closed. */
static bool counts_as_closed(const struct check *check) {
    const struct inquiry *inquiry = &check->inquiry;
    if (is_paid(check) || check->booking == SEAT_PENDING)
        return false;
    bool is_none = inquiry->answer.fate == PROVIDER_DONE && !inquiry->order.order_id && !inquiry->answer.order_id;
    bool has_money = inquiry_found(inquiry, FACT_CAPTURED, NULL) || inquiry_found(inquiry, FACT_AUTHORIZED, NULL);
    return !has_money && (is_none || rule_gives_up(result_of(check), check->over_s));
}

static struct settlement settlement_of(struct check *check, struct pool *pool) {
    struct inquiry *inquiry = &check->inquiry;
    if (counts_as_closed(check))
        inquiry_add_fact(inquiry, &(struct fact){.kind = FACT_CLOSED,
                                                 .order_id = inquiry->order.order_id,
                                                 .receipt = inquiry->order.receipt,
                                                 .receipt_bond = RECEIPT_OF_MONEY,
                                                 .reason = "unpaid"});
    return (struct settlement){.provider = inquiry->provider,
                               .facts = inquiry->answer.facts,
                               .fact_count = inquiry->answer.fact_count,
                               .source = pool_printf(pool, "%s, looked up", inquiry->provider->name)};
}

/* Until the next check; -1: there need be none. Where settling has set one meanwhile, that one counts. */
static int64_t wait_of(const struct check *check, const struct settlement *settlement) {
    const struct inquiry *inquiry = &check->inquiry;
    enum check_result result = settlement->refusal ? CHECK_REFUSED : result_of(check);
    bool found = inquiry_found(inquiry, FACT_CAPTURED, NULL) || inquiry_found(inquiry, FACT_CLOSED, NULL);
    bool watched = is_paid(check) && inquiry->provider->makes_links && !check->checks;
    if (!settlement->refusal && found)
        return watched ? rule_check_wait_s(CHECK_PAID, 0, 0, 0) : -1;
    if (is_paid(check) && inquiry->answer.fate == PROVIDER_DONE)
        log_error("%s does not know of the payment %s that its form has confirmed", inquiry->provider->name,
                  inquiry->order.provider_payment_id);
    if (is_paid(check) && rule_gives_up(result, check->over_s))
        return -1;
    return rule_check_wait_s(result, check->checks, inquiry->answer.retry_after_s, check->hold_left_s);
}

static void note_unanswered(const struct check *check) {
    const struct provider_answer *answer = &check->inquiry.answer;
    if (answer->fate != PROVIDER_DONE)
        log_line(answer->fate == PROVIDER_REFUSED ? LOG_LEVEL_WARN : LOG_LEVEL_INFO, NULL,
                 "check %" PRId64 " at %s came to nothing: %s", check->checks + 1, check->inquiry.provider->name,
                 answer->error);
}

static void conclude_payments(struct worker *worker, struct inquiry *const *inquiries, size_t count) {
    struct pool *pool = worker_pool(worker);
    struct settlement *settlements = pool_alloc(pool, count * sizeof *settlements);
    struct checked *checked = pool_alloc(pool, count * sizeof *checked);
    size_t checked_count = 0;
    for (size_t i = 0; i < count; i++)
        settlements[i] = settlement_of((struct check *)inquiries[i], pool);
    settle_now(worker, settlements, count);
    for (size_t i = 0; i < count; i++) {
        const struct check *check = (const struct check *)inquiries[i];
        note_unanswered(check);
        if (!settlements[i].failed)
            checked[checked_count++] = (struct checked){.id = check->id,
                                                        .due_at = check->due_at,
                                                        .wait_s = wait_of(check, &settlements[i]),
                                                        .order_id = check->inquiry.answer.order_id};
    }
    if (checked_count && store_record_checked_payments(worker, checked, checked_count))
        log_info("%zu checks will be made again", checked_count);
}

static const struct inquiry_kind payment_check = {.purpose = FOR_CHECKS, .conclude = conclude_payments};

static void look_up_payment(const struct provider *provider, const struct due_payment *due) {
    struct check *check = inquiry_new(sizeof *check, &payment_check, provider);
    struct inquiry *inquiry = &check->inquiry;
    check->id = due->id;
    check->due_at = inquiry_text(inquiry, due->due_at);
    check->checks = due->checks;
    check->status = due->status;
    check->booking = due->booking;
    check->hold_left_s = due->hold_left_s;
    check->over_s = due->over_s;
    inquiry->closes_unpaid = due->booking != SEAT_PENDING && !is_paid(check);
    inquiry_take_order(inquiry, &due->order);
    if (is_paid(check) && provider->makes_links)
        inquiry_close(inquiry);
    else
        inquiry_look_up(inquiry);
}

/* ---- Refunds */

static void conclude_refunds(struct worker *worker, struct inquiry *const *inquiries, size_t count) {
    struct pool *pool = worker_pool(worker);
    struct settlement *settlements = pool_alloc(pool, count * sizeof *settlements);
    struct checked *checked = pool_alloc(pool, count * sizeof *checked);
    size_t checked_count = 0;
    for (size_t i = 0; i < count; i++)
        settlements[i] =
            (struct settlement){.provider = inquiries[i]->provider,
                                .facts = inquiries[i]->answer.facts,
                                .fact_count = inquiries[i]->answer.fact_count,
                                .source = pool_printf(pool, "%s, refund looked up", inquiries[i]->provider->name)};
    settle_now(worker, settlements, count);
    for (size_t i = 0; i < count; i++) {
        const struct check *check = (const struct check *)inquiries[i];
        const struct provider_answer *answer = &inquiries[i]->answer;
        enum check_result result = answer->fate == PROVIDER_AGAIN     ? CHECK_UNANSWERED
                                   : answer->fate == PROVIDER_REFUSED ? CHECK_REFUSED
                                                                      : CHECK_REFUND;
        note_unanswered(check);
        if (!settlements[i].failed)
            checked[checked_count++] =
                (struct checked){.id = check->id,
                                 .due_at = check->due_at,
                                 .wait_s = rule_check_wait_s(result, check->checks, answer->retry_after_s, 0)};
    }
    if (checked_count && store_record_checked_refunds(worker, checked, checked_count))
        log_info("%zu checks of refunds will be made again", checked_count);
}

static const struct inquiry_kind refund_check = {.purpose = FOR_CHECKS, .conclude = conclude_refunds};

static void look_up_refund(const struct provider *provider, const struct due_refund *due) {
    struct check *check = inquiry_new(sizeof *check, &refund_check, provider);
    check->id = due->id;
    check->due_at = inquiry_text(&check->inquiry, due->due_at);
    check->checks = due->checks;
    inquiry_look_up_refund(&check->inquiry, &(struct provider_refund){.refund_id = due->refund_id,
                                                                      .provider_refund_id = due->provider_refund_id,
                                                                      .provider_payment_id = due->provider_payment_id,
                                                                      .order_id = due->order_id,
                                                                      .amount_minor = due->amount_minor,
                                                                      .currency = due->currency,
                                                                      .asked_before = true});
}

/* ---- What is due */

struct due { /* at one provider */
    struct due_payment *payments;
    size_t payment_count;
    struct due_refund *refunds;
    size_t refund_count;
};

/* Half of the room is for either kind, so that neither hides the other. */
static size_t share(const struct provider *provider) {
    return provider->configured() ? (inquiries_room(provider, FOR_CHECKS) + 1) / 2 : 0;
}

static int claim(struct worker *worker, struct due *due) {
    for (size_t i = 0; i < provider_count; i++) {
        size_t limit = share(providers[i]);
        if (limit && (store_queue_due_payments(worker, providers[i]->name, limit) ||
                      store_queue_due_refunds(worker, providers[i]->name, limit)))
            return -1;
    }
    for (size_t i = 0; i < provider_count; i++)
        if (share(providers[i]) && (store_receive_due_payments(worker, &due[i].payments, &due[i].payment_count) ||
                                    store_receive_due_refunds(worker, &due[i].refunds, &due[i].refund_count)))
            return -1;
    return 0;
}

void reconciler_tick(struct worker *worker) {
    struct due due[PROVIDER_LIMIT] = {0};
    if (process_stopping() || claim(worker, due))
        return;
    for (size_t i = 0; i < provider_count; i++) {
        for (size_t k = 0; k < due[i].payment_count; k++)
            look_up_payment(providers[i], &due[i].payments[k]);
        for (size_t k = 0; k < due[i].refund_count; k++)
            look_up_refund(providers[i], &due[i].refunds[k]);
    }
}
