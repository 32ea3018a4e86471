/* Builds the parameters of prepared statements as text in the call's pool: numbers, bytea in hex, and PostgreSQL's
 * array literals, with which one statement takes a whole mailbox. It only writes text; what it means is said by the
 * casts in the SQL. */
#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "db.h"

#define INTEGER_TEXT_LIMIT 20 /* "-9223372036854775808" */

void parameters_init(struct parameters *parameters, struct pool *pool) {
    parameters->pool = pool;
    parameters->count = 0;
}

static void add(struct parameters *parameters, const char *value) {
    assert(parameters->count < DB_PARAMETER_LIMIT);
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

static char *put(char *at, const char *text) {
    size_t length = strlen(text);
    memcpy(at, text, length);
    return at + length;
}

/* Ends an array literal: the last separator, if any, becomes the brace. */
static void add_array(struct parameters *parameters, char *text, char *end) {
    if (end[-1] == ',')
        end--;
    *end++ = '}';
    *end = '\0';
    add(parameters, text);
}

void parameter_integers(struct parameters *parameters, const int64_t *values, size_t count) {
    char *text = pool_alloc(parameters->pool, count * (INTEGER_TEXT_LIMIT + 1) + sizeof "{}");
    char *at = put(text, "{");
    for (size_t i = 0; i < count; i++)
        at += sprintf(at, "%" PRId64 ",", values[i]);
    add_array(parameters, text, at);
}

static char *put_quoted(char *at, const char *text) {
    *at++ = '"';
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            *at++ = '\\';
        *at++ = *text;
    }
    *at++ = '"';
    return at;
}

void parameter_texts(struct parameters *parameters, const char *const *values, size_t count) {
    size_t size = sizeof "{}";
    for (size_t i = 0; i < count; i++)
        size += values[i] ? 2 * strlen(values[i]) + sizeof "\"\"," : sizeof "NULL,";
    char *text = pool_alloc(parameters->pool, size);
    char *at = put(text, "{");
    for (size_t i = 0; i < count; i++) {
        at = values[i] ? put_quoted(at, values[i]) : put(at, "NULL");
        *at++ = ',';
    }
    add_array(parameters, text, at);
}

void parameter_bytes_array(struct parameters *parameters, const struct bytes *values, size_t count) {
    size_t size = sizeof "{}";
    for (size_t i = 0; i < count; i++)
        size += values[i].data ? 2 * values[i].length + sizeof "\"\\\\x\"," : sizeof "NULL,";
    char *text = pool_alloc(parameters->pool, size);
    char *at = put(text, "{");
    for (size_t i = 0; i < count; i++) {
        if (values[i].data)
            at = put(put_hex(put(at, "\"\\\\x"), values[i].data, values[i].length), "\"");
        else
            at = put(at, "NULL");
        *at++ = ',';
    }
    add_array(parameters, text, at);
}
