/* UUIDs as 16 bytes: version 7 (RFC 9562 §5.7) for new ids, version 8 (§5.8) for ids derived from a hash. */
#ifndef TITHI_UUID_H
#define TITHI_UUID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UUID_TEXT_SIZE 37

struct uuid {
    uint8_t bytes[16];
};

struct uuid uuid_new(void);
/* The same parts give the same id. Parts are length-prefixed before hashing (SHA-256). `parts` ends with NULL. */
struct uuid uuid_derive(const char *const *parts);
bool uuid_equal(const struct uuid *a, const struct uuid *b);
bool uuid_is_nil(const struct uuid *id);
const char *uuid_text(const struct uuid *id, char ret_text[UUID_TEXT_SIZE]);
/* 0, or -1 where the text is no UUID. */
int uuid_parse(const char *text, struct uuid *ret_id);

#endif
