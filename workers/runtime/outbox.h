/* All SQL of what is delivered from the outbox: claims under a lease, renewals, outcomes. For deliveries.c only. A
 * lease is told from a later one by its end: who was held up so long that somebody else claimed the row has lost it.
 * Each function returns 0, or -1: the transaction failed. Results live in the worker's pool. */
#ifndef TITHI_OUTBOX_H
#define TITHI_OUTBOX_H

#include "deliveries.h"
#include "schedule.h"

#define LEASE_S 15 /* a row is free again that long after its holder's last sign of life */
#define LEASE_TEXT_SIZE 40

struct lease {
    int64_t id;        /* of the row */
    const char *until; /* as the database wrote it */
};

struct leased_row {
    struct lease lease;
    struct claim claim; /* without `delivery` and `last` */
    bool in_trouble;    /* its lane, when it was claimed */
    int64_t openings;   /* then: how often the lane's breaker had opened */
};

/* How many rows of a lane are in hand; less than none where it may have more than its limit. */
struct lane_load {
    int64_t lane, count;
};

struct demand {
    const struct delivery_channel *channel;
    size_t total; /* at most so many rows; the following is for channels with lanes */
    const struct lane_load *loads;
    size_t load_count;
    int64_t after_lane; /* whose turn was last */
    /* Looks after lanes in trouble, too: holds back what is new in them, lets go what is in lanes that have recovered,
     * and claims at most so many of their next attempts besides. */
    bool with_trouble;
    size_t trouble_total;
};

#define OUTBOX_HOLD_LIMIT 2000

struct claimed {
    struct leased_row *rows;
    size_t count;
    bool more_trouble; /* there was more to hold back or to let go */
};

/* `ret_claimed` takes one per demand. */
int outbox_claim(struct worker *worker, const struct demand *demands, size_t count, struct claimed *ret_claimed);

/* Gives rows back that were not tried: they are due as they were. */
int outbox_release(struct worker *worker, const struct lease *leases, size_t count);

/* `ret_leases` takes `count` of them; *ret_count are those that were still ours, and their new ends. */
int outbox_renew(struct worker *worker, const struct lease *leases, size_t count, struct lease *ret_leases,
                 size_t *ret_count);

/* What became of an attempt. */
struct outcome {
    struct lease lease;
    const struct delivery_channel *channel;
    int64_t lane, openings; /* as it was claimed */
    struct fate fate;
    int64_t wait_ms;   /* "due": until the next attempt */
    int64_t status;    /* 0: none came */
    const char *error; /* NULL: none */
    /* For the log of attempts. */
    const char *webhook_id;
    const char *response; /* NULL: none */
    int64_t begun_ms;     /* since 1970 */
    int64_t duration_ms;
};

/* Ends the leases, keeps the attempts where their channel does, and notes what their lanes learn from them (lanes.c).
 * Rows whose lease is no longer ours stay as they are, and of their attempts nothing is kept or noted: so nothing
 * counts twice. */
int outbox_record(struct worker *worker, const struct outcome *outcomes, size_t count);

#endif
