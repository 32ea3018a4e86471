/* Lanes in trouble: their rows in the table `lanes`, by which claims are held back. For outbox.c only. No two workers
 * that do this at once wait for each other in a circle: failures are written in the lanes' order, and whoever forgets a
 * lane or begins something in it passes over those that are locked. */
#ifndef TITHI_LANES_H
#define TITHI_LANES_H

#include "outbox.h"

struct lane_change {
    const char *channel;
    int64_t lane;
    int64_t failures; /* 0: it is fine again */
    int64_t openings; /* as the last of these attempts was begun */
    int64_t pause_ms;
};

struct lane_changes {
    struct lane_change *items;
    size_t failed; /* these come first */
    size_t count;
};

/* What the outcomes say of their lanes. What has failed beside a success does not count. Lives in the pool. */
struct lane_changes lanes_sum_up(const struct outcome *outcomes, size_t count, struct pool *pool);

/* Queues that, and receives it; 0 or -1. Breakers open in the second. */
int lanes_queue(struct worker *worker, const struct lane_changes *changes);
int lanes_receive(struct worker *worker, const struct lane_changes *changes);

#endif
