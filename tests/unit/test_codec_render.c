/* Message -> JSON: names and former names, money, views, and texts and numbers as JSON wants them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include "json_text.h"
#include "mp.h"
#include "operations.h"
#include "sample.h"

static void expect_text(struct buffer *json, const char *text) {
    assert_string_equal(buffer_text(json), text);
    buffer_free(json);
}

static void strings(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
        const char *json;
    } cases[] = {
        {"", 0, "\"\""},
        {"plain text of more than eight bytes", 35, "\"plain text of more than eight bytes\""},
        {"a\"b\\c/d", 7, "\"a\\\"b\\\\c/d\""},
        {"12345678\"", 9, "\"12345678\\\"\""},
        {"\b\t\n\f\r", 5, "\"\\b\\t\\n\\f\\r\""},
        {"\0\x01\x1f\x7f", 4, "\"\\u0000\\u0001\\u001f\x7f\""},
        {"तिथि 😀", 17, "\"तिथि 😀\""},
        {"a\xff"
         "b",
         3,
         "\"a\xef\xbf\xbd"
         "b\""},
        {"\xe0\xa4", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\""},                 /* cut */
        {"\xed\xa0\x80", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""}, /* a surrogate */
        {"\xc0\xaf", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\""},                 /* overlong */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer json = {0};
        char *exact = malloc(cases[i].length ? cases[i].length : 1);
        memcpy(exact, cases[i].bytes, cases[i].length);
        json_append_string(&json, exact, cases[i].length);
        free(exact);
        expect_text(&json, cases[i].json);
    }
}

