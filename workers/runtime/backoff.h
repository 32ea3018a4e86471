/* When something that failed is tried again: a schedule of waits with jitter. Pure: no clock, no randomness inside. */
#ifndef TITHI_BACKOFF_H
#define TITHI_BACKOFF_H

#include <stddef.h>
#include <stdint.h>

#define BACKOFF_ASKED_LIMIT_S 86400

/* Milliseconds from the end of attempt number `attempt` (from 1) to the next; -1: it was the last. `waits_s[i]` follows
 * attempt i + 1; `asked_s`: what the other side asked for (Retry-After), 0 or less: nothing; the longer of both counts,
 * up to a day. `random` in [0, 1) makes the jitter of ±20 %. */
int64_t backoff_wait_ms(const int64_t *waits_s, size_t wait_count, unsigned attempt, int64_t asked_s, double random);

#endif
