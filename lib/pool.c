/* Memory in blocks that is given back all at once; see pool.h. */
#include "pool.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_SIZE 4096
#define ALIGNMENT 16

struct block {
    struct block *next;
    size_t size; /* of `bytes` */
    size_t used;
    _Alignas(ALIGNMENT) char bytes[];
};

struct pool {
    struct block *first; /* the one that is filled; the oldest, kept over a reset, is last */
};

static struct block *block_new(size_t size, struct block *next) {
    struct block *block = malloc(sizeof *block + size);
    if (!block)
        abort();
    block->next = next;
    block->size = size;
    block->used = 0;
    return block;
}

struct pool *pool_new(void) {
    struct pool *pool = malloc(sizeof *pool);
    if (!pool)
        abort();
    pool->first = block_new(BLOCK_SIZE, NULL);
    return pool;
}

void pool_reset(struct pool *pool) {
    while (pool->first->next) {
        struct block *block = pool->first;
        pool->first = block->next;
        free(block);
    }
    pool->first->used = 0;
}

void pool_destroy(struct pool **pool) {
    if (!*pool)
        return;
    pool_reset(*pool);
    free((*pool)->first);
    free(*pool);
    *pool = NULL;
}

static void *pool_take(struct pool *pool, size_t size) {
    if (size > SIZE_MAX - BLOCK_SIZE)
        abort();
    size = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    struct block *block = pool->first;
    if (block->size - block->used < size) {
        block = block_new(size > BLOCK_SIZE ? size : BLOCK_SIZE, pool->first);
        pool->first = block;
    }
    void *taken = block->bytes + block->used;
    block->used += size;
    return taken;
}

void *pool_alloc(struct pool *pool, size_t size) {
    return memset(pool_take(pool, size), 0, size);
}

char *pool_copy(struct pool *pool, const char *bytes, size_t length) {
    char *copy = pool_take(pool, length + 1);
    if (length)
        memcpy(copy, bytes, length);
    copy[length] = '\0';
    return copy;
}

char *pool_text(struct pool *pool, const char *text) {
    return pool_copy(pool, text, strlen(text));
}

char *pool_printf(struct pool *pool, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0)
        abort();
    char *text = pool_take(pool, (size_t)length + 1);
    vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    return text;
}
