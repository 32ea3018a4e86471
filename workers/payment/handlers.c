/* The operations of the payment worker, but for the reports: each asks the store or settles what it was told, and
 * answers every call of its array. */
#include <string.h>

#include "clock.h"
#include "confirmations.h"
#include "inquiries.h"
#include "orders.h"
#include "rights.h"
#include "rules.h"
#include "sandbox.h"
#include "settle.h"
#include "store.h"

int prepare_payment(struct worker *worker, struct prepare_payment_call *calls, size_t count) {
    return orders_prepare(worker, calls, count);
}

int create_payment(struct worker *worker, struct create_payment_call *calls, size_t count) {
    return orders_create(worker, calls, count);
}

int confirm_payment(struct worker *worker, struct confirm_payment_call *calls, size_t count) {
    return confirmations_take(worker, calls, count);
}

int list_payments(struct worker *worker, struct list_payments_call *calls, size_t count) {
    struct pool *pool = worker_pool(worker);
    struct payments_wanted *wanted = pool_alloc(pool, count * sizeof *wanted);
    struct list_payments_reply **replies = pool_alloc(pool, count * sizeof *replies);
    size_t wanted_count = 0;
    for (size_t i = 0; i < count; i++) {
        struct payments_wanted *want = &wanted[wanted_count];
        if (rule_page_start(&calls[i].request, pool, &want->before_id)) {
            refuse_field(&calls[i].call, &refusal_bad_cursor, "after", "is no cursor of this list");
            continue;
        }
        want->user_id = calls[i].call.header.caller.user_id;
        want->limit = calls[i].request.limit + 1;
        replies[wanted_count++] = &calls[i].reply;
    }
    if (store_list_payments(worker, wanted, wanted_count, replies))
        return -1;
    for (size_t i = 0; i < count; i++)
        if (!calls[i].call.refusal)
            rule_page_end(&calls[i].request, pool, &calls[i].reply);
    return 0;
}

/* A failure is anybody's word, and does no more harm than a failed attempt: the order can still be paid. */
int record_payment_failure(struct worker *worker, struct record_payment_failure_call *calls, size_t count) {
    struct pool *pool = worker_pool(worker);
    struct settlement *settlements = pool_alloc(pool, count * sizeof *settlements);
    struct fact *facts = pool_alloc(pool, count * sizeof *facts);
    for (size_t i = 0; i < count; i++) {
        const struct record_payment_failure_request *request = &calls[i].request;
        facts[i] =
            (struct fact){.kind = FACT_FAILED,
                          .order_id = request->razorpay_order_id,
                          .provider_payment_id = request->razorpay_payment_id,
                          .reason = request->error_description ? request->error_description : request->error_code};
        settlements[i] = (struct settlement){.provider = &provider_razorpay,
                                             .facts = &facts[i],
                                             .fact_count = 1,
                                             .source = "razorpay form",
                                             .trace = calls[i].call.header.trace};
    }
    if (settle(worker, settlements, count))
        return -1;
    for (size_t i = 0; i < count; i++)
        if (settlements[i].refusal)
            refuse(&calls[i].call, settlements[i].refusal);
        else
            confirmations_reply(&calls[i].reply, "Payment failure recorded", &settlements[i].booking);
    return 0;
}

/* ---- Webhooks */

struct webhook {
    struct call *call;
    struct done *reply;
    struct provider_message message;
    struct provider_event event;
};

static int take_webhooks(struct worker *worker, const struct provider *provider, struct webhook *webhooks,
                         size_t count) {
    struct pool *pool = worker_pool(worker);
    struct settlement *settlements = pool_alloc(pool, count * sizeof *settlements);
    struct webhook **believed = pool_alloc(pool, count * sizeof *believed);
    size_t believed_count = 0;
    for (size_t i = 0; i < count; i++) {
        struct webhook *webhook = &webhooks[i];
        const struct refusal *refusal = &refusal_invalid_signature;
        webhook->message.payload_length = strlen(webhook->message.payload);
        webhook->message.now_s = clock_wall_ms() / 1000;
        if (provider->configured())
            refusal = provider->read_event(&webhook->message, pool, &webhook->event);
        if (refusal) {
            refuse(webhook->call, refusal);
            continue;
        }
        settlements[believed_count] =
            (struct settlement){.provider = provider,
                                .facts = webhook->event.facts,
                                .fact_count = webhook->event.fact_count,
                                .source = pool_printf(pool, "%s webhook %s", provider->name, webhook->event.type),
                                .trace = webhook->call->header.trace,
                                .event_id = webhook->event.id,
                                .event_type = webhook->event.type};
        believed[believed_count++] = webhook;
    }
    if (believed_count && settle(worker, settlements, believed_count))
        return -1;
    for (size_t i = 0; i < believed_count; i++)
        if (settlements[i].refusal)
            refuse(believed[i]->call, settlements[i].refusal);
        else
            believed[i]->reply->message = "Event noted";
    return 0;
}

