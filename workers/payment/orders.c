/* The way of an order: its booking is read, its payment claimed, the provider asked outside any transaction, the answer
 * written down, the call answered. A worker that dies in between leaves a lease that runs out: whoever asks next looks
 * for an order under the same receipt first. */
#include "orders.h"

#include <string.h>

#include "announce.h"
#include "clock.h"
#include "inquiries.h"
#include "log.h"
#include "store.h"

#define PATIENCE_MS 7000       /* with a provider */
#define ANSWER_RESERVE_MS 1000 /* left of a call's deadline */

/* A call that wants an order, whichever of the two operations it is. */
struct request {
    struct call *call;
    struct booked *booked; /* one of the two */
    struct create_payment_reply *created;
    struct order_wish wish;
    struct order_row row;
    const struct provider *provider; /* that will make it */
    bool settled;                    /* answered or refused */
};

struct order_inquiry {
    struct inquiry inquiry;
    int64_t payment_id;
    struct request request; /* texts in the inquiry's pool */
};

static void give(struct request *request) {
    const struct order_row *row = &request->row;
    const struct provider *provider = provider_named(row->provider);
    const char *key_id = provider ? provider->key_id() : NULL;
    request->settled = true;
    if (request->booked) {
        SET_TEXT(*request->booked, order_id, row->order_id);
        SET_TEXT(*request->booked, payment_url, row->payment_url);
        SET_TEXT(*request->booked, key_id, key_id);
        SET_TEXT(*request->booked, provider, row->provider);
        SET_TEXT(request->booked->booking, payment_reference, row->order_id);
        SET_TEXT(request->booked->booking, payment_url, row->payment_url);
        return;
    }
    *request->created = (struct create_payment_reply){.order_id = row->order_id,
                                                      .amount = row->price_minor,
                                                      .currency = row->currency,
                                                      .provider = row->provider,
                                                      .booking_id = row->booking_id};
    SET_TEXT(*request->created, key_id, key_id);
    SET_TEXT(*request->created, payment_url, row->payment_url);
    SET_TEXT(*request->created, hold_expires_at, row->hold_expires_at);
}

static void refuse_call(struct request *request, const struct refusal *refusal) {
    request->settled = true;
    refuse(request->call, refusal);
    request->call->retry_after_s = refusal->retry_after_s;
}

/* A booking that was made is answered without its order, which can be had later; who asks for an order is told why
 * there is none. */
static void go_without(struct request *request, const struct refusal *refusal) {
    request->settled = true;
    if (!request->booked)
        refuse_call(request, refusal);
}

static const struct provider *choose_provider(const struct request *request) {
    const struct order_row *row = &request->row;
    const struct provider *known = row->provider ? provider_named(row->provider) : NULL;
    if (request->wish.provider) {
        const struct provider *wanted = provider_named(request->wish.provider);
        return wanted && provider_offers(wanted, row->currency) ? wanted : NULL;
    }
    return known && provider_offers(known, row->currency) ? known : provider_for(row->currency);
}

/* Answers what needs no provider. */
static void settle_known(struct request *request) {
    const struct order_row *row = &request->row;
    const struct refusal *refusal = rule_payable(row->status, row->price_minor, row->hold_over);
    request->provider = choose_provider(request);
    bool is_there = row->order_id && (refusal || !row->closed);
    if (refusal && !request->booked)
        go_without(request, refusal);
    else if (is_there && (refusal || (request->provider && !strcmp(request->provider->name, row->provider))))
        give(request);
    else if (refusal)
        go_without(request, refusal);
    else if (!request->provider && request->wish.provider)
        go_without(request, &refusal_provider_not_available);
}

static int find_orders(struct worker *worker, struct request *requests, size_t count) {
    struct pool *pool = worker_pool(worker);
    struct order_wish *wishes = pool_alloc(pool, count * sizeof *wishes);
    struct order_row *rows = pool_alloc(pool, count * sizeof *rows);
    for (size_t i = 0; i < count; i++)
        wishes[i] = requests[i].wish;
    if (store_find_orders(worker, wishes, count, rows))
        return -1;
    for (size_t i = 0; i < count; i++)
        requests[i].row = rows[i];
    return 0;
}

/* ---- A currency that nobody takes: the booking cannot be paid, so its place is given back */

struct unpayable {
    const int64_t *ids;
    size_t count;
};

