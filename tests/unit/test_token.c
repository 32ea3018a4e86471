/* Access tokens: what we issue is accepted, and everything else is refused, each with the reason it deserves.
 * Foreign tokens are put together here by hand, so that they can be wrong in one way at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/hmac.h>
#include <sodium.h>

#include "token.h"

#define NOW 1700000000
#define SESSION "0190a6e2-7c4b-7d3e-8f00-0123456789ab"
#define ID "0190a6e2-7c4b-7d3e-8f00-0123456789ac"
#define GOOD_HEADER "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
#define CLAIMS(sub, exp, use, more)                                                                                    \
    "{\"sub\":" sub ",\"iat\":1699999990,\"exp\":" exp ",\"jti\":\"" ID "\",\"sid\":\"" SESSION "\",\"use\":\"" use    \
    "\",\"role\":\"user\"" more "}"
#define GOOD_CLAIMS CLAIMS("\"7\"", "1700003600", "access", "")

static const char key[] = "0123456789abcdef0123456789abcdef";
static const char other_key[] = "fedcba9876543210fedcba9876543210";

static char *base64url(const void *bytes, size_t length) {
    size_t size = sodium_base64_ENCODED_LEN(length, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    return sodium_bin2base64(malloc(size), size, bytes, length, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

static char *make_with(const EVP_MD *digest, const char *signing_key, const char *header, const char *claims) {
    char text[4096];
    unsigned char tag[EVP_MAX_MD_SIZE];
    unsigned tag_length;
    char *first = base64url(header, strlen(header)), *second = base64url(claims, strlen(claims));
    int length = snprintf(text, sizeof text, "%s.%s", first, second);
    HMAC(digest, signing_key, (int)strlen(signing_key), (unsigned char *)text, (size_t)length, tag, &tag_length);
    char *third = base64url(tag, tag_length);
    snprintf(text + length, sizeof text - (size_t)length, ".%s", third);
    free(first);
    free(second);
    free(third);
    return strdup(text);
}

static enum token_problem verify(const char *text) {
    struct token token;
    return token_verify(text, strlen(text), key, strlen(key), NOW, &token);
}

static void issued_tokens_are_good_until_they_expire(void **state) {
    (void)state;
    struct token made = {.user_id = 42, .role = "facilitator", .session = SESSION}, read;
    char *text = token_issue(&made, key, strlen(key), NOW, 60);
    assert_non_null(text);
    assert_int_equal(token_verify(text, strlen(text), key, strlen(key), NOW + 59, &read), TOKEN_GOOD);
    assert_int_equal(read.user_id, 42);
    assert_string_equal(read.role, "facilitator");
    assert_string_equal(read.session, SESSION);
    assert_string_equal(read.id, made.id);
    assert_int_equal(read.issued_at_s, NOW);
    assert_int_equal(read.expires_at_s, NOW + 60);
    assert_int_equal(token_verify(text, strlen(text), key, strlen(key), NOW + 60, &read), TOKEN_EXPIRED);
    assert_int_equal(token_verify(text, strlen(text), other_key, strlen(other_key), NOW, &read), TOKEN_FORGED);
    free(text);
}

static void short_keys_sign_and_verify_nothing(void **state) {
    (void)state;
    struct token token = {.user_id = 1, .role = "user", .session = SESSION};
    assert_null(token_issue(&token, key, 31, NOW, 60));
    char *text = make_with(EVP_sha256(), key, GOOD_HEADER, GOOD_CLAIMS);
    assert_int_equal(token_verify(text, strlen(text), "", 0, NOW, &token), TOKEN_FORGED);
    assert_int_equal(token_verify(text, strlen(text), key, 31, NOW, &token), TOKEN_FORGED);
    free(text);
}

static void headers_and_claims_are_read_strictly(void **state) {
    (void)state;
    static const struct {
        const char *header, *claims;
        enum token_problem expected;
    } cases[] = {
        {GOOD_HEADER, GOOD_CLAIMS, TOKEN_GOOD},
        {"{\"alg\":\"HS256\"}", GOOD_CLAIMS, TOKEN_GOOD},
        {"{\"alg\":\"hs256\"}", GOOD_CLAIMS, TOKEN_FORGED},
        {"{\"alg\":\"none\"}", GOOD_CLAIMS, TOKEN_FORGED},
        {"{\"alg\":\"HS512\"}", GOOD_CLAIMS, TOKEN_FORGED},
        {"{\"alg\":\"RS256\"}", GOOD_CLAIMS, TOKEN_FORGED},
        {"{\"typ\":\"JWT\"}", GOOD_CLAIMS, TOKEN_FORGED},
        {"{\"alg\":\"HS256\",\"typ\":\"at+jwt\"}", GOOD_CLAIMS, TOKEN_FORGED},
        {"{\"alg\":\"HS256\",\"crit\":[\"b64\"],\"b64\":false}", GOOD_CLAIMS, TOKEN_FORGED},
        {"{\"alg\":\"none\",\"alg\":\"HS256\"}", GOOD_CLAIMS, TOKEN_FORGED},
        {"[]", GOOD_CLAIMS, TOKEN_FORGED},
        {GOOD_HEADER, CLAIMS("\"7\"", "1700000000", "access", ""), TOKEN_EXPIRED},
        {GOOD_HEADER, CLAIMS("\"7\"", "1", "access", ""), TOKEN_EXPIRED},
        {GOOD_HEADER, CLAIMS("\"7\"", "null", "access", ""), TOKEN_MALFORMED},
        {GOOD_HEADER, CLAIMS("\"7\"", "\"1700003600\"", "access", ""), TOKEN_MALFORMED},
        {GOOD_HEADER, CLAIMS("\"7\"", "1e30", "access", ""), TOKEN_MALFORMED},
        {GOOD_HEADER, CLAIMS("7", "1700003600", "access", ""), TOKEN_FORGED}, /* libjwt finds no textual subject */
        {GOOD_HEADER, CLAIMS("\"-7\"", "1700003600", "access", ""), TOKEN_MALFORMED},
        {GOOD_HEADER, CLAIMS("\"7x\"", "1700003600", "access", ""), TOKEN_MALFORMED},
        {GOOD_HEADER, CLAIMS("\"99999999999999999999\"", "1700003600", "access", ""), TOKEN_MALFORMED},
        {GOOD_HEADER, CLAIMS("\"7\"", "1700003600", "refresh", ""), TOKEN_FORGED},
        {GOOD_HEADER, CLAIMS("\"7\"", "1700003600", "access", ",\"nbf\":1700000031"), TOKEN_FORGED},
        {GOOD_HEADER, CLAIMS("\"7\"", "1700003600", "access", ",\"nbf\":1700000030"), TOKEN_GOOD},
        {GOOD_HEADER, CLAIMS("\"7\"", "1700003600", "access", ",\"nbf\":\"soon\""), TOKEN_MALFORMED},
        {GOOD_HEADER, CLAIMS("\"7\"", "1700003600", "access", ",\"aud\":\"elsewhere\""), TOKEN_FORGED},
        {GOOD_HEADER, CLAIMS("\"7\"", "1700003600", "access", ",\"iss\":\"elsewhere\""), TOKEN_FORGED},
        {GOOD_HEADER, CLAIMS("\"7\"", "1700003600", "access", ",\"sub\":\"1\""), TOKEN_MALFORMED},
        {GOOD_HEADER, "{\"sub\":\"7\"}", TOKEN_MALFORMED},
        {GOOD_HEADER, "{\"sub\":\"7\",", TOKEN_MALFORMED},
        {GOOD_HEADER, "\"sub\"", TOKEN_MALFORMED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *text = make_with(EVP_sha256(), key, cases[i].header, cases[i].claims);
        if (verify(text) != cases[i].expected)
            fail_msg("%s %s: %d, not %d", cases[i].header, cases[i].claims, verify(text), cases[i].expected);
        free(text);
    }
}

