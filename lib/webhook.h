/* Standard Webhooks 1.0.0: the secret, the signature, and its check. */
#ifndef TITHI_WEBHOOK_H
#define TITHI_WEBHOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct webhook_secret {
    unsigned char bytes[64];
    size_t length;
};

#define WEBHOOK_SECRET_TEXT_SIZE 52 /* of a new one: "whsec_" and base64 of 32 bytes */
#define WEBHOOK_SIGNATURE_SIZE 48   /* "v1," and base64 of 32 bytes */
#define WEBHOOK_TOLERANCE_S 300

/* "whsec_" and base64 of 24 to 64 bytes. 0, or -1. */
int webhook_secret_parse(const char *text, struct webhook_secret *ret_secret);
const char *webhook_secret_new(char ret_text[WEBHOOK_SECRET_TEXT_SIZE]);

/* The header webhook-signature for one attempt at `timestamp_s`. Returns `ret_signature`. */
const char *webhook_sign(const struct webhook_secret *secret, const char *id, int64_t timestamp_s, const void *body,
                         size_t length, char ret_signature[WEBHOOK_SIGNATURE_SIZE]);
/* Is one of the space-separated signatures ours, and the timestamp within tolerance of `now_s`? Constant time per
 * signature. */
bool webhook_verify(const struct webhook_secret *secret, const char *id, const char *timestamp, const char *signatures,
                    const void *body, size_t length, int64_t now_s);

#endif
