/* Signs what Tithi sends and checks what claims to come from a Standard Webhooks sender
 * (https://www.standardwebhooks.com, specification 1.0.0): HMAC-SHA256 ("v1"), and for signing Ed25519 ("v1a") too. */
#include "webhook.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"

#define SECRET_MINIMUM 24
#define NEW_SECRET_LENGTH 32

/* Prefix and base64. 0, or -1. */
static int parse(const char *text, const char *prefix, size_t minimum, struct webhook_secret *ret_secret) {
    struct webhook_secret secret = {0};
    size_t skipped = strlen(prefix);
    if (strncmp(text, prefix, skipped) != 0 ||
        sodium_base642bin(secret.bytes, sizeof secret.bytes, text + skipped, strlen(text + skipped), NULL,
                          &secret.length, NULL, sodium_base64_VARIANT_ORIGINAL) != 0 ||
        secret.length < minimum)
        return -1;
    *ret_secret = secret;
    return 0;
}

int webhook_secret_parse(const char *text, struct webhook_secret *ret_secret) {
    return parse(text, "whsec_", SECRET_MINIMUM, ret_secret);
}

int webhook_key_parse(const char *text, struct webhook_secret *ret_key) {
    struct webhook_secret key;
    unsigned char public_key[crypto_sign_PUBLICKEYBYTES], whole[crypto_sign_SECRETKEYBYTES];
    if (parse(text, "whsk_", crypto_sign_SECRETKEYBYTES, &key) != 0 ||
        crypto_sign_seed_keypair(public_key, whole, key.bytes) != 0 || sodium_memcmp(whole, key.bytes, sizeof whole))
        return -1; /* halves that are not of one pair would give the private one away */
    key.asymmetric = true;
    *ret_key = key;
    return 0;
}

static const char *spell(const char *prefix, const unsigned char *bytes, size_t length, char *ret_text, size_t size) {
    size_t skipped = strlen(prefix);
    memcpy(ret_text, prefix, skipped);
    sodium_bin2base64(ret_text + skipped, size - skipped, bytes, length, sodium_base64_VARIANT_ORIGINAL);
    return ret_text;
}

const char *webhook_secret_new(char ret_text[WEBHOOK_SECRET_TEXT_SIZE]) {
    unsigned char bytes[NEW_SECRET_LENGTH];
    randombytes_buf(bytes, sizeof bytes);
    return spell("whsec_", bytes, sizeof bytes, ret_text, WEBHOOK_SECRET_TEXT_SIZE);
}

const char *webhook_key_new(char ret_text[WEBHOOK_KEY_TEXT_SIZE]) {
    unsigned char public_key[crypto_sign_PUBLICKEYBYTES], key[crypto_sign_SECRETKEYBYTES];
    crypto_sign_keypair(public_key, key);
    return spell("whsk_", key, sizeof key, ret_text, WEBHOOK_KEY_TEXT_SIZE);
}

const char *webhook_key_public(const struct webhook_secret *key, char ret_text[WEBHOOK_PUBLIC_KEY_TEXT_SIZE]) {
    return spell("whpk_", key->bytes + crypto_sign_SEEDBYTES, crypto_sign_PUBLICKEYBYTES, ret_text,
                 WEBHOOK_PUBLIC_KEY_TEXT_SIZE);
}

/* What is signed. `timestamp` as it stands in the header. */
static struct buffer content_of(const char *id, const char *timestamp, const void *body, size_t length) {
    struct buffer content = {0};
    buffer_printf(&content, "%s.%s.", id, timestamp);
    buffer_append(&content, body, length);
    return content;
}

static const char *sign(const struct webhook_secret *secret, const struct buffer *content,
                        char ret_signature[WEBHOOK_SIGNATURE_SIZE]) {
    const unsigned char *bytes = (const unsigned char *)content->bytes;
    unsigned char tag[crypto_sign_BYTES > EVP_MAX_MD_SIZE ? crypto_sign_BYTES : EVP_MAX_MD_SIZE];
    unsigned hmac_length = 0;
    if (secret->asymmetric) {
        crypto_sign_detached(tag, NULL, bytes, content->length, secret->bytes);
        return spell("v1a,", tag, crypto_sign_BYTES, ret_signature, WEBHOOK_SIGNATURE_SIZE);
    }
    HMAC(EVP_sha256(), secret->bytes, (int)secret->length, bytes, content->length, tag, &hmac_length);
    return spell("v1,", tag, hmac_length, ret_signature, WEBHOOK_SIGNATURE_SIZE);
}

const char *webhook_sign(const struct webhook_secret *secrets, size_t count, const char *id, int64_t timestamp_s,
                         const void *body, size_t length, char *ret_signatures) {
    char timestamp[24], *end = ret_signatures;
    snprintf(timestamp, sizeof timestamp, "%lld", (long long)timestamp_s);
    struct buffer content = content_of(id, timestamp, body, length);
    *end = '\0';
    for (size_t i = 0; i < count; i++) {
        if (i)
            *end++ = ' ';
        end += strlen(sign(&secrets[i], &content, end));
    }
    buffer_free(&content);
    return ret_signatures;
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
    struct buffer content = content_of(id, timestamp, body, length);
    sign(secret, &content, expected);
    buffer_free(&content);
    bool good = false;
    for (const char *at = signatures; *at;) {
        size_t span = strcspn(at, " ");
        if (span == strlen(expected) && CRYPTO_memcmp(at, expected, span) == 0)
            good = true;
        at += span + strspn(at + span, " ");
    }
    return good;
}
