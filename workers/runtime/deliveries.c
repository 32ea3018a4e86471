/* The engine behind deliveries.h. A tick begins what waits in hand (deliveries_hand.c) and then, in one transaction,
 * writes down what has ended, renews leases and claims what is due. Where the claims fail, they take no outcomes with
 * them: these are written down alone. While there was something to begin, outcomes may gather for a moment, so that one
 * address that is fast costs a transaction per hundred messages and not one per sixteen. */
#include "deliveries.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "deliveries_hand.h"
#include "format.h"
#include "log.h"
#include "outbox.h"
#include "process.h"
#include "schedule.h"

#define RENEW_MS (LEASE_S * 1000 / 3)
#define TROUBLE_MS 900 /* how often lanes in trouble are looked after: at each poll */
#define WAIT_LIMIT_MS 1000
#define GATHER_LIMIT 128
#define GATHER_MS 20
#define RESPONSE_SIZE 2049

struct deliveries {
    struct worker *worker;
    struct hand *hands; /* per channel */
    size_t channel_count;
    int64_t renew_mono_ms;   /* when leases are due */
    int64_t trouble_mono_ms; /* when lanes in trouble are */
    size_t ended;            /* attempts whose ends are not written down yet */
    int64_t ended_mono_ms;   /* the first of them */
    bool claims_fail;        /* the last ones did: outcomes are written down alone */
};

struct deliveries *deliveries_new(struct worker *worker, const struct delivery_channel *channels, size_t count) {
    struct deliveries *deliveries = calloc(1, sizeof *deliveries);
    struct hand *hands = calloc(count, sizeof *hands);
    if (!deliveries || !hands)
        abort();
    deliveries->worker = worker;
    deliveries->hands = hands;
    deliveries->channel_count = count;
    for (size_t i = 0; i < count; i++)
        hand_init(&hands[i], deliveries, &channels[i]);
    return deliveries;
}

void deliveries_destroy(struct deliveries **deliveries) {
    for (size_t i = 0; i < (*deliveries)->channel_count; i++)
        hand_free(&(*deliveries)->hands[i]);
    free((*deliveries)->hands);
    free(*deliveries);
    *deliveries = NULL;
}

/* The beginning of a text from outside, cut between characters; what is no UTF-8 becomes question marks. */
static void copy_text(char *to, size_t size, const char *text) {
    const char *end = text + strlen(text);
    while (text < end) {
        size_t valid = format_code_point_size(text, (size_t)(end - text)), step = valid ? valid : 1;
        if (step >= size)
            break;
        memcpy(to, valid ? text : "?", step);
        to += step;
        size -= step;
        text += step;
    }
    *to = '\0';
}

static char *new_response(const char *text) {
    char *response = text ? malloc(RESPONSE_SIZE) : NULL;
    if (text && !response)
        abort();
    if (response)
        copy_text(response, RESPONSE_SIZE, text);
    return response;
}

static void log_end(const struct delivery *delivery, int64_t now_mono_ms) {
    const char *channel = delivery->hand->channel->name, *webhook_id = delivery->claim.webhook_id;
    if (strcmp(delivery->fate.state, "dead") == 0)
        log_warn("%s %s given up after %" PRId64 " attempts: %s", channel, webhook_id, delivery->fate.attempts,
                 delivery->error);
    else if (delivery->error[0])
        log_info("%s %s failed at attempt %u, again in %" PRId64 " s: %s", channel, webhook_id, delivery->claim.attempt,
                 (delivery->fate.due_ms - now_mono_ms) / 1000, delivery->error);
}

static void note_end(struct delivery *delivery, const struct fate *fate, const struct delivery_result *result) {
    struct deliveries *deliveries = delivery->hand->deliveries;
    int64_t now_mono_ms = clock_mono_ms();
    hand_end(delivery, fate);
    delivery->duration_ms = now_mono_ms - delivery->begun_mono_ms;
    delivery->status = result->status;
    copy_text(delivery->error, sizeof delivery->error, result->error ? result->error : "");
    delivery->response = delivery->hand->channel->keeps_attempts ? new_response(result->response) : NULL;
    if (!deliveries->ended++)
        deliveries->ended_mono_ms = now_mono_ms;
    if (delivery->in_trouble) /* its lane may have recovered */
        deliveries->trouble_mono_ms = now_mono_ms;
    log_end(delivery, now_mono_ms);
}

