/* HTTP request -> message: what is taken, under which names, and what each refusal says. The sample record stands for
 * all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "operations.h"
#include "sample.h"

static struct pool *pool;

static int open_pool(void **state) {
    (void)state;
    pool = pool_new();
    return 0;
}

static int close_pool(void **state) {
    (void)state;
    pool_destroy(&pool);
    return 0;
}

static struct text_span span(const char *text) {
    return (struct text_span){text, text ? strlen(text) : 0};
}

/* "field reason\nfield reason\n" */
static const char *all_problems(const struct problems *problems) {
    const char *text = "";
    for (const struct problem *problem = problems->first; problem; problem = problem->next)
        text = pool_printf(pool, "%s%s %s\n", text, problem->field, problem->reason);
    return text;
}

/* What the request comes to: the message as JSON, or all problems. */
static const char *outcome(const struct record *record, const struct request_source *source) {
    struct buffer message = {0}, json = {0};
    struct problems problems = {.pool = pool};
    enum codec_result result = codec_request(record, source, &message, &problems);
    const char *text;
    assert_int_equal(result == CODEC_OK, problems.first == NULL);
    if (result == CODEC_OK) {
        assert_int_equal(codec_render(record, NULL, message.bytes, message.length, &json), 0);
        text = pool_text(pool, buffer_text(&json));
    } else {
        assert_int_equal(message.length, 0);
        text = pool_printf(pool, "%s%s", result == CODEC_MALFORMED ? "malformed " : "", all_problems(&problems));
    }
    buffer_free(&message);
    buffer_free(&json);
    return text;
}

/* In memory of exactly this size, so that a sanitizer sees the first byte read too far. */
static struct text_span exact_copy(const char *text) {
    struct text_span copy = {NULL, text ? strlen(text) : 0};
    if (copy.length)
        copy.bytes = memcpy(malloc(copy.length), text, copy.length);
    return copy;
}

static void expect(const char *body, const char *query, const char *part) {
    struct request_source source = {.body = exact_copy(body), .query = exact_copy(query)};
    const char *text = outcome(&record_sample, &source);
    free((void *)source.body.bytes);
    free((void *)source.query.bytes);
    if (!strstr(text, part))
        fail_msg("%s ? %s\n   came to: %s\n   without: %s", body, query, text, part);
    pool_reset(pool);
}

#define BODY(more) "{\"id\": 1, \"title\": \"x\", \"note\": null" more "}"

