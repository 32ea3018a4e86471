/* Questions to providers; see inquiries.h. An inquiry is in flight until its last callback, and is drawn conclusions
 * from exactly once: when its answer is there, or when its time is over and the answer no longer counts. */
#include "inquiries.h"

#include <string.h>

#include "clock.h"

#define CONNECTIONS 640 /* for two providers that hang */
#define CONCLUDED_AT_ONCE 256

static const size_t limits[INQUIRY_PURPOSES] = {[FOR_PEOPLE] = 256, [FOR_CHECKS] = 32, [FOR_REFUNDS] = 32};

TAILQ_HEAD(inquiry_list, inquiry);

static struct {
    struct provider_link link;
    struct inquiry_list in_flight;
    struct inquiry_list ended;
    size_t counts[PROVIDER_LIMIT][INQUIRY_PURPOSES]; /* in flight */
} inquiries;

void inquiries_start(struct worker *worker) {
    inquiries.link = (struct provider_link){.worker = worker, .client = http_client_new(CONNECTIONS, NULL, NULL)};
    TAILQ_INIT(&inquiries.in_flight);
    TAILQ_INIT(&inquiries.ended);
}

struct http_client *inquiries_client(void) {
    return inquiries.link.client;
}

bool inquiries_busy(void) {
    return !TAILQ_EMPTY(&inquiries.in_flight) || !TAILQ_EMPTY(&inquiries.ended);
}

void inquiries_stop(struct worker *worker) {
    http_client_destroy(&inquiries.link.client);
    inquiries_conclude(worker);
}

static size_t *count_of(const struct provider *provider, enum inquiry_purpose purpose) {
    size_t i = 0;
    while (providers[i] != provider)
        i++;
    return &inquiries.counts[i][purpose];
}

size_t inquiries_room(const struct provider *provider, enum inquiry_purpose purpose) {
    size_t count = *count_of(provider, purpose);
    return count < limits[purpose] ? limits[purpose] - count : 0;
}

void *inquiry_new(size_t size, const struct inquiry_kind *kind, const struct provider *provider) {
    struct pool *pool = pool_new();
    struct inquiry *inquiry = pool_alloc(pool, size);
    inquiry->pool = pool;
    inquiry->kind = kind;
    inquiry->provider = provider;
    inquiry->in_flight = true;
    TAILQ_INSERT_TAIL(&inquiries.in_flight, inquiry, link);
    ++*count_of(provider, kind->purpose);
    return inquiry;
}

const char *inquiry_text(struct inquiry *inquiry, const char *text_or_null) {
    return text_or_null ? pool_text(inquiry->pool, text_or_null) : NULL;
}

void inquiry_take_order(struct inquiry *inquiry, const struct provider_order *order) {
    inquiry->order = *order;
    inquiry->order.receipt = inquiry_text(inquiry, order->receipt);
    inquiry->order.currency = inquiry_text(inquiry, order->currency);
    inquiry->order.title = inquiry_text(inquiry, order->title);
    inquiry->order.booking_reference = inquiry_text(inquiry, order->booking_reference);
    inquiry->order.customer_name = inquiry_text(inquiry, order->customer_name);
    inquiry->order.customer_email = inquiry_text(inquiry, order->customer_email);
    inquiry->order.order_id = inquiry_text(inquiry, order->order_id);
    inquiry->order.payment_url = inquiry_text(inquiry, order->payment_url);
    inquiry->order.provider_payment_id = inquiry_text(inquiry, order->provider_payment_id);
}

void inquiry_add_fact(struct inquiry *inquiry, const struct fact *fact) {
    struct provider_answer *answer = &inquiry->answer;
    if (answer->fact_count == inquiry->fact_capacity) {
        size_t capacity = inquiry->fact_capacity ? 2 * inquiry->fact_capacity : 4;
        struct fact *facts = pool_alloc(inquiry->pool, capacity * sizeof *facts);
        if (answer->fact_count)
            memcpy(facts, inquiry->facts, answer->fact_count * sizeof *facts);
        inquiry->fact_capacity = capacity;
        answer->facts = inquiry->facts = facts;
    }
    struct fact *copy = &inquiry->facts[answer->fact_count++];
    *copy = *fact;
    copy->order_id = inquiry_text(inquiry, fact->order_id);
    copy->receipt = inquiry_text(inquiry, fact->receipt);
    copy->provider_payment_id = inquiry_text(inquiry, fact->provider_payment_id);
    copy->currency = inquiry_text(inquiry, fact->currency);
    copy->provider_refund_id = inquiry_text(inquiry, fact->provider_refund_id);
    copy->refund_id = inquiry_text(inquiry, fact->refund_id);
    copy->reason = inquiry_text(inquiry, fact->reason);
}

/* What an earlier question has found stays. */
static void note(struct inquiry *inquiry, const struct provider_answer *answer) {
    struct provider_answer *noted = &inquiry->answer;
    noted->fate = answer->fate;
    noted->error = inquiry_text(inquiry, answer->error);
    noted->retry_after_s = answer->retry_after_s;
    if (answer->order_id)
        noted->order_id = inquiry_text(inquiry, answer->order_id);
    if (answer->payment_url)
        noted->payment_url = inquiry_text(inquiry, answer->payment_url);
    for (size_t i = 0; i < answer->fact_count; i++)
        inquiry_add_fact(inquiry, &answer->facts[i]);
}

static void forget(struct inquiry *inquiry) {
    struct pool *pool = inquiry->pool;
    pool_destroy(&pool);
}

static void end(struct inquiry *inquiry) {
    inquiry->ended = true;
    TAILQ_REMOVE(&inquiries.in_flight, inquiry, link);
    TAILQ_INSERT_TAIL(&inquiries.ended, inquiry, link);
}

