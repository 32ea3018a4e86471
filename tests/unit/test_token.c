/* Access tokens: what we issue is accepted, and everything else is refused, each with the reason it deserves. Most
 * foreign tokens come from the table in tests/vectors/tokens.py, where each is wrong in one way. */
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
static struct token_keys keys, other_keys; /* each of one key */

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
    return token_verify(text, strlen(text), &keys, NOW, &token);
}

static void issued_tokens_are_good_until_they_expire(void **state) {
    (void)state;
    struct token made = {.user_id = 42, .role = "facilitator", .session = SESSION}, read;
    char *text = token_issue(&made, key, NOW, 60);
    assert_non_null(text);
    assert_int_equal(token_verify(text, strlen(text), &keys, NOW + 59, &read), TOKEN_GOOD);
    assert_int_equal(read.user_id, 42);
    assert_string_equal(read.role, "facilitator");
    assert_string_equal(read.session, SESSION);
    assert_string_equal(read.id, made.id);
    assert_int_equal(read.issued_at_s, NOW);
    assert_int_equal(read.expires_at_s, NOW + 60);
    assert_int_equal(token_verify(text, strlen(text), &keys, NOW + 60, &read), TOKEN_EXPIRED);
    assert_int_equal(token_verify(text, strlen(text), &other_keys, NOW, &read), TOKEN_FORGED);
    free(text);
}

static void short_keys_sign_and_verify_nothing(void **state) {
    (void)state;
    struct token token = {.user_id = 1, .role = "user", .session = SESSION};
    const char *short_key = key + 1;
    assert_null(token_issue(&token, short_key, NOW, 60));
    char *text = make_with(EVP_sha256(), key, GOOD_HEADER, GOOD_CLAIMS);
    char *short_signed = make_with(EVP_sha256(), short_key, GOOD_HEADER, GOOD_CLAIMS);
    const struct token_keys none = token_keys_of("", ""), cut = token_keys_of(key + 1, key + 1);
    assert_int_equal(token_verify(text, strlen(text), &none, NOW, &token), TOKEN_FORGED);
    assert_int_equal(token_verify(short_signed, strlen(short_signed), &cut, NOW, &token), TOKEN_FORGED);
    free(short_signed);
    free(text);
}

/* One line of the table: the answer, the token in hex ("-": empty), the name. Spoils the line. */
static void check_line(char *line) {
    static const char *const answers[] = {
        [TOKEN_GOOD] = "good", [TOKEN_MALFORMED] = "malformed", [TOKEN_FORGED] = "forged", [TOKEN_EXPIRED] = "expired"};
    const struct token_keys both_keys = token_keys_of(key, other_key);
    const char *answer = strtok(line, " "), *hex = strtok(NULL, " "), *name = strtok(NULL, "\n");
    size_t length = 0, size = strlen(hex) / 2;
    char *text = malloc(size ? size : 1); /* without a terminator, so that reading past the end is seen */
    struct token token;
    if (strcmp(hex, "-"))
        assert_int_equal(sodium_hex2bin((unsigned char *)text, size, hex, strlen(hex), NULL, &length, NULL), 0);
    enum token_problem problem = token_verify(text, length, &both_keys, NOW, &token);
    if (strcmp(answers[problem], answer))
        fail_msg("%s: %s, not %s", name, answers[problem], answer);
    free(text);
}

static void every_token_of_the_table_gets_its_answer(void **state) {
    (void)state;
    FILE *table = fopen(TOKENS, "r");
    char *line = NULL;
    size_t size = 0, count = 0;
    assert_non_null(table);
    for (; getline(&line, &size, table) > 0; count++)
        check_line(line);
    assert_true(count > 300);
    free(line);
    fclose(table);
}

static void the_edges_of_time(void **state) {
    (void)state;
    static const struct {
        const char *claims;
        enum token_problem expected;
    } cases[] = {
        {CLAIMS("\"7\"", "1700000001", "access", ""), TOKEN_GOOD},
        {CLAIMS("\"7\"", "1700000000", "access", ""), TOKEN_EXPIRED},
        {CLAIMS("\"7\"", "253402300799", "access", ""), TOKEN_GOOD},
        {CLAIMS("\"7\"", "1700003600", "access", ",\"nbf\":1700000030"), TOKEN_GOOD},
        {CLAIMS("\"7\"", "1700003600", "access", ",\"nbf\":1700000031"), TOKEN_FORGED},
        {CLAIMS("\"9223372036854775807\"", "1700003600", "access", ""), TOKEN_GOOD},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *text = make_with(EVP_sha256(), key, GOOD_HEADER, cases[i].claims);
        if (verify(text) != cases[i].expected)
            fail_msg("%s: %d, not %d", cases[i].claims, verify(text), cases[i].expected);
        free(text);
    }
}

/* The header of an issued token names its key, by which the key is chosen. */
static void keys_rotate(void **state) {
    (void)state;
    const struct token_keys rotated = token_keys_of(other_key, key), dropped = token_keys_of(other_key, "");
    struct token made = {.user_id = 42, .role = "user", .session = SESSION, .verified = true}, read;
    char id[TOKEN_KEY_ID_SIZE], header[256], *text = token_issue(&made, key, NOW, 60);
    size_t length;
    assert_int_equal(sodium_base642bin((unsigned char *)header, sizeof header, text, strcspn(text, "."), NULL, &length,
                                       NULL, sodium_base64_VARIANT_URLSAFE_NO_PADDING),
                     0);
    header[length] = '\0';
    assert_string_equal(token_key_id(key, id), "3eb1bd43");
    assert_non_null(strstr(header, "\"kid\":\"3eb1bd43\""));
    assert_int_equal(token_verify(text, strlen(text), &rotated, NOW, &read), TOKEN_GOOD);
    assert_true(read.verified);
    assert_int_equal(token_verify(text, strlen(text), &dropped, NOW, &read), TOKEN_FORGED);
    free(text);
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
        assert_int_not_equal(token_verify(cut, length, &keys, NOW, &token), TOKEN_GOOD);
        free(cut);
    }
    char *endless = malloc(100000);
    memset(endless, 'A', 100000);
    assert_int_equal(token_verify(endless, 100000, &keys, NOW, &token), TOKEN_MALFORMED);
    free(endless);
    free(good);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(issued_tokens_are_good_until_they_expire),
        cmocka_unit_test(short_keys_sign_and_verify_nothing),
        cmocka_unit_test(every_token_of_the_table_gets_its_answer),
        cmocka_unit_test(the_edges_of_time),
        cmocka_unit_test(keys_rotate),
        cmocka_unit_test(any_bytes_get_an_answer),
    };
    keys = token_keys_of(key, "");
    other_keys = token_keys_of(other_key, "");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