static int cancel(struct worker *worker, void *argument) {
    const struct unpayable *unpayable = argument;
    struct pool *pool = worker_pool(worker);
    int64_t *cancelled = pool_alloc(pool, unpayable->count * sizeof *cancelled);
    struct booking_row *rows = pool_alloc(pool, unpayable->count * sizeof *rows);
    size_t count;
    if (store_cancel_pending(worker, unpayable->ids, unpayable->count, "no payment provider takes its currency",
                             cancelled, &count) ||
        booking_rows_read(worker, cancelled, count, rows))
        return -1;
    for (size_t i = 0; i < count; i++)
        announce(worker, "cancelled", &rows[i], "");
    return 0;
}

static void cancel_unpayable(struct worker *worker, struct request *requests, size_t count) {
    struct pool *pool = worker_pool(worker);
    struct unpayable unpayable = {0};
    int64_t *ids = pool_alloc(pool, count * sizeof *ids);
    for (size_t i = 0; i < count; i++)
        if (!requests[i].settled && !requests[i].provider && requests[i].booked)
            ids[unpayable.count++] = requests[i].row.booking_id;
    unpayable.ids = ids;
    bool failed = unpayable.count && worker_transaction(worker, cancel, &unpayable);
    for (size_t i = 0; i < count; i++)
        if (!requests[i].settled && !requests[i].provider)
            refuse_call(&requests[i], failed ? &refusal_unavailable : &refusal_currency_without_provider);
}

/* ---- Asking the provider */

static void conclude(struct worker *worker, struct inquiry *const *inquiries, size_t count);
static const struct inquiry_kind order_kind = {.purpose = FOR_PEOPLE, .conclude = conclude};

/* The call's struct is now another: what the request points to moves with it. */
static void defer(struct worker *worker, struct request *request) {
    struct call *call = request->call, *deferred = call_defer(worker, call);
    ptrdiff_t way = (char *)deferred - (char *)call;
    request->call = deferred;
    if (request->booked)
        request->booked = (struct booked *)((char *)request->booked + way);
    if (request->created)
        request->created = (struct create_payment_reply *)((char *)request->created + way);
}

static void ask(struct worker *worker, struct request *request, const struct order_claim *claim) {
    const struct order_row *row = &request->row;
    struct order_inquiry *asked = inquiry_new(sizeof *asked, &order_kind, request->provider);
    struct inquiry *inquiry = &asked->inquiry;
    int64_t now = clock_mono_ms(), latest = request->call->deadline_mono_ms - ANSWER_RESERVE_MS;
    inquiry->give_up_mono_ms = now + PATIENCE_MS < latest ? now + PATIENCE_MS : latest;
    inquiry_take_order(inquiry, &(struct provider_order){.receipt = claim->receipt,
                                                         .amount_minor = row->price_minor,
                                                         .currency = row->currency,
                                                         .title = row->title,
                                                         .booking_reference = row->reference,
                                                         .customer_name = row->customer_name,
                                                         .customer_email = row->customer_email,
                                                         .expires_at_s = row->hold_expires_at_s,
                                                         .asked_before = claim->asked_before});
    defer(worker, request);
    asked->payment_id = claim->payment_id;
    asked->request = *request;
    asked->request.row.currency = inquiry->order.currency;
    asked->request.row.hold_expires_at = inquiry_text(inquiry, row->hold_expires_at);
    asked->request.row.provider = request->provider->name;
    inquiry_make_order(inquiry);
}

static bool has_room(const struct provider *provider, const char *const *wanted, size_t count) {
    size_t room = inquiries_room(provider, FOR_PEOPLE);
    for (size_t i = 0; i < count && room; i++)
        room -= wanted[i] == provider->name;
    return room;
}

/* Those that are left need an order to be made. What cannot be asked now is not claimed either. */
static int make_orders(struct worker *worker, struct request *requests, size_t count) {
    struct pool *pool = worker_pool(worker);
    struct request **wanting = pool_alloc(pool, count * sizeof *wanting);
    int64_t *booking_ids = pool_alloc(pool, count * sizeof *booking_ids);
    const char **providers = pool_alloc(pool, count * sizeof *providers);
    struct order_claim *claims = pool_alloc(pool, count * sizeof *claims);
    size_t wanted = 0;
    for (size_t i = 0; i < count; i++) {
        if (requests[i].settled)
            continue;
        if (!has_room(requests[i].provider, providers, wanted)) {
            go_without(&requests[i], &refusal_provider_unavailable);
            continue;
        }
        booking_ids[wanted] = requests[i].row.booking_id;
        providers[wanted] = requests[i].provider->name;
        wanting[wanted++] = &requests[i];
    }
    if (!wanted)
        return 0;
    if (store_claim_orders(worker, booking_ids, providers, wanted, claims))
        return -1;
    for (size_t i = 0; i < wanted; i++)
        if (claims[i].payment_id)
            ask(worker, wanting[i], &claims[i]);
        else
            go_without(wanting[i], &refusal_payment_in_progress);
    inquiries_conclude(worker);
    return 0;
}

