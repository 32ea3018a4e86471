/* What the harnesses share. A broken promise traps, which the fuzzer reports with the input that broke it. */
#ifndef TITHI_TESTS_FUZZ_H
#define TITHI_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PROMISE(condition)                                                                                             \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            __builtin_trap();                                                                                          \
    } while (0)

#endif
