/* A signed confirmation is looked up at the provider before it counts, because money that is only held has to be taken.
 * Where the provider does not answer, or does not know of it yet, the signature stands in for it as far as a place can
 * be had, never to pay money back, and the reconciler looks again at once. Repeats find what the first one left, and
 * are answered alike. */
#include "confirmations.h"

#include <string.h>

#include "clock.h"
#include "inquiries.h"
#include "log.h"
#include "settle.h"
#include "store.h"

#define PATIENCE_MS 5000 /* with the provider */
#define BEING_PROCESSED "Payment is being processed"

struct confirmation {
    struct inquiry inquiry;
    struct confirm_payment_call *call;
    struct fact claimed; /* what the browser says; texts in the call's pool */
};

void confirmations_reply(struct payment_noted *reply, const char *message, const struct booking *booking) {
    *reply = (struct payment_noted){.message = message,
                                    .booking = {.id = booking->id,
                                                .booking_reference = booking->booking_reference,
                                                .status = booking->status,
                                                .payment_status = booking->payment_status}};
}

static const char *message_of(const char *refund_cause, const struct booking *booking) {
    if (refund_cause && !strcmp(refund_cause, "late"))
        return "Payment came too late and is refunded";
    if (refund_cause)
        return "Booking was paid already; this payment is refunded";
    if (!strcmp(booking->payment_status, "failed"))
        return "Payment failure recorded";
    return !strcmp(booking->payment_status, "pending") ? BEING_PROCESSED : "Payment processed successfully";
}

/* Settles, and leaves the answers in the calls. */
static void settle_calls(struct worker *worker, struct confirm_payment_call *const *calls,
                         struct settlement *settlements, size_t count) {
    struct pool *pool = worker_pool(worker);
    const char **attempts = pool_alloc(pool, count * sizeof *attempts);
    const char **causes = pool_alloc(pool, count * sizeof *causes);
    for (size_t i = 0; i < count; i++)
        attempts[i] = calls[i]->request.razorpay_payment_id;
    settle_now(worker, settlements, count);
    bool read = store_find_causes(worker, provider_razorpay.name, attempts, count, causes) == 0;
    for (size_t i = 0; i < count; i++)
        if (settlements[i].failed || !read)
            refuse(&calls[i]->call, &refusal_unavailable);
        else if (settlements[i].refusal)
            refuse(&calls[i]->call, settlements[i].refusal);
        else
            confirmations_reply(&calls[i]->reply,
                                settlements[i].undecided ? BEING_PROCESSED
                                                         : message_of(causes[i], &settlements[i].booking),
                                &settlements[i].booking);
}

/* The provider's word counts where it has one about this attempt. That the money is held and could not be taken now is
 * none: the signature says that it was paid, and it will be taken. */
static bool has_word(const struct inquiry *inquiry, const char *attempt) {
    bool held = inquiry_found(inquiry, FACT_AUTHORIZED, attempt);
    return inquiry_found(inquiry, FACT_CAPTURED, attempt) || inquiry_found(inquiry, FACT_FAILED, attempt) ||
           (held && inquiry->answer.fate == PROVIDER_REFUSED);
}

static void conclude(struct worker *worker, struct inquiry *const *inquiries, size_t count) {
    struct pool *pool = worker_pool(worker);
    struct settlement *settlements = pool_alloc(pool, count * sizeof *settlements);
    struct confirm_payment_call **calls = pool_alloc(pool, count * sizeof *calls);
    for (size_t i = 0; i < count; i++) {
        const struct confirmation *confirmation = (const struct confirmation *)inquiries[i];
        const struct provider_answer *answer = &inquiries[i]->answer;
        bool word = has_word(inquiries[i], confirmation->claimed.provider_payment_id);
        calls[i] = confirmation->call;
        settlements[i] = (struct settlement){.provider = &provider_razorpay,
                                             .facts = word ? answer->facts : &confirmation->claimed,
                                             .fact_count = word ? answer->fact_count : 1,
                                             .source = word ? "razorpay form, looked up" : "razorpay form, signed",
                                             .trace = calls[i]->call.header.trace,
                                             .unverified = !word};
    }
    settle_calls(worker, calls, settlements, count);
    for (size_t i = 0; i < count; i++)
        call_finish(worker, &calls[i]->call);
}