void delivery_end(struct delivery *delivery, const struct delivery_result *result) {
    if (delivery->abandoned) {
        delivery_free(delivery);
        return;
    }
    double random = (double)randombytes_random() / 4294967296.0;
    struct fate fate = schedule_fate(delivery->hand->channel, delivery->claim.attempt, result, clock_mono_ms(), random);
    note_end(delivery, &fate, result);
    worker_wake(delivery->hand->deliveries->worker);
}

/* What the database's part of a tick brings. Nothing of it counts before the commit of its transaction. */
struct tick {
    struct deliveries *deliveries;
    bool renews, with_trouble;
    struct claimed *claimed; /* per channel */
    struct lease *renewed;
    size_t renewed_count;
};

static struct lease lease_of(const struct delivery *delivery) {
    return (struct lease){.id = delivery->id, .until = delivery->leased_until};
}

static struct outcome outcome_of(const struct delivery *delivery, int64_t now_mono_ms) {
    int64_t wait_ms = delivery->fate.due_ms - now_mono_ms;
    return (struct outcome){.lease = lease_of(delivery),
                            .channel = delivery->hand->channel,
                            .lane = delivery->claim.lane,
                            .openings = delivery->openings,
                            .fate = delivery->fate,
                            .wait_ms = wait_ms > 0 ? wait_ms : 0,
                            .status = delivery->status,
                            .error = delivery->error[0] ? delivery->error : NULL,
                            .webhook_id = delivery->claim.webhook_id,
                            .response = delivery->response,
                            .begun_ms = delivery->begun_ms,
                            .duration_ms = delivery->duration_ms};
}

static size_t in_hand(const struct deliveries *deliveries) {
    size_t count = 0;
    for (size_t i = 0; i < deliveries->channel_count; i++)
        count += deliveries->hands[i].count;
    return count;
}

/* The leases of what is in one of these stages, of all channels. */
static struct lease *leases_of(const struct deliveries *deliveries, enum stage first, enum stage last,
                               size_t *ret_count) {
    struct lease *leases = pool_alloc(worker_pool(deliveries->worker), in_hand(deliveries) * sizeof *leases);
    const struct delivery *delivery;
    *ret_count = 0;
    for (size_t i = 0; i < deliveries->channel_count; i++) {
        TAILQ_FOREACH(delivery, &deliveries->hands[i].rows, link)
        if (delivery->stage >= first && delivery->stage <= last)
            leases[(*ret_count)++] = lease_of(delivery);
    }
    return leases;
}

static int record_ended(struct worker *worker, const struct deliveries *deliveries) {
    struct outcome *outcomes = pool_alloc(worker_pool(worker), deliveries->ended * sizeof *outcomes);
    int64_t now_mono_ms = clock_mono_ms();
    const struct delivery *delivery;
    size_t count = 0;
    for (size_t i = 0; i < deliveries->channel_count; i++) {
        TAILQ_FOREACH(delivery, &deliveries->hands[i].rows, link)
        if (delivery->stage == STAGE_ENDED)
            outcomes[count++] = outcome_of(delivery, now_mono_ms);
    }
    return count ? outbox_record(worker, outcomes, count) : 0;
}

static int release_returned(struct worker *worker, const struct deliveries *deliveries) {
    size_t count;
    struct lease *leases = leases_of(deliveries, STAGE_RETURNED, STAGE_RETURNED, &count);
    return count ? outbox_release(worker, leases, count) : 0;
}

