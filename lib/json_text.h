/* JSON written straight into a buffer: no tree, no allocation per value. */
#ifndef TITHI_JSON_TEXT_H
#define TITHI_JSON_TEXT_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "buffer.h"

void json_append_integer(struct buffer *buffer, int64_t integer);
/* An amount in minor units as a decimal: 2500 with 2 decimals is 25.00. */
void json_append_decimal(struct buffer *buffer, int64_t minor, int decimals);
/* The shortest text that reads back as the same double. False, and nothing written, for what JSON cannot say (NaN,
 * infinity). */
bool json_append_number(struct buffer *buffer, double number);

/* For short pieces on the hot path. */
static inline void json_put(struct buffer *buffer, const char *bytes, size_t length) {
    char *at =
        buffer->capacity - buffer->length >= length ? buffer->bytes + buffer->length : buffer_reserve(buffer, length);
    memcpy(at, bytes, length);
    buffer->length += length;
}

#endif
