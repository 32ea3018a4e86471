/* An issuer's key for unit tests and fuzzers: RSA, its JWK, and what it signs, well or badly. */
#ifndef TITHI_TESTS_SIGNER_H
#define TITHI_TESTS_SIGNER_H

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"

static inline void append_base64url(struct buffer *text, const void *bytes, size_t length) {
    size_t size = sodium_base64_encoded_len(length, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    sodium_bin2base64(buffer_reserve(text, size), size, bytes, length, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    text->length += size - 1;
}

/* {"kty":"RSA","kid":KID,"n":…,"e":…} with more members, which begin with a comma; free() it. */
static inline char *jwk_of(EVP_PKEY *key, const char *key_id, const char *more) {
    BIGNUM *modulus = NULL;
    unsigned char bytes[2048];
    struct buffer text = {0};
    EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &modulus);
    int length = BN_bn2bin(modulus, bytes);
    buffer_printf(&text, "{\"kty\":\"RSA\",\"kid\":\"%s\",\"e\":\"AQAB\"%s,\"n\":\"", key_id, more);
    append_base64url(&text, bytes, (size_t)length);
    buffer_append_text(&text, "\"}");
    BN_free(modulus);
    return (char *)buffer_text(&text); /* the buffer's memory, which free() takes */
}

/* The compact form; free() it. */
static inline char *sign_jws(EVP_PKEY *key, const EVP_MD *digest, int padding, const char *header, const char *claims) {
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *parameters;
    unsigned char signature[2048];
    size_t length = sizeof signature;
    struct buffer text = {0};
    append_base64url(&text, header, strlen(header));
    buffer_append_byte(&text, '.');
    append_base64url(&text, claims, strlen(claims));
    if (EVP_DigestSignInit(context, &parameters, digest, NULL, key) != 1 ||
        (padding && EVP_PKEY_CTX_set_rsa_padding(parameters, padding) != 1) ||
        EVP_DigestSign(context, signature, &length, (unsigned char *)text.bytes, text.length) != 1)
        abort();
    EVP_MD_CTX_free(context);
    buffer_append_byte(&text, '.');
    append_base64url(&text, signature, length);
    return (char *)buffer_text(&text);
}

#endif
