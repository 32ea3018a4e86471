/* Cursors of lists and times of the database: what is given out comes back, and nothing else does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cursor.h"
#include "rfc3339.h"

static struct pool *pool;

static int set_up(void **state) {
    (void)state;
    pool = pool_new();
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    pool_destroy(&pool);
    return 0;
}

static void cursors_come_back(void **state) {
    (void)state;
    static const struct cursor cursors[] = {
        {"start", "1796088600000000", 1},
        {"-start", "-62135596800000000", INT64_MAX},
        {"title", "", 7},
        {"title", "a|b||c", 7},
        {"-title", "पूर्णिमा पर ध्यान – सत्र 🧘", 9000},
        {"price", "0", 0},
    };
    for (size_t i = 0; i < sizeof cursors / sizeof *cursors; i++) {
        struct cursor read;
        const char *text = cursor_text(&cursors[i], pool);
        assert_int_equal(strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
                         strlen(text));
        assert_int_equal(cursor_read(text, cursors[i].sort, pool, &read), 0);
        assert_string_equal(read.sort, cursors[i].sort);
        assert_string_equal(read.value, cursors[i].value);
        assert_int_equal(read.id, cursors[i].id);
    }
}

static void nothing_else_is_a_cursor(void **state) {
    (void)state;
    const struct cursor good = {"start", "1796088600000000", 12};
    static const char *const texts[] = {
        "",
        "x",
        "xyz",
        "!!!!",
        "c3RhcnQ",                                /* start */
        "c3RhcnR8",                               /* start| */
        "c3RhcnR8MQ",                             /* start|1 */
        "c3RhcnR8MXw",                            /* start|1| */
        "c3RhcnR8MXx4",                           /* start|1|x */
        "c3RhcnR8MXwg",                           /* start|1|space */
        "c3RhcnR8MXwxMg==",                       /* padded */
        "c3RhcnR8MXwxMh",                         /* stray bits */
        "c3RhcnR8MXwxMgAA",                       /* NUL bytes */
        "c3RhcnR8_3wxMg",                         /* no UTF-8 */
        "c3RhcnR8MXw5OTk5OTk5OTk5OTk5OTk5OTk5OQ", /* id too large */
        "c3RhcnR8MXwwMTI",                        /* start|1|012 */
    };
    struct cursor read;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (cursor_read(texts[i], "start", pool, &read) == 0)
            fail_msg("%s was read", texts[i]);
    const char *text = cursor_text(&good, pool);
    assert_int_equal(cursor_read(text, "-start", pool, &read), -1);
    assert_int_equal(cursor_read(text, "star", pool, &read), -1);
    for (size_t length = 0; length < strlen(text); length++) /* a cursor cut short is another one, or none */
        if (cursor_read(pool_copy(pool, text, length), "start", pool, &read) == 0)
            assert_int_equal(read.id, 1);
}

static void values_are_bounded_numbers(void **state) {
    (void)state;
    static const struct {
        const char *value;
        int64_t result;
        bool good;
    } cases[] = {
        {"0", 0, true},    {"-1", -1, true}, {"50", 50, true}, {"51", 0, false},
        {"-2", 0, false},  {"", 0, false},   {"-", 0, false},  {"1.5", 0, false},
        {"1e1", 0, false}, {" 1", 0, false}, {"+1", 0, false}, {"99999999999999999999", 0, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct cursor cursor = {"rating", cases[i].value, 1};
        int64_t value = 0;
        if ((cursor_integer(&cursor, -1, 50, &value) == 0) != cases[i].good || value != cases[i].result)
            fail_msg("case %zu: '%s'", i, cases[i].value);
    }
}

static void times_of_the_database(void **state) {
    (void)state;
    static const struct {
        const char *database, *expected;
    } cases[] = {
        {"2026-08-01 10:00:00+00", "2026-08-01T10:00:00Z"},
        {"2026-08-01 10:00:00.5+00", "2026-08-01T10:00:00.500Z"},
        {"2026-08-01 10:00:00.123456+00", "2026-08-01T10:00:00.123Z"},
        {"2026-08-01 15:30:00+05:30", "2026-08-01T15:30:00+05:30"},
        {"2026-08-01 05:00:00.25-05", "2026-08-01T05:00:00.250-05:00"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(rfc3339_text(cases[i].database, pool), cases[i].expected);
    assert_null(rfc3339_text(NULL, pool));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cursors_come_back),
        cmocka_unit_test(nothing_else_is_a_cursor),
        cmocka_unit_test(values_are_bounded_numbers),
        cmocka_unit_test(times_of_the_database),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
