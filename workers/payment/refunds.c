/* A refund is a row before it is anything else. Its delivery asks the provider under the refund's own name, as often as
 * it takes, and ends when what the provider says is settled. A refusal is final: the money stays owed, the delivery is
 * dead, and an operator who has seen to the reason replays it, which asks under a further name. */
#include "refunds.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#include "clock.h"
#include "deliveries.h"
#include "inquiries.h"
#include "settle.h"
#include "store.h"

#define MINUTE 60
#define HOUR (60 * MINUTE)
#define WAIT_S 15         /* at most, for a provider that has its share in flight */
#define NAMES_KEPT_S HOUR /* after that a provider may have forgotten an idempotency key */

static void begin(struct worker *worker, const struct claim *claims, size_t count);

/* Ten days: no outage is longer. */
static const int64_t waits_s[] = {
    5,        30,       2 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR,     2 * HOUR, 6 * HOUR, 6 * HOUR,
    6 * HOUR, 6 * HOUR, 6 * HOUR,   6 * HOUR,    6 * HOUR,    6 * HOUR, 6 * HOUR, 6 * HOUR, 6 * HOUR,
    6 * HOUR, 6 * HOUR, 6 * HOUR,   6 * HOUR,    6 * HOUR,    6 * HOUR, 6 * HOUR, 6 * HOUR, 6 * HOUR,
    6 * HOUR, 6 * HOUR, 6 * HOUR,   6 * HOUR,    6 * HOUR,    6 * HOUR, 6 * HOUR, 6 * HOUR, 6 * HOUR,
    6 * HOUR, 6 * HOUR, 6 * HOUR,   6 * HOUR,    6 * HOUR,    6 * HOUR, 6 * HOUR, 6 * HOUR, 6 * HOUR};
static const struct delivery_channel channels[] = {{.name = "refund",
                                                    .waits_s = waits_s,
                                                    .wait_count = sizeof waits_s / sizeof *waits_s,
                                                    .limit = 64,
                                                    .begin = begin}};
static struct deliveries *deliveries;

void refunds_start(struct worker *worker) {
    deliveries = deliveries_new(worker, channels, 1);
}

void refunds_tick(void) {
    deliveries_tick(deliveries);
}

bool refunds_busy(void) {
    return deliveries_busy(deliveries);
}

void refunds_stop(void) {
    deliveries_stop(deliveries);
}

void refunds_end(void) {
    deliveries_destroy(&deliveries);
}

struct refund_inquiry {
    struct inquiry inquiry;
    struct delivery *delivery;
    struct fact refused; /* what a refusal means */
};

static void end(struct delivery *delivery, enum delivery_verdict verdict, const char *error) {
    delivery_end(delivery, &(struct delivery_result){.verdict = verdict, .error = error});
}

/* A provider that hangs has its share in flight, and what else is due waits the longer the longer nothing was heard. */
static struct talk {
    size_t in_flight;
    int64_t heard_mono_ms; /* or first asked */
} talks[PROVIDER_LIMIT];

static struct talk *talk_with(const struct provider *provider) {
    size_t i = 0;
    while (providers[i] != provider)
        i++;
    return &talks[i];
}

static void note_asked(const struct provider *provider) {
    struct talk *talk = talk_with(provider);
    if (!talk->in_flight++)
        talk->heard_mono_ms = clock_mono_ms();
}

static void note_answer(const struct inquiry *inquiry) {
    struct talk *talk = talk_with(inquiry->provider);
    talk->in_flight--;
    if (inquiry->answer.fate != PROVIDER_AGAIN)
        talk->heard_mono_ms = clock_mono_ms();
}

static void hand_back(struct delivery *delivery, const struct provider *provider) {
    int64_t silence_s = (clock_mono_ms() - talk_with(provider)->heard_mono_ms) / 1000;
    delivery_end(delivery, &(struct delivery_result){.verdict = DELIVERY_INTERRUPTED,
                                                     .retry_after_s = silence_s < WAIT_S ? silence_s : WAIT_S});
}

static void end_settled(const struct refund_inquiry *asked, const struct settlement *settlement) {
    const struct provider_answer *answer = &asked->inquiry.answer;
    const struct delivery_result again = {
        .verdict = DELIVERY_AGAIN, .retry_after_s = answer->retry_after_s, .error = answer->error};
    if (settlement->failed)
        end(asked->delivery, DELIVERY_INTERRUPTED, "the database did not take the answer");
    else if (answer->fate == PROVIDER_REFUSED || inquiry_found(&asked->inquiry, FACT_REFUND_FAILED, NULL))
        end(asked->delivery, DELIVERY_DEAD, answer->error ? answer->error : "the provider could not pay it back");
    else if (settlement->refusal)
        end(asked->delivery, DELIVERY_AGAIN, "the provider speaks of another refund");
    else if (settlement->fact_count)
        end(asked->delivery, DELIVERY_DONE, NULL);
    else
        delivery_end(asked->delivery, &again);
}

