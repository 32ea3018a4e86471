/* Replies that hold tokens are stored so that a repeated command gets the same ones; sealed, because whoever reads the
 * database must not sign in with them. XSalsa20-Poly1305 under a key derived from JWT_SECRET_KEY: with a new key the
 * old replies are gone. */
#include <sodium.h>
#include <stdlib.h>

#include "internals.h"
#include "settings.h"

static void derive_key(unsigned char ret_key[crypto_secretbox_KEYBYTES]) {
    static const unsigned char purpose[] = "tithi: stored replies, version 1";
    if (sodium_init() < 0)
        abort();
    crypto_generichash(ret_key, crypto_secretbox_KEYBYTES, (const unsigned char *)settings.jwt_secret_key,
                       strlen(settings.jwt_secret_key), purpose, sizeof purpose - 1);
}

/* Nonce, then the box. */
struct bytes seal(struct pool *pool, struct bytes plain) {
    unsigned char key[crypto_secretbox_KEYBYTES];
    size_t length = crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES + plain.length;
    unsigned char *sealed = pool_alloc(pool, length);
    derive_key(key);
    randombytes_buf(sealed, crypto_secretbox_NONCEBYTES);
    crypto_secretbox_easy(sealed + crypto_secretbox_NONCEBYTES, plain.data, plain.length, sealed, key);
    sodium_memzero(key, sizeof key);
    return (struct bytes){.data = sealed, .length = length};
}

struct bytes unseal(struct pool *pool, struct bytes sealed) {
    struct bytes plain = {0};
    unsigned char key[crypto_secretbox_KEYBYTES];
    const unsigned char *bytes = sealed.data;
    if (sealed.length < crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES)
        return plain;
    size_t boxed = sealed.length - crypto_secretbox_NONCEBYTES;
    unsigned char *opened = pool_alloc(pool, boxed);
    derive_key(key);
    if (crypto_secretbox_open_easy(opened, bytes + crypto_secretbox_NONCEBYTES, boxed, bytes, key) == 0)
        plain = (struct bytes){.data = opened, .length = boxed - crypto_secretbox_MACBYTES};
    sodium_memzero(key, sizeof key);
    return plain;
}
