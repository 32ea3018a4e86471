/* The backoff queue: does what rows of the outbox ask for, after the commit that wrote them, at least once. It claims
 * due rows of its channels under a lease (SKIP LOCKED: any number of workers may run), gives them to the channel's
 * sender, keeps the leases while attempts last, and writes down what became of them: done, due again on the channel's
 * schedule, or dead. A row is in hand from its claim until its outcome is committed; nothing is sent before the claim
 * is committed. A worker that dies loses its leases, and another one gets the rows under the same webhook_id: senders
 * pass it (or an id that the row names) on as an idempotency key.
 *
 * What a service with an HTTP client of its own does (it has `.wake_channel = "outbox"`, or "refunds"):
 *
 *     static const int64_t waits_s[] = {5, 30, 120, …};
 *     static const struct delivery_channel channels[] = {
 *         {.name = "refund", .waits_s = waits_s, .wait_count = 10, .limit = 32, .begin = refunds_begin}};
 *
 *     start:  client = http_client_new(…);  queue = deliveries_new(worker, channels, 1);
 *     tick:   deliveries_tick(queue);  http_step(client);     // claims and begins; what was begun leaves at once
 *     wait:   http_wait(client, fds, count, timeout_ms);      // attempts end in here, by their callbacks
 *     busy:   deliveries_busy(queue)                          // a stop waits for what is in hand
 *     stop:   deliveries_stop(queue);  http_client_destroy(&client);  deliveries_destroy(&queue);
 *
 *     void refunds_begin(struct worker *worker, const struct claim *claims, size_t count) {
 *         one query for what all of them need; then for each: http_send(client, …, on_done, claims[i].delivery);
 *     }
 *     static void on_done(void *context, const struct http_response *response) {
 *         delivery_end(context, &(struct delivery_result){.verdict = DELIVERY_DONE, .status = response->status});
 *     } */
#ifndef TITHI_DELIVERIES_H
#define TITHI_DELIVERIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker.h"

/* What an attempt may take, unless its row has a limit of its own; its sender sees to it (http_request.timeout_ms).
 * Leases are renewed for as long as it takes. */
#define DELIVERY_ATTEMPT_MS 15000

struct delivery; /* an attempt: begun with its claim, ended with delivery_end() */

/* A row that is now ours. Lives until begin() or prepare() returns, but for `delivery` and `prepared`. */
struct claim {
    struct delivery *delivery;
    int64_t owner_id; /* 0: NULL in the row */
    int64_t lane;     /* a webhook's endpoint; 0: the channel's one address */
    const char *webhook_id, *type, *body, *trace;
    int64_t created_at_s;
    int64_t about_owner_id; /* whose the entry of the log is that it tells of; 0: of none. Known where lanes matter. */
    void *prepared;         /* by the channel's prepare(); NULL: nothing. free()d with the delivery. */
    unsigned attempt;       /* this one's number, from 1 */
    bool last;              /* by the schedule: AGAIN would mean dead */
};

enum delivery_verdict {
    DELIVERY_DONE,
    DELIVERY_AGAIN,       /* on the schedule; after its last attempt: dead */
    DELIVERY_DEAD,        /* trying again is of no use */
    DELIVERY_UNSENDABLE,  /* there was nowhere to send it: dead, without having been tried */
    DELIVERY_INTERRUPTED, /* it was our own fault (the database went away): again in a second, and it does not count */
};

struct delivery_result {
    enum delivery_verdict verdict;
    long status;           /* that the other side gave; 0: none */
    int64_t retry_after_s; /* AGAIN, INTERRUPTED: no sooner than that; 0: not asked for */
    const char *error;     /* for people; NULL: none. Copied. */
    const char *response;  /* what the other side answered, for the log of attempts; NULL: nothing. Its beginning is
                              copied, as valid UTF-8. */
};

struct delivery_channel {
    const char *name;       /* outbox.channel */
    const int64_t *waits_s; /* after attempt 1, 2, …, each ± 20 %; the attempt after the last wait is the last */
    size_t wait_count;
    size_t limit; /* rows in flight at once */
    /* Of these, where each lane is an address of its own that may hang: how many of one lane, and of lane 0. 0: lanes
     * do not matter. */
    size_t limit_per_lane, limit_of_lane_0;
    /* Besides, of lanes in trouble: from its first failure to its next success a lane has one attempt at a time, and
     * after ten failures in a row also pauses between them (schedule.h). */
    size_t limit_of_trouble;
    bool keeps_attempts; /* in delivery_attempts */
    /* Reads what rows that have just been claimed need to be sent (`delivery` and `last` are not known yet), once for
     * all of them: they may wait for their turn, for a second at most. Queries are allowed. NULL: begin() reads. */
    void (*prepare)(struct worker *worker, struct claim *claims, size_t count);
    /* Starts an attempt per claim; each ends exactly once by delivery_end(), maybe in here. Runs outside any
     * transaction; queries are allowed. */
    void (*begin)(struct worker *worker, const struct claim *claims, size_t count);
};

struct deliveries;

/* `channels` must outlive it. */
struct deliveries *deliveries_new(struct worker *worker, const struct delivery_channel *channels, size_t count);
/* Writes down what has ended, renews leases, claims what is due (nothing any more in a process that stops), begins it.
 */
void deliveries_tick(struct deliveries *deliveries);
/* Something is in flight, or its end is not written down yet. */
bool deliveries_busy(const struct deliveries *deliveries);
/* Writes down what has ended and hands the rest back: it is due at once and the attempt does not count. Attempts that
 * end afterwards change nothing any more, but must still be ended. */
void deliveries_stop(struct deliveries *deliveries);
/* Nothing may be in flight any more. */
void deliveries_destroy(struct deliveries **deliveries);

/* Ends an attempt, which is gone afterwards; the next tick is due at once, and it or one soon after writes it down. May
 * be called from ticks, waits and handlers. */
void delivery_end(struct delivery *delivery, const struct delivery_result *result);

#endif
