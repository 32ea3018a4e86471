/* Codes of a second factor: RFC 6238's vectors cut to six digits, the leeway, what apps read, how recovery codes are
 * spelt and hashed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "codes.h"

static const unsigned char rfc_secret[TOTP_SECRET_SIZE + 1] = "12345678901234567890";

static void vectors_of_the_rfc(void **state) {
    static const struct {
        int64_t now_s;
        const char *code; /* appendix B, its last six digits */
    } cases[] = {
        {59, "287082"},         {1111111109, "081804"}, {1111111111, "050471"},
        {1234567890, "005924"}, {2000000000, "279037"}, {20000000000, "353130"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(totp_step(rfc_secret, cases[i].code, cases[i].now_s), cases[i].now_s / 30);
}

static void one_step_of_leeway(void **state) {
    const int64_t step = 1234567890 / 30, begins_s = step * 30;
    (void)state;
    assert_int_equal(totp_step(rfc_secret, "005924", begins_s), step);
    assert_int_equal(totp_step(rfc_secret, "005924", begins_s - 30), step);
    assert_int_equal(totp_step(rfc_secret, "005924", begins_s + 59), step);
    assert_int_equal(totp_step(rfc_secret, "005924", begins_s - 31), -1);
    assert_int_equal(totp_step(rfc_secret, "005924", begins_s + 60), -1);
}

static void no_other_codes(void **state) {
    (void)state;
    assert_int_equal(totp_step(rfc_secret, "287083", 59), -1);
    assert_int_equal(totp_step(rfc_secret, "94287082", 59), -1); /* eight digits of the same secret */
    assert_int_equal(totp_step(rfc_secret, "4287082", 59), -1);
    assert_int_equal(totp_step(rfc_secret, "87082", 59), -1);
    assert_int_equal(totp_step(rfc_secret, "", 59), -1);
}

static void what_apps_read(void **state) {
    struct pool *pool = pool_new();
    (void)state;
    const char *base32 = totp_base32(rfc_secret, pool);
    assert_string_equal(base32, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    assert_string_equal(totp_uri(base32, "zoë+a/b@example.com", pool),
                        "otpauth://totp/Tithi:zo%C3%AB%2Ba%2Fb%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
                        "&issuer=Tithi&algorithm=SHA1&digits=6&period=30");
    pool_destroy(&pool);
}

static void spellings(void **state) {
    static const struct {
        const char *typed;
        enum code_kind kind;
        const char *spelt;
    } cases[] = {
        {"287082", CODE_OF_APP, "287082"},
        {" 287 082", CODE_OF_APP, "287082"},
        {"ABCDE-FGH10", CODE_OF_RECOVERY, "ABCDEFGH10"},
        {"abcdefghio", CODE_OF_RECOVERY, "ABCDEFGH10"},
        {"abcde fghLO", CODE_OF_RECOVERY, "ABCDEFGH10"},
        {"0123456789", CODE_OF_RECOVERY, "0123456789"},
        {"28708", CODE_OF_NOTHING, NULL},
        {"2870822", CODE_OF_NOTHING, NULL},
        {"28708A", CODE_OF_NOTHING, NULL},
        {"ABCDE-FGH1", CODE_OF_NOTHING, NULL},
        {"ABCDE-FGH100", CODE_OF_NOTHING, NULL},
        {"ABCDE-FGHU0", CODE_OF_NOTHING, NULL}, /* U is none of Crockford's letters */
        {"ABCDE_FGH10", CODE_OF_NOTHING, NULL},
        {"٢٨٧٠٨٢", CODE_OF_NOTHING, NULL},
        {"", CODE_OF_NOTHING, NULL},
        {"------", CODE_OF_NOTHING, NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char spelt[CODE_SIZE];
        if (code_read(cases[i].typed, spelt) != cases[i].kind)
            fail_msg("'%s' is not of kind %d", cases[i].typed, cases[i].kind);
        if (cases[i].spelt)
            assert_string_equal(spelt, cases[i].spelt);
    }
}

static void new_recovery_codes(void **state) {
    char seen[100][RECOVERY_CODE_TEXT_SIZE], spelt[CODE_SIZE];
    (void)state;
    for (size_t i = 0; i < 100; i++) {
        recovery_code_new(seen[i]);
        assert_int_equal(strlen(seen[i]), 11);
        assert_int_equal(seen[i][5], '-');
        assert_int_equal(code_read(seen[i], spelt), CODE_OF_RECOVERY);
        assert_memory_equal(spelt, seen[i], 5);
        assert_memory_equal(spelt + 5, seen[i] + 6, 5);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(seen[i], seen[j]);
    }
}

static void hashes_of_recovery_codes(void **state) {
    static const unsigned char salt[RECOVERY_SALT_SIZE] = "0123456789abcde", other_salt[RECOVERY_SALT_SIZE] = {1};
    unsigned char hash[RECOVERY_HASH_SIZE], again[RECOVERY_HASH_SIZE];
    (void)state;
    assert_int_equal(recovery_hash("ABCDEFGH10", salt, hash), 0);
    assert_int_equal(recovery_hash("ABCDEFGH10", salt, again), 0);
    assert_memory_equal(hash, again, sizeof hash);
    assert_int_equal(recovery_hash("ABCDEFGH11", salt, again), 0);
    assert_memory_not_equal(hash, again, sizeof hash);
    assert_int_equal(recovery_hash("ABCDEFGH10", other_salt, again), 0);
    assert_memory_not_equal(hash, again, sizeof hash);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_of_the_rfc),
        cmocka_unit_test(one_step_of_leeway),
        cmocka_unit_test(no_other_codes),
        cmocka_unit_test(what_apps_read),
        cmocka_unit_test(spellings),
        cmocka_unit_test(new_recovery_codes),
        cmocka_unit_test(hashes_of_recovery_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
