/* What the broker counts, and what MMI answers about it. */
#ifndef TITHI_BROKER_STATISTICS_H
#define TITHI_BROKER_STATISTICS_H

#include "core.h"

/* COUNTER(name, what it counts): what happens to messages before the core hears of a call, or after. */
#define TRAFFIC_COUNTERS(COUNTER)                                                                                      \
    COUNTER(malformed, "messages and calls that are no MDP or have no readable header")                                \
    COUNTER(unknown_service, "calls for a service that nobody knows")                                                  \
    COUNTER(undeliverable, "answers whose client is gone or does not read")                                            \
    COUNTER(forbidden, "messages that the sender's certificate does not allow")                                        \
    COUNTER(unauthenticated, "connections refused for their certificate")

struct traffic_counters {
#define COUNTER(name, help) uint64_t name;
    TRAFFIC_COUNTERS(COUNTER)
#undef COUNTER
};

/* JSON text (docs/protocol.md), malloc()ed. */
char *statistics_text(const struct core *core, const struct traffic_counters *counters, int64_t uptime_us,
                      int64_t now_us);

#endif