int receive_razorpay_event(struct worker *worker, struct receive_razorpay_event_call *calls, size_t count) {
    struct webhook *webhooks = pool_alloc(worker_pool(worker), count * sizeof *webhooks);
    for (size_t i = 0; i < count; i++)
        webhooks[i] = (struct webhook){.call = &calls[i].call,
                                       .reply = &calls[i].reply,
                                       .message = {.payload = calls[i].request.payload,
                                                   .signature = calls[i].request.x_razorpay_signature,
                                                   .event_id = calls[i].request.x_razorpay_event_id}};
    return take_webhooks(worker, &provider_razorpay, webhooks, count);
}

int receive_stripe_event(struct worker *worker, struct receive_stripe_event_call *calls, size_t count) {
    struct webhook *webhooks = pool_alloc(worker_pool(worker), count * sizeof *webhooks);
    for (size_t i = 0; i < count; i++)
        webhooks[i] = (struct webhook){
            .call = &calls[i].call,
            .reply = &calls[i].reply,
            .message = {.payload = calls[i].request.payload, .signature = calls[i].request.stripe_signature}};
    return take_webhooks(worker, &provider_stripe, webhooks, count);
}

/* ---- Refunds by hand */

/* What earlier calls of the same mailbox have granted is not left any more. */
static void take_from(struct refundable *rows, size_t count, int64_t payment_id, int64_t amount_minor) {
    for (size_t i = 0; i < count; i++)
        if (rows[i].payment_id == payment_id)
            rows[i].left_minor -= amount_minor;
}

static struct refund_verdict judge_refund(struct refund_booking_call *call, const struct refundable *row) {
    const struct refund_booking_request *request = &call->request;
    const struct holders holders = {.person_id = row->user_id, .facilitator_id = row->facilitator_id};
    const struct refusal *refusal = &refusal_booking_not_found;
    if (row->booking_id)
        refusal = rights_refusal(&operation_refund_booking, &call->call.header.caller, &holders);
    const struct refund_wish wish = {.all = request->has_amount_minor != PRESENCE_SET,
                                     .amount_minor = request->amount_minor,
                                     .currency = request->currency};
    if (refusal)
        return (struct refund_verdict){.refusal = refusal};
    return rule_refund_wish(&wish, row->captured_minor, row->left_minor, row->currency);
}

static int grant_refund(struct worker *worker, struct refund_booking_call *call, const struct refundable *row,
                        int64_t amount_minor) {
    const struct wanted_refund wanted = {.payment_id = row->payment_id,
                                         .amount_minor = amount_minor,
                                         .reason = call->request.reason,
                                         .requested_by = call->call.header.caller.user_id};
    const struct refund refund = {
        .amount_minor = amount_minor, .currency = row->currency, .status = "pending", .cause = "manual"};
    call->reply.message = "Refund is under way";
    SET(call->reply, refund, refund);
    return store_queue_refund(worker, &wanted);
}

int refund_booking(struct worker *worker, struct refund_booking_call *calls, size_t count) {
    struct pool *pool = worker_pool(worker);
    int64_t *ids = pool_alloc(pool, count * sizeof *ids);
    struct refundable *rows = pool_alloc(pool, count * sizeof *rows);
    for (size_t i = 0; i < count; i++)
        ids[i] = calls[i].request.booking_id;
    if (store_lock_refundable(worker, ids, count, rows))
        return -1;
    for (size_t i = 0; i < count; i++) {
        struct refund_verdict verdict = judge_refund(&calls[i], &rows[i]);
        if (verdict.wrong_field)
            refuse_field(&calls[i].call, verdict.refusal, verdict.wrong_field, "%s", verdict.reason);
        else if (verdict.refusal)
            refuse(&calls[i].call, verdict.refusal);
        else if (grant_refund(worker, &calls[i], &rows[i], verdict.amount_minor))
            return -1;
        else
            take_from(rows, count, rows[i].payment_id, verdict.amount_minor);
    }
    for (size_t i = 0; i < count; i++)
        if (!calls[i].call.refusal && store_receive_refund(worker, &calls[i].reply.refund.refund_id))
            return -1;
    return 0;
}

