/* Sealed secrets: opened by the key that sealed them, as the current or the previous one, for the same purpose only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "seal.h"
#include "settings.h"

#define FIRST_KEY "0123456789abcdef0123456789abcdef"
#define SECOND_KEY "fedcba9876543210fedcba9876543210"

static struct pool *pool;
static const struct bytes plain = {"otpauth secret", 14};

static void use_keys(const char *current, const char *previous) {
    settings.jwt_secret_key = current;
    settings.jwt_previous_secret_key = previous;
}

static void assert_opens(struct bytes sealed, bool expected_outdated) {
    bool outdated = !expected_outdated;
    struct bytes opened = unseal(pool, "second factors", sealed, &outdated);
    assert_non_null(opened.data);
    assert_int_equal(opened.length, plain.length);
    assert_memory_equal(opened.data, plain.data, plain.length);
    assert_int_equal(outdated, expected_outdated);
}

static void assert_closed(const char *purpose, struct bytes sealed) {
    assert_null(unseal(pool, purpose, sealed, NULL).data);
}

static void either_key_opens(void **state) {
    (void)state;
    use_keys(FIRST_KEY, "");
    struct bytes sealed = seal(pool, "second factors", plain);
    assert_opens(sealed, false);
    use_keys(SECOND_KEY, FIRST_KEY);
    assert_opens(sealed, true);
    assert_opens(seal(pool, "second factors", plain), false);
    use_keys(FIRST_KEY, SECOND_KEY);
    assert_opens(sealed, false);
    use_keys(SECOND_KEY, "");
    assert_closed("second factors", sealed);
}

static void purposes_are_apart(void **state) {
    (void)state;
    use_keys(FIRST_KEY, SECOND_KEY);
    assert_closed("stored replies", seal(pool, "second factors", plain));
}

static void the_same_secret_looks_different_each_time(void **state) {
    (void)state;
    use_keys(FIRST_KEY, "");
    struct bytes first = seal(pool, "second factors", plain), second = seal(pool, "second factors", plain);
    assert_int_equal(first.length, second.length);
    assert_memory_not_equal(first.data, second.data, first.length);
}

static void damage_is_noticed(void **state) {
    (void)state;
    use_keys(FIRST_KEY, SECOND_KEY);
    struct bytes sealed = seal(pool, "second factors", plain);
    for (size_t length = 0; length < sealed.length; length++)
        assert_closed("second factors", (struct bytes){pool_copy(pool, sealed.data, length), length});
    for (size_t at = 0; at < sealed.length; at++) {
        char *bent = pool_copy(pool, sealed.data, sealed.length);
        bent[at] ^= 1;
        assert_closed("second factors", (struct bytes){bent, sealed.length});
    }
    assert_closed("second factors", (struct bytes){0});
}

static void nothing_can_be_sealed_too(void **state) {
    (void)state;
    use_keys(FIRST_KEY, "");
    struct bytes opened = unseal(pool, "empty", seal(pool, "empty", (struct bytes){"", 0}), NULL);
    assert_non_null(opened.data);
    assert_int_equal(opened.length, 0);
}

static int make_pool(void **state) {
    (void)state;
    pool = pool_new();
    return 0;
}

static int destroy_pool(void **state) {
    (void)state;
    pool_destroy(&pool);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(either_key_opens),
        cmocka_unit_test(purposes_are_apart),
        cmocka_unit_test(the_same_secret_looks_different_each_time),
        cmocka_unit_test(damage_is_noticed),
        cmocka_unit_test(nothing_can_be_sealed_too),
    };
    return cmocka_run_group_tests(tests, make_pool, destroy_pool);
}
