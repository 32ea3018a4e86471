/* JSON texts and numbers; see json_text.h. */
#include "json_text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "codec.h"
#include "format.h"

#define DIGITS_SIZE 24

/* Digits of `value`, at least `least`, right-aligned in `text`. Returns where they start. */
static char *write_digits(char text[DIGITS_SIZE], uint64_t value, int least) {
    char *at = text + DIGITS_SIZE;
    for (; value || least > 0; value /= 10, least--)
        *--at = (char)('0' + value % 10);
    return at;
}

static uint64_t magnitude(struct buffer *buffer, int64_t integer) {
    if (integer >= 0)
        return (uint64_t)integer;
    json_put(buffer, "-", 1);
    return -(uint64_t)integer;
}

void json_append_integer(struct buffer *buffer, int64_t integer) {
    json_append_decimal(buffer, integer, 0);
}

void json_append_decimal(struct buffer *buffer, int64_t minor, int decimals) {
    char text[DIGITS_SIZE], *at = write_digits(text, magnitude(buffer, minor), decimals + 1);
    size_t whole = (size_t)(text + DIGITS_SIZE - at) - (size_t)decimals;
    json_put(buffer, at, whole);
    if (!decimals)
        return;
    json_put(buffer, ".", 1);
    json_put(buffer, at + whole, (size_t)decimals);
}

/* Ratings and the like have few decimals: what is an exact multiple of 1/1000 needs no search for the shortest text. */
static bool append_short_number(struct buffer *buffer, double number) {
    double scaled = number * 1000;
    if (!(fabs(scaled) < 1e15) || scaled != trunc(scaled) || scaled / 1000 != number)
        return false;
    int64_t thousandths = (int64_t)scaled;
    int decimals = 3;
    for (; decimals && thousandths % 10 == 0; decimals--)
        thousandths /= 10;
    json_append_decimal(buffer, thousandths, decimals);
    return true;
}

bool json_append_number(struct buffer *buffer, double number) {
    if (!isfinite(number))
        return false;
    if (append_short_number(buffer, number))
        return true;
    char text[32];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, number);
        if (strtod(text, NULL) == number)
            break;
    }
    json_put(buffer, text, strlen(text));
    return true;
}

#define EACH_BYTE(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Does any of eight bytes need more than copying: control characters, '"', '\\', or beyond ASCII? */
static bool needs_care(uint64_t word) {
    uint64_t quote = word ^ EACH_BYTE('"'), backslash = word ^ EACH_BYTE('\\');
    uint64_t found = word | (word - EACH_BYTE(0x20)) | (quote - EACH_BYTE(1)) | (backslash - EACH_BYTE(1));
    return found & EACH_BYTE(0x80);
}

static size_t plain_length(const char *bytes, size_t length) {
    size_t i = 0;
    for (uint64_t word; i + sizeof word <= length; i += sizeof word) {
        memcpy(&word, bytes + i, sizeof word);
        if (needs_care(word))
            break;
    }
    while (i < length && (unsigned char)bytes[i] >= 0x20 && bytes[i] != '"' && bytes[i] != '\\' && !(bytes[i] & 0x80))
        i++;
    return i;
}

static void append_escape(struct buffer *buffer, char c) {
    static const char escapes[] = "\b\t\n\f\r\"\\", letters[] = "btnfr\"\\";
    const char *escape = c ? strchr(escapes, c) : NULL;
    char text[8];
    if (escape)
        snprintf(text, sizeof text, "\\%c", letters[escape - escapes]);
    else
        snprintf(text, sizeof text, "\\u%04x", (unsigned char)c);
    json_put(buffer, text, strlen(text));
}

void json_append_string(struct buffer *buffer, const char *bytes, size_t length) {
    json_put(buffer, "\"", 1);
    for (size_t i = 0; i < length;) {
        size_t plain = plain_length(bytes + i, length - i);
        json_put(buffer, bytes + i, plain);
        i += plain;
        if (i == length)
            break;
        size_t size = format_code_point_size(bytes + i, length - i);
        if (size > 1)
            json_put(buffer, bytes + i, size);
        else if (size == 1)
            append_escape(buffer, bytes[i]);
        else
            json_put(buffer, "\xef\xbf\xbd", 3); /* U+FFFD for each byte that is no UTF-8 */
        i += size ? size : 1;
    }
    json_put(buffer, "\"", 1);
}
