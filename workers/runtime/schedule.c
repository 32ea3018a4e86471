/* The delivery engine's decisions; see schedule.h. Tests simulate them (tests/unit/test_deliveries.c). */
#include "schedule.h"

#include "backoff.h"

#define INTERRUPTED_S 1

static struct fate again(const struct delivery_channel *channel, unsigned attempt, int64_t asked_s, int64_t now_ms,
                         double random) {
    int64_t wait_ms = backoff_wait_ms(channel->waits_s, channel->wait_count, attempt, asked_s, random);
    return (struct fate){.state = wait_ms < 0 ? "dead" : "due",
                         .attempts = attempt,
                         .due_ms = now_ms + wait_ms,
                         .lane = LANE_FAILED,
                         .was_tried = true};
}

struct fate schedule_fate(const struct delivery_channel *channel, unsigned attempt,
                          const struct delivery_result *result, int64_t now_ms, double random) {
    int64_t asked_s = result->retry_after_s;
    switch (result->verdict) {
    case DELIVERY_DONE:
        return (struct fate){.state = "delivered", .attempts = attempt, .lane = LANE_FINE, .was_tried = true};
    case DELIVERY_AGAIN:
        return again(channel, attempt, asked_s, now_ms, random);
    case DELIVERY_DEAD:
        return (struct fate){.state = "dead", .attempts = attempt, .was_tried = true};
    case DELIVERY_UNSENDABLE: /* where there is no address, none is in trouble */
        return (struct fate){.state = "dead", .attempts = attempt - 1, .lane = LANE_FINE};
    case DELIVERY_INTERRUPTED:
        break;
    }
    return (struct fate){
        .state = "due", .attempts = attempt - 1, .due_ms = now_ms + 1000 * (asked_s > 0 ? asked_s : INTERRUPTED_S)};
}

int64_t schedule_pause_ms(int64_t failures, int64_t openings, int64_t openings_before) {
    if (failures < BREAKER_FAILURES || openings_before != openings)
        return 0;
    int64_t pause_ms = BREAKER_FIRST_PAUSE_MS;
    while (openings-- > 0 && pause_ms < BREAKER_LONGEST_PAUSE_MS)
        pause_ms *= 2;
    return pause_ms < BREAKER_LONGEST_PAUSE_MS ? pause_ms : BREAKER_LONGEST_PAUSE_MS;
}
