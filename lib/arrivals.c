/* Lateness of the loop tells how long calls may have waited unseen; see arrivals.h. */
#include "arrivals.h"

#define HELD_UP_MS 500 /* less is the machine's ordinary business */
#define ECHO_MS 200    /* libzmq's own thread was frozen, too: it hands over what it finds within this */

struct arrivals arrivals_begin(int64_t now_ms) {
    return (struct arrivals){.looked_ms = now_ms, .due_ms = now_ms};
}

void arrivals_wait(struct arrivals *arrivals, int64_t timeout_ms) {
    arrivals->due_ms += timeout_ms;
}

int64_t arrivals_look(struct arrivals *arrivals, int64_t now_ms) {
    if (now_ms - arrivals->due_ms > HELD_UP_MS) {
        arrivals->late_ms = now_ms - arrivals->looked_ms;
        arrivals->late_until_ms = now_ms + ECHO_MS;
    }
    arrivals->looked_ms = arrivals->due_ms = now_ms;
    return now_ms < arrivals->late_until_ms ? now_ms - arrivals->late_ms : now_ms;
}
