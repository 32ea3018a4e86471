/* What the delivery engine decides: what becomes of a row whose attempt has ended, and when a lane that fails is left
 * alone. Pure: the clock and the randomness are arguments. */
#ifndef TITHI_SCHEDULE_H
#define TITHI_SCHEDULE_H

#include "deliveries.h"

/* What the end of an attempt says of its lane. */
enum lane_news { LANE_UNKNOWN, LANE_FINE, LANE_FAILED };

struct fate {
    const char *state; /* "due", "delivered", "dead" */
    int64_t attempts;  /* that count so far */
    int64_t due_ms;    /* "due": when again, on the clock of `now_ms` */
    enum lane_news lane;
    bool was_tried; /* else it stands in no log of attempts */
};

/* `attempt`: its number, from 1; `random` in [0, 1) makes the jitter. */
struct fate schedule_fate(const struct delivery_channel *channel, unsigned attempt,
                          const struct delivery_result *result, int64_t now_ms, double random);

#define BREAKER_FAILURES 10
#define BREAKER_FIRST_PAUSE_MS 5000
#define BREAKER_LONGEST_PAUSE_MS 300000

/* How long nothing is begun in a lane, from now; 0: it stays as it is. `failures`: in a row, with those that have just
 * ended; `openings`: how often the breaker has opened since the last success; `openings_before`: the same when these
 * attempts were begun, since those of before the last opening prove nothing new. */
int64_t schedule_pause_ms(int64_t failures, int64_t openings, int64_t openings_before);

#endif