static void conclude(struct worker *worker, struct inquiry *const *inquiries, size_t count) {
    struct pool *pool = worker_pool(worker);
    struct settlement *settlements = pool_alloc(pool, count * sizeof *settlements);
    for (size_t i = 0; i < count; i++) {
        struct refund_inquiry *asked = (struct refund_inquiry *)inquiries[i];
        const struct provider_answer *answer = &asked->inquiry.answer;
        note_answer(inquiries[i]);
        bool refused = answer->fate == PROVIDER_REFUSED;
        asked->refused.reason = answer->error;
        settlements[i] = (struct settlement){.provider = asked->inquiry.provider,
                                             .facts = refused ? &asked->refused : answer->facts,
                                             .fact_count = refused ? 1 : answer->fact_count,
                                             .source = pool_printf(pool, "%s refund", asked->inquiry.provider->name)};
    }
    settle_now(worker, settlements, count);
    for (size_t i = 0; i < count; i++)
        end_settled((const struct refund_inquiry *)inquiries[i], &settlements[i]);
}

static const struct inquiry_kind refund_kind = {.purpose = FOR_REFUNDS, .conclude = conclude};

/* What was refused or has failed for good is known not to be paid: only then another key is safe. */
static const char *key_of(const struct due_refund *refund, struct pool *pool) {
    return refund->failures ? pool_printf(pool, "%s-%" PRId64, refund->refund_id, refund->failures) : refund->refund_id;
}

static void ask(struct worker *worker, const struct provider *provider, const struct due_refund *refund,
                const struct claim *claim) {
    struct refund_inquiry *asked = inquiry_new(sizeof *asked, &refund_kind, provider);
    note_asked(provider);
    asked->delivery = claim->delivery;
    asked->refused = (struct fact){.kind = FACT_REFUND_FAILED,
                                   .refund_id = inquiry_text(&asked->inquiry, refund->refund_id),
                                   .amount_minor = refund->amount_minor,
                                   .currency = inquiry_text(&asked->inquiry, refund->currency)};
    inquiry_refund(&asked->inquiry,
                   &(struct provider_refund){.refund_id = key_of(refund, worker_pool(worker)),
                                             .provider_payment_id = refund->provider_payment_id,
                                             .order_id = refund->order_id,
                                             .amount_minor = refund->amount_minor,
                                             .currency = refund->currency,
                                             .asked_before = claim->attempt > 1 || refund->failures > 0 ||
                                                             refund->age_s > NAMES_KEPT_S});
}

static void begin_one(struct worker *worker, const struct claim *claim, const struct due_refund *refund) {
    const struct provider *provider = refund->id ? provider_named(refund->provider) : NULL;
    if (!refund->id)
        end(claim->delivery, DELIVERY_UNSENDABLE, "there is no such refund");
    else if (refund->status == REFUND_PENDING || refund->status == REFUND_PROCESSED) /* a webhook was faster */
        end(claim->delivery, DELIVERY_DONE, NULL);
    else if (!provider || !provider->configured())
        end(claim->delivery, DELIVERY_AGAIN, "its provider is not set up");
    else if (!inquiries_room(provider, FOR_REFUNDS))
        hand_back(claim->delivery, provider);
    else
        ask(worker, provider, refund, claim);
}

static const char *refund_id_of(const char *body, struct pool *pool) {
    json_t *json = json_loads(body, 0, NULL);
    const char *refund_id = json_string_value(json_object_get(json, "refund_id"));
    refund_id = refund_id ? pool_text(pool, refund_id) : NULL;
    json_decref(json);
    return refund_id;
}

static void begin(struct worker *worker, const struct claim *claims, size_t count) {
    struct pool *pool = worker_pool(worker);
    const char **refund_ids = pool_alloc(pool, count * sizeof *refund_ids);
    struct due_refund *refunds = pool_alloc(pool, count * sizeof *refunds);
    for (size_t i = 0; i < count; i++)
        refund_ids[i] = refund_id_of(claims[i].body, pool);
    bool failed = store_read_refunds(worker, refund_ids, count, refunds) != 0;
    for (size_t i = 0; i < count; i++)
        if (failed)
            end(claims[i].delivery, DELIVERY_INTERRUPTED, "the database went away");
        else
            begin_one(worker, &claims[i], &refunds[i]);
}
