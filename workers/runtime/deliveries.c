/* The engine behind deliveries.h. A tick is two transactions, so that claims that fail take no
 * outcomes with them: outcomes and renewals, then claims. */
#include "deliveries.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "clock.h"
#include "format.h"
#include "log.h"
#include "outbox.h"
#include "process.h"
#include "schedule.h"

#define RENEW_MS (LEASE_S * 1000 / 3)
#define ERROR_SIZE 256
#define RESPONSE_SIZE 2049

struct delivery {
    LIST_ENTRY(delivery) link;
    struct deliveries *deliveries; /* NULL: they have stopped, its end is of no interest any more */
    const struct delivery_channel *channel;
    int64_t id, lane;
    char leased_until[LEASE_TEXT_SIZE];
    char webhook_id[64];
    unsigned attempt; /* its number */
    bool in_trouble;  /* its lane, when it was claimed */
    int64_t openings; /* of its lane's breaker, then */
    int64_t begun_ms, begun_mono_ms;
    bool ended;
    struct fate fate; /* this and the following: once ended */
    int64_t duration_ms;
    long status;
    char error[ERROR_SIZE]; /* "": none */
    char *response;         /* NULL: none */
};

struct deliveries {
    struct worker *worker;
    const struct delivery_channel *channels;
    size_t channel_count;
    int64_t *last_lanes; /* per channel: whose turn was last */
    LIST_HEAD(, delivery) in_hand;
    size_t in_hand_count;
    int64_t renew_mono_ms; /* when leases are due */
};

struct deliveries *deliveries_new(struct worker *worker, const struct delivery_channel *channels, size_t count) {
    struct deliveries *deliveries = calloc(1, sizeof *deliveries);
    int64_t *last_lanes = calloc(count, sizeof *last_lanes);
    if (!deliveries || !last_lanes)
        abort();
    LIST_INIT(&deliveries->in_hand);
    deliveries->worker = worker;
    deliveries->channels = channels;
    deliveries->channel_count = count;
    deliveries->last_lanes = last_lanes;
    return deliveries;
}

void deliveries_destroy(struct deliveries **deliveries) {
    free((*deliveries)->last_lanes);
    free(*deliveries);
    *deliveries = NULL;
}

static void delivery_free(struct delivery *delivery) {
    free(delivery->response);
    free(delivery);
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
    const char *channel = delivery->channel->name;
    if (strcmp(delivery->fate.state, "dead") == 0)
        log_warn("%s %s given up after %" PRId64 " attempts: %s", channel, delivery->webhook_id,
                 delivery->fate.attempts, delivery->error);
    else if (delivery->error[0])
        log_info("%s %s failed at attempt %u, again in %" PRId64 " s: %s", channel, delivery->webhook_id,
                 delivery->attempt, (delivery->fate.due_ms - now_mono_ms) / 1000, delivery->error);
}

static void note_end(struct delivery *delivery, const struct fate *fate, const struct delivery_result *result) {
    int64_t now_mono_ms = clock_mono_ms();
    delivery->ended = true;
    delivery->fate = *fate;
    delivery->duration_ms = now_mono_ms - delivery->begun_mono_ms;
    delivery->status = result->status;
    copy_text(delivery->error, sizeof delivery->error, result->error ? result->error : "");
    delivery->response = delivery->channel->keeps_attempts ? new_response(result->response) : NULL;
    log_end(delivery, now_mono_ms);
}

void delivery_end(struct delivery *delivery, const struct delivery_result *result) {
    if (!delivery->deliveries) {
        delivery_free(delivery);
        return;
    }
    double random = (double)randombytes_random() / 4294967296.0;
    struct fate fate = schedule_fate(delivery->channel, delivery->attempt, result, clock_mono_ms(), random);
    note_end(delivery, &fate, result);
    worker_wake(delivery->deliveries->worker);
}

/* What the database's part of a tick brings. Nothing of it counts before the commit of its transaction. */
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

static struct outcome outcome_of(const struct delivery *delivery, int64_t now_mono_ms) {
    int64_t wait_ms = delivery->fate.due_ms - now_mono_ms;
    return (struct outcome){.lease = lease_of(delivery),
                            .channel = delivery->channel,
                            .lane = delivery->lane,
                            .openings = delivery->openings,
                            .fate = delivery->fate,
                            .wait_ms = wait_ms > 0 ? wait_ms : 0,
                            .status = delivery->status,
                            .error = delivery->error[0] ? delivery->error : NULL,
                            .webhook_id = delivery->webhook_id,
                            .response = delivery->response,
                            .begun_ms = delivery->begun_ms,
                            .duration_ms = delivery->duration_ms};
}

