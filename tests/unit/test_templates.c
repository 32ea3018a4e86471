/* The words of mails: every template in every language, and values that stay words wherever they stand; times, money
 * and durations as people of a language and a place write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "layout.h"
#include "templates.h"
#include "values.h"

static const char *const languages[] = {"en", "hi", "es", "de", "fr"};
#define LANGUAGE_COUNT (sizeof languages / sizeof *languages)

static struct pool *pool;

static int make_pool(void **state) {
    (void)state;
    pool = pool_new();
    values_start();
    return 0;
}

static int drop_pool(void **state) {
    (void)state;
    pool_destroy(&pool);
    return 0;
}

/* --- templates */

static int compare_tags(const void *left, const void *right) {
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/* The tags of a template, each once, in alphabetical order. */
static const char *tags_of(const struct template *template) {
    const char *text = pool_printf(pool, "%s\n%s", template->subject, template->text), *tags[100];
    size_t count = 0;
    for (const char *open = strstr(text, "{{"), *end; open; open = strstr(end, "{{")) {
        end = strstr(open, "}}");
        assert_non_null(end);
        assert_in_range(count, 0, 99);
        tags[count++] = pool_copy(pool, open + 2, (size_t)(end - open - 2));
    }
    qsort(tags, count, sizeof *tags, compare_tags);
    const char *all = "", *former = "";
    for (size_t i = 0; i < count; former = tags[i++])
        if (strcmp(tags[i], former) != 0)
            all = pool_printf(pool, "%s %s", all, tags[i]);
    return all;
}

static void every_language_has_every_template_with_the_same_tags(void **state) {
    (void)state;
    assert_true(template_count > 20 * LANGUAGE_COUNT && template_count % LANGUAGE_COUNT == 0);
    for (size_t i = 0; i < template_count; i++) {
        const struct template *english = template_find(templates[i].name, "en");
        for (size_t k = 0; k < LANGUAGE_COUNT; k++) {
            const struct template *template = template_find(templates[i].name, languages[k]);
            assert_string_equal(template->language, languages[k]);
            assert_string_equal(tags_of(template), tags_of(english));
            if (k) /* it is a translation */
                assert_string_not_equal(template->text, english->text);
        }
    }
}

static void what_is_not_translated_is_english(void **state) {
    (void)state;
    assert_string_equal(template_find("reminder", "de")->language, "de");
    assert_string_equal(template_find("reminder", "nl")->language, "en");
    assert_string_equal(template_find("reminder", "")->language, "en");
    assert_null(template_find("none", "en"));
    assert_null(template_find("", "en"));
}

static const char *filled(const char *text, const char *values_text) {
    const struct template template = {.name = "t", .language = "en", .subject = "", .text = text};
    json_t *values = json_loads(values_text, 0, NULL);
    const char *subject, *result;
    assert_non_null(values);
    const char *problem = template_fill(&template, values, pool, &subject, &result);
    json_decref(values);
    return problem ? problem : result;
}

static void templates_are_filled(void **state) {
    (void)state;
    static const struct {
        const char *text, *values, *filled;
    } cases[] = {
        {"a {{x}} b", "{\"x\": \"1\"}", "a 1 b"},
        {"{{x}}{{y}}", "{\"x\": -7, \"y\": \"\"}", "-7"},
        {"{{x}}", "{}", "the template's value x is missing"},
        {"{{x}}", "{\"x\": null}", "the template's value x is missing"},
        {"{{x}}", "{\"x\": {}}", "the template's value x is missing"},
        {"{{x}}", "{\"x\": \"a\\nb\\u0001\\u0004\\u007f{{y}}\"}", "a b   {{y}}"},
        {"{{#x}}[{{x}}]{{/x}}", "{\"x\": \"1\"}", "[1]"},
        {"{{#x}}[{{x}}]{{/x}}{{^x}}none{{/x}}", "{}", "none"},
        {"{{#x}}[{{x}}]{{/x}}{{^x}}none{{/x}}", "{\"x\": \"\"}", "none"},
        {"{{#x}}[{{x}}]{{/x}}{{^x}}none{{/x}}", "{\"x\": []}", "none"},
        {"{{#x=a}}A{{/x}}{{#x=ab}}B{{/x}}", "{\"x\": \"ab\"}", "B"},
        {"{{#x=a}}A{{/x}}{{#x=ab}}B{{/x}}.", "{}", "."},
        {"{{#x}}{{a}}{{o}}{{/x}}", "{\"o\": \"-\", \"x\": [{\"a\": \"1\"}, {\"a\": \"2\"}]}", "1-2-"},
        {"{{#x}}{{#o}}{{o}}{{/o}};{{/x}}", "{\"o\": \"1\", \"x\": [{\"o\": null}, {\"o\": \"2\"}, {}]}", ";2;1;"},
        {"{{#x}}{{#y}}{{z}}{{/y}}{{/x}}!", "{\"y\": \"1\"}", "!"},
        {"{{#x}}{{a}}{{/x}}", "{\"x\": [7]}", "the template's value a is missing"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(filled(cases[i].text, cases[i].values), cases[i].filled);
}

/* --- layout */

static const char *text_of(const char *text) {
    const struct layout layout = {.language = "en", .subject = "S", .text = text, .footer = "f"};
    struct buffer buffer = {0};
    layout_text(&layout, &buffer);
    const char *result = pool_copy(pool, buffer.bytes, buffer.length);
    buffer_free(&buffer);
    return result;
}

static const char *html_of(const char *text) {
    const struct layout layout = {.language = "de", .subject = "<S>", .text = text, .footer = "f & g"};
    struct buffer buffer = {0};
    layout_html(&layout, &buffer);
    const char *result = pool_copy(pool, buffer.bytes, buffer.length);
    buffer_free(&buffer);
    return result;
}

static const char marked[] = "Hello\nyou,\n\n\n\6Head\n\4When:\5now\n\4other\n\n\1Go\2https://x/?a&b\3\nend\n";

static void blocks_are_laid_out_as_text(void **state) {
    (void)state;
    assert_string_equal(text_of(marked),
                        "Hello you,\n\nHead\n\n- When: now\n- other\n\nGo:\nhttps://x/?a&b\n\nend\n\n-- \nf\n");
    assert_string_equal(text_of(""), "\n-- \nf\n");
}

static void blocks_are_laid_out_as_html(void **state) {
    (void)state;
    const char *html = html_of(marked);
    static const char *const pieces[] = {"<html lang=\"de\">",
                                         "<h1>&lt;S&gt;</h1>",
                                         "<p>Hello\nyou,</p>",
                                         "<h2>Head</h2>",
                                         "<ul><li><b>When:</b> now</li>\n<li>other</li>\n</ul>",
                                         "<p><a href=\"https://x/?a&amp;b\">Go</a></p>",
                                         "<p>end</p>",
                                         "<footer>\n<p>f &amp; g</p>"};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++)
        if (!strstr(html, pieces[i]))
            fail_msg("%s is missing in %s", pieces[i], html);
}

static void values_are_no_html(void **state) {
    (void)state;
    const char *html =
        html_of("<script>alert('\"')</script>\n\n\1Go\2javascript:alert(1)\3\n\n\1Go\2https://x/\"onclick=\"y\3\n");
    assert_null(strstr(html, "<script>"));
    assert_null(strstr(html, "href=\"javascript"));
    assert_null(strstr(html, "\"onclick"));
    assert_non_null(strstr(html, "&lt;script&gt;alert(&#39;&quot;&#39;)"));
    assert_non_null(strstr(html, "Go: javascript:alert(1)"));
}

static void tags_are_stripped(void **state) {
    (void)state;
    static const struct {
        const char *html, *text;
    } cases[] = {
        {"<h1>Test Email</h1><p>This is a test email.</p>", "Test Email\nThis is a test email.\n"},
        {"a<br>b<BR/>c", "a\nb\nc\n"},
        {"<style>p { x }</style><script>if (a < b) {}</script><title>t</title>x", "x\n"},
        {"  a\n  b &amp; &lt;c&gt; &quot;d&quot;&nbsp;&#39;e&#39; &unknown; ", "a b & <c> \"d\" 'e' &unknown;\n"},
        {"1 < 2 <b>x", "1 < 2 x\n"},
        {"<!-- c -->x<", "x<\n"},
        {"<p", ""},
        {"<style>never closed", ""},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer text = {0};
        layout_strip(cases[i].html, &text);
        assert_string_equal(buffer_text(&text), cases[i].text);
        buffer_free(&text);
    }
}

/* --- values */

static const char *localized(const char *language, const char *zone, const char *values_text, const char *name) {
    const struct place place = {language, zone};
    json_t *values = json_loads(values_text, 0, NULL);
    const char *problem = NULL;
    assert_non_null(values);
    json_t *turned = values_localize(values, &place, pool, &problem);
    const char *text = problem ? problem : json_string_value(json_object_get(turned, name));
    text = pool_text(pool, text ? text : "(none)");
    json_decref(values);
    json_decref(turned);
    return text;
}

#define SUMMER "{\"x_at\": \"2026-08-01T10:00:00Z\"}"
#define ELSEWHERE(zone)                                                                                                \
    "{\"x_at\": \"2026-08-01T12:00:00Z\", \"start_at\": \"2026-08-01T12:00:00Z\", \"zone\": \"" zone "\"}"
#define EVENING "{\"start_at\": \"2026-12-31T18:30:00+05:30\", \"end_at\": \"2026-12-31T20:00:00.5+05:30\"}"
#define OVER_NIGHT "{\"start_at\": \"2026-12-31T21:00:00Z\", \"end_at\": \"2027-01-01T02:00:00Z\"}"

/* ICU sets blanks of several kinds. */
static const char *with_blanks(const char *text) {
    static const char *const kinds[] = {"\u202f", "\u2009", "\u00a0"};
    struct buffer result = {0};
    while (*text) {
        size_t kind = 0, count = sizeof kinds / sizeof *kinds;
        while (kind < count && strncmp(text, kinds[kind], strlen(kinds[kind])) != 0)
            kind++;
        buffer_append_byte(&result, kind < count ? ' ' : *text);
        text += kind < count ? strlen(kinds[kind]) : 1;
    }
    text = pool_copy(pool, result.bytes, result.length);
    buffer_free(&result);
    return text;
}

static void moments_are_read(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t wall_s; /* -1: it is none */
    } cases[] = {
        {"1970-01-01T00:00:10Z", 10},
        {"1970-01-01T05:30:10+05:30", 10},
        {"1969-12-31T19:00:10.123456-05:00", 10},
        {"2026-08-01T10:00:00.000Z", 1785578400},
        {"2026-08-01T10:00:00", -1},
        {"2026-08-01T10:00:00+05", -1},
        {"2026-08-01T10:00:00+05:30x", -1},
        {"2026-08-01T10:00:00Zx", -1},
        {"2026-08-01 10:00:00Z", -1},
        {"2026-08-01", -1},
        {"", -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t wall_s = -1;
        int result = values_read_moment(cases[i].text, &wall_s);
        assert_int_equal(result, cases[i].wall_s < 0 ? -1 : 0);
        assert_int_equal(wall_s, cases[i].wall_s);
    }
}

static void times_are_those_of_the_place(void **state) {
    (void)state;
    static const struct {
        const char *language, *zone, *values, *name, *text;
    } cases[] = {
        {"en", "Europe/Berlin", SUMMER, "x_at", "Saturday, August 1, 2026 at 12:00 PM (Central European Summer Time)"},
        {"de", "Europe/Berlin", SUMMER, "x_at", "Samstag, 1. August 2026 um 12:00 (Mitteleuropäische Sommerzeit)"},
        {"es", "Europe/Madrid", SUMMER, "x_at",
         "sábado, 1 de agosto de 2026, 12:00 (hora de verano de Europa central)"},
        {"fr", "UTC", SUMMER, "x_at", "samedi 1 août 2026 à 10:00 (temps universel coordonné)"},
        {"hi", "Asia/Kolkata", SUMMER, "x_at", "शनिवार, 1 अगस्त 2026 को 3:30 pm बजे (भारतीय मानक समय)"},
        {"en", "Mars/Olympus", SUMMER, "x_at", "Saturday, August 1, 2026 at 10:00 AM (Coordinated Universal Time)"},
        {"en", "../../etc/passwd", SUMMER, "x_at", "Saturday, August 1, 2026 at 10:00 AM (Coordinated Universal Time)"},
        {"de", "Asia/Kolkata", EVENING, "when", "Donnerstag, 31. Dezember 2026, 18:30–20:00 Uhr (Indische Normalzeit)"},
        {"de", "Asia/Kolkata", EVENING, "hours", "18:30–20:00 Uhr"},
        {"fr", "UTC", OVER_NIGHT, "when",
         "jeudi 31 décembre 2026 à 21:00 – vendredi 1 janvier 2027 à 02:00 (temps universel coordonné)"},
        {"fr", "UTC", OVER_NIGHT, "hours", "21:00"},
        {"de", "UTC", ELSEWHERE("Asia/Kolkata"), "hours", "17:30 (Indische Normalzeit)"},
        {"de", "Asia/Kolkata", ELSEWHERE("Asia/Kolkata"), "hours", "17:30"},
        {"de", "UTC", ELSEWHERE("Asia/Kolkata"), "x_at", "Samstag, 1. August 2026 um 17:30 (Indische Normalzeit)"},
        {"de", "UTC", ELSEWHERE("../../etc/passwd"), "hours", "12:00"},
        {"de", "UTC", "{\"x_on\": \"2026-08-01\"}", "x_on", "Samstag, 1. August 2026"},
        {"en", "UTC", "{\"x_at\": null}", "x_at", "(none)"},
        {"en", "UTC", "{\"x_at\": \"soon\"}", "x_at", "the value x_at is no time"},
        {"en", "UTC", "{\"x_at\": 7}", "x_at", "the value x_at is no time"},
        {"en", "UTC", "{\"x_on\": \"2026-13-01\"}", "x_on", "the value x_on is no date"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *text = with_blanks(localized(cases[i].language, cases[i].zone, cases[i].values, cases[i].name));
        assert_string_equal(text, cases[i].text);
    }
}

/* As the machine has them, whatever ICU knows: since 2024 it is UTC+5 in all of Kazakhstan, and summer ended in Mexico
 * in 2022. */
static void zone_rules_are_the_machine_s(void **state) {
    (void)state;
    assert_non_null(strstr(localized("de", "Asia/Almaty", SUMMER, "x_at"), " um 15:00 ("));
    assert_non_null(strstr(localized("de", "America/Mexico_City", SUMMER, "x_at"), " um 04:00 ("));
}

static void money_is_written_as_people_do(void **state) {
    (void)state;
    static const struct {
        const char *language, *values, *name, *text;
    } cases[] = {
        {"en", "{\"x_minor\": 123450, \"currency\": \"EUR\"}", "x", "€1,234.50"},
        {"de", "{\"x_minor\": 123450, \"currency\": \"EUR\"}", "x", "1.234,50\u00a0€"},
        {"fr", "{\"x_minor\": \"123450\", \"currency\": \"EUR\"}", "x", "1\u202f234,50\u00a0€"},
        {"hi", "{\"x_minor\": 12345600, \"currency\": \"INR\"}", "x", "₹1,23,456.00"},
        {"en", "{\"x_minor\": 500, \"currency\": \"JPY\"}", "x", "¥500"},
        {"en", "{\"x_minor\": 1500, \"currency\": \"KWD\"}", "x", "KWD\u00a01.500"},
        {"en", "{\"x_minor\": 1500, \"currency\": \"HUF\"}", "x", "HUF\u00a015.00"},
        {"en", "{\"x_minor\": 1}", "x", "the value x_minor is no amount of money"},
        {"en", "{\"x_minor\": \"1.5\", \"currency\": \"EUR\"}", "x", "the value x_minor is no amount of money"},
        {"en", "{\"x_minor\": 1, \"currency\": \"nope\"}", "x", "the value x_minor is no amount of money"},
        {"en", "{\"x_s\": 86400}", "x", "24 hours"},
        {"en", "{\"x_s\": 3600}", "x", "1 hour"},
        {"de", "{\"x_s\": 5400}", "x", "90 Minuten"},
        {"hi", "{\"x_s\": 7200}", "x", "2 घंटे"},
        {"en", "{\"x_s\": \"soon\"}", "x", "the value x_s is no number of seconds"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(localized(cases[i].language, "UTC", cases[i].values, cases[i].name), cases[i].text);
}

static void lists_see_what_is_around_them(void **state) {
    (void)state;
    json_t *values = json_loads(
        "{\"currency\": \"EUR\", \"l\": [{\"x_minor\": 100, \"start_at\": \"2026-08-01T10:00:00Z\"}]}", 0, NULL);
    const struct place place = {"en", "UTC"};
    const char *problem = NULL;
    json_t *turned = values_localize(values, &place, pool, &problem);
    const json_t *item = json_array_get(json_object_get(turned, "l"), 0);
    assert_null(problem);
    assert_string_equal(json_string_value(json_object_get(item, "x")), "€1.00");
    assert_non_null(json_object_get(item, "when"));
    json_decref(values);
    json_decref(turned);
    assert_string_equal(localized("en", "UTC", "{\"l\": [{\"x_at\": \"soon\"}]}", "l"), "the value x_at is no time");
    assert_string_equal(localized("en", "UTC", "{\"l\": [7, null]}", "l"), "(none)");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_language_has_every_template_with_the_same_tags),
        cmocka_unit_test(what_is_not_translated_is_english),
        cmocka_unit_test(templates_are_filled),
        cmocka_unit_test(blocks_are_laid_out_as_text),
        cmocka_unit_test(blocks_are_laid_out_as_html),
        cmocka_unit_test(values_are_no_html),
        cmocka_unit_test(tags_are_stripped),
        cmocka_unit_test(moments_are_read),
        cmocka_unit_test(times_are_those_of_the_place),
        cmocka_unit_test(zone_rules_are_the_machine_s),
        cmocka_unit_test(money_is_written_as_people_do),
        cmocka_unit_test(lists_see_what_is_around_them),
    };
    return cmocka_run_group_tests(tests, make_pool, drop_pool);
}
