/* Parameters of statements as PostgreSQL reads them: single values as text, arrays byte for byte. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "db.h"

static struct pool *pool;
static struct parameters parameters;

static int set_up(void **state) {
    (void)state;
    pool = pool_new();
    parameters_init(&parameters, pool);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    pool_destroy(&pool);
    return 0;
}

static const char *last(void) {
    return parameters.values[parameters.count - 1];
}

static void test_scalars(void **state) {
    (void)state;
    parameter_integer(&parameters, INT64_MIN);
    assert_string_equal(last(), "-9223372036854775808");
    parameter_boolean(&parameters, true);
    assert_string_equal(last(), "t");
    parameter_boolean(&parameters, false);
    assert_string_equal(last(), "f");
    parameter_null(&parameters);
    assert_null(last());
    parameter_text(&parameters, NULL);
    assert_null(last());
    parameter_text(&parameters, "O'Brien \"{},\\");
    assert_string_equal(last(), "O'Brien \"{},\\");
    assert_int_equal(parameters.count, 6);
}

static void test_a_text_is_a_copy(void **state) {
    char text[] = "first";
    (void)state;
    parameter_text(&parameters, text);
    text[0] = 'w';
    assert_string_equal(last(), "first");
}

static void test_numbers(void **state) {
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0, "0"},     {4.5, "4.5"},           {0.1, "0.10000000000000001"}, {-1e300, "-1.0000000000000001e+300"},
        {NAN, "NaN"}, {INFINITY, "Infinity"}, {-INFINITY, "-Infinity"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        parameter_number(&parameters, cases[i].value);
        assert_string_equal(last(), cases[i].text);
    }
}

static void test_bytes(void **state) {
    (void)state;
    parameter_bytes(&parameters, "\x00\x7f\xff", 3);
    assert_string_equal(last(), "\\x007fff");
    parameter_bytes(&parameters, "", 0);
    assert_string_equal(last(), "\\x");
}

/* The last parameter is this array, as array_send() writes it. */
#define assert_last_array(expected)                                                                                    \
    do {                                                                                                               \
        size_t at = parameters.count - 1;                                                                              \
        assert_int_equal(parameters.formats[at], 1);                                                                   \
        assert_int_equal(parameters.lengths[at], sizeof(expected) - 1);                                                \
        assert_memory_equal(parameters.values[at], expected, sizeof(expected) - 1);                                    \
    } while (0)

static void test_integer_arrays(void **state) {
    const int64_t values[] = {1, INT64_MIN};
    (void)state;
    parameter_integers(&parameters, values, 2);
    assert_last_array("\0\0\0\1"
                      "\0\0\0\0"
                      "\0\0\0\24"
                      "\0\0\0\2"
                      "\0\0\0\1"
                      "\0\0\0\10"
                      "\0\0\0\0\0\0\0\1"
                      "\0\0\0\10"
                      "\200\0\0\0\0\0\0\0");
    parameter_integers(&parameters, NULL, 0);
    assert_last_array("\0\0\0\0"
                      "\0\0\0\0"
                      "\0\0\0\24");
}

static void test_text_arrays(void **state) {
    const char *const values[] = {"a,\"{}\\", NULL, ""};
    (void)state;
    parameter_texts(&parameters, values, 3);
    assert_last_array("\0\0\0\1"
                      "\0\0\0\0"
                      "\0\0\0\31"
                      "\0\0\0\3"
                      "\0\0\0\1"
                      "\0\0\0\6"
                      "a,\"{}\\"
                      "\377\377\377\377"
                      "\0\0\0\0");
    parameter_texts(&parameters, NULL, 0);
    assert_last_array("\0\0\0\0"
                      "\0\0\0\0"
                      "\0\0\0\31");
}

static void test_byte_arrays(void **state) {
    const struct bytes values[] = {{"\x00\xff", 2}, {NULL, 0}, {"", 0}};
    (void)state;
    parameter_bytes_array(&parameters, values, 3);
    assert_last_array("\0\0\0\1"
                      "\0\0\0\0"
                      "\0\0\0\21"
                      "\0\0\0\3"
                      "\0\0\0\1"
                      "\0\0\0\2"
                      "\0\377"
                      "\377\377\377\377"
                      "\0\0\0\0");
}

static void test_uuid_arrays(void **state) {
    const struct uuid value = {.bytes = "0123456789abcdef"};
    (void)state;
    parameter_uuids(&parameters, &value, 1);
    assert_last_array("\0\0\0\1"
                      "\0\0\0\0"
                      "\0\0\13\206"
                      "\0\0\0\1"
                      "\0\0\0\1"
                      "\0\0\0\20"
                      "0123456789abcdef");
    parameter_text(&parameters, "behind");
    assert_int_equal(parameters.formats[parameters.count - 1], 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_scalars, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_text_is_a_copy, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_numbers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_integer_arrays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_text_arrays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_byte_arrays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_uuid_arrays, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
