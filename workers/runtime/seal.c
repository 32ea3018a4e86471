/* XSalsa20-Poly1305 with a random nonce, under BLAKE2b(key of the settings, purpose); see seal.h. Used for stored
 * replies that hold tokens (a repeated command gets the same ones) and for what services keep sealed in rows of their
 * own. */
#include "seal.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "settings.h"

#define OVERHEAD (crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES)

const char *seal_key(void) {
    return settings.jwt_secret_key[0] ? settings.jwt_secret_key : settings.seal_key;
}

static void derive_key(unsigned char ret_key[crypto_secretbox_KEYBYTES], const char *secret, const char *purpose) {
    char label[crypto_generichash_KEYBYTES_MAX];
    assert(strlen(purpose) <= SEAL_PURPOSE_LIMIT);
    int length = snprintf(label, sizeof label, "tithi: %s, version 1", purpose);
    if (sodium_init() < 0)
        abort();
    crypto_generichash(ret_key, crypto_secretbox_KEYBYTES, (const unsigned char *)secret, strlen(secret),
                       (const unsigned char *)label, (size_t)length);
}

/* Nonce, then the box. */
struct bytes seal(struct pool *pool, const char *purpose, struct bytes plain) {
    unsigned char key[crypto_secretbox_KEYBYTES];
    unsigned char *sealed = pool_alloc(pool, OVERHEAD + plain.length);
    derive_key(key, seal_key(), purpose);
    randombytes_buf(sealed, crypto_secretbox_NONCEBYTES);
    crypto_secretbox_easy(sealed + crypto_secretbox_NONCEBYTES, plain.data, plain.length, sealed, key);
    sodium_memzero(key, sizeof key);
    return (struct bytes){.data = sealed, .length = OVERHEAD + plain.length};
}

static bool open_with(const char *secret, const char *purpose, struct bytes sealed, unsigned char *ret_plain) {
    unsigned char key[crypto_secretbox_KEYBYTES];
    const unsigned char *nonce = sealed.data;
    if (!*secret)
        return false;
    derive_key(key, secret, purpose);
    int outcome = crypto_secretbox_open_easy(ret_plain, nonce + crypto_secretbox_NONCEBYTES,
                                             sealed.length - crypto_secretbox_NONCEBYTES, nonce, key);
    sodium_memzero(key, sizeof key);
    return outcome == 0;
}

struct bytes unseal(struct pool *pool, const char *purpose, struct bytes sealed, bool *ret_outdated) {
    if (!sealed.data || sealed.length < OVERHEAD)
        return (struct bytes){0};
    unsigned char *plain = pool_alloc(pool, sealed.length);
    bool current = open_with(seal_key(), purpose, sealed, plain);
    if (!current && !open_with(settings.jwt_previous_secret_key, purpose, sealed, plain))
        return (struct bytes){0};
    if (ret_outdated)
        *ret_outdated = !current;
    return (struct bytes){.data = plain, .length = sealed.length - OVERHEAD};
}