static int renew_leases(struct worker *worker, struct tick *tick) {
    size_t count;
    struct lease *leases = leases_of(tick->deliveries, STAGE_WAITING, STAGE_BEGUN, &count);
    if (!count)
        return 0;
    tick->renewed = pool_alloc(worker_pool(worker), count * sizeof *tick->renewed);
    return outbox_renew(worker, leases, count, tick->renewed, &tick->renewed_count);
}

static int keep_up(struct worker *worker, void *argument) {
    struct tick *tick = argument;
    if (record_ended(worker, tick->deliveries) != 0 || release_returned(worker, tick->deliveries) != 0)
        return -1;
    return tick->renews ? renew_leases(worker, tick) : 0;
}

static int claim_due(struct worker *worker, void *argument) {
    struct tick *tick = argument;
    size_t count = tick->deliveries->channel_count;
    struct demand *demands = pool_alloc(worker_pool(worker), count * sizeof *demands);
    for (size_t i = 0; i < count; i++) {
        demands[i] = hand_demand(&tick->deliveries->hands[i], worker_pool(worker));
        demands[i].with_trouble = tick->with_trouble && demands[i].trouble_total;
    }
    return outbox_claim(worker, demands, count, tick->claimed);
}

static int keep_up_and_claim(struct worker *worker, void *argument) {
    return keep_up(worker, argument) || claim_due(worker, argument) ? -1 : 0;
}

static int by_id(const void *one, const void *other) {
    int64_t a = ((const struct lease *)one)->id, b = ((const struct lease *)other)->id;
    return (a > b) - (a < b);
}

static void take_renewed(struct tick *tick) {
    struct delivery *delivery;
    if (tick->renewed_count)
        qsort(tick->renewed, tick->renewed_count, sizeof *tick->renewed, by_id);
    for (size_t i = 0; tick->renewed_count && i < tick->deliveries->channel_count; i++) {
        TAILQ_FOREACH(delivery, &tick->deliveries->hands[i].rows, link) {
            const struct lease key = {.id = delivery->id};
            const struct lease *renewed =
                bsearch(&key, tick->renewed, tick->renewed_count, sizeof *tick->renewed, by_id);
            if (renewed)
                snprintf(delivery->leased_until, sizeof delivery->leased_until, "%s", renewed->until);
        }
    }
}

/* What is committed is out of hand. */
static void take_kept_up(struct tick *tick, int64_t now_mono_ms) {
    struct deliveries *deliveries = tick->deliveries;
    if (tick->renews)
        deliveries->renew_mono_ms = now_mono_ms + RENEW_MS;
    take_renewed(tick);
    for (size_t i = 0; i < deliveries->channel_count; i++)
        hand_forget(&deliveries->hands[i]);
    deliveries->ended = 0;
}

static void prepare(struct worker *worker, const struct delivery_channel *channel, struct claimed *claimed) {
    struct claim *claims = pool_alloc(worker_pool(worker), claimed->count * sizeof *claims);
    if (!channel->prepare || !claimed->count)
        return;
    for (size_t i = 0; i < claimed->count; i++)
        claims[i] = claimed->rows[i].claim;
    db_release(worker_db(worker));
    channel->prepare(worker, claims, claimed->count);
    for (size_t i = 0; i < claimed->count; i++)
        claimed->rows[i].claim.prepared = claims[i].prepared;
}

static void take_claimed(struct tick *tick, int64_t now_mono_ms) {
    struct deliveries *deliveries = tick->deliveries;
    bool more_trouble = false;
    if (!in_hand(deliveries))
        deliveries->renew_mono_ms = now_mono_ms + RENEW_MS;
    for (size_t i = 0; i < deliveries->channel_count; i++) {
        prepare(deliveries->worker, deliveries->hands[i].channel, &tick->claimed[i]);
        hand_take(&deliveries->hands[i], tick->claimed[i].rows, tick->claimed[i].count, now_mono_ms);
        more_trouble |= tick->claimed[i].more_trouble;
    }
    if (tick->with_trouble)
        deliveries->trouble_mono_ms = now_mono_ms + (more_trouble ? 0 : TROUBLE_MS);
    if (more_trouble)
        worker_wake(deliveries->worker);
}

