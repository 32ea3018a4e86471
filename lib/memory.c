/* glibc keeps what was freed for the next time: 20 MB after the first password that was hashed, as much in a gateway
 * after a rush. So every few seconds the pages that hold nothing go back to the kernel, of all threads. It takes about
 * a millisecond where there is much to give back, and a page costs as much again as when it was first used. */
#include "memory.h"

#include <malloc.h>

#define TIDY_MS 5000

void memory_tidy(int64_t now_mono_ms) {
    static int64_t due_mono_ms;
    if (now_mono_ms < due_mono_ms)
        return;
    due_mono_ms = now_mono_ms + TIDY_MS;
    malloc_trim(0);
}
