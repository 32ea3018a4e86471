/* Jansson behind reading.h. */
#include "reading.h"

#include <ctype.h>
#include <sodium.h>
#include <stdarg.h>
#include <string.h>

#include "format.h"

#define ID_LIMIT 255
#define URL_LIMIT 2048
#define WORDS_LIMIT 300                 /* bytes */
#define AMOUNT_LIMIT (INT64_C(1) << 53) /* beyond it JSON's numbers are not exact everywhere */

bool is_provider_id(const char *text) {
    size_t length = text ? strlen(text) : 0;
    return length > 0 && length <= ID_LIMIT &&
           strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") == length;
}

/* An integer beyond 64 bits is JSON, and as a real it is no amount. */
json_t *read_object(const char *bytes, size_t length) {
    json_error_t error;
    json_t *json = json_loadb(bytes, length, JSON_REJECT_DUPLICATES, &error);
    if (!json && json_error_code(&error) == json_error_numeric_overflow)
        json = json_loadb(bytes, length, JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, NULL);
    if (json && !json_is_object(json)) {
        json_decref(json);
        json = NULL;
    }
    return json;
}

const char *read_name_of_bytes(const char *bytes, size_t length, struct pool *pool) {
    unsigned char hash[crypto_hash_sha256_BYTES];
    char hex[2 * sizeof hash + 1];
    crypto_hash_sha256(hash, (const unsigned char *)bytes, length);
    return pool_printf(pool, "sha256:%s", sodium_bin2hex(hex, sizeof hex, hash, sizeof hash));
}

json_t *read_path(json_t *object, ...) {
    va_list names;
    va_start(names, object);
    for (const char *name; (name = va_arg(names, const char *));)
        object = json_object_get(object, name);
    va_end(names);
    return object;
}

const char *read_id(json_t *object, const char *name, struct pool *pool) {
    const char *text = json_string_value(json_object_get(object, name));
    return is_provider_id(text) ? pool_text(pool, text) : NULL;
}

const char *read_words(json_t *object, const char *name, struct pool *pool) {
    const char *text = json_string_value(json_object_get(object, name));
    size_t length = 0, all = text ? strlen(text) : 0;
    for (size_t size = 0; length < all; length += size) { /* jansson takes valid UTF-8 only */
        size = format_code_point_size(text + length, all - length);
        if (!size || length + size > WORDS_LIMIT)
            break;
    }
    return length ? pool_copy(pool, text, length) : NULL;
}

const char *read_url(json_t *object, const char *name, struct pool *pool) {
    const char *text = json_string_value(json_object_get(object, name));
    size_t length = text ? strlen(text) : 0;
    return length && length <= URL_LIMIT && format_is_uri(text, length) ? pool_text(pool, text) : NULL;
}

bool read_is(json_t *object, const char *name, const char *value) {
    const char *text = json_string_value(json_object_get(object, name));
    return text && strcmp(text, value) == 0;
}

int read_amount(json_t *object, const char *name, int64_t *ret_minor) {
    json_t *value = json_object_get(object, name);
    if (!json_is_integer(value) || json_integer_value(value) < 0 || json_integer_value(value) > AMOUNT_LIMIT)
        return -1;
    *ret_minor = json_integer_value(value);
    return 0;
}

const char *read_currency(json_t *object, const char *name, struct pool *pool) {
    const char *code = json_string_value(json_object_get(object, name));
    if (!code || strlen(code) != 3)
        return NULL;
    char *capitals = pool_text(pool, code);
    for (char *letter = capitals; *letter; letter++) {
        if (!isalpha((unsigned char)*letter))
            return NULL;
        *letter = (char)toupper((unsigned char)*letter);
    }
    return capitals;
}
