/* What the gateway takes from cookies, which ones it sets, and where it believes a request to come from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cookies.h"
#include "csrf.h"
#include "operations.h"
#include "settings.h"

static struct text_span span(const char *text) {
    return (struct text_span){text, text ? strlen(text) : 0};
}

static void cookies_are_found(void **state) {
    (void)state;
    static const struct {
        const char *headers[2];
        const char *expected; /* NULL: none that can be believed */
    } cases[] = {
        {{"__Host-session=a.b-c_9"}, "a.b-c_9"},
        {{"theme=dark; __Host-session=abc; x=y"}, "abc"},
        {{"theme=dark;__Host-session=abc"}, "abc"},
        {{" \t__Host-session \t= abc\t ;"}, "abc"},
        {{"theme=dark", "__Host-session=abc"}, "abc"},
        {{"__Host-session=abc", "a"}, "abc"},
        {{"a==b;;=;__Host-session=abc;=x"}, "abc"},
        {{"theme=\"__Host-session=no\"; __Host-session=abc"}, "abc"},
        /* which one is ours? */
        {{"__Host-session=abc; __Host-session=abc"}, NULL},
        {{"__Host-session=abc", "__Host-session=def"}, NULL},
        {{"__Host-session=abc; __Host-session="}, NULL},
        {{"__Host-session=abc; __Host-session=a b"}, NULL},
        /* another name */
        {{""}, NULL},
        {{"session=abc"}, NULL},
        {{"__host-session=abc"}, NULL},
        {{"__Host-session2=abc; __Host-sessio=abc"}, NULL},
        {{"x__Host-session=abc"}, NULL},
        {{"__Host-session"}, NULL},
        {{"a __Host-session=abc"}, NULL},
        /* no token */
        {{"__Host-session="}, NULL},
        {{"__Host-session=; x=y"}, NULL},
        {{"__Host-session=\"abc\""}, NULL},
        {{"__Host-session=a=b"}, NULL},
        {{"__Host-session=a b"}, NULL},
        {{"__Host-session=a,b"}, NULL},
        {{"__Host-session=a%20b"}, NULL},
        {{"__Host-session=\xc3\xa9"}, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cookie_search search = {.name = COOKIE_SESSION};
        for (size_t h = 0; h < 2 && cases[i].headers[h]; h++)
            cookie_look(&search, span(cases[i].headers[h]));
        struct text_span found = cookie_found(&search), expected = span(cases[i].expected);
        if (found.length != expected.length || !found.bytes != !expected.bytes ||
            (found.bytes && memcmp(found.bytes, expected.bytes, found.length) != 0))
            fail_msg("%s: %.*s", cases[i].headers[0], (int)found.length, found.bytes ? found.bytes : "");
    }
}

static void pack_text(struct buffer *message, struct text_span text) {
    buffer_append_byte(message, (char)0xd9); /* msgpack: str 8 */
    buffer_append_byte(message, (char)text.length);
    buffer_append(message, text.bytes, text.length);
}

/* A reply whose fields that go into cookies all hold `value`, the rest is left out. */
static void pack_reply(const struct cookie *cookies, struct text_span value, struct buffer *ret_reply) {
    buffer_clear(ret_reply);
    buffer_append_byte(ret_reply, (char)0x80); /* msgpack: fixmap, its count in the low bits */
    for (const struct cookie *cookie = cookies; cookie->name; cookie++)
        if (cookie->field) {
            ret_reply->bytes[0]++;
            pack_text(ret_reply, span(cookie->field->key));
            pack_text(ret_reply, value);
        }
}

/* Every cookie of the contract is one that this file's subject knows, with what keeps it safe. */
static void all_cookies_of_the_contract_are_safe(void **state) {
    (void)state;
    struct pool *pool = pool_new();
    struct buffer reply = {0}, lines = {0};
    settings.refresh_token_ttl_s = 2592000;
    size_t seen = 0;
    for (size_t i = 0; i < route_count; i++) {
        const struct cookie *cookies = routes[i].cookies;
        if (!cookies)
            continue;
        pack_reply(cookies, span("abc.DEF-ghi_0"), &reply);
        buffer_clear(&lines);
        assert_int_equal(cookies_append(cookies, (struct text_span){reply.bytes, reply.length}, pool, &lines), 0);
        const char *line = lines.bytes;
        for (const struct cookie *cookie = cookies; cookie->name; cookie++, seen++, line += strlen(line) + 1) {
            bool is_refresh = strcmp(cookie->name, COOKIE_REFRESH) == 0;
            const char *age = !cookie->field ? "0" : strcmp(cookie->name, "__Host-google") == 0 ? "600" : "2592000";
            char expected[256];
            snprintf(expected, sizeof expected, "%s=%s; Path=/; Secure; HttpOnly; SameSite=%s; Max-Age=%s",
                     cookie->name, cookie->field ? "abc.DEF-ghi_0" : "", is_refresh ? "Strict" : "Lax", age);
            assert_string_equal(line, expected);
        }
        assert_ptr_equal(line, lines.bytes + lines.length);
    }
    assert_true(seen > 10);
    buffer_free(&reply);
    buffer_free(&lines);
    pool_destroy(&pool);
}

