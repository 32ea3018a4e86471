/* OpenSSL's HMAC-SHA256 behind hmac.h. */
#include "hmac.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sodium.h>
#include <string.h>

const char *hmac_hex(const void *key, size_t key_length, const void *bytes, size_t length,
                     char ret_hex[HMAC_HEX_SIZE]) {
    unsigned char tag[EVP_MAX_MD_SIZE];
    unsigned tag_length = 0;
    HMAC(EVP_sha256(), key, (int)key_length, bytes, length, tag, &tag_length);
    return sodium_bin2hex(ret_hex, HMAC_HEX_SIZE, tag, tag_length);
}

bool hmac_hex_is_of(const char *keys, const void *bytes, size_t length, const char *hex, size_t hex_length) {
    char expected[HMAC_HEX_SIZE];
    bool good = false;
    if (hex_length != HMAC_HEX_SIZE - 1)
        return false;
    for (const char *key = keys + strspn(keys, ", "); *key; key += strspn(key, ", ")) {
        size_t key_length = strcspn(key, ", ");
        hmac_hex(key, key_length, bytes, length, expected);
        if (CRYPTO_memcmp(expected, hex, hex_length) == 0)
            good = true;
        key += key_length;
    }
    return good;
}
