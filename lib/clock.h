/* Time: the monotonic clock for deadlines and liveness, the wall clock for what people read. */
#ifndef TITHI_CLOCK_H
#define TITHI_CLOCK_H

#include <stddef.h>
#include <stdint.h>

int64_t clock_mono_ms(void);
int64_t clock_mono_us(void);
int64_t clock_wall_ms(void); /* since 1970-01-01T00:00:00Z */

#define CLOCK_TEXT_SIZE sizeof "2026-01-01T00:00:00.000Z"
/* RFC 3339 in UTC with milliseconds. Returns `ret_text`. */
const char *clock_text(int64_t wall_ms, char ret_text[CLOCK_TEXT_SIZE]);

#endif