static bool has_returned(const struct deliveries *deliveries) {
    size_t count;
    leases_of(deliveries, STAGE_RETURNED, STAGE_RETURNED, &count);
    return count;
}

/* The database's part. What was not committed is tried again at the next tick. */
static void turn_over(struct deliveries *deliveries) {
    int64_t now_mono_ms = clock_mono_ms();
    struct pool *pool = worker_pool(deliveries->worker);
    bool claims = !process_stopping();
    struct tick tick = {.deliveries = deliveries,
                        .renews = in_hand(deliveries) && now_mono_ms >= deliveries->renew_mono_ms,
                        .with_trouble = now_mono_ms >= deliveries->trouble_mono_ms,
                        .claimed = pool_alloc(pool, deliveries->channel_count * sizeof *tick.claimed)};
    if (claims && !deliveries->claims_fail) {
        if (worker_transaction(deliveries->worker, keep_up_and_claim, &tick) == 0) {
            take_kept_up(&tick, now_mono_ms);
            take_claimed(&tick, now_mono_ms);
            return;
        }
        deliveries->claims_fail = true;
        claims = false;
    }
    if ((tick.renews || deliveries->ended || has_returned(deliveries))) {
        if (worker_transaction(deliveries->worker, keep_up, &tick) != 0)
            return;
        take_kept_up(&tick, now_mono_ms);
    }
    if (claims && worker_transaction(deliveries->worker, claim_due, &tick) == 0) {
        deliveries->claims_fail = false;
        take_claimed(&tick, now_mono_ms);
    }
}

/* Is there something that has begun? */
static bool begin(struct deliveries *deliveries) {
    bool begun = false;
    for (size_t i = 0; i < deliveries->channel_count; i++) {
        struct hand *hand = &deliveries->hands[i];
        struct claim *claims;
        size_t count = hand_begin(hand, worker_pool(deliveries->worker), &claims);
        if (!count)
            continue;
        begun = true;
        db_release(
            worker_db(deliveries->worker)); /* what went wrong for another channel is none of this one's business */
        hand->channel->begin(deliveries->worker, claims, count);
    }
    return begun;
}

/* Whose turn does not come soon goes back, where another worker may have room. */
static void return_old(struct deliveries *deliveries) {
    int64_t before_mono_ms = process_stopping() ? INT64_MAX : clock_mono_ms() - WAIT_LIMIT_MS;
    for (size_t i = 0; i < deliveries->channel_count; i++)
        hand_return(&deliveries->hands[i], before_mono_ms);
}

static bool may_gather(const struct deliveries *deliveries) {
    return deliveries->ended < GATHER_LIMIT &&
           (!deliveries->ended || clock_mono_ms() - deliveries->ended_mono_ms < GATHER_MS);
}

void deliveries_tick(struct deliveries *deliveries) {
    return_old(deliveries);
    if (begin(deliveries) && may_gather(deliveries))
        return; /* their ends make the next tick due */
    turn_over(deliveries);
    begin(deliveries);
}

bool deliveries_busy(const struct deliveries *deliveries) {
    return in_hand(deliveries);
}

static void abandon(struct hand *hand) {
    struct delivery *delivery;
    TAILQ_FOREACH(delivery, &hand->rows, link)
    if (delivery->stage == STAGE_BEGUN) {
        delivery->abandoned = true;
        const struct fate again = {.state = "due", .attempts = delivery->claim.attempt - 1, .due_ms = clock_mono_ms()};
        note_end(delivery, &again, &(struct delivery_result){.error = "given up: the process ends"});
    }
}

void deliveries_stop(struct deliveries *deliveries) {
    struct tick tick = {.deliveries = deliveries};
    for (size_t i = 0; i < deliveries->channel_count; i++) {
        hand_return(&deliveries->hands[i], INT64_MAX);
        abandon(&deliveries->hands[i]);
    }
    if (in_hand(deliveries))
        worker_transaction(deliveries->worker, keep_up, &tick);
    take_kept_up(&tick, clock_mono_ms());
}