static int record_ended(struct worker *worker, struct deliveries *deliveries) {
    struct outcome *outcomes = pool_alloc(worker_pool(worker), deliveries->in_hand_count * sizeof *outcomes);
    int64_t now_mono_ms = clock_mono_ms();
    const struct delivery *delivery;
    size_t count = 0;
    LIST_FOREACH(delivery, &deliveries->in_hand, link)
    if (delivery->ended)
        outcomes[count++] = outcome_of(delivery, now_mono_ms);
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

static int by_lane(const void *one, const void *other) {
    int64_t a = ((const struct lane_load *)one)->lane, b = ((const struct lane_load *)other)->lane;
    return (a > b) - (a < b);
}

/* Room that is left, if the limits were not passed already. */
static size_t room(size_t limit, size_t used) {
    return limit > used ? limit - used : 0;
}

/* Makes one of those of the same lane; returns how many lanes they are. */
static size_t merge_loads(struct lane_load *loads, size_t count) {
    size_t merged = 0;
    qsort(loads, count, sizeof *loads, by_lane);
    for (size_t i = 0; i < count; i++)
        if (merged && loads[merged - 1].lane == loads[i].lane)
            loads[merged - 1].count++;
        else
            loads[merged++] = loads[i];
    return merged;
}

static struct demand demand_of(const struct deliveries *deliveries, size_t channel, struct pool *pool) {
    const struct delivery_channel *of = &deliveries->channels[channel];
    struct lane_load *loads = pool_alloc(pool, deliveries->in_hand_count * sizeof *loads);
    size_t busy = 0, in_trouble = 0;
    const struct delivery *delivery;
    LIST_FOREACH(delivery, &deliveries->in_hand, link)
    if (!delivery->ended && delivery->channel == of) {
        loads[busy++] = (struct lane_load){.lane = delivery->lane, .count = 1};
        in_trouble += delivery->in_trouble;
    }
    return (struct demand){.channel = of,
                           .total = room(of->limit, busy - in_trouble),
                           .trouble_total = room(of->limit_of_trouble, in_trouble),
                           .loads = loads,
                           .load_count = merge_loads(loads, busy),
                           .after_lane = deliveries->last_lanes[channel]};
}

static int claim_due(struct worker *worker, void *argument) {
    struct tick *tick = argument;
    for (size_t i = 0; i < tick->deliveries->channel_count; i++) {
        struct demand demand = demand_of(tick->deliveries, i, worker_pool(worker));
        if ((demand.total || demand.trouble_total) &&
            outbox_claim(worker, &demand, &tick->rows[i], &tick->row_counts[i]) != 0)
            return -1;
    }
    return 0;
}

static int keep_up(struct worker *worker, void *argument) {
    struct tick *tick = argument;
    if (record_ended(worker, tick->deliveries) != 0)
        return -1;
    return tick->renews ? renew_leases(worker, tick) : 0;
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
                delivery_free(delivery);
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
    delivery->lane = row->claim.lane;
    delivery->attempt = row->claim.attempt;
    delivery->in_trouble = row->in_trouble;
    delivery->openings = row->openings;
    delivery->begun_ms = clock_wall_ms();
    delivery->begun_mono_ms = clock_mono_ms();
    snprintf(delivery->leased_until, sizeof delivery->leased_until, "%s", row->lease.until);
    snprintf(delivery->webhook_id, sizeof delivery->webhook_id, "%s", row->claim.webhook_id);
    LIST_INSERT_HEAD(&deliveries->in_hand, delivery, link);
    deliveries->in_hand_count++;
    return delivery;
}

/* The lane that comes last of those that got their turn, on the way round from `lane`. */
static int64_t last_lane(int64_t lane, const struct leased_row *rows, size_t count) {
    int64_t last = lane;
    uint64_t farthest = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t distance = (uint64_t)rows[i].claim.lane - (uint64_t)lane - 1; /* `lane` itself is the farthest */
        if (!rows[i].in_trouble && distance >= farthest) {
            farthest = distance;
            last = rows[i].claim.lane;
        }
    }
    return last;
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

static bool has_ended(const struct deliveries *deliveries) {
    const struct delivery *delivery;
    LIST_FOREACH(delivery, &deliveries->in_hand, link)
    if (delivery->ended)
        return true;
    return false;
}

/* Outcomes and renewals, where there are any. */
static int note_in_hand(struct deliveries *deliveries, struct tick *tick) {
    int64_t now = clock_mono_ms();
    tick->renews = deliveries->in_hand_count && now >= deliveries->renew_mono_ms;
    if (!tick->renews && !has_ended(deliveries))
        return 0;
    if (worker_transaction(deliveries->worker, keep_up, tick) != 0)
        return -1;
    if (tick->renews)
        deliveries->renew_mono_ms = now + RENEW_MS;
    take_renewed(tick);
    forget_ended(deliveries);
    return 0;
}

void deliveries_tick(struct deliveries *deliveries) {
    struct pool *pool = worker_pool(deliveries->worker);
    struct tick tick = {.deliveries = deliveries,
                        .rows = pool_alloc(pool, deliveries->channel_count * sizeof *tick.rows),
                        .row_counts = pool_alloc(pool, deliveries->channel_count * sizeof *tick.row_counts)};
    if (note_in_hand(deliveries, &tick) != 0)
        return; /* what has ended stays in hand and is written down at the next tick */
    if (process_stopping() || worker_transaction(deliveries->worker, claim_due, &tick) != 0)
        return;
    for (size_t i = 0; i < deliveries->channel_count; i++)
        if (tick.row_counts[i]) {
            deliveries->last_lanes[i] = last_lane(deliveries->last_lanes[i], tick.rows[i], tick.row_counts[i]);
            begin(deliveries, &deliveries->channels[i], tick.rows[i], tick.row_counts[i]);
        }
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
        const struct fate again = {.state = "due", .attempts = delivery->attempt - 1, .due_ms = clock_mono_ms()};
        note_end(delivery, &again, &(struct delivery_result){.error = "given up: the process ends"});
    }
    if (deliveries->in_hand_count)
        worker_transaction(deliveries->worker, record_all, deliveries);
    forget_ended(deliveries);
}