static const struct inquiry_kind confirmation_kind = {.purpose = FOR_PEOPLE, .conclude = conclude};

static struct fact claim_of(const struct confirm_payment_call *call, const struct named_order *order) {
    return (struct fact){.kind = FACT_CAPTURED,
                         .order_id = call->request.razorpay_order_id,
                         .provider_payment_id = call->request.razorpay_payment_id,
                         .amount_minor = order->amount_minor,
                         .currency = pool_text(call->call.pool, order->currency)};
}

static void look_up(struct worker *worker, struct confirm_payment_call *call, const struct named_order *order) {
    struct confirmation *confirmation = inquiry_new(sizeof *confirmation, &confirmation_kind, &provider_razorpay);
    struct inquiry *inquiry = &confirmation->inquiry;
    inquiry->give_up_mono_ms = clock_mono_ms() + PATIENCE_MS;
    confirmation->call = call_defer(worker, &call->call);
    confirmation->claimed = claim_of(confirmation->call, order);
    inquiry_take_order(inquiry,
                       &(struct provider_order){.receipt = order->receipt,
                                                .amount_minor = order->amount_minor,
                                                .currency = order->currency,
                                                .order_id = order->order_id,
                                                .payment_url = order->payment_url,
                                                .booking_reference = order->booking_reference,
                                                .title = order->event_title,
                                                .provider_payment_id = confirmation->claimed.provider_payment_id});
    inquiry_look_up(inquiry);
}

/* NULL: it is signed, over the order of our own record. */
static const struct refusal *check(const struct confirm_payment_request *request, const struct named_order *order) {
    const char *order_id = order->payment_id ? order->order_id : request->razorpay_order_id;
    if (!provider_razorpay.configured() ||
        !razorpay_form_signed(order_id, request->razorpay_payment_id, request->razorpay_signature))
        return &refusal_invalid_signature;
    if (order->payment_id)
        return NULL;
    log_warn("suspicious: razorpay form, order %s, payment %s: well signed, but the order is none of ours", order_id,
             request->razorpay_payment_id);
    return &refusal_order_not_found;
}

static bool is_known(const struct confirm_payment_call *call, const struct named_order *order) {
    return order->paid_by && !strcmp(order->paid_by, call->request.razorpay_payment_id);
}

int confirmations_take(struct worker *worker, struct confirm_payment_call *calls, size_t count) {
    struct pool *pool = worker_pool(worker);
    const char **order_ids = pool_alloc(pool, count * sizeof *order_ids);
    struct named_order *orders = pool_alloc(pool, count * sizeof *orders);
    struct confirm_payment_call **now = pool_alloc(pool, count * sizeof *now);
    struct settlement *settlements = pool_alloc(pool, count * sizeof *settlements);
    struct fact *claims = pool_alloc(pool, count * sizeof *claims);
    size_t now_count = 0;
    for (size_t i = 0; i < count; i++)
        order_ids[i] = calls[i].request.razorpay_order_id;
    if (store_find_named(worker, provider_razorpay.name, order_ids, count, orders))
        return -1;
    for (size_t i = 0; i < count; i++) {
        const struct refusal *refusal = check(&calls[i].request, &orders[i]);
        if (refusal) {
            refuse(&calls[i].call, refusal);
        } else if (!is_known(&calls[i], &orders[i]) && inquiries_room(&provider_razorpay, FOR_PEOPLE)) {
            look_up(worker, &calls[i], &orders[i]);
        } else {
            claims[now_count] = claim_of(&calls[i], &orders[i]);
            settlements[now_count] = (struct settlement){.provider = &provider_razorpay,
                                                         .facts = &claims[now_count],
                                                         .fact_count = 1,
                                                         .source = "razorpay form, signed",
                                                         .trace = calls[i].call.header.trace,
                                                         .unverified = true};
            now[now_count++] = &calls[i];
        }
    }
    if (now_count)
        settle_calls(worker, now, settlements, now_count);
    return 0;
}
