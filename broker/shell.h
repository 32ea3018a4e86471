/* The broker's side that touches the world: its socket, its monitor, time, signals. Decisions are core.h's, the meaning
 * of what arrives is verbs.h's, frames out are wire.h's. */
#ifndef TITHI_BROKER_SHELL_H
#define TITHI_BROKER_SHELL_H

#include <stdint.h>

#include "arrivals.h"
#include "bus.h"
#include "core.h"
#include "guard.h"
#include "statistics.h"
#include "wire.h"

/* REFUSAL(code): those of schemas/errors.yaml that the broker itself answers with. */
#define SHELL_REFUSALS(REFUSAL) REFUSAL(bad_request) REFUSAL(unavailable) REFUSAL(overloaded) REFUSAL(poisoned_call)

struct shell {
    void *router;
    void *monitor;
    struct guard *guard; /* NULL on ipc */
    struct core *core;
    struct wire wire;
    struct bus_message message; /* the one being handled */
    struct traffic_counters counters;
    struct {
#define REFUSAL(code) const struct refusal *code;
        SHELL_REFUSALS(REFUSAL)
#undef REFUSAL
    } refusals;
    struct arrivals arrivals;
    int64_t now_us;     /* of this turn */
    int64_t arrived_us; /* when what this turn reads has come, at the earliest */
    int64_t started_us, tick_at_us, forget_at_us;
    int64_t stop_at_us; /* 0: not stopping */
};

/* Serves until SIGTERM, then finishes what was taken. Returns the exit code. */
int shell_run(const char *address);

/* Tells the core which connections ended. */
void shell_read_monitor(struct shell *shell);

#endif
