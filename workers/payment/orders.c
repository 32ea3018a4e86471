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
#define LINK_PATIENCE_MS 4000  /* where the order is there already */
#define ANSWER_RESERVE_MS 1000 /* left of a call's deadline */

/* What the status_reason of a booking that cannot be paid begins with. */
#define NOBODY_TAKES_CURRENCY "no payment provider takes its currency"
#define ORDER_REFUSED "the payment provider refused its order"

/* A call that wants an order, whichever of the two operations it is. */
struct request {
    struct call *call;
    struct booked *booked; /* one of the two */
    struct create_payment_reply *created;
    struct order_wish wish;
    struct order_row row;
    const struct provider *provider; /* that will make it */
    bool has_order;                  /* only its payment_url is missing */
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

/* An order is answered without its link, and a booking that was made without its order, which can be had later; who
 * asks for an order is told why there is none. */
static void go_without(struct request *request, const struct refusal *refusal) {
    request->settled = true;
    if (request->has_order)
        give(request);
    else if (!request->booked)
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

/* Was the booking cancelled because nobody takes money for it? Why, or NULL. */
static const struct refusal *why_unpayable(const struct order_row *row) {
    static const struct {
        const char *reason;
        const struct refusal *refusal;
    } reasons[] = {{NOBODY_TAKES_CURRENCY, &refusal_currency_without_provider},
                   {ORDER_REFUSED, &refusal_order_refused}};
    for (size_t i = 0; row->status == SEAT_CANCELLED && i < sizeof reasons / sizeof *reasons; i++)
        if (!strncmp(row->status_reason, reasons[i].reason, strlen(reasons[i].reason)))
            return reasons[i].refusal;
    return NULL;
}

/* Answers what needs no provider. */
static void settle_known(struct request *request) {
    const struct order_row *row = &request->row;
    const struct refusal *refusal = rule_payable(row->status, row->price_minor, row->hold_over);
    const struct refusal *unpayable = why_unpayable(row);
    request->provider = choose_provider(request);
    bool is_there = row->order_id && (refusal || !row->closed);
    bool is_wanted = is_there && request->provider && !strcmp(request->provider->name, row->provider);
    request->has_order = is_wanted && !refusal && request->provider->makes_links && !row->payment_url;
    if (unpayable)
        refuse_call(request, unpayable);
    else if (refusal && !request->booked)
        go_without(request, refusal);
    else if (is_there && (refusal || (is_wanted && !request->has_order)))
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

/* ---- Bookings that nobody takes money for: they cannot be paid, so their places are given back */

struct unpayables {
    struct unpayable *items;
    size_t count;
};

static int cancel(struct worker *worker, void *argument) {
    const struct unpayables *unpayables = argument;
    struct pool *pool = worker_pool(worker);
    int64_t *cancelled = pool_alloc(pool, unpayables->count * sizeof *cancelled);
    struct booking_row *rows = pool_alloc(pool, unpayables->count * sizeof *rows);
    size_t count;
    if (store_cancel_pending(worker, unpayables->items, unpayables->count, cancelled, &count) ||
        booking_rows_read(worker, cancelled, count, rows))
        return -1;
    for (size_t i = 0; i < count; i++)
        announce(worker, "cancelled", &rows[i], "");
    return 0;
}

static void cancel_unpayable(struct worker *worker, struct request *requests, size_t count) {
    struct pool *pool = worker_pool(worker);
    struct unpayables unpayables = {.items = pool_alloc(pool, count * sizeof *unpayables.items)};
    for (size_t i = 0; i < count; i++)
        if (!requests[i].settled && !requests[i].provider && requests[i].booked)
            unpayables.items[unpayables.count++] =
                (struct unpayable){requests[i].row.booking_id, NOBODY_TAKES_CURRENCY};
    bool failed = unpayables.count && worker_transaction(worker, cancel, &unpayables);
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
    int64_t latest = request->call->deadline_mono_ms - ANSWER_RESERVE_MS;
    int64_t patient_until = clock_mono_ms() + (claim->order_id ? LINK_PATIENCE_MS : PATIENCE_MS);
    inquiry->give_up_mono_ms = patient_until < latest ? patient_until : latest;
    inquiry_take_order(inquiry, &(struct provider_order){.receipt = claim->receipt,
                                                         .order_id = claim->order_id,
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
    asked->request.has_order = claim->order_id;
    asked->request.row.order_id = inquiry->order.order_id;
    asked->request.row.payment_url = NULL;
    asked->request.row.currency = inquiry->order.currency;
    asked->request.row.hold_expires_at = inquiry_text(inquiry, row->hold_expires_at);
    asked->request.row.provider = request->provider->name;
    inquiry_make_order(inquiry);
}

static bool has_room(const struct provider *provider, const struct wanted_order *orders, size_t count) {
    size_t room = inquiries_room(provider, FOR_PEOPLE);
    for (size_t i = 0; i < count && room; i++)
        room -= orders[i].provider == provider->name;
    return room;
}

/* Those that are left need an order to be made, or its link. What cannot be asked now is not claimed either. */
static int make_orders(struct worker *worker, struct request *requests, size_t count) {
    struct pool *pool = worker_pool(worker);
    struct request **wanting = pool_alloc(pool, count * sizeof *wanting);
    struct wanted_order *orders = pool_alloc(pool, count * sizeof *orders);
    struct order_claim *claims = pool_alloc(pool, count * sizeof *claims);
    size_t wanted = 0;
    for (size_t i = 0; i < count; i++) {
        if (requests[i].settled)
            continue;
        if (!has_room(requests[i].provider, orders, wanted)) {
            go_without(&requests[i], &refusal_provider_unavailable);
            continue;
        }
        orders[wanted] = (struct wanted_order){.booking_id = requests[i].row.booking_id,
                                               .provider = requests[i].provider->name,
                                               .with_link = requests[i].provider->makes_links};
        wanting[wanted++] = &requests[i];
    }
    if (!wanted)
        return 0;
    if (store_claim_orders(worker, orders, wanted, claims))
        return -1;
    for (size_t i = 0; i < wanted; i++)
        if (claims[i].payment_id)
            ask(worker, wanting[i], &claims[i]);
        else
            go_without(wanting[i], &refusal_payment_in_progress);
    inquiries_conclude(worker);
    return 0;
}

/* Of an order that was there before. */
static struct made_order describe_link(const struct order_inquiry *asked) {
    const struct provider_answer *answer = &asked->inquiry.answer;
    return (struct made_order){.payment_id = asked->payment_id,
                               .order_id = asked->request.row.order_id,
                               .payment_url = answer->fate == PROVIDER_DONE ? answer->payment_url : NULL,
                               .in_flight = asked->inquiry.in_flight};
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

static bool was_refused(const struct order_inquiry *asked) {
    return asked->inquiry.answer.fate == PROVIDER_REFUSED && !asked->request.has_order;
}

/* A booking whose order is refused for good goes; one that was made without us stays, whatever somebody asks for. */
static int cancel_refused(struct worker *worker, struct inquiry *const *inquiries, size_t count) {
    struct pool *pool = worker_pool(worker);
    struct unpayables unpayables = {.items = pool_alloc(pool, count * sizeof *unpayables.items)};
    for (size_t i = 0; i < count; i++) {
        const struct order_inquiry *asked = (const struct order_inquiry *)inquiries[i];
        if (was_refused(asked) && asked->request.booked)
            unpayables.items[unpayables.count++] = (struct unpayable){
                asked->request.row.booking_id, pool_printf(pool, ORDER_REFUSED ": %s", asked->inquiry.answer.error)};
    }
    return unpayables.count ? worker_transaction(worker, cancel, &unpayables) : 0;
}

/* An order that could not be written down is not handed out: it is found again by its receipt. */
static void answer(struct worker *worker, struct order_inquiry *asked, const struct made_order *order, bool written) {
    struct request *request = &asked->request;
    if (written && order->order_id) {
        request->row.order_id = order->order_id;
        request->row.payment_url = order->payment_url;
        give(request);
    } else if (!written && !request->has_order) {
        refuse_call(request, &refusal_unavailable);
    } else if (was_refused(asked)) {
        refuse_call(request, &refusal_order_refused);
    } else {
        go_without(request, &refusal_provider_unavailable);
    }
    call_finish(worker, request->call);
}

static void conclude(struct worker *worker, struct inquiry *const *inquiries, size_t count) {
    struct made_order *orders = pool_alloc(worker_pool(worker), count * sizeof *orders);
    for (size_t i = 0; i < count; i++) {
        const struct order_inquiry *asked = (const struct order_inquiry *)inquiries[i];
        orders[i] = asked->request.has_order ? describe_link(asked) : describe(asked);
    }
    bool written = store_record_orders(worker, orders, count) == 0 && cancel_refused(worker, inquiries, count) == 0;
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
