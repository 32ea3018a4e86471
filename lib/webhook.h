/* Standard Webhooks 1.0.0: secrets and keys, signatures, and their check. */
#ifndef TITHI_WEBHOOK_H
#define TITHI_WEBHOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What signs. */
struct webhook_secret {
    bool asymmetric; /* an Ed25519 key, seed and public half; else a secret for HMAC-SHA256 */
    unsigned char bytes[64];
    size_t length;
};

#define WEBHOOK_SECRET_TEXT_SIZE 52     /* of a new one: "whsec_" and base64 of 32 bytes */
#define WEBHOOK_KEY_TEXT_SIZE 94        /* "whsk_" and base64 of 64 bytes */
#define WEBHOOK_PUBLIC_KEY_TEXT_SIZE 50 /* "whpk_" and base64 of 32 bytes */
#define WEBHOOK_SIGNATURE_SIZE 93       /* "v1a," and base64 of 64 bytes; "v1," and base64 of 32 are less */
#define WEBHOOK_TOLERANCE_S 300

/* "whsec_" and base64 of 24 to 64 bytes. 0, or -1. */
int webhook_secret_parse(const char *text, struct webhook_secret *ret_secret);
const char *webhook_secret_new(char ret_text[WEBHOOK_SECRET_TEXT_SIZE]);
/* "whsk_" and base64 of an Ed25519 key pair. 0, or -1. */
int webhook_key_parse(const char *text, struct webhook_secret *ret_key);
const char *webhook_key_new(char ret_text[WEBHOOK_KEY_TEXT_SIZE]);
/* What whoever verifies is given. Returns `ret_text`. */
const char *webhook_key_public(const struct webhook_secret *key, char ret_text[WEBHOOK_PUBLIC_KEY_TEXT_SIZE]);

/* The header webhook-signature for one attempt at `timestamp_s`: a signature by each secret, separated by spaces.
 * Returns `ret_signatures`, which has room for WEBHOOK_SIGNATURE_SIZE times `count`, at least one. */
const char *webhook_sign(const struct webhook_secret *secrets, size_t count, const char *id, int64_t timestamp_s,
                         const void *body, size_t length, char *ret_signatures);
/* With a secret for HMAC: is one of the space-separated signatures ours, and the timestamp within tolerance of `now_s`?
 * Constant time per signature. */
bool webhook_verify(const struct webhook_secret *secret, const char *id, const char *timestamp, const char *signatures,
                    const void *body, size_t length, int64_t now_s);

#endif
