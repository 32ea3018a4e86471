/* What a worker has in hand of a channel: rows that it has claimed, and how many of each lane. A row waits for its
 * turn, is begun, and has ended; it leaves once that is committed. No I/O; for deliveries.c only.
 *
 * A lane may have more rows waiting than it has attempts in flight, as many as have just succeeded in it: so one that
 * is fast is never short of work while a round of the database is under way, and one that hangs or fails holds nothing
 * back from other workers. */
#ifndef TITHI_DELIVERIES_HAND_H
#define TITHI_DELIVERIES_HAND_H

#include <sys/queue.h>

#include "outbox.h"

enum stage {
    STAGE_WAITING,
    STAGE_BEGUN,
    STAGE_ENDED,    /* it has a fate */
    STAGE_RETURNED, /* it goes back without having been tried */
};

struct hand;

struct delivery {
    TAILQ_ENTRY(delivery) link;
    struct hand *hand;
    bool abandoned; /* deliveries have stopped: its sender has it still, but its end is of no interest any more */
    struct lane_use *lane;
    enum stage stage;
    struct claim claim; /* its texts are the delivery's own */
    char *texts;
    int64_t id;
    char leased_until[LEASE_TEXT_SIZE];
    bool in_trouble;  /* its lane, when it was claimed */
    int64_t openings; /* of its lane's breaker, then */
    int64_t claimed_mono_ms;
    int64_t begun_ms, begun_mono_ms; /* once begun */
    struct fate fate;                /* this and the following: once ended */
    int64_t duration_ms;
    long status;
    char error[256]; /* "": none */
    char *response;  /* NULL: none */
};

/* Rows of one lane. */
struct lane_use;

struct hand {
    struct deliveries *deliveries;
    const struct delivery_channel *channel;
    int64_t last_lane; /* whose turn was last */
    TAILQ_HEAD(, delivery) rows;
    size_t count;
    size_t waiting, begun, begun_in_trouble; /* of these */
    size_t done;                             /* that have ended well and are not written down yet */
    struct lane_use *lanes;                  /* by number */
};

void hand_init(struct hand *hand, struct deliveries *deliveries, const struct delivery_channel *channel);
/* Nothing may be in it any more. */
void hand_free(struct hand *hand);

/* Rows that were claimed, in the order of their turns. */
void hand_take(struct hand *hand, const struct leased_row *rows, size_t count, int64_t now_mono_ms);

/* What may be claimed now. Lives in the pool. */
struct demand hand_demand(const struct hand *hand, struct pool *pool);

/* Begins those whose turn it is: within the channel's limit and their lane's. Lives in the pool. */
size_t hand_begin(struct hand *hand, struct pool *pool, struct claim **ret_claims);

/* One that was begun has its fate. What waits in a lane that fails is returned. */
void hand_end(struct delivery *delivery, const struct fate *fate);

/* Returns what waits and was claimed before that. */
void hand_return(struct hand *hand, int64_t claimed_before_mono_ms);

/* Those that have ended or are returned leave. */
void hand_forget(struct hand *hand);

void delivery_free(struct delivery *delivery);

#endif
