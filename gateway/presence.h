/* Who is connected, as all gateways tell each other by Redis: tithi:present:<user> is a hash with a field per gateway.
 * What a gateway said is forgotten when it stops repeating it. */
#ifndef TITHI_PRESENCE_H
#define TITHI_PRESENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PRESENCE_REPEAT_MS 10000

struct online {
    bool known; /* false: Redis is away */
    size_t connections;
    int64_t since_ms; /* the oldest one's beginning, wall clock; 0: there is none */
};

void presence_start(void);
/* What this gateway has of somebody; 0 connections: none any more. */
void presence_tell(int64_t user_id, size_t connections, int64_t since_ms);
/* `heard` runs exactly once, perhaps before this returns. */
typedef void presence_heard(void *owner, const struct online *presence);
void presence_ask(int64_t user_id, presence_heard *heard, void *owner);

#endif
