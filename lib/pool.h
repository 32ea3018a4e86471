/* Memory that is given back all at once: what a call needs comes from the call's pool and goes with it. */
#ifndef TITHI_POOL_H
#define TITHI_POOL_H

#include <stddef.h>

struct pool;

struct pool *pool_new(void);
void pool_destroy(struct pool **pool);
/* Gives everything back and keeps one block for the next use. */
void pool_reset(struct pool *pool);
/* Zeroed, aligned for any type; never NULL. */
void *pool_alloc(struct pool *pool, size_t size);
char *pool_copy(struct pool *pool, const char *bytes, size_t length); /* NUL-terminated copy */
char *pool_text(struct pool *pool, const char *text);
char *pool_printf(struct pool *pool, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
