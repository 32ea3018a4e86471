/* What the harnesses share. A broken promise traps, which the fuzzer reports with the input that broke it. */
#ifndef TITHI_TESTS_FUZZ_H
#define TITHI_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Which operation or record an input is for: its first two bytes. */
static inline size_t fuzz_number(const uint8_t *data) {
    return (size_t)data[0] << 8 | data[1];
}

#define PROMISE(condition)                                                                                             \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            __builtin_trap();                                                                                          \
    } while (0)

#endif
