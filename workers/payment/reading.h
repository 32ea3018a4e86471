/* Reads what providers send. Nothing of it is trusted: a member of another kind, an amount that is no count of minor
 * units or an id that is none reads as missing. Texts are copied into the pool. */
#ifndef TITHI_PAYMENT_READING_H
#define TITHI_PAYMENT_READING_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pool.h"
#include "provider.h"

/* May it stand in a path? 1 to 255 of [A-Za-z0-9_-]. */
bool is_provider_id(const char *text);

/* A JSON object; NULL: it is none. Free with json_decref(). */
json_t *read_object(const char *bytes, size_t length);
/* A name for an event that came without one: the hash of its bytes. */
const char *read_name_of_bytes(const char *bytes, size_t length, struct pool *pool);
/* object.a.b.c for "a", "b", "c", NULL; NULL: not there. */
json_t *read_path(json_t *object, ...) __attribute__((sentinel));

const char *read_id(json_t *object, const char *name, struct pool *pool); /* NULL: there is none */
/* Words for records and logs, shortened; NULL: there are none. */
const char *read_words(json_t *object, const char *name, struct pool *pool);
const char *read_url(json_t *object, const char *name, struct pool *pool); /* http or https; NULL: there is none */
bool read_is(json_t *object, const char *name, const char *value);

/* 0, or -1: it is no count of minor units from 0 to 2^53. */
int read_amount(json_t *object, const char *name, int64_t *ret_minor);
const char *read_currency(json_t *object, const char *name,
                          struct pool *pool); /* three letters, as capitals; NULL: there is none */

#endif
