/* Standard Webhooks: the specification's own vector, and every way in which a signature is not one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "webhook.h"

static const char secret_text[] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
static const char id[] = "msg_p5jXN8AQM9LWM0D4loKWxJek";
static const char body[] = "{\"test\": 2432232314}";
#define TIMESTAMP 1614265330
#define SIGNATURE "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
/* Svix's, whose scheme it is. */
static const char key_text[] =
    "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==";
#define PUBLIC_KEY "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
#define KEY_SIGNATURE "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="

static void the_specification_s_vector(void **state) {
    (void)state;
    struct webhook_secret secret;
    char signature[WEBHOOK_SIGNATURE_SIZE];
    assert_int_equal(webhook_secret_parse(secret_text, &secret), 0);
    assert_int_equal(secret.length, 24);
    assert_string_equal(webhook_sign(&secret, 1, id, TIMESTAMP, body, strlen(body), signature), SIGNATURE);
    assert_true(webhook_verify(&secret, id, "1614265330", SIGNATURE, body, strlen(body), TIMESTAMP));
}

static void a_key_s_vector(void **state) {
    (void)state;
    struct webhook_secret key;
    char signature[WEBHOOK_SIGNATURE_SIZE], public_key[WEBHOOK_PUBLIC_KEY_TEXT_SIZE];
    assert_int_equal(webhook_key_parse(key_text, &key), 0);
    assert_string_equal(webhook_sign(&key, 1, id, TIMESTAMP, body, strlen(body), signature), KEY_SIGNATURE);
    assert_string_equal(webhook_key_public(&key, public_key), PUBLIC_KEY);
}

static void several_sign_side_by_side(void **state) {
    (void)state;
    struct webhook_secret secrets[3];
    char signatures[3 * WEBHOOK_SIGNATURE_SIZE], other[WEBHOOK_SECRET_TEXT_SIZE];
    assert_int_equal(webhook_key_parse(key_text, &secrets[0]), 0);
    assert_int_equal(webhook_secret_parse(webhook_secret_new(other), &secrets[1]), 0);
    assert_int_equal(webhook_secret_parse(secret_text, &secrets[2]), 0);
    webhook_sign(secrets, 3, id, TIMESTAMP, body, strlen(body), signatures);
    assert_memory_equal(signatures, KEY_SIGNATURE " v1,", strlen(KEY_SIGNATURE " v1,"));
    assert_non_null(strstr(signatures, "= " SIGNATURE));
    for (size_t i = 1; i < 3; i++)
        assert_true(webhook_verify(&secrets[i], id, "1614265330", signatures, body, strlen(body), TIMESTAMP));
    assert_string_equal(webhook_sign(secrets, 0, id, TIMESTAMP, body, strlen(body), signatures), "");
}

static void keys_are_whole_pairs(void **state) {
    (void)state;
    struct webhook_secret key;
    char text[WEBHOOK_KEY_TEXT_SIZE], other[WEBHOOK_KEY_TEXT_SIZE];
    static const char *const bad[] = {
        "",
        "whsk_",
        "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbc=",
        PUBLIC_KEY,
        "whsec_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==",
        "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlaaaaaaaaaaAJ6p9lMicMFs6Kvg==",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (webhook_key_parse(bad[i], &key) != -1)
            fail_msg("%s", bad[i]);
    assert_int_equal(webhook_key_parse(webhook_key_new(text), &key), 0);
    assert_string_not_equal(text, webhook_key_new(other));
}

static void only_good_signatures_verify(void **state) {
    (void)state;
    static const struct {
        const char *id, *timestamp, *signatures, *body;
        int64_t now_s;
        bool good;
    } cases[] = {
        {id, "1614265330", "v1,AAAA " SIGNATURE, body, TIMESTAMP, true}, /* while a secret is being replaced */
        {id, "1614265330", "v1a,x " SIGNATURE " v2,y", body, TIMESTAMP, true},
        {id, "1614265330", SIGNATURE, body, TIMESTAMP + 300, true},
        {id, "1614265330", SIGNATURE, body, TIMESTAMP + 301, false},
        {id, "1614265330", SIGNATURE, body, TIMESTAMP - 301, false},
        {id, "1614265331", SIGNATURE, body, TIMESTAMP, false},
        {id, "01614265330", SIGNATURE, body, TIMESTAMP, false},
        {id, "", SIGNATURE, body, TIMESTAMP, false},
        {id, "-1614265330", SIGNATURE, body, TIMESTAMP, false},
        {id, "1614265330.0", SIGNATURE, body, TIMESTAMP, false},
        {id, "99999999999999999999", SIGNATURE, body, TIMESTAMP, false},
        {"msg_other", "1614265330", SIGNATURE, body, TIMESTAMP, false},
        {id, "1614265330", SIGNATURE, "{\"test\": 2432232315}", TIMESTAMP, false},
        {id, "1614265330", "", body, TIMESTAMP, false},
        {id, "1614265330", " ", body, TIMESTAMP, false},
        {id, "1614265330", "v1,", body, TIMESTAMP, false},
        {id, "1614265330", SIGNATURE "x", body, TIMESTAMP, false},
        {id, "1614265330", "v2", body, TIMESTAMP, false},
    };
    struct webhook_secret secret;
    assert_int_equal(webhook_secret_parse(secret_text, &secret), 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (webhook_verify(&secret, cases[i].id, cases[i].timestamp, cases[i].signatures, cases[i].body,
                           strlen(cases[i].body), cases[i].now_s) != cases[i].good)
            fail_msg("case %zu", i);
}

static void secrets_are_24_to_64_bytes(void **state) {
    (void)state;
    struct webhook_secret secret;
    static const char *const bad[] = {"",
                                      "whsec_",
                                      "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                                      "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS=",
                                      "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa==",
                                      "whsec_****",
                                      "whsk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(webhook_secret_parse(bad[i], &secret), -1);
    char longest[128] = "whsec_";
    for (int i = 0; i < 85; i++)
        strcat(longest, "A");
    strcat(longest, "A==");
    assert_int_equal(webhook_secret_parse(longest, &secret), 0);
    assert_int_equal(secret.length, 64);
    longest[strlen(longest) - 2] = 'A'; /* 65 bytes */
    assert_int_equal(webhook_secret_parse(longest, &secret), -1);
}

static void new_secrets_are_good_and_differ(void **state) {
    (void)state;
    char one[WEBHOOK_SECRET_TEXT_SIZE], two[WEBHOOK_SECRET_TEXT_SIZE];
    struct webhook_secret secret;
    assert_int_equal(webhook_secret_parse(webhook_secret_new(one), &secret), 0);
    assert_int_equal(secret.length, 32);
    assert_string_not_equal(one, webhook_secret_new(two));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_specification_s_vector),      cmocka_unit_test(a_key_s_vector),
        cmocka_unit_test(several_sign_side_by_side),       cmocka_unit_test(keys_are_whole_pairs),
        cmocka_unit_test(only_good_signatures_verify),     cmocka_unit_test(secrets_are_24_to_64_bytes),
        cmocka_unit_test(new_secrets_are_good_and_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