/* The last callback has come. */
static void land(struct inquiry *inquiry) {
    inquiry->in_flight = false;
    --*count_of(inquiry->provider, inquiry->kind->purpose);
    if (inquiry->concluded) {
        TAILQ_REMOVE(&inquiries.in_flight, inquiry, link);
        forget(inquiry);
    } else if (!inquiry->ended) {
        end(inquiry);
    }
}

/* Given up meanwhile: what comes now no longer counts, and nothing more is asked. */
static bool is_over(struct inquiry *inquiry) {
    bool over = inquiry->ended;
    if (over)
        land(inquiry);
    return over;
}

static void on_last_answer(void *context, const struct provider_answer *answer) {
    struct inquiry *inquiry = context;
    if (!inquiry->ended)
        note(inquiry, answer);
    land(inquiry);
}

void inquiry_make_order(struct inquiry *inquiry) {
    inquiry->provider->make_order(&inquiries.link, &inquiry->order, on_last_answer, inquiry);
}

bool inquiry_found(const struct inquiry *inquiry, enum fact_kind kind, const char *provider_payment_id) {
    for (size_t i = 0; i < inquiry->answer.fact_count; i++) {
        const struct fact *fact = &inquiry->facts[i];
        if (fact->kind == kind && (!provider_payment_id || (fact->provider_payment_id &&
                                                            !strcmp(fact->provider_payment_id, provider_payment_id))))
            return true;
    }
    return false;
}

/* The attempt whose money is held and as ordered; NULL: none. */
static const char *find_held(const struct inquiry *inquiry) {
    for (size_t i = 0; i < inquiry->answer.fact_count; i++) {
        const struct fact *fact = &inquiry->facts[i];
        if (fact->kind == FACT_AUTHORIZED && fact->provider_payment_id &&
            fact->amount_minor == inquiry->order.amount_minor && !strcmp(fact->currency, inquiry->order.currency))
            return fact->provider_payment_id;
    }
    return NULL;
}

static void on_look_up(void *context, const struct provider_answer *answer) {
    struct inquiry *inquiry = context;
    if (is_over(inquiry))
        return;
    note(inquiry, answer);
    if (answer->fate != PROVIDER_DONE || inquiry_found(inquiry, FACT_CAPTURED, NULL)) {
        land(inquiry);
        return;
    }
    if (!inquiry->order.order_id)
        inquiry->order.order_id = inquiry->answer.order_id;
    const char *held = find_held(inquiry);
    if (held) {
        inquiry->order.provider_payment_id = held;
        inquiry->provider->capture(&inquiries.link, &inquiry->order, on_last_answer, inquiry);
    } else if (inquiry->closes_unpaid && inquiry->order.order_id && !inquiry_found(inquiry, FACT_CLOSED, NULL)) {
        inquiry->provider->close_order(&inquiries.link, &inquiry->order, on_last_answer, inquiry);
    } else {
        land(inquiry);
    }
}

void inquiry_look_up(struct inquiry *inquiry) {
    inquiry->provider->look_up(&inquiries.link, &inquiry->order, on_look_up, inquiry);
}

void inquiry_close(struct inquiry *inquiry) {
    inquiry->provider->close_order(&inquiries.link, &inquiry->order, on_look_up, inquiry);
}

void inquiry_refund(struct inquiry *inquiry, const struct provider_refund *refund) {
    inquiry->provider->refund(&inquiries.link, refund, on_last_answer, inquiry);
}

void inquiry_look_up_refund(struct inquiry *inquiry, const struct provider_refund *refund) {
    inquiry->provider->look_up_refund(&inquiries.link, refund, on_last_answer, inquiry);
}

static void give_up_overdue(void) {
    int64_t now = clock_mono_ms();
    struct inquiry *inquiry = TAILQ_FIRST(&inquiries.in_flight), *next;
    for (; inquiry; inquiry = next) {
        next = TAILQ_NEXT(inquiry, link);
        if (inquiry->concluded || !inquiry->give_up_mono_ms || now < inquiry->give_up_mono_ms)
            continue;
        inquiry->answer.fate = PROVIDER_AGAIN;
        inquiry->answer.error = "no answer in time";
        end(inquiry);
    }
}

/* Of those that have ended, the ones of the first one's kind. */
static size_t take_ended(const struct inquiry_kind *kind, struct inquiry **ret_inquiries) {
    struct inquiry *inquiry;
    size_t count = 0;
    TAILQ_FOREACH(inquiry, &inquiries.ended, link)
    if (inquiry->kind == kind && count < CONCLUDED_AT_ONCE)
        ret_inquiries[count++] = inquiry;
    for (size_t i = 0; i < count; i++)
        TAILQ_REMOVE(&inquiries.ended, ret_inquiries[i], link);
    return count;
}

/* One whose callback is still to come stays until then. */
static void put_away(struct inquiry *inquiry) {
    inquiry->concluded = true;
    if (inquiry->in_flight)
        TAILQ_INSERT_TAIL(&inquiries.in_flight, inquiry, link);
    else
        forget(inquiry);
}

void inquiries_conclude(struct worker *worker) {
    give_up_overdue();
    while (!TAILQ_EMPTY(&inquiries.ended)) {
        struct inquiry *taken[CONCLUDED_AT_ONCE];
        const struct inquiry_kind *kind = TAILQ_FIRST(&inquiries.ended)->kind;
        size_t count = take_ended(kind, taken);
        kind->conclude(worker, taken, count);
        for (size_t i = 0; i < count; i++)
            put_away(taken[i]);
    }
}
