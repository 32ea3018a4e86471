/* Parameters of statements as PostgreSQL reads them: one table per kind, and the edges of each text format. */
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

static void test_integer_arrays(void **state) {
    const int64_t values[] = {1, INT64_MIN, INT64_MAX};
    (void)state;
    parameter_integers(&parameters, values, 3);
    assert_string_equal(last(), "{1,-9223372036854775808,9223372036854775807}");
    parameter_integers(&parameters, NULL, 0);
    assert_string_equal(last(), "{}");
}

static void test_text_arrays(void **state) {
    static const struct {
        const char *value;
        const char *array;
    } cases[] = {
        {"plain", "{\"plain\"}"}, {"", "{\"\"}"},           {NULL, "{NULL}"},
        {"NULL", "{\"NULL\"}"},   {"a,b{}", "{\"a,b{}\"}"}, {"\"\\", "{\"\\\"\\\\\"}"},
        {"तिथि", "{\"तिथि\"}"},
    };
    const char *const several[] = {"a", NULL, "\"\"\""};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        parameter_texts(&parameters, &cases[i].value, 1);
        assert_string_equal(last(), cases[i].array);
    }
    parameter_texts(&parameters, several, 3);
    assert_string_equal(last(), "{\"a\",NULL,\"\\\"\\\"\\\"\"}");
    parameter_texts(&parameters, NULL, 0);
    assert_string_equal(last(), "{}");
}

static void test_byte_arrays(void **state) {
    const struct bytes values[] = {{"\x01", 1}, {NULL, 0}, {"", 0}};
    (void)state;
    parameter_bytes_array(&parameters, values, 3);
    assert_string_equal(last(), "{\"\\\\x01\",NULL,\"\\\\x\"}");
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
