/* What a rush has taken is given back after it. */
#ifndef TITHI_MEMORY_H
#define TITHI_MEMORY_H

#include <stdint.h>

/* For each turn of a loop; most do nothing. */
void memory_tidy(int64_t now_mono_ms);

#endif
