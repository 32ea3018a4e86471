/* What this gateway tells the auth worker once a second: which sessions and keys were used, and whom it refused.
 * Bounded in every direction, and nobody waits for it: what is too much, or cannot be told, is counted and dropped. */
#ifndef TITHI_NOTES_H
#define TITHI_NOTES_H

#include <stddef.h>
#include <stdint.h>

struct request;

/* Its session or key was used. */
void notes_use(const struct request *request);
/* `event`: as message noteSecurity lists them; lives on. Nothing happens where nobody is signed in. */
void notes_refusal(const struct request *request, const char *event);
/* Once in a while: tells what has come together. */
void notes_poll(void);

uint64_t notes_dropped(void); /* since the start */
size_t notes_calls(void);     /* of ours among the calls that wait for an answer */

#endif
