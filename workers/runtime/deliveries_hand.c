/* Rows in hand; see deliveries_hand.h. */
#include "deliveries_hand.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "clock.h"

struct lane_use {
    int64_t lane;
    size_t rows; /* in hand, in whatever stage; it goes with the last of them */
    size_t waiting, begun;
    size_t done; /* as in struct hand */
    bool failed; /* one of those that are not written down yet */
    UT_hash_handle hh;
};

void hand_init(struct hand *hand, struct deliveries *deliveries, const struct delivery_channel *channel) {
    *hand = (struct hand){.deliveries = deliveries, .channel = channel};
    TAILQ_INIT(&hand->rows);
}

void hand_free(struct hand *hand) {
    HASH_CLEAR(hh, hand->lanes);
}

static struct lane_use *use_of(struct hand *hand, int64_t lane) {
    struct lane_use *use;
    HASH_FIND(hh, hand->lanes, &lane, sizeof lane, use);
    if (!use) {
        use = calloc(1, sizeof *use);
        if (!use)
            abort();
        use->lane = lane;
        HASH_ADD(hh, hand->lanes, lane, sizeof lane, use);
    }
    use->rows++;
    return use;
}

static char *append(char **end, const char *text) {
    char *copy = *end;
    *end = stpcpy(copy, text) + 1;
    return copy;
}

static void own_texts(struct delivery *delivery) {
    struct claim *claim = &delivery->claim;
    size_t size = strlen(claim->webhook_id) + strlen(claim->type) + strlen(claim->body) + strlen(claim->trace) + 4;
    char *end = delivery->texts = malloc(size);
    if (!end)
        abort();
    claim->webhook_id = append(&end, claim->webhook_id);
    claim->type = append(&end, claim->type);
    claim->body = append(&end, claim->body);
    claim->trace = append(&end, claim->trace);
}