static void integers_and_decimals(void **state) {
    (void)state;
    static const struct {
        int64_t minor;
        int decimals;
        const char *json;
    } cases[] = {
        {0, 0, "0"},
        {-1, 0, "-1"},
        {INT64_MIN, 0, "-9223372036854775808"},
        {INT64_MAX, 0, "9223372036854775807"},
        {2500, 2, "25.00"},
        {5, 2, "0.05"},
        {-5, 2, "-0.05"},
        {1234, 3, "1.234"},
        {0, 2, "0.00"},
        {12345, 4, "1.2345"},
        {INT64_MIN, 2, "-92233720368547758.08"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer json = {0};
        json_append_decimal(&json, cases[i].minor, cases[i].decimals);
        expect_text(&json, cases[i].json);
    }
}

static void numbers(void **state) {
    (void)state;
    static const struct {
        double number;
        const char *json;
    } cases[] = {
        {0, "0"},
        {4.7, "4.7"},
        {-0.5, "-0.5"},
        {4.125, "4.125"},
        {5, "5"},
        {1e22, "1e+22"},
        {0.1, "0.1"},
        {1.0 / 3, "0.3333333333333333"},
        {5e-324, "4.94065645841247e-324"},
        {123456.789, "123456.789"},
        {0.0001, "0.0001"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
    };
    struct buffer json = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_true(json_append_number(&json, cases[i].number));
        assert_true(strtod(buffer_text(&json), NULL) == cases[i].number);
        expect_text(&json, cases[i].json);
    }
    assert_false(json_append_number(&json, NAN));
    assert_false(json_append_number(&json, INFINITY));
    assert_int_equal(json.length, 0);
}

static void money_has_its_currency_s_decimals(void **state) {
    (void)state;
    static const struct {
        const char *currency, *json;
    } cases[] = {
        {"INR", "\"price\":1234.50,\"fee\":1234.50,\"price_minor\":123450,\"currency\":\"INR\""},
        {"JPY", "\"price\":123450,\"fee\":123450,\"price_minor\":123450,\"currency\":\"JPY\""},
        {"KWD", "\"price\":123.450,\"fee\":123.450,\"price_minor\":123450,\"currency\":\"KWD\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sample sample = {.id = 1, .title = "x", .kind = "big", .currency = cases[i].currency};
        struct buffer message = {0}, json = {0};
        SET(sample, price_minor, 123450);
        codec_encode(&record_sample, &sample, &message);
        assert_int_equal(codec_render(&record_sample, NULL, message.bytes, message.length, &json), 0);
        assert_non_null(strstr(buffer_text(&json), cases[i].json));
        buffer_free(&json);
        buffer_free(&message);
    }
}

/* Keys in another order, unknown ones, and required ones that are missing, as a foreign worker may send them. */
static void foreign_messages(void **state) {
    (void)state;
    static const char message[] = "\x84\xa5"
                                  "email\xa3"
                                  "a@b\xa6secret\xa1s\xa4name\xc0\xa3"
                                  "age\x07";
    struct buffer json = {0};
    assert_int_equal(codec_render(&record_sample_person, NULL, message, sizeof message - 1, &json), 0);
    expect_text(&json, "{\"name\":null,\"full_name\":null,\"email\":\"a@b\"}");
}

/* --- views: the sample's answer in another shape */

static const struct view_field person_rows[] = {
    {.name = "full",
     .name_length = 4,
     .aliases = (const char *const[]){"label", NULL},
     .path = (const struct field *const[]){&sample_person_fields[0], NULL},
     .always = true},
};
static const struct view person_view = {.fields = person_rows, .field_count = 1, .record = &record_sample_person};

static const struct view_field sample_rows[] = {
    {.name = "cost",
     .name_length = 4,
     .aliases = (const char *const[]){NULL},
     .path = (const struct field *const[]){&sample_fields[5], NULL},
     .always = true},
    {.name = "host",
     .name_length = 4,
     .aliases = (const char *const[]){NULL},
     .path = (const struct field *const[]){&sample_fields[8], &sample_person_fields[0], NULL},
     .always = true},
    {.name = "contact",
     .name_length = 7,
     .aliases = (const char *const[]){NULL},
     .path = (const struct field *const[]){&sample_fields[8], &sample_person_fields[1], NULL}},
    {.name = "people",
     .name_length = 6,
     .aliases = (const char *const[]){NULL},
     .view = &person_view,
     .path = (const struct field *const[]){&sample_fields[9], NULL}},
};
static const struct view sample_view = {.fields = sample_rows, .field_count = 4, .record = &record_sample};
static const struct view list_view = {
    .root = &sample_fields[9], .fields = person_rows, .field_count = 1, .record = &record_sample_person};
static const struct view plain_list_view = {.root = &sample_fields[9], .record = &record_sample_person};
static const struct view object_view = {.root = &sample_fields[8], .record = &record_sample_person};

static void expect_view(const struct sample *sample, const struct view *view, const char *text) {
    struct buffer message = {0}, json = {0};
    codec_encode(&record_sample, sample, &message);
    assert_int_equal(codec_render(&record_sample, view, message.bytes, message.length, &json), 0);
    expect_text(&json, text);
    for (size_t length = 0; length < message.length; length++)
        assert_int_equal(codec_render(&record_sample, view, message.bytes, length, &json), -1);
    buffer_append_byte(&message, 0);
    assert_int_equal(codec_render(&record_sample, view, message.bytes, message.length, &json), -1);
    buffer_free(&json);
    buffer_free(&message);
}

static void views(void **state) {
    (void)state;
    struct sample_person guests[2] = {{.name = "Ann"}, {.name = "Ben"}};
    struct sample sample = {.id = 1, .title = "x", .kind = "big", .currency = "INR"};
    expect_view(&sample, &sample_view, "{\"cost\":null,\"cost_minor\":null,\"host\":null}");
    expect_view(&sample, &list_view, "null");
    SET(sample, price_minor, 2500);
    SET(sample, owner, ((struct sample_person){.name = "Jane"}));
    SET_TEXT(sample.owner, email, "j@x.io");
    sample.guests.items = guests;
    sample.guests.count = 2;
    sample.has_guests = PRESENCE_SET;
    expect_view(&sample, &sample_view,
                "{\"cost\":25.00,\"cost_minor\":2500,\"host\":\"Jane\",\"contact\":\"j@x.io\",\"people\":["
                "{\"full\":\"Ann\",\"label\":\"Ann\"},{\"full\":\"Ben\",\"label\":\"Ben\"}]}");
    expect_view(&sample, &list_view, "[{\"full\":\"Ann\",\"label\":\"Ann\"},{\"full\":\"Ben\",\"label\":\"Ben\"}]");
    expect_view(&sample, &plain_list_view,
                "[{\"name\":\"Ann\",\"full_name\":\"Ann\"},{\"name\":\"Ben\",\"full_name\":\"Ben\"}]");
    expect_view(&sample, &object_view, "{\"name\":\"Jane\",\"full_name\":\"Jane\",\"email\":\"j@x.io\"}");
}

static void every_route_renders_its_reply(void **state) {
    (void)state;
    for (size_t i = 0; i < route_count; i++) {
        struct buffer message = {0}, json = {0};
        void *reply = calloc(1, routes[i].operation->reply->size + 1);
        codec_encode(routes[i].operation->reply, reply, &message);
        if (routes[i].csv
                ? codec_render_csv(routes[i].operation->reply, routes[i].csv, message.bytes, message.length, &json)
                : codec_render(routes[i].operation->reply, routes[i].view, message.bytes, message.length, &json))
            fail_msg("%s %s", routes[i].method, routes[i].path);
        free(reply);
        buffer_free(&message);
        buffer_free(&json);
    }
}

/* --- CSV: a list with every kind of plain field */

struct line {
    const char *text;
    enum presence has_text;
    int64_t count;
    bool open;
    double rating;
    int64_t price_minor;
    const char *currency;
    struct integer_or_string code;
};

struct sheet {
    struct {
        struct line *items;
        size_t count;
    } lines;
    enum presence has_lines;
};

static const struct field line_fields[] = {
    {NAME("text"), ALIASES("label"), .type = FIELD_STRING, .required = true, .nullable = true, OPTIONAL(line, text)},
    {NAME("count"), ALIASES(), .type = FIELD_INTEGER, .required = true, PRESENT(line, count)},
    {NAME("open"), ALIASES(), .type = FIELD_BOOLEAN, .required = true, PRESENT(line, open)},
    {NAME("rating"), ALIASES(), .type = FIELD_NUMBER, .required = true, PRESENT(line, rating)},
    {.name = "price",
     .name_length = 5,
     .key = "price_minor",
     .key_length = 11,
     ALIASES(),
     .type = FIELD_MONEY,
     .currency = &line_fields[5],
     .required = true,
     PRESENT(line, price_minor)},
    {NAME("currency"), ALIASES(), .type = FIELD_STRING, .required = true, PRESENT(line, currency)},
    {NAME("code"), ALIASES(), .type = FIELD_INTEGER_OR_STRING, .required = true, PRESENT(line, code)},
};
static const struct record record_line = {
    .name = "line", .fields = line_fields, .field_count = 7, .size = sizeof(struct line)};
static const struct field sheet_fields[] = {
    {NAME("lines"), ALIASES(), .type = FIELD_LIST, .length_maximum = 10, .item_size = sizeof(struct line),
     .item = &(const struct field){NAME(""), .type = FIELD_OBJECT, .record = &record_line}, OPTIONAL(sheet, lines)},
};
static const struct record record_sheet = {
    .name = "sheet", .fields = sheet_fields, .field_count = 1, .size = sizeof(struct sheet)};

#define HEADER_ROW "text,count,open,rating,price,currency,code\r\n"

static void expect_csv(struct line *lines, size_t count, const char *text) {
    struct sheet sheet = {.lines = {lines, count}, .has_lines = lines ? PRESENCE_SET : PRESENCE_ABSENT};
    struct buffer message = {0}, csv = {0};
    codec_encode(&record_sheet, &sheet, &message);
    assert_int_equal(codec_render_csv(&record_sheet, sheet_fields, message.bytes, message.length, &csv), 0);
    expect_text(&csv, text);
    for (size_t length = 0; length < message.length; length++)
        assert_int_equal(codec_render_csv(&record_sheet, sheet_fields, message.bytes, length, &csv), -1);
    buffer_append_byte(&message, 0);
    assert_int_equal(codec_render_csv(&record_sheet, sheet_fields, message.bytes, message.length, &csv), -1);
    assert_int_equal(csv.length, 0);
    buffer_free(&csv);
    buffer_free(&message);
}

static void lists_as_csv(void **state) {
    (void)state;
    struct line lines[2] = {
        {.count = -1, .open = true, .rating = 4.7, .price_minor = -2505, .currency = "INR", .code = {.number = -3}},
        {.rating = -0.5, .price_minor = 5, .currency = "JPY", .code = {.text = "=A1"}},
    };
    expect_csv(NULL, 0, HEADER_ROW);
    expect_csv(lines, 0, HEADER_ROW);
    expect_csv(lines, 2, HEADER_ROW ",-1,true,4.7,-25.05,INR,-3\r\n,0,false,-0.5,5,JPY,'=A1\r\n");
}

static void texts_as_csv(void **state) {
    (void)state;
    static const struct {
        const char *text, *cell;
    } cases[] = {
        {"", ""},
        {"plain text", "plain text"},
        {"a,b", "\"a,b\""},
        {"say \"a\"", "\"say \"\"a\"\"\""},
        {"a\r\nb", "\"a\r\nb\""},
        {"a\nb", "\"a\nb\""},
        {"तिथि 😀", "तिथि 😀"},
        {"=1+1", "'=1+1"},
        {"+49 151", "'+49 151"},
        {"-1", "'-1"},
        {"@sum", "'@sum"},
        {"\tx", "'\tx"},
        {"\rx", "\"'\rx\""},
        {"=HYPERLINK(\"x\",1)", "\"'=HYPERLINK(\"\"x\"\",1)\""},
        {"a=1", "a=1"},
        {"'=1", "'=1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct line line = {.text = cases[i].text, .has_text = PRESENCE_SET, .currency = "INR"};
        char row[128];
        snprintf(row, sizeof row, HEADER_ROW "%s,0,false,0,0.00,INR,0\r\n", cases[i].cell);
        expect_csv(&line, 1, row);
    }
}

static void what_is_true_is_found(void **state) {
    (void)state;
    static const char message[] = "\x84\xa4more\x91\x81\xa3"
                                  "due\xc3\xa3"
                                  "due\xc2\xa4paid\xc3\xa1n\x01";
    const size_t length = sizeof message - 1;
    assert_true(codec_is_true(message, length, "paid"));
    assert_false(codec_is_true(message, length, "due"));
    assert_false(codec_is_true(message, length, "more"));
    assert_false(codec_is_true(message, length, "n"));
    assert_false(codec_is_true(message, length, "none"));
    assert_false(codec_is_true(message, length - 4, "paid"));
    assert_false(codec_is_true("", 0, "paid"));
}

static void the_next_cursor_is_found(void **state) {
    (void)state;
    struct pool *pool = pool_new();
    static const char message[] = "\x82\xa6"
                                  "events\x91\x81\xa4next\xa1x\xa4next\xa3"
                                  "abc";
    assert_string_equal(codec_find_text(message, sizeof message - 1, "next", pool), "abc");
    assert_null(codec_find_text(message, sizeof message - 1, "none", pool));
    assert_null(codec_find_text(message, sizeof message - 1, "events", pool));
    assert_null(codec_find_text(message, 9, "next", pool));
    assert_null(codec_find_text("", 0, "next", pool));
    pool_destroy(&pool);
}

static void rows_are_found_by_name(void **state) {
    (void)state;
    for (size_t i = 0; i < operation_count; i++)
        assert_ptr_equal(operation_find(operations[i].name), &operations[i]);
    for (size_t i = 0; i < refusal_count; i++)
        assert_ptr_equal(refusal_find(refusals[i].code), &refusals[i]);
    assert_null(operation_find("noSuchOperation"));
    assert_null(refusal_find(""));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings),
        cmocka_unit_test(integers_and_decimals),
        cmocka_unit_test(numbers),
        cmocka_unit_test(money_has_its_currency_s_decimals),
        cmocka_unit_test(foreign_messages),
        cmocka_unit_test(views),
        cmocka_unit_test(every_route_renders_its_reply),
        cmocka_unit_test(lists_as_csv),
        cmocka_unit_test(texts_as_csv),
        cmocka_unit_test(what_is_true_is_found),
        cmocka_unit_test(the_next_cursor_is_found),
        cmocka_unit_test(rows_are_found_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
