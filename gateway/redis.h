/* The one connection to Redis: hiredis on h2o's loop. It comes back by itself; while it is away redis_is_up() says so.
 */
#ifndef TITHI_REDIS_H
#define TITHI_REDIS_H

#include <hiredis/async.h>
#include <stdbool.h>
#include <stddef.h>

/* Connects, and again whenever the connection ends. `script` is loaded each time before redis_is_up() turns true. Does
 * nothing where REDIS_URL is not set. */
void redis_start(const char *script);

bool redis_is_up(void);
const char *redis_script_hash(void); /* of the script, for EVALSHA */

/* `callback` runs exactly once: with Redis' reply, or with NULL where the connection ended before it came. */
void redis_send(const char *command, size_t length, redisCallbackFn *callback, void *owner);
/* The same of one command in hiredis' format, which leaves at the end of this turn of the loop. `callback` NULL: nobody
 * wants to know. */
void redis_ask(redisCallbackFn *callback, void *owner, const char *format, ...);
/* Writes what redis_send() took. */
void redis_flush(void);
/* Gives the connection up: what waits for replies gets NULL. */
void redis_drop(const char *why);
/* Once in a while: gives a connection up that does not come about. */
void redis_poll(void);

#endif
