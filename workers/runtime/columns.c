/* Members as arrays; see columns.h. */
#include "columns.h"

#include <stdbool.h>

static const void *member(const void *items, size_t i, size_t size, size_t offset) {
    return (const char *)items + i * size + offset;
}

void column_texts(struct parameters *parameters, const void *items, size_t count, size_t size, size_t offset) {
    const char **texts = pool_alloc(parameters->pool, count * sizeof *texts);
    for (size_t i = 0; i < count; i++)
        texts[i] = *(const char *const *)member(items, i, size, offset);
    parameter_texts(parameters, texts, count);
}

void column_integers(struct parameters *parameters, const void *items, size_t count, size_t size, size_t offset) {
    int64_t *integers = pool_alloc(parameters->pool, count * sizeof *integers);
    for (size_t i = 0; i < count; i++)
        integers[i] = *(const int64_t *)member(items, i, size, offset);
    parameter_integers(parameters, integers, count);
}

void column_flags(struct parameters *parameters, const void *items, size_t count, size_t size, size_t offset) {
    int64_t *flags = pool_alloc(parameters->pool, count * sizeof *flags);
    for (size_t i = 0; i < count; i++)
        flags[i] = *(const bool *)member(items, i, size, offset);
    parameter_integers(parameters, flags, count);
}
