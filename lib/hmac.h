/* HMAC-SHA256 as payment providers write it: in lower-case hex. */
#ifndef TITHI_HMAC_H
#define TITHI_HMAC_H

#include <stdbool.h>
#include <stddef.h>

#define HMAC_HEX_SIZE 65

/* Returns `ret_hex`. */
const char *hmac_hex(const void *key, size_t key_length, const void *bytes, size_t length, char ret_hex[HMAC_HEX_SIZE]);

/* Is `hex` the signature of these bytes with one of the keys? `keys` are separated by commas; an empty one counts for
 * nothing. Constant time per key. */
bool hmac_hex_is_of(const char *keys, const void *bytes, size_t length, const char *hex, size_t hex_length);

#endif
