/* The engine behind deliveries.h. All database work of a tick is one transaction: outcomes, renewals, claims. */
#include "deliveries.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "backoff.h"
#include "clock.h"
#include "log.h"
#include "outbox.h"
#include "process.h"

#define RENEW_MS (LEASE_S * 1000 / 3)
#define INTERRUPTED_MS 1000

struct delivery {
    LIST_ENTRY(delivery) link;
    struct deliveries *deliveries; /* NULL: they have stopped, its end is of no interest any more */
    const struct delivery_channel *channel;
    int64_t id, owner_id;
    char leased_until[LEASE_TEXT_SIZE];
    char webhook_id[64];
    unsigned attempts; /* with this one, where it counts */
    bool ended;
    const char *state; /* this and the following: once ended */
    int64_t wait_ms;
    long status;
    char error[256]; /* "": none */
};

struct deliveries {
    struct worker *worker;
    const struct delivery_channel *channels;
    size_t channel_count;
    LIST_HEAD(, delivery) in_hand;
    size_t in_hand_count;
    int64_t renew_mono_ms; /* when leases are due */
};

struct deliveries *deliveries_new(struct worker *worker, const struct delivery_channel *channels, size_t count) {
    struct deliveries *deliveries = calloc(1, sizeof *deliveries);
    if (!deliveries)
        abort();
    LIST_INIT(&deliveries->in_hand);
    deliveries->worker = worker;
    deliveries->channels = channels;
    deliveries->channel_count = count;
    return deliveries;
}

void deliveries_destroy(struct deliveries **deliveries) {
    free(*deliveries);
    *deliveries = NULL;
}

static void note_end(struct delivery *delivery, const char *state, int64_t wait_ms, const struct delivery_result *end) {
    delivery->ended = true;
    delivery->state = state;
    delivery->wait_ms = wait_ms;
    delivery->status = end->status;
    snprintf(delivery->error, sizeof delivery->error, "%s", end->error ? end->error : "");
    if (strcmp(state, "dead") == 0)
        log_warn("%s %s given up after %u attempts: %s", delivery->channel->name, delivery->webhook_id,
                 delivery->attempts, delivery->error);
    else if (delivery->error[0])
        log_info("%s %s failed at attempt %u, again in %" PRId64 " s: %s", delivery->channel->name,
                 delivery->webhook_id, delivery->attempts, wait_ms / 1000, delivery->error);
}

static void end_failed(struct delivery *delivery, const struct delivery_result *result) {
    const struct delivery_channel *channel = delivery->channel;
    double random = (double)randombytes_random() / 4294967296.0;
    int64_t wait_ms =
        backoff_wait_ms(channel->waits_s, channel->wait_count, delivery->attempts, result->retry_after_s, random);
    note_end(delivery, wait_ms < 0 ? "dead" : "due", wait_ms < 0 ? 0 : wait_ms, result);
}

void delivery_end(struct delivery *delivery, const struct delivery_result *result) {
    if (!delivery->deliveries) {
        free(delivery);
        return;
    }
    switch (result->verdict) {
    case DELIVERY_DONE:
        note_end(delivery, "delivered", 0, result);
        break;
    case DELIVERY_AGAIN:
        end_failed(delivery, result);
        break;
    case DELIVERY_UNSENDABLE:
        delivery->attempts--;
        note_end(delivery, "dead", 0, result);
        break;
    case DELIVERY_DEAD:
        note_end(delivery, "dead", 0, result);
        break;
    case DELIVERY_INTERRUPTED:
        delivery->attempts--;
        note_end(delivery, "due", result->retry_after_s > 0 ? result->retry_after_s * 1000 : INTERRUPTED_MS, result);
        break;
    }
    worker_wake(delivery->deliveries->worker);
}

/* What the database's part of a tick brings. Nothing of it counts before the commit. */
struct tick {
    struct deliveries *deliveries;
    bool renews;
    struct leased_row **rows; /* per channel */
    size_t *row_counts;
    struct lease *renewed;
    size_t renewed_count;
};

static struct lease lease_of(const struct delivery *delivery) {
    return (struct lease){.id = delivery->id, .until = delivery->leased_until};
}

static int record_ended(struct worker *worker, struct deliveries *deliveries) {
    struct outcome *outcomes = pool_alloc(worker_pool(worker), deliveries->in_hand_count * sizeof *outcomes);
    const struct delivery *delivery;
    size_t count = 0;
    LIST_FOREACH(delivery, &deliveries->in_hand, link)
    if (delivery->ended)
        outcomes[count++] = (struct outcome){.lease = lease_of(delivery),
                                             .state = delivery->state,
                                             .attempts = delivery->attempts,
                                             .wait_ms = delivery->wait_ms,
                                             .status = delivery->status,
                                             .error = delivery->error[0] ? delivery->error : NULL};
    return count ? outbox_record(worker, outcomes, count) : 0;
}

static int renew_leases(struct worker *worker, struct tick *tick) {
    size_t count = 0, most = tick->deliveries->in_hand_count;
    struct lease *leases = pool_alloc(worker_pool(worker), most * sizeof *leases);
    const struct delivery *delivery;
    LIST_FOREACH(delivery, &tick->deliveries->in_hand, link)
    if (!delivery->ended)
        leases[count++] = lease_of(delivery);
    if (!count)
        return 0;
    tick->renewed = pool_alloc(worker_pool(worker), count * sizeof *tick->renewed);
    return outbox_renew(worker, leases, count, tick->renewed, &tick->renewed_count);
}