static void signatures_must_be_ours(void **state) {
    (void)state;
    char *wrong_key = make_with(EVP_sha256(), other_key, GOOD_HEADER, GOOD_CLAIMS);
    char *wrong_digest = make_with(EVP_sha512(), key, "{\"alg\":\"HS512\",\"typ\":\"JWT\"}", GOOD_CLAIMS);
    char *good = make_with(EVP_sha256(), key, GOOD_HEADER, GOOD_CLAIMS);
    assert_int_equal(verify(wrong_key), TOKEN_FORGED);
    assert_int_equal(verify(wrong_digest), TOKEN_FORGED);
    strrchr(good, '.')[1] ^= 1; /* one bit of the signature */
    assert_int_equal(verify(good), TOKEN_FORGED);
    strrchr(good, '.')[1] = '\0';
    assert_int_equal(verify(good), TOKEN_FORGED); /* no signature at all */
    free(wrong_key);
    free(wrong_digest);
    free(good);
}

static void any_bytes_get_an_answer(void **state) {
    (void)state;
    static const char *const cases[] = {"",
                                        ".",
                                        "..",
                                        "...",
                                        "a.b",
                                        "a.b.c",
                                        "a.b.c.d",
                                        "e30.e30.",
                                        "e30.e30.e30",
                                        "\xff.\xff.\xff",
                                        "eyJhbGciOiJIUzI1NiJ9.e30=.AAAA",
                                        "Bearer x.y.z"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_not_equal(verify(cases[i]), TOKEN_GOOD);
    char *good = make_with(EVP_sha256(), key, GOOD_HEADER, GOOD_CLAIMS);
    struct token token;
    for (size_t length = 0; length < strlen(good); length++) { /* an exact copy, so that reading past the end is seen */
        char *cut = malloc(length ? length : 1);
        memcpy(cut, good, length);
        assert_int_not_equal(token_verify(cut, length, key, strlen(key), NOW, &token), TOKEN_GOOD);
        free(cut);
    }
    char *endless = malloc(100000);
    memset(endless, 'A', 100000);
    assert_int_equal(token_verify(endless, 100000, key, strlen(key), NOW, &token), TOKEN_MALFORMED);
    free(endless);
    free(good);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(issued_tokens_are_good_until_they_expire),
        cmocka_unit_test(short_keys_sign_and_verify_nothing),
        cmocka_unit_test(headers_and_claims_are_read_strictly),
        cmocka_unit_test(signatures_must_be_ours),
        cmocka_unit_test(any_bytes_get_an_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