static void only_tokens_go_into_cookies(void **state) {
    (void)state;
    static const char *const bad[] = {
        "", "a b", "a;b", "a,b", "a\"b", "a\\b", "é", "a\nb", "a\r\nSet-Cookie: x", "a=b", "a;Domain=x"};
    const struct cookie cookies[] = {{COOKIE_SESSION, &record_signed_in.fields[0]}, {NULL, NULL}};
    const struct cookie unknown[] = {{"__Host-other", &record_signed_in.fields[0]}, {NULL, NULL}};
    struct pool *pool = pool_new();
    struct buffer reply = {0}, lines = {0};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        pack_reply(cookies, span(bad[i]), &reply);
        assert_int_equal(cookies_append(cookies, (struct text_span){reply.bytes, reply.length}, pool, &lines), -1);
    }
    pack_reply(unknown, span("abc"), &reply);
    assert_int_equal(cookies_append(unknown, (struct text_span){reply.bytes, reply.length}, pool, &lines), -1);
    assert_int_equal(lines.length, 0);
    pack_reply(&cookies[1], span("abc"), &reply);
    assert_int_equal(cookies_append(cookies, (struct text_span){reply.bytes, reply.length}, pool, &lines), 0);
    assert_int_equal(lines.length, 0);
    buffer_free(&reply);
    buffer_free(&lines);
    pool_destroy(&pool);
}

static void sources_are_judged(void **state) {
    (void)state;
    static const struct {
        const char *public_url, *site, *origin, *host;
        bool https;
        enum csrf_source expected;
    } cases[] = {
        {"", "same-origin", NULL, "x", false, CSRF_OWN},
        {"", "same-origin", "https://evil.example", "x", false, CSRF_OWN},
        {"", "same-site", "http://x", "x", false, CSRF_FOREIGN},
        {"", "cross-site", "http://x", "x", false, CSRF_FOREIGN},
        {"", "none", NULL, "x", false, CSRF_FOREIGN},
        {"", "", NULL, "x", false, CSRF_FOREIGN},
        {"", "same-origin, cross-site", NULL, "x", false, CSRF_FOREIGN},
        {"", NULL, NULL, "x", false, CSRF_SILENT},
        /* by the request's own scheme and host */
        {"", NULL, "http://x", "x", false, CSRF_OWN},
        {"", NULL, "http://X:5000", "x:5000", false, CSRF_OWN},
        {"", NULL, "https://x", "x", true, CSRF_OWN},
        {"", NULL, "http://[::1]:5000", "[::1]:5000", false, CSRF_OWN},
        {"", NULL, "http://x", "x", true, CSRF_FOREIGN},
        {"", NULL, "https://x", "x", false, CSRF_FOREIGN},
        {"", NULL, "http://x:5001", "x:5000", false, CSRF_FOREIGN},
        {"", NULL, "http://x", "x:80", false, CSRF_FOREIGN},
        {"", NULL, "http://xy", "x", false, CSRF_FOREIGN},
        {"", NULL, "http://", "", false, CSRF_FOREIGN},
        {"", NULL, "http://x", NULL, false, CSRF_FOREIGN},
        {"", NULL, "null", "x", false, CSRF_FOREIGN},
        {"", NULL, "", "x", false, CSRF_FOREIGN},
        /* by PUBLIC_URL */
        {"https://tithi.example", NULL, "https://tithi.example", "10.0.0.1:5000", false, CSRF_OWN},
        {"https://Tithi.example/", NULL, "https://tithi.example", "10.0.0.1:5000", false, CSRF_OWN},
        {"https://tithi.example:443/app?x", NULL, "https://tithi.example", "y", false, CSRF_OWN},
        {"http://tithi.example:80", NULL, "http://tithi.example", "y", false, CSRF_OWN},
        {"https://tithi.example:8443", NULL, "https://tithi.example:8443", "y", false, CSRF_OWN},
        {"https://tithi.example:80", NULL, "https://tithi.example", "y", false, CSRF_FOREIGN},
        {"https://tithi.example", NULL, "http://tithi.example", "y", false, CSRF_FOREIGN},
        {"https://tithi.example", NULL, "https://tithi.example.evil", "y", false, CSRF_FOREIGN},
        {"https://tithi.example", NULL, "https://tithi.exampl", "y", false, CSRF_FOREIGN},
        {"https://tithi.example", NULL, "https://sub.tithi.example", "y", false, CSRF_FOREIGN},
        {"https://tithi.example", NULL, NULL, "y", false, CSRF_SILENT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct csrf_evidence evidence = {.site = span(cases[i].site),
                                               .origin = span(cases[i].origin),
                                               .host = span(cases[i].host),
                                               .https = cases[i].https};
        settings.public_url = cases[i].public_url;
        enum csrf_source source = csrf_source_of(&evidence);
        if (source != cases[i].expected)
            fail_msg("case %zu: site %s, origin %s: %d", i, cases[i].site, cases[i].origin, source);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cookies_are_found),
        cmocka_unit_test(all_cookies_of_the_contract_are_safe),
        cmocka_unit_test(only_tokens_go_into_cookies),
        cmocka_unit_test(sources_are_judged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