/* ---- The sandbox's payment page */

static int find_sandbox_order(struct worker *worker, const char *order_id, struct named_order *ret_order) {
    memset(ret_order, 0, sizeof *ret_order);
    return provider_sandbox.configured() ? store_find_named(worker, provider_sandbox.name, &order_id, 1, ret_order) : 0;
}

/* As it is now; or refused. */
static int show_sandbox_order(struct worker *worker, const char *order_id, struct call *call,
                              struct sandbox_order *ret_reply) {
    struct named_order order;
    struct sandbox_order_state state = {0};
    if (find_sandbox_order(worker, order_id, &order) || (order.payment_id && sandbox_read(worker, order_id, &state)))
        return -1;
    if (!state.order_id) {
        refuse(call, &refusal_not_found);
        return 0;
    }
    *ret_reply = (struct sandbox_order){.order_id = state.order_id,
                                        .amount_minor = state.amount_minor,
                                        .currency = state.currency,
                                        .state = state.state,
                                        .booking_reference = order.booking_reference,
                                        .event_title = order.event_title,
                                        .booking_status = order.booking_status};
    SET_TEXT(*ret_reply, hold_expires_at, order.hold_expires_at);
    return 0;
}

int get_sandbox_order(struct worker *worker, struct get_sandbox_order_call *calls, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (show_sandbox_order(worker, calls[i].request.order_id, &calls[i].call, &calls[i].reply))
            return -1;
    return 0;
}

struct looked_up {
    bool done;
    struct fact facts[4];
    size_t count;
};

/* The sandbox answers before its function returns, from the worker's pool. */
static void on_looked_up(void *context, const struct provider_answer *answer) {
    struct looked_up *looked_up = context;
    looked_up->done = answer->fate == PROVIDER_DONE;
    for (size_t i = 0; i < answer->fact_count && i < sizeof looked_up->facts / sizeof *looked_up->facts; i++)
        looked_up->facts[looked_up->count++] = answer->facts[i];
}

static int settle_sandbox_order(struct worker *worker, const struct named_order *order, const char *action,
                                const char *trace) {
    const struct provider_link link = {.worker = worker, .client = inquiries_client()};
    struct looked_up looked_up = {0};
    provider_sandbox.look_up(&link,
                             &(struct provider_order){.order_id = order->order_id,
                                                      .receipt = order->receipt,
                                                      .amount_minor = order->amount_minor,
                                                      .currency = order->currency},
                             on_looked_up, &looked_up);
    struct settlement settlement = {.provider = &provider_sandbox,
                                    .facts = looked_up.facts,
                                    .fact_count = looked_up.count,
                                    .source = pool_printf(worker_pool(worker), "sandbox %s", action),
                                    .trace = trace};
    return looked_up.done ? settle(worker, &settlement, 1) : -1;
}

static int pay_one(struct worker *worker, struct pay_sandbox_order_call *call) {
    struct named_order order;
    const char *order_id = call->request.order_id, *action = call->request.action;
    if (find_sandbox_order(worker, order_id, &order))
        return -1;
    if (!order.payment_id) {
        refuse(&call->call, &refusal_not_found);
        return 0;
    }
    int closed = sandbox_act(worker, order_id, action, order.hold_expires_at_s);
    if (closed > 0)
        refuse(&call->call, &refusal_sandbox_order_closed);
    if (closed)
        return closed > 0 ? 0 : -1;
    return settle_sandbox_order(worker, &order, action, call->call.header.trace) ||
                   show_sandbox_order(worker, order_id, &call->call, &call->reply)
               ? -1
               : 0;
}

int pay_sandbox_order(struct worker *worker, struct pay_sandbox_order_call *calls, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (pay_one(worker, &calls[i]))
            return -1;
    return 0;
}
