/* Cursors of lists; see cursor.h. They are no secret and not signed: whatever a client makes up, it sees rows that the
 * list would show it anyway. */
#include "cursor.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "format.h"

static const char *encode(const char *text, struct pool *pool) {
    size_t length = strlen(text);
    char *encoded = pool_alloc(pool, 4 * ((length + 2) / 3) + 1);
    int size = EVP_EncodeBlock((unsigned char *)encoded, (const unsigned char *)text, (int)length);
    while (size > 0 && encoded[size - 1] == '=')
        encoded[--size] = '\0';
    for (char *at = encoded; *at; at++)
        *at = *at == '+' ? '-' : *at == '/' ? '_' : *at;
    return encoded;
}

const char *cursor_text(const struct cursor *cursor, struct pool *pool) {
    return encode(pool_printf(pool, "%s|%s|%" PRId64, cursor->sort, cursor->value, cursor->id), pool);
}

static const char *decode(const char *text, struct pool *pool) {
    size_t length = strlen(text), padded = (length + 3) / 4 * 4;
    char *standard = pool_alloc(pool, padded + 1);
    for (size_t i = 0; i < padded; i++)
        standard[i] = i >= length ? '=' : text[i] == '-' ? '+' : text[i] == '_' ? '/' : text[i];
    char *decoded = pool_alloc(pool, padded / 4 * 3 + 1);
    return EVP_DecodeBlock((unsigned char *)decoded, (const unsigned char *)standard, (int)padded) < 0 ? NULL : decoded;
}

static int read_integer(const char *text, int64_t *ret_value) {
    char *end;
    if (!strchr("-0123456789", *text) || !*text)
        return -1;
    errno = 0;
    int64_t value = strtoll(text, &end, 10);
    if (errno || *end)
        return -1;
    *ret_value = value;
    return 0;
}

int cursor_read(const char *text, const char *sort, struct pool *pool, struct cursor *ret_cursor) {
    const char *plain = decode(text, pool);
    size_t sort_length = strlen(sort);
    if (!plain || strncmp(plain, sort, sort_length) || plain[sort_length] != '|')
        return -1;
    const char *value = plain + sort_length + 1, *bar = strrchr(value, '|');
    int64_t id;
    if (!bar || read_integer(bar + 1, &id))
        return -1;
    struct cursor cursor = {.sort = sort, .value = pool_copy(pool, value, (size_t)(bar - value)), .id = id};
    /* Only the one spelling that we give out: no stray bits, no bytes behind a NUL. */
    if (format_text_length(cursor.value, strlen(cursor.value)) < 0 || strcmp(cursor_text(&cursor, pool), text))
        return -1;
    *ret_cursor = cursor;
    return 0;
}

int cursor_integer(const struct cursor *cursor, int64_t minimum, int64_t maximum, int64_t *ret_value) {
    int64_t value;
    if (read_integer(cursor->value, &value) || value < minimum || value > maximum)
        return -1;
    *ret_value = value;
    return 0;
}