static void take(struct hand *hand, const struct leased_row *row, int64_t now_mono_ms) {
    struct delivery *delivery = calloc(1, sizeof *delivery);
    if (!delivery)
        abort();
    delivery->hand = hand;
    delivery->lane = use_of(hand, row->claim.lane);
    delivery->claim = row->claim;
    delivery->claim.delivery = delivery;
    delivery->claim.last = row->claim.attempt > hand->channel->wait_count;
    own_texts(delivery);
    delivery->id = row->lease.id;
    snprintf(delivery->leased_until, sizeof delivery->leased_until, "%s", row->lease.until);
    delivery->in_trouble = row->in_trouble;
    delivery->openings = row->openings;
    delivery->claimed_mono_ms = now_mono_ms;
    delivery->lane->waiting++;
    hand->waiting++;
    hand->count++;
    TAILQ_INSERT_TAIL(&hand->rows, delivery, link);
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

void hand_take(struct hand *hand, const struct leased_row *rows, size_t count, int64_t now_mono_ms) {
    hand->last_lane = last_lane(hand->last_lane, rows, count);
    for (size_t i = 0; i < count; i++)
        take(hand, &rows[i], now_mono_ms);
}

/* Room that is left, if the limits were not passed already. */
static size_t room(size_t limit, size_t used) {
    return limit > used ? limit - used : 0;
}

static size_t least(size_t one, size_t other) {
    return one < other ? one : other;
}

/* How many rows the lane may have waiting: none where its limit was not what held it back. */
static size_t ahead_of(const struct hand *hand, const struct lane_use *use) {
    return use->failed || 2 * use->done < hand->channel->limit_per_lane ? 0 : use->done;
}

struct demand hand_demand(const struct hand *hand, struct pool *pool) {
    const struct delivery_channel *channel = hand->channel;
    struct lane_load *loads = pool_alloc(pool, HASH_COUNT(hand->lanes) * sizeof *loads);
    size_t count = 0, used = hand->begun - hand->begun_in_trouble + hand->waiting;
    size_t ahead = channel->limit_per_lane ? least(hand->done, channel->limit) : 0;
    const struct lane_use *use, *next;
    HASH_ITER(hh, hand->lanes, use, next) {
        int64_t load = (int64_t)(use->waiting + use->begun) - (int64_t)ahead_of(hand, use);
        if (load)
            loads[count++] = (struct lane_load){.lane = use->lane, .count = load};
    }
    return (struct demand){.channel = channel,
                           .total = room(channel->limit + ahead, used),
                           .loads = loads,
                           .load_count = count,
                           .after_lane = hand->last_lane,
                           .trouble_total = room(channel->limit_of_trouble, hand->begun_in_trouble)};
}

/* Lanes in trouble have slots of their own, and were counted when they were claimed. */
static bool may_begin(const struct hand *hand, const struct delivery *delivery) {
    const struct delivery_channel *channel = hand->channel;
    size_t limit = delivery->lane->lane ? channel->limit_per_lane : channel->limit_of_lane_0;
    if (delivery->stage != STAGE_WAITING)
        return false;
    return delivery->in_trouble || (hand->begun - hand->begun_in_trouble < channel->limit &&
                                    (!channel->limit_per_lane || delivery->lane->begun < limit));
}

static void begin(struct hand *hand, struct delivery *delivery) {
    delivery->stage = STAGE_BEGUN;
    delivery->begun_ms = clock_wall_ms();
    delivery->begun_mono_ms = clock_mono_ms();
    delivery->lane->waiting--;
    delivery->lane->begun++;
    hand->waiting--;
    hand->begun++;
    hand->begun_in_trouble += delivery->in_trouble;
}

size_t hand_begin(struct hand *hand, struct pool *pool, struct claim **ret_claims) {
    struct delivery *delivery;
    size_t count = 0;
    *ret_claims = pool_alloc(pool, hand->waiting * sizeof **ret_claims);
    if (!hand->waiting)
        return 0;
    TAILQ_FOREACH(delivery, &hand->rows, link)
    if (may_begin(hand, delivery)) {
        begin(hand, delivery);
        (*ret_claims)[count++] = delivery->claim;
    }
    return count;
}

static void give_back(struct hand *hand, struct delivery *delivery) {
    delivery->stage = STAGE_RETURNED;
    delivery->lane->waiting--;
    hand->waiting--;
}

static void return_lane(struct hand *hand, const struct lane_use *lane) {
    struct delivery *delivery;
    if (!lane->waiting)
        return;
    TAILQ_FOREACH(delivery, &hand->rows, link)
    if (delivery->stage == STAGE_WAITING && delivery->lane == lane)
        give_back(hand, delivery);
}

void hand_end(struct delivery *delivery, const struct fate *fate) {
    struct hand *hand = delivery->hand;
    bool done = fate->lane == LANE_FINE;
    delivery->stage = STAGE_ENDED;
    delivery->fate = *fate;
    delivery->lane->begun--;
    delivery->lane->done += done;
    hand->begun--;
    hand->begun_in_trouble -= delivery->in_trouble;
    hand->done += done;
    if (fate->lane == LANE_FAILED && hand->channel->limit_per_lane) {
        delivery->lane->failed = true;
        return_lane(hand, delivery->lane);
    }
}

void hand_return(struct hand *hand, int64_t claimed_before_mono_ms) {
    struct delivery *delivery;
    if (!hand->waiting)
        return;
    TAILQ_FOREACH(delivery, &hand->rows, link)
    if (delivery->stage == STAGE_WAITING && delivery->claimed_mono_ms < claimed_before_mono_ms)
        give_back(hand, delivery);
}

void delivery_free(struct delivery *delivery) {
    free(delivery->texts);
    free(delivery->claim.prepared);
    free(delivery->response);
    free(delivery);
}

/* All of the lane that has ended is written down. */
static void leave_lane(struct hand *hand, struct lane_use *lane) {
    lane->done = 0;
    lane->failed = false;
    if (--lane->rows == 0) {
        HASH_DEL(hand->lanes, lane);
        free(lane);
    }
}

void hand_forget(struct hand *hand) {
    for (struct delivery *delivery = TAILQ_FIRST(&hand->rows), *next; delivery; delivery = next) {
        next = TAILQ_NEXT(delivery, link);
        if (delivery->stage != STAGE_ENDED && delivery->stage != STAGE_RETURNED)
            continue;
        TAILQ_REMOVE(&hand->rows, delivery, link);
        hand->count--;
        leave_lane(hand, delivery->lane);
        if (!delivery->abandoned)
            delivery_free(delivery);
    }
    hand->done = 0;
}