static struct made_order describe(const struct order_inquiry *asked) {
    const struct provider_answer *answer = &asked->inquiry.answer;
    const struct order_row *row = &asked->request.row;
    int64_t hold_left_s = row->hold_expires_at_s - clock_wall_ms() / 1000;
    bool made = answer->fate == PROVIDER_DONE && answer->order_id;
    struct made_order order = {.payment_id = asked->payment_id,
                               .known = answer->fate != PROVIDER_AGAIN,
                               .in_flight = asked->inquiry.in_flight,
                               .check_after_s = rule_check_wait_s(made ? CHECK_UNPAID : CHECK_UNANSWERED, 0,
                                                                  answer->retry_after_s, hold_left_s)};
    if (made) {
        order.order_id = answer->order_id;
        order.payment_url = answer->payment_url;
    } else {
        order.error = answer->error ? answer->error : "the provider named no order";
        log_line(answer->fate == PROVIDER_REFUSED ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN,
                 asked->request.call->header.request_id, "no order for booking %s: %s",
                 asked->inquiry.order.booking_reference, order.error);
    }
    return order;
}

/* An order that could not be written down is not handed out: it is found again by its receipt. */
static void answer(struct worker *worker, struct order_inquiry *asked, const struct made_order *order, bool written) {
    struct request *request = &asked->request;
    if (!written) {
        refuse_call(request, &refusal_unavailable);
    } else if (!order->order_id) {
        go_without(request, &refusal_provider_unavailable);
    } else {
        request->row.order_id = order->order_id;
        request->row.payment_url = order->payment_url;
        give(request);
    }
    call_finish(worker, request->call);
}

static void conclude(struct worker *worker, struct inquiry *const *inquiries, size_t count) {
    struct made_order *orders = pool_alloc(worker_pool(worker), count * sizeof *orders);
    for (size_t i = 0; i < count; i++)
        orders[i] = describe((const struct order_inquiry *)inquiries[i]);
    bool written = store_record_orders(worker, orders, count) == 0;
    for (size_t i = 0; i < count; i++)
        answer(worker, (struct order_inquiry *)inquiries[i], &orders[i], written);
}

/* ---- The two operations */

static int provide(struct worker *worker, struct request *requests, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (!requests[i].settled)
            settle_known(&requests[i]);
    cancel_unpayable(worker, requests, count);
    return make_orders(worker, requests, count);
}

int orders_prepare(struct worker *worker, struct prepare_payment_call *calls, size_t count) {
    struct request *requests = pool_alloc(worker_pool(worker), count * sizeof *requests);
    for (size_t i = 0; i < count; i++) {
        calls[i].reply = calls[i].request;
        requests[i] = (struct request){
            .call = &calls[i].call, .booked = &calls[i].reply, .wish = {.booking_id = calls[i].request.booking.id}};
    }
    if (find_orders(worker, requests, count))
        return -1;
    for (size_t i = 0; i < count; i++)
        requests[i].settled = !requests[i].row.booking_id;
    return provide(worker, requests, count);
}

/* Why the call names no booking of the caller's; NULL: it does. */
static const struct refusal *check_wish(struct create_payment_call *call, const struct order_row *row) {
    if (!row->booking_id)
        return &refusal_booking_not_found;
    if (call->request.has_event_id != PRESENCE_SET || call->request.event_id == row->event_id)
        return NULL;
    refuse_field(&call->call, &refusal_validation_error, "event_id", "is not the booking's");
    return &refusal_validation_error;
}

int orders_create(struct worker *worker, struct create_payment_call *calls, size_t count) {
    struct request *requests = pool_alloc(worker_pool(worker), count * sizeof *requests);
    for (size_t i = 0; i < count; i++) {
        const struct create_payment_request *request = &calls[i].request;
        requests[i] = (struct request){.call = &calls[i].call,
                                       .created = &calls[i].reply,
                                       .wish = {.booking_id = request->booking_id,
                                                .event_id = request->event_id,
                                                .user_id = calls[i].call.header.caller.user_id,
                                                .provider = request->provider}};
    }
    if (find_orders(worker, requests, count))
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (!requests[i].wish.booking_id && !requests[i].wish.event_id)
            refuse_field(&calls[i].call, &refusal_validation_error, "booking_id", "is needed, or event_id");
        else
            calls[i].call.refusal = check_wish(&calls[i], &requests[i].row);
        requests[i].settled = calls[i].call.refusal;
    }
    return provide(worker, requests, count);
}
