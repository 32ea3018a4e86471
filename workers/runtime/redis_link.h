/* A worker's connection to Redis, of which a process has one. Commands go out pipelined and their answers are waited
 * for, but a Redis that is away or hangs costs twice the caller's patience once, and then next to nothing until it is
 * back: it is connected to in the background, by the way of later runs. Only commands that may be repeated go this way.
 */
#ifndef TITHI_REDIS_LINK_H
#define TITHI_REDIS_LINK_H

#include <stdbool.h>

/* NULL, or what is wrong with REDIS_URL. It may be unset: then there is no Redis, and no run succeeds. */
const char *redis_link_check(void);
/* Queues a command for the next run; `format` is hiredis's. */
void redis_link_command(const char *format, ...);
/* Sends what is queued, and takes the answers; nothing stays queued. With nothing queued it only connects. Redis may be
 * silent for `patience_ms`, unless it is known to be away; commands are sent again where the connection, idle until
 * now, turns out to be dead. True: all were carried out. `ret_is_text` (may be NULL): was the last answer a string? */
bool redis_link_run(int patience_ms, bool *ret_is_text);
void redis_link_close(void);

#endif