static int claim_due(struct worker *worker, struct tick *tick) {
    struct deliveries *deliveries = tick->deliveries;
    for (size_t i = 0; i < deliveries->channel_count; i++) {
        int64_t *busy = pool_alloc(worker_pool(worker), deliveries->in_hand_count * sizeof *busy);
        struct demand demand = {.channel = &deliveries->channels[i], .busy_owners = busy};
        const struct delivery *delivery;
        LIST_FOREACH(delivery, &deliveries->in_hand, link)
        if (!delivery->ended && delivery->channel == demand.channel)
            busy[demand.busy_count++] = delivery->owner_id;
        demand.total = demand.channel->limit - demand.busy_count;
        if (demand.total && outbox_claim(worker, &demand, &tick->rows[i], &tick->row_counts[i]) != 0)
            return -1;
    }
    return 0;
}

static int step(struct worker *worker, void *argument) {
    struct tick *tick = argument;
    if (record_ended(worker, tick->deliveries) != 0 || (tick->renews && renew_leases(worker, tick) != 0))
        return -1;
    return process_stopping() ? 0 : claim_due(worker, tick);
}

static void take_renewed(struct tick *tick) {
    struct delivery *delivery;
    LIST_FOREACH(delivery, &tick->deliveries->in_hand, link)
    for (size_t i = 0; i < tick->renewed_count; i++)
        if (tick->renewed[i].id == delivery->id)
            snprintf(delivery->leased_until, sizeof delivery->leased_until, "%s", tick->renewed[i].until);
}

static void forget_ended(struct deliveries *deliveries) {
    for (struct delivery *delivery = LIST_FIRST(&deliveries->in_hand), *next; delivery; delivery = next) {
        next = LIST_NEXT(delivery, link);
        if (delivery->ended) {
            LIST_REMOVE(delivery, link);
            deliveries->in_hand_count--;
            if (delivery->deliveries) /* else its sender has it still, and ends it */
                free(delivery);
        }
    }
}

static struct delivery *delivery_new(struct deliveries *deliveries, const struct delivery_channel *channel,
                                     const struct leased_row *row) {
    struct delivery *delivery = calloc(1, sizeof *delivery);
    if (!delivery)
        abort();
    delivery->deliveries = deliveries;
    delivery->channel = channel;
    delivery->id = row->lease.id;
    delivery->owner_id = row->claim.owner_id;
    delivery->attempts = row->claim.attempt;
    snprintf(delivery->leased_until, sizeof delivery->leased_until, "%s", row->lease.until);
    snprintf(delivery->webhook_id, sizeof delivery->webhook_id, "%s", row->claim.webhook_id);
    LIST_INSERT_HEAD(&deliveries->in_hand, delivery, link);
    deliveries->in_hand_count++;
    return delivery;
}

static void begin(struct deliveries *deliveries, const struct delivery_channel *channel, const struct leased_row *rows,
                  size_t count) {
    struct claim *claims = pool_alloc(worker_pool(deliveries->worker), count * sizeof *claims);
    for (size_t i = 0; i < count; i++) {
        claims[i] = rows[i].claim;
        claims[i].delivery = delivery_new(deliveries, channel, &rows[i]);
        claims[i].last = claims[i].attempt > channel->wait_count;
    }
    db_release(worker_db(deliveries->worker)); /* what went wrong for another channel is none of this one's business */
    channel->begin(deliveries->worker, claims, count);
}

void deliveries_tick(struct deliveries *deliveries) {
    struct pool *pool = worker_pool(deliveries->worker);
    int64_t now = clock_mono_ms();
    struct tick tick = {.deliveries = deliveries,
                        .renews = now >= deliveries->renew_mono_ms,
                        .rows = pool_alloc(pool, deliveries->channel_count * sizeof *tick.rows),
                        .row_counts = pool_alloc(pool, deliveries->channel_count * sizeof *tick.row_counts)};
    if (worker_transaction(deliveries->worker, step, &tick) != 0)
        return; /* what has ended stays in hand and is written down at the next tick */
    if (tick.renews)
        deliveries->renew_mono_ms = now + RENEW_MS;
    take_renewed(&tick);
    forget_ended(deliveries);
    for (size_t i = 0; i < deliveries->channel_count; i++)
        if (tick.row_counts[i])
            begin(deliveries, &deliveries->channels[i], tick.rows[i], tick.row_counts[i]);
}

bool deliveries_busy(const struct deliveries *deliveries) {
    return deliveries->in_hand_count;
}

static int record_all(struct worker *worker, void *argument) {
    return record_ended(worker, argument);
}

void deliveries_stop(struct deliveries *deliveries) {
    struct delivery *delivery;
    LIST_FOREACH(delivery, &deliveries->in_hand, link)
    if (!delivery->ended) {
        delivery->deliveries = NULL;
        delivery->attempts--;
        note_end(delivery, "due", 0, &(struct delivery_result){.error = "given up: the process ends"});
    }
    if (deliveries->in_hand_count)
        worker_transaction(deliveries->worker, record_all, deliveries);
    forget_ended(deliveries);
}