static void what_is_taken(void **state) {
    (void)state;
    static const struct {
        const char *body, *query, *part;
    } cases[] = {
        {BODY(""), "",
         "{\"id\":1,\"sample_id\":1,\"title\":\"x\",\"name\":\"x\",\"label\":\"x\",\"kind\":\"big\",\"active\":true,"
         "\"currency\":\"INR\",\"note\":null,\"page\":20,\"p\":20}"},
        {"{\"sample_id\": \"17\", \"label\": \"x\", \"note\": \"n\"}", "",
         "{\"id\":17,\"sample_id\":17,\"title\":\"x\""},
        {"{\"sample_id\": \"17\", \"id\": 17, \"label\": \"x\", \"name\": \"x\", \"note\": \"n\"}", "", "{\"id\":17"},
        {BODY(", \"price\": 25"), "", "\"price\":25.00,\"fee\":25.00,\"price_minor\":2500"},
        {BODY(", \"price\": 19.99"), "", "\"price_minor\":1999"},
        {BODY(", \"price\": 0.29, \"price_minor\": 29, \"fee\": 0.290"), "", "\"price_minor\":29"},
        {BODY(", \"price_minor\": 1234"), "", "\"price\":12.34"},
        {BODY(", \"price\": 1234, \"currency\": \"JPY\""), "", "\"price\":1234,\"fee\":1234,\"price_minor\":1234,"},
        {BODY(", \"price\": 1.234, \"currency\": \"KWD\""), "", "\"price\":1.234,\"fee\":1.234,\"price_minor\":1234,"},
        {BODY(", \"price\": 1e2"), "", "\"price_minor\":10000,"},
        {BODY(", \"code\": 7"), "", "\"code\":7"},
        {BODY(", \"code\": \"7\""), "", "\"code\":\"7\""},
        {BODY(", \"rating\": 4"), "", "\"rating\":4,"},
        {BODY(", \"rating\": null"), "", "\"note\":null"},
        {BODY(", \"owner\": {\"full_name\": \"Ann\", \"email\": null}"), "",
         "\"owner\":{\"name\":\"Ann\",\"full_name\":\"Ann\"}"},
        {BODY(", \"guests\": [{\"name\": \"A\"}, {\"name\": \"B\", \"email\": \"b@x.io\"}]"), "",
         "\"email\":\"b@x.io\"}]"},
        {BODY(", \"guests\": []"), "", "\"guests\":[]"},
        {BODY(", \"tags\": [\"a\", \"\"], \"days\": [1, 31]"), "", "\"tags\":[\"a\",\"\"],\"days\":[1,31]"},
        {BODY(", \"starts\": \"2024-01-15T09:00:00\""), "", "\"starts\":\"2024-01-15T09:00:00\""},
        {"{\"id\": 1, \"note\": \"n\", \"title\": \"\\u0924\\u093f\\u0925\\u093f \\ud83d\\ude00\"}", "",
         "\"title\":\"तिथि 😀\""},
        {"{\"id\": 9223372036854775807, \"title\": \"x\", \"note\": \"\"}", "", "{\"id\":9223372036854775807,"},
        {BODY(""), "page=7", "\"page\":7"},
        {BODY(""), "p=7&page=7", "\"page\":7"},
        {BODY(""), "&&p=%37&", "\"page\":7"},
        {BODY(""), "least=4.5&open=1", "\"least\":4.5,\"open\":true"},
        {BODY(""), "least=-0&open=false", "\"least\":0,\"open\":false"},
        {BODY(""), "%70=7", "\"page\":7"},
        {BODY(""), "since=2026-08-01", "\"since\":\"2026-08-01\""},
        {BODY(""), "since=2026-08-01T00:00:00+05:30", "\"since\":\"2026-08-01T00:00:00+05:30\""},
        {BODY(""), "since=2026-08-01T00:00:00%2B05:30", "\"since\":\"2026-08-01T00:00:00+05:30\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect(cases[i].body, cases[i].query, cases[i].part);
}

static void what_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *body, *query, *part;
    } cases[] = {
        {"{}", "", "id is required\ntitle is required\nnote is required\n"},
        {NULL, "", "id is required\n"},
        {"[]", "", "body must be an object\n"},
        {"7", "", "body must be an object\n"},
        {"{\"id\": 2.0, \"title\": \"x\", \"note\": null}", "", "id must be an integer\n"},
        {"{\"id\": true, \"title\": \"x\", \"note\": null}", "", "id must be an integer\n"},
        {"{\"id\": \"x\", \"title\": \"x\", \"note\": null}", "", "id must be an integer\n"},
        {"{\"id\": \"\", \"title\": \"x\", \"note\": null}", "", "id must be an integer\n"},
        {"{\"id\": \"9223372036854775808\", \"title\": \"x\", \"note\": null}", "", "id must be an integer\n"},
        {"{\"id\": null, \"title\": \"x\", \"note\": null}", "", "id cannot be null\n"},
        {"{\"id\": 0, \"title\": \"x\", \"note\": null}", "", "id must be at least 1\n"},
        {"{\"id\": {}, \"title\": [], \"note\": null}", "", "id must be an integer\ntitle must be a string\n"},
        {"{\"id\": 1, \"sample_id\": 2, \"title\": \"x\", \"note\": null}", "", "is given twice with different values"},
        {"{\"id\": 1, \"name\": \"x\", \"label\": \"y\", \"note\": null}", "", "is given twice with different values"},
        {"{\"id\": 1, \"title\": \"\", \"note\": null}", "", "title must have at least 1 character\n"},
        {"{\"id\": 1, \"label\": \"\", \"note\": null}", "", "label must have at least 1 character\n"},
        {"{\"id\": 1, \"title\": \"12345678901234567890123456789012345678901\", \"note\": null}", "",
         "title must have at most 40 characters\n"},
        {BODY(", \"active\": 1"), "", "active must be true or false\n"},
        {BODY(", \"active\": null"), "", "active cannot be null\n"},
        {BODY(", \"kind\": \"Big\""), "", "kind must be one of small, big\n"},
        {BODY(", \"rating\": 5.1"), "", "rating must be at most 5\n"},
        {BODY(", \"rating\": \"5\""), "", "rating must be a number\n"},
        {BODY(", \"price\": -1"), "", "price must be at least 0\n"},
        {BODY(", \"price\": 1.005"), "", "price must have at most 2 decimals\n"},
        {BODY(", \"price\": 1.5, \"currency\": \"JPY\""), "", "price must be a whole number\n"},
        {BODY(", \"price\": 1.0005, \"currency\": \"KWD\""), "", "price must have at most 3 decimals\n"},
        {BODY(", \"price\": 10000.01"), "", "price must be at most 10000\n"},
        {BODY(", \"price\": 1e300"), "", "price is out of range\n"},
        {BODY(", \"price\": 9223372036854775807"), "", "price is out of range\n"},
        {BODY(", \"price\": \"5\""), "", "price must be an amount of money\n"},
        {BODY(", \"price_minor\": 1.5"), "", "price_minor must be an amount of money\n"},
        {BODY(", \"price\": 1, \"price_minor\": 101"), "",
         "is given twice with different values (price, price_minor)\n"},
        {BODY(", \"currency\": \"inr\""), "", "currency is not an ISO 4217 currency"},
        {BODY(", \"currency\": \"XXQ\", \"price\": 1"), "", "currency is not an ISO 4217 currency"},
        {BODY(", \"code\": \"\""), "", "code must have at least 1 character\n"},
        {BODY(", \"code\": 1.5"), "", "code must be an integer or a string\n"},
        {BODY(", \"owner\": {}"), "", "owner.name is required\n"},
        {BODY(", \"owner\": []"), "", "owner must be an object\n"},
        {BODY(", \"owner\": {\"name\": \"Ann\", \"email\": \"no\"}"), "", "owner.email is not an e-mail address\n"},
        {BODY(", \"owner\": {\"name\": \"Ann\", \"extra\": 1}"), "", "owner.extra is not a known field\n"},
        {BODY(", \"guests\": [{\"name\": \"A\"}, {\"name\": 7}]"), "", "guests[1].name must be a string\n"},
        {BODY(", \"guests\": [null]"), "", "guests[0] must be an object\n"},
        {BODY(", \"guests\": [{}, {}, {}, {}]"), "", "guests must have at most 3 items\n"},
        {BODY(", \"guests\": {}"), "", "guests must be a list\n"},
        {BODY(", \"tags\": []"), "", "tags must have at least 1 item\n"},
        {BODY(", \"tags\": [\"12345\"]"), "", "tags[0] must have at most 4 characters\n"},
        {BODY(", \"tags\": [null]"), "", "tags[0] must be a string\n"},
        {BODY(", \"days\": [1, 32]"), "", "days[1] must be at most 31\n"},
        {BODY(", \"days\": [1.0]"), "", "days[0] must be an integer\n"},
        {BODY(", \"starts\": \"tomorrow\""), "", "starts is not a date and time"},
        {BODY(", \"page\": 7"), "", "page is not a known field\n"},             /* a query parameter */
        {BODY(", \"if_match\": \"x\""), "", "if_match is not a known field\n"}, /* a header */
        {BODY(", \"nosuch\": 1"), "", "nosuch is not a known field\n"},
        {BODY(""), "page=", "page must be an integer\n"},
        {BODY(""), "page", "page must be an integer\n"},
        {BODY(""), "page=7.0", "page must be an integer\n"},
        {BODY(""), "page=+7", "page must be an integer\n"},
        {BODY(""), "page=0x7", "page must be an integer\n"},
        {BODY(""), "page=-", "page must be an integer\n"},
        {BODY(""), "page=101", "page must be at most 100\n"},
        {BODY(""), "page=99999999999999999999", "page must be an integer\n"},
        {BODY(""), "page=7&page=7", "page is given more than once\n"},
        {BODY(""), "page=7&p=8", "is given twice with different values"},
        {BODY(""), "id=7", "id is not a known field\n"}, /* from the body */
        {BODY(""), "least=", "least must be a number\n"},
        {BODY(""), "least=1e400", "least must be a number\n"},
        {BODY(""), "least=nan", "least must be a number\n"},
        {BODY(""), "least=2026-000", "least must be a number\n"},
        {BODY(""), "least=.5", "least must be a number\n"},
        {BODY(""), "least=0x1", "least must be a number\n"},
        {BODY(""), "least=5.5", "least must be at most 5\n"},
        {BODY(""), "open=yes", "open must be true or false\n"},
        {BODY(""), "open=True", "open must be true or false\n"},
        {BODY(""), "q=7", "q is not a known field\n"},
        {BODY(""), "page=%", "page has a bad percent-encoding\n"},
        {BODY(""), "page=%3", "page has a bad percent-encoding\n"},
        {BODY(""), "page=%zz", "page has a bad percent-encoding\n"},
        {BODY(""), "%=1", "query has a bad percent-encoding\n"},
        {BODY(""), "%ff=1", "query is not a known field\n"},
        {BODY(""), "=1", "query is not a known field\n"},
        {BODY(""), "since=%ff", "since is not valid UTF-8 text\n"},
        {BODY(""), "since=%00", "since is not valid UTF-8 text\n"},
        {BODY(""), "since=2026-02-30", "since is not a date"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect(cases[i].body, cases[i].query, cases[i].part);
}

static void what_is_no_json(void **state) {
    (void)state;
    static const struct {
        const char *body, *reason;
    } cases[] = {
        {"{", "ends too early"},
        {" ", "ends too early"},
        {"{\"id\": 1,}", "is not valid JSON"},
        {"{'id': 1}", "is not valid JSON"},
        {"{\"id\": 01}", "is not valid JSON"},
        {"{\"id\": NaN}", "is not valid JSON"},
        {"{\"id\": 1} x", "goes on after its end"},
        {"{\"id\": 1}{}", "goes on after its end"},
        {"{\"id\": 1, \"id\": 1}", "has a field twice"},
        {"{\"owner\": {\"name\": \"a\", \"name\": \"b\"}}", "has a field twice"},
        {"{\"title\": \"\xff\"}", "is not valid UTF-8"},
        {"{\"title\": \"\xed\xa0\x80\"}", "is not valid UTF-8"},
        {"{\"title\": \"\\ud800\"}", "is not valid JSON"},
        {"{\"title\": \"a\\u0000b\"}", "holds a NUL character"},
        {"{\"a\\u0000b\": 1}", "holds a NUL character"},
        {"{\"id\": 9223372036854775808}", "holds a number that is out of range"},
        {"{\"rating\": 1e400}", "holds a number that is out of range"},
        {"{\"password\": \"hunter2", "ends too early"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct request_source source = {.body = span(cases[i].body)};
        const char *text = outcome(&record_sample, &source);
        if (strncmp(text, "malformed body ", 15) != 0 || !strstr(text, cases[i].reason) || strstr(text, "hunter2"))
            fail_msg("%s came to: %s", cases[i].body, text);
    }
    struct request_source source = {.body = {"{\"title\": \"a\0b\"}", 16}};
    assert_true(strstr(outcome(&record_sample, &source), "malformed body ") != NULL);
}

static void nesting_is_limited(void **state) {
    (void)state;
    for (int depth = 15; depth <= 17; depth++) {
        struct buffer body = {0};
        buffer_append_text(&body, "{\"title\": \"[[[[[[[[[[[[[[[[[[[[\\\"{{{{\", \"note\": ");
        for (int i = 1; i < depth; i++)
            buffer_append_byte(&body, '[');
        for (int i = 1; i < depth; i++)
            buffer_append_byte(&body, ']');
        buffer_append_byte(&body, '}');
        struct request_source source = {.body = {body.bytes, body.length}};
        const char *text = outcome(&record_sample, &source);
        assert_int_equal(strstr(text, "malformed body is nested more than 16 levels deep") != NULL, depth > 16);
        buffer_free(&body);
    }
}

static void problems_are_capped(void **state) {
    (void)state;
    struct buffer body = {0};
    buffer_append_text(&body, "{\"x\": 1");
    for (int i = 0; i < 1000; i++)
        buffer_printf(&body, ", \"x%d\": 1", i);
    buffer_append_byte(&body, '}');
    struct request_source source = {.body = {body.bytes, body.length}};
    struct problems problems = {.pool = pool};
    struct buffer message = {0};
    assert_int_equal(codec_request(&record_sample, &source, &message, &problems), CODEC_INVALID);
    assert_int_equal(problems.count, PROBLEM_LIMIT);
    buffer_free(&message);
    buffer_free(&body);
}

static const char *if_match(void *context, const char *name, size_t *ret_length) {
    assert_string_equal(name, "if-match");
    *ret_length = strlen(context);
    return context;
}

static void headers_paths_credentials_and_fixed_values(void **state) {
    (void)state;
    struct request_source source = {.body = span(BODY("")), .header = if_match, .context = "\"abc\""};
    assert_non_null(strstr(outcome(&record_sample, &source), "\"if_match\":\"\\\"abc\\\"\""));

    static const char *const names[] = {"id"};
    static const struct text_span seven = {"7", 1}, bad = {"x", 1}, nul = {"1\0", 2};
    source = (struct request_source){.path_values = &seven, .path_names = names, .path_count = 1};
    assert_string_equal(outcome(&record_get_event_request, &source), "{\"event_id\":7,\"id\":7}");
    source.path_values = &bad;
    assert_string_equal(outcome(&record_get_event_request, &source), "id must be an integer\n");
    source.path_values = &nul;
    assert_string_equal(outcome(&record_get_event_request, &source), "id must be an integer\n");

    source = (struct request_source){.credentials = {"token", 5}};
    assert_string_equal(outcome(&record_refresh_token_request, &source), "{\"refresh_token\":\"token\"}");
    source = (struct request_source){.body = span("{\"refresh_token\": \"token\"}")};
    assert_non_null(strstr(outcome(&record_refresh_token_request, &source), "refresh_token is not a known field\n"));

    const struct fixed_value fixed[] = {{&sample_fields[3], "false"}, {&sample_fields[14], "5"}, {NULL, NULL}};
    source = (struct request_source){.body = span(BODY("")), .fixed = fixed};
    assert_non_null(strstr(outcome(&record_sample, &source), "\"active\":false"));
    source.body = span(BODY(", \"active\": false"));
    assert_non_null(strstr(outcome(&record_sample, &source), "\"active\":false"));
    source.body = span(BODY(", \"active\": true"));
    assert_non_null(strstr(outcome(&record_sample, &source), "active is given twice with different values"));
}

/* Required nullable values apart, each may be there, be null or be left out, and a worker sees which. */
static void null_and_nothing_are_told_apart(void **state) {
    (void)state;
    static const struct {
        const char *body;
        enum presence hosts, partner;
        size_t host_count;
    } cases[] = {
        {BODY(""), PRESENCE_ABSENT, PRESENCE_ABSENT, 0},
        {BODY(", \"hosts\": null, \"partner\": null"), PRESENCE_NULL, PRESENCE_NULL, 0},
        {BODY(", \"hosts\": [], \"partner\": {\"name\": \"Ann\"}"), PRESENCE_SET, PRESENCE_SET, 0},
        {BODY(", \"hosts\": [{\"name\": \"Ann\"}, {\"name\": \"Ben\"}]"), PRESENCE_SET, PRESENCE_ABSENT, 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer message = {0}, again = {0};
        struct problems problems = {.pool = pool};
        struct request_source source = {.body = span(cases[i].body)};
        struct sample sample;
        assert_int_equal(codec_request(&record_sample, &source, &message, &problems), CODEC_OK);
        assert_int_equal(codec_decode(&record_sample, message.bytes, message.length, pool, &sample, &problems), 0);
        assert_int_equal(sample.has_hosts, cases[i].hosts);
        assert_int_equal(sample.has_partner, cases[i].partner);
        assert_int_equal(sample.hosts.count, cases[i].host_count);
        codec_encode(&record_sample, &sample, &again);
        assert_int_equal(again.length, message.length);
        assert_memory_equal(again.bytes, message.bytes, message.length);
        buffer_free(&message);
        buffer_free(&again);
    }
    expect(BODY(", \"hosts\": [null]"), "", "hosts[0] must be an object");
    expect(BODY(", \"hosts\": {}"), "", "hosts must be a list");
    expect(BODY(", \"guests\": null"), "", "guests cannot be null");
    expect(BODY(", \"owner\": null"), "", "owner cannot be null");
}

static void raw_bodies(void **state) {
    (void)state;
    static const struct {
        struct text_span body;
        const char *outcome;
    } cases[] = {
        {{"{\"a\": 1, \"a\":", 13}, "{\"payload\":\"{\\\"a\\\": 1, \\\"a\\\":\"}"},
        {{" \n", 2}, "{\"payload\":\" \\n\"}"},
        {{"4111111111111111", 16}, "{\"payload\":\"4111111111111111\"}"},
        {{"", 0}, "{\"payload\":\"\"}"},
        {{NULL, 0}, "payload is required\n"},
        {{"a\xff", 2}, "payload is not valid UTF-8 text\n"},
        {{"a\0b", 3}, "payload is not valid UTF-8 text\n"},
    };
    struct field field = sample_fields[21];
    field.required = true;
    const struct record record = {.name = "raw", .fields = &field, .field_count = 1, .size = sizeof(struct sample)};
    assert_string_equal(field.name, "payload");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct request_source source = {.raw_body = cases[i].body};
        assert_string_equal(outcome(&record, &source), cases[i].outcome);
    }
    struct request_source source = {.body = span("{\"payload\": \"x\"}")};
    assert_string_equal(outcome(&record, &source), "payload is not a known field\npayload is required\n");
}

/* Whatever else is wrong with the request: only that there is one is said. */
static void card_numbers_are_found(void **state) {
    (void)state;
    static const char *const name = "id";
    static const struct text_span seven = {"7", 1}, card = {"4111111111111111", 16};
    static const struct {
        const char *body, *query;
        const struct text_span *path;
        bool found;
    } cases[] = {
        {BODY(""), "", &seven, false},
        {BODY(", \"tags\": [\"4111 1111 1111 1111\"]"), "", &seven, true},
        {BODY(", \"tags\": [\"\\u0034111111111111111\"]"), "", &seven, true},
        {BODY(", \"owner\": {\"name\": \"card 4111-1111-1111-1111\"}"), "", &seven, true},
        {BODY(", \"code\": 4111111111111111"), "", &seven, true},
        {BODY(", \"rating\": 4111111111111111.0"), "", &seven, true},
        {BODY(", \"rating\": 4.111111111111111e15"), "", &seven, true},
        {BODY(", \"rating\": 4111111111111111.5"), "", &seven, false},
        {BODY(", \"rating\": 1e300"), "", &seven, false},
        {BODY(", \"4111111111111111\": 1"), "", &seven, true},
        {"\"4111111111111111\"", "", &seven, true},
        {"{\"no\": 1, \"nested\": [[{\"a\": \"4111111111111111\"}]]}", "", &seven, true},
        {"{\"half\": \"4111111111111111", "", &seven, false}, /* is no JSON: nothing of it is told or kept */
        {"", "since=4111111111111111", &seven, true},
        {"", "nosuch=4111+1111+1111+1111", &seven, true},
        {"", "4111111111111111", &seven, true},
        {"", "a=%34111%20111111%31111111", &seven, false},
        {"", "a=%34111%20111111%31111%2D11", &seven, true},
        {"", "a=%zz&b=4111111111111111", &seven, true},
        {"", "", &card, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer message = {0};
        struct problems problems = {.pool = pool};
        struct request_source source = {.body = exact_copy(cases[i].body),
                                        .query = exact_copy(cases[i].query),
                                        .path_values = cases[i].path,
                                        .path_names = &name,
                                        .path_count = 1};
        enum codec_result result = codec_request(&record_sample, &source, &message, &problems);
        free((void *)source.body.bytes);
        free((void *)source.query.bytes);
        buffer_free(&message);
        if ((result == CODEC_CARD_NUMBER) != cases[i].found)
            fail_msg("%s ? %s", cases[i].body, cases[i].query);
        if (cases[i].found)
            assert_int_equal(problems.count, 0);
        pool_reset(pool);
    }
}

static void equal_requests_give_equal_bytes(void **state) {
    (void)state;
    struct buffer one = {0}, other = {0};
    struct problems problems = {.pool = pool};
    struct request_source source = {.body = span("{\"id\": 1, \"title\": \"x\", \"note\": null}"),
                                    .query = span("page=20")};
    assert_int_equal(codec_request(&record_sample, &source, &one, &problems), CODEC_OK);
    source = (struct request_source){
        .body = span("{\"note\":null,\"sample_id\":\"1\",\"label\":\"\\u0078\",\"kind\":\"big\"}")};
    assert_int_equal(codec_request(&record_sample, &source, &other, &problems), CODEC_OK);
    assert_int_equal(one.length, other.length);
    assert_memory_equal(one.bytes, other.bytes, one.length);
    buffer_free(&one);
    buffer_free(&other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_taken),
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(what_is_no_json),
        cmocka_unit_test(nesting_is_limited),
        cmocka_unit_test(problems_are_capped),
        cmocka_unit_test(headers_paths_credentials_and_fixed_values),
        cmocka_unit_test(null_and_nothing_are_told_apart),
        cmocka_unit_test(raw_bodies),
        cmocka_unit_test(card_numbers_are_found),
        cmocka_unit_test(equal_requests_give_equal_bytes),
    };
    return cmocka_run_group_tests(tests, open_pool, close_pool);
}
