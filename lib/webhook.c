/* Signs what Tithi sends and checks what claims to come from a Standard Webhooks sender
 * (https://www.standardwebhooks.com, specification 1.0.0). Only the symmetric scheme "v1", HMAC-SHA256. */
#include "webhook.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"

#define SECRET_PREFIX "whsec_"
#define SECRET_MINIMUM 24
#define NEW_SECRET_LENGTH 32

int webhook_secret_parse(const char *text, struct webhook_secret *ret_secret) {
    struct webhook_secret secret;
    size_t prefix = sizeof SECRET_PREFIX - 1;
    if (strncmp(text, SECRET_PREFIX, prefix) != 0 ||
        sodium_base642bin(secret.bytes, sizeof secret.bytes, text + prefix, strlen(text + prefix), NULL, &secret.length,
                          NULL, sodium_base64_VARIANT_ORIGINAL) != 0 ||
        secret.length < SECRET_MINIMUM)
        return -1;
    *ret_secret = secret;
    return 0;
}

const char *webhook_secret_new(char ret_text[WEBHOOK_SECRET_TEXT_SIZE]) {
    unsigned char bytes[NEW_SECRET_LENGTH];
    size_t prefix = sizeof SECRET_PREFIX - 1;
    randombytes_buf(bytes, sizeof bytes);
    memcpy(ret_text, SECRET_PREFIX, prefix);
    sodium_bin2base64(ret_text + prefix, WEBHOOK_SECRET_TEXT_SIZE - prefix, bytes, sizeof bytes,
                      sodium_base64_VARIANT_ORIGINAL);
    return ret_text;
}

/* `timestamp` as it stands in the header: what is signed is its text. */
static const char *sign(const struct webhook_secret *secret, const char *id, const char *timestamp, const void *body,
                        size_t length, char ret_signature[WEBHOOK_SIGNATURE_SIZE]) {
    struct buffer content = {0};
    unsigned char tag[EVP_MAX_MD_SIZE];
    unsigned tag_length = 0;
    buffer_printf(&content, "%s.%s.", id, timestamp);
    buffer_append(&content, body, length);
    HMAC(EVP_sha256(), secret->bytes, (int)secret->length, (const unsigned char *)content.bytes, content.length, tag,
         &tag_length);
    buffer_free(&content);
    memcpy(ret_signature, "v1,", 3);
    EVP_EncodeBlock((unsigned char *)ret_signature + 3, tag, (int)tag_length);
    return ret_signature;
}

const char *webhook_sign(const struct webhook_secret *secret, const char *id, int64_t timestamp_s, const void *body,
                         size_t length, char ret_signature[WEBHOOK_SIGNATURE_SIZE]) {
    char timestamp[24];
    snprintf(timestamp, sizeof timestamp, "%lld", (long long)timestamp_s);
    return sign(secret, id, timestamp, body, length, ret_signature);
}

bool webhook_verify(const struct webhook_secret *secret, const char *id, const char *timestamp, const char *signatures,
                    const void *body, size_t length, int64_t now_s) {
    char expected[WEBHOOK_SIGNATURE_SIZE];
    size_t digits = strspn(timestamp, "0123456789");
    if (digits == 0 || digits > 12 || timestamp[digits] != '\0')
        return false;
    int64_t age_s = now_s - strtoll(timestamp, NULL, 10);
    if (age_s > WEBHOOK_TOLERANCE_S || age_s < -WEBHOOK_TOLERANCE_S)
        return false;
    sign(secret, id, timestamp, body, length, expected);
    bool good = false;
    for (const char *at = signatures; *at;) {
        size_t span = strcspn(at, " ");
        if (span == strlen(expected) && CRYPTO_memcmp(at, expected, span) == 0)
            good = true;
        at += span + strspn(at + span, " ");
    }
    return good;
}
