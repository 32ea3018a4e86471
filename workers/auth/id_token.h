/* id_tokens of OpenID Connect (Core 1.0 §2 and §3.1.3.7) and the keys that sign them (RFC 7517). Pure: no clock, no
 * network, no account. Nothing that a token says is looked at before its signature is good, but for the name of its
 * key. */
#ifndef TITHI_AUTH_ID_TOKEN_H
#define TITHI_AUTH_ID_TOKEN_H

#include <jansson.h>
#include <sodium.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pool.h"

#define ID_TOKEN_LENGTH_LIMIT 8192

struct key_set;

/* The keys of a JWKS that may sign by RS256: RSA of 2048 to 8192 bits, not meant for anything else. Others are left
 * out. NULL: it is none. */
struct key_set *key_set_read(json_t *document);
void key_set_destroy(struct key_set **keys);
size_t key_set_count(const struct key_set *keys);
bool key_set_has(const struct key_set *keys, const char *key_id);

struct id_token_wanted {
    const char *issuer, *client_id;
    const char *nonce; /* NULL: any, or none */
    int64_t now_s;
};

/* Who somebody is; texts live in the pool. */
struct identity {
    const char *issuer;  /* as configured, whatever spelling the token has */
    const char *subject; /* 1 to 255 printable ASCII characters */
    const char *email;   /* verified by the issuer */
    const char *name;    /* one line of 1 to 200 characters; made of the address where the token has none */
    const char *picture; /* https; NULL: none */
    uint8_t token_hash[crypto_hash_sha256_BYTES]; /* of what is signed: another spelling is the same token */
    int64_t expires_at_s;                         /* of the token, with leeway; not beyond the year 9999 */
};

/* Which key is it signed by? NULL; or what is wrong with the token's form or header, as a sentence without its words.
 */
const char *id_token_key_id(const char *token, struct pool *pool, const char **ret_key_id);

/* NULL: all is well, and *ret_identity is filled. Else which check failed. */
const char *id_token_verify(const char *token, const struct key_set *keys, const struct id_token_wanted *wanted,
                            struct pool *pool, struct identity *ret_identity);

#endif
