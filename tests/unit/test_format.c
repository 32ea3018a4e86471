/* Formats of texts and the currencies: tables of what is one and what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "codec.h"
#include "format.h"

/* Lists end with NULL. Each text is checked in memory of exactly its size. */
static void expect(enum field_format format, const char *const *texts, bool good) {
    for (; *texts; texts++) {
        size_t length = strlen(*texts);
        char *exact = malloc(length ? length : 1);
        memcpy(exact, *texts, length);
        if (!format_problem(format, exact, length) != good)
            fail_msg("format %d: \"%s\" should be %s", format, *texts, good ? "taken" : "refused");
        free(exact);
    }
}

#define GOOD(format, ...) expect(format, (const char *const[]){__VA_ARGS__, NULL}, true)
#define BAD(format, ...) expect(format, (const char *const[]){__VA_ARGS__, NULL}, false)

static void email(void **state) {
    (void)state;
    GOOD(FORMAT_EMAIL, "a@b", "john.doe+tag@example.com", "1@example.com", "o'neil@mail.example.co.in", "x@1.2");
    BAD(FORMAT_EMAIL, "", "@", "a@", "@b", "a b@c", "a@b@c", "a@b..c", "a@.b", "a@b.", "a@-b", "a@b-", "a@b_c", "a@b c",
        "a\n@b", "\"a\"@b", "ä@b", "a@ä", "a@b\n", "Jane <jane@example.com>",
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx@b",
        "a@xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
}

static void uri(void **state) {
    (void)state;
    GOOD(FORMAT_URI, "http://a", "https://meet.google.com/abc-defg-hij", "HTTPS://x/?q=%20&r#f", "http://[::1]:80/",
         "https://user:pass@host/");
    BAD(FORMAT_URI, "", "http://", "https://", "http:///x", "http://?x", "http://:80", "ftp://a", "javascript:alert(1)",
        "a.b/c", "//a", "http:/a", "http://a b", "http://a/%", "http://a/%2", "http://a/%zz", "http://a/\"",
        "http://a/<b>", "http://ä", "http://a/\n");
}

static void uuid(void **state) {
    (void)state;
    GOOD(FORMAT_UUID, "0190b6a4-6e0c-7c3e-9d0b-5f7f2d6a1c11", "00000000-0000-0000-0000-000000000000",
         "0190B6A4-6E0C-7C3E-9D0B-5F7F2D6A1C11");
    BAD(FORMAT_UUID, "", "0190b6a46e0c7c3e9d0b5f7f2d6a1c11", "0190b6a4-6e0c-7c3e-9d0b-5f7f2d6a1c1g",
        "0190b6a4-6e0c-7c3e-9d0b-5f7f2d6a1c111", "0190b6a4_6e0c-7c3e-9d0b-5f7f2d6a1c11");
}

static void date_time(void **state) {
    (void)state;
    GOOD(FORMAT_DATE_TIME, "2026-08-01T10:00:00Z", "2026-08-01T10:00:00", "2026-08-01T10:00", "2026-08-01 10:00:00",
         "2026-08-01t10:00:00z", "2026-08-01T10:00:00.123456789+05:30", "2026-08-01T10:00+14:00",
         "2024-02-29T00:00:00Z", "2000-02-29T00:00:00Z", "2016-12-31T23:59:60Z", "0001-01-01T00:00:00Z",
         "9999-12-31T23:59:59-15:59");
    BAD(FORMAT_DATE_TIME, "", "2026-08-01", "2026-08-01T", "2026-08-01T10", "2026-8-1T10:00:00Z",
        "2026-08-01T24:00:00Z", "2026-08-01T10:60:00Z", "2026-08-01T10:00:61Z", "2026-08-01T10:00:00.",
        "2026-08-01T10:00:00.1234567890Z", "2026-08-01T10:00:00+0530", "2026-08-01T10:00:00+05",
        "2026-08-01T10:00:00+16:00", "2026-08-01T10:00:00Zx", "2026-00-01T10:00:00Z", "2026-13-01T10:00:00Z",
        "2026-04-31T10:00:00Z", "2026-02-29T10:00:00Z", "2100-02-29T10:00:00Z", "0000-01-01T00:00:00Z",
        "+2026-08-01T10:00:00Z", "2026-08-01T10:00:00 Z", "1722506400", "tomorrow");
    GOOD(FORMAT_DATE_OR_TIME, "2026-08-01", "2026-08-01T10:00:00Z");
    BAD(FORMAT_DATE_OR_TIME, "", "2026-08", "2026-08-01Z", "2026-08-32");
}

static void time_zone(void **state) {
    (void)state;
    GOOD(FORMAT_TIME_ZONE, "UTC", "Asia/Kolkata", "America/Argentina/Buenos_Aires", "Etc/GMT+5");
    BAD(FORMAT_TIME_ZONE, "", "/", "Asia", "Asia/", "Asia/Nowhere", "../../../etc/passwd", "Asia/../Asia/Kolkata",
        "/etc/localtime", "posix/UTC", "right/UTC", "posixrules", "localtime", "asia/kolkata", "zone.tab", "tzdata.zi",
        "Asia//Kolkata", "+05:30", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
}

static void currencies(void **state) {
    (void)state;
    static const struct {
        const char *code;
        int decimals;
    } cases[] = {
        {"INR", 2}, {"USD", 2}, {"EUR", 2},  {"JPY", 0},   {"KRW", 0},  {"KWD", 3},  {"BHD", 3},  {"CLF", 4},
        {"", -1},   {"IN", -1}, {"inr", -1}, {"INRX", -1}, {"XXX", -1}, {"NR ", -1}, {"   ", -1}, {"BIF ", -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(currency_decimals(cases[i].code), cases[i].decimals);
    GOOD(FORMAT_CURRENCY, "INR", "JPY");
    BAD(FORMAT_CURRENCY, "", "inr", "INRX", "QQQ");
}

static void language(void **state) {
    (void)state;
    GOOD(FORMAT_LANGUAGE, "hi", "en", "kok");
    BAD(FORMAT_LANGUAGE, "", "e", "EN", "en-IN", "engl", "e1", "हि");
}

static void text(void **state) {
    (void)state;
    GOOD(FORMAT_TEXT, "", "x", "Zoë\nund ich", "a\r\n\tb", "योग");
    BAD(FORMAT_TEXT, " ", "\n \t", "a\x1b[0m", "a\x7f", "a\302\205b", "a\342\200\250b", "\302\240\n", "a\377");
}

static void line(void **state) {
    (void)state;
    GOOD(FORMAT_LINE, "", "x", " Morning  Meditation ", "Zoë O’Neill", "योग", "瑜伽　課", "👩‍🏫",
         "+91 98765-43210");
    BAD(FORMAT_LINE, " ", "   ", "\t", "a\nb", "a\r\nBcc: b@c", "a\x1b[0m", "a\x7f", "a\302\205b", "a\342\200\250b",
        "\302\240", "\343\200\200 ", "\342\200\213", "a\377");
}

static void text_lengths(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
        long count;
    } cases[] = {
        {"", 0, 0},
        {"abc", 3, 3},
        {"तिथि", 12, 4},
        {"😀", 4, 1},
        {"a\0b", 3, -1},
        {"\x80", 1, -1},
        {"\xc3", 1, -1},
        {"\xc0\x80", 2, -1},
        {"\xe0\x80\x80", 3, -1},
        {"\xed\xa0\x80", 3, -1},
        {"\xf0\x80\x80\x80", 4, -1},
        {"\xf4\x90\x80\x80", 4, -1},
        {"\xf5\x80\x80\x80", 4, -1},
        {"\xf4\x8f\xbf\xbf", 4, 1},
        {"\xe0\xa4", 2, -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(format_text_length(cases[i].bytes, cases[i].length), cases[i].count);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(email),        cmocka_unit_test(uri),       cmocka_unit_test(uuid),
        cmocka_unit_test(date_time),    cmocka_unit_test(time_zone), cmocka_unit_test(currencies),
        cmocka_unit_test(language),     cmocka_unit_test(text),      cmocka_unit_test(line),
        cmocka_unit_test(text_lengths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
