/* Passwords at rest: what was hashed verifies, nothing else does, and an unknown account costs as long as a wrong
 * password. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "password.h"

static void hashes_verify_only_their_password(void **state) {
    (void)state;
    char hash[PASSWORD_HASH_SIZE], again[PASSWORD_HASH_SIZE], long_password[1025];
    assert_int_equal(password_hash("password123", hash), 0);
    assert_int_equal(strncmp(hash, "$argon2id$v=19$m=19456,t=2,p=1$", 31), 0);
    assert_true(password_verify(hash, "password123"));
    assert_false(password_verify(hash, "password124"));
    assert_false(password_verify(hash, ""));
    assert_int_equal(password_hash("password123", again), 0);
    assert_string_not_equal(hash, again); /* salted */
    memset(long_password, 'x', sizeof long_password - 1);
    long_password[sizeof long_password - 1] = '\0';
    assert_int_equal(password_hash(long_password, hash), 0);
    assert_true(password_verify(hash, long_password));
    long_password[sizeof long_password - 2] = 'y'; /* nothing is cut off */
    assert_false(password_verify(hash, long_password));
}

static void foreign_hashes_are_answered(void **state) {
    (void)state;
    /* Made by the reference program: echo -n secret | argon2 saltsaltsalt -id -t 1 -k 8 -p 1 */
    static const char cheap[] = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0$";
    assert_true(password_needs_rehash(cheap));
    assert_false(password_needs_rehash("$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$AAAA"));
    assert_true(password_needs_rehash("$argon2i$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$AAAA"));
    static const char *const broken[] = {
        "", "x", cheap, "$argon2id$", "$2b$12$abcdefghijklmnopqrstuv", "$argon2id$v=19$m=,t=2,p=1$$"};
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
        assert_false(password_verify(broken[i], "secret"));
}

/* In processor time: the machine may be busy. */
static clock_t verify_ticks(const char *hash) {
    clock_t start = clock();
    assert_false(password_verify(hash, "guess"));
    return clock() - start;
}

static void unknown_accounts_take_as_long(void **state) {
    (void)state;
    char hash[PASSWORD_HASH_SIZE];
    clock_t known = 1000 * CLOCKS_PER_SEC, unknown = known;
    assert_int_equal(password_hash("secret", hash), 0);
    for (int i = 0; i < 5; i++) { /* in turns, and the best of each, so that both see the same machine */
        clock_t known_now = verify_ticks(hash), unknown_now = verify_ticks(NULL);
        known = known_now < known ? known_now : known;
        unknown = unknown_now < unknown ? unknown_now : unknown;
    }
    assert_true(unknown * 2 > known && known * 2 > unknown);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_verify_only_their_password),
        cmocka_unit_test(foreign_hashes_are_answered),
        cmocka_unit_test(unknown_accounts_take_as_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
