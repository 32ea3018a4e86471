/* Builds the parameters of prepared statements in the call's pool: single values as text, whose meaning the casts in
 * the SQL say, and arrays, with which one statement takes a whole mailbox, in PostgreSQL's binary format
 * (array_send()): parsing array literals cost more than what most statements do with them. */
#include <assert.h>
#include <endian.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "db.h"

/* Types of elements, from PostgreSQL's pg_type.dat. */
#define BYTEA_OID 17
#define INT8_OID 20
#define TEXT_OID 25
#define UUID_OID 2950

#define ARRAY_HEAD (5 * sizeof(uint32_t)) /* dimensions, has NULLs, type, length, lower bound */
#define NULL_LENGTH UINT32_MAX

void parameters_init(struct parameters *parameters, struct pool *pool) {
    parameters->pool = pool;
    parameters->count = 0;
}

static void add(struct parameters *parameters, const char *value) {
    assert(parameters->count < DB_PARAMETER_LIMIT);
    parameters->formats[parameters->count] = 0;
    parameters->values[parameters->count++] = value;
}

void parameter_null(struct parameters *parameters) {
    add(parameters, NULL);
}

void parameter_text(struct parameters *parameters, const char *text_or_null) {
    add(parameters, text_or_null ? pool_text(parameters->pool, text_or_null) : NULL);
}

void parameter_integer(struct parameters *parameters, int64_t value) {
    add(parameters, pool_printf(parameters->pool, "%" PRId64, value));
}

void parameter_number(struct parameters *parameters, double value) {
    if (isnan(value))
        add(parameters, "NaN");
    else if (isinf(value))
        add(parameters, value > 0 ? "Infinity" : "-Infinity");
    else
        add(parameters, pool_printf(parameters->pool, "%.17g", value));
}

void parameter_boolean(struct parameters *parameters, bool value) {
    add(parameters, value ? "t" : "f");
}

static char *put_hex(char *at, const void *bytes, size_t length) {
    static const char digits[] = "0123456789abcdef";
    const unsigned char *byte = bytes;
    for (size_t i = 0; i < length; i++) {
        *at++ = digits[byte[i] >> 4];
        *at++ = digits[byte[i] & 15];
    }
    return at;
}

void parameter_bytes(struct parameters *parameters, const void *bytes, size_t length) {
    char *text = pool_alloc(parameters->pool, 2 + 2 * length + 1);
    memcpy(text, "\\x", 2);
    *put_hex(text + 2, bytes, length) = '\0';
    add(parameters, text);
}

static char *put_u32(char *at, uint32_t value) {
    value = htobe32(value);
    memcpy(at, &value, sizeof value);
    return at + sizeof value;
}

static char *put_element(char *at, const void *bytes, size_t length) {
    at = put_u32(at, (uint32_t)length);
    memcpy(at, bytes, length);
    return at + length;
}

/* An array of one dimension with room for `size` bytes of elements and their lengths; they go where it points to. */
static char *begin_array(struct parameters *parameters, uint32_t type, size_t count, size_t size) {
    char *array = pool_alloc(parameters->pool, ARRAY_HEAD + count * sizeof(uint32_t) + size);
    char *at = put_u32(array, count ? 1 : 0);
    at = put_u32(at, 0); /* has NULLs: PostgreSQL looks for itself */
    at = put_u32(at, type);
    add(parameters, array);
    parameters->formats[parameters->count - 1] = 1;
    if (!count)
        return at; /* no dimension, no length of it */
    at = put_u32(at, (uint32_t)count);
    return put_u32(at, 1);
}

static void end_array(struct parameters *parameters, const char *end) {
    size_t last = parameters->count - 1;
    assert(end - parameters->values[last] <= INT_MAX);
    parameters->lengths[last] = (int)(end - parameters->values[last]);
}

void parameter_integers(struct parameters *parameters, const int64_t *values, size_t count) {
    char *at = begin_array(parameters, INT8_OID, count, count * sizeof *values);
    for (size_t i = 0; i < count; i++) {
        uint64_t value = htobe64((uint64_t)values[i]);
        at = put_element(at, &value, sizeof value);
    }
    end_array(parameters, at);
}

void parameter_texts(struct parameters *parameters, const char *const *values, size_t count) {
    size_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += values[i] ? strlen(values[i]) : 0;
    char *at = begin_array(parameters, TEXT_OID, count, size);
    for (size_t i = 0; i < count; i++)
        at = values[i] ? put_element(at, values[i], strlen(values[i])) : put_u32(at, NULL_LENGTH);
    end_array(parameters, at);
}

void parameter_bytes_array(struct parameters *parameters, const struct bytes *values, size_t count) {
    size_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += values[i].length;
    char *at = begin_array(parameters, BYTEA_OID, count, size);
    for (size_t i = 0; i < count; i++)
        at = values[i].data ? put_element(at, values[i].data, values[i].length) : put_u32(at, NULL_LENGTH);
    end_array(parameters, at);
}

void parameter_uuids(struct parameters *parameters, const struct uuid *values, size_t count) {
    char *at = begin_array(parameters, UUID_OID, count, count * sizeof *values);
    for (size_t i = 0; i < count; i++)
        at = put_element(at, values[i].bytes, sizeof values[i].bytes);
    end_array(parameters, at);
}
