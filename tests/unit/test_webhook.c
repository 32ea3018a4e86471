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

static void the_specification_s_vector(void **state) {
    (void)state;
    struct webhook_secret secret;
    char signature[WEBHOOK_SIGNATURE_SIZE];
    assert_int_equal(webhook_secret_parse(secret_text, &secret), 0);
    assert_int_equal(secret.length, 24);
    assert_string_equal(webhook_sign(&secret, id, TIMESTAMP, body, strlen(body), signature), SIGNATURE);
    assert_true(webhook_verify(&secret, id, "1614265330", SIGNATURE, body, strlen(body), TIMESTAMP));
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
        cmocka_unit_test(the_specification_s_vector),
        cmocka_unit_test(only_good_signatures_verify),
        cmocka_unit_test(secrets_are_24_to_64_bytes),
        cmocka_unit_test(new_secrets_are_good_and_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
