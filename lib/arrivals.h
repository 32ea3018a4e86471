/* When did what we read now arrive? A process that is frozen (SIGSTOP, a paused machine) finds calls in its sockets
 * whose time ran there. Pure: time comes as an argument, in milliseconds of any steady clock. */
#ifndef TITHI_ARRIVALS_H
#define TITHI_ARRIVALS_H

#include <stdint.h>

struct arrivals {
    int64_t looked_ms;     /* when the sockets were looked at last */
    int64_t due_ms;        /* when they were to be looked at again, at the latest */
    int64_t late_ms;       /* how old what is read may be */
    int64_t late_until_ms; /* that long after being held up */
};

struct arrivals arrivals_begin(int64_t now_ms);
/* Before a wait of at most that long. */
void arrivals_wait(struct arrivals *arrivals, int64_t timeout_ms);
/* Before the sockets are looked at: the earliest time at which what is read now may have come; `now_ms` unless the
 * process was held up. */
int64_t arrivals_look(struct arrivals *arrivals, int64_t now_ms);

#endif
