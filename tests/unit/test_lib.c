/* The small parts of lib/: settings, entity tags, ids, memory. Each test is a table of cases where the subject allows it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "buffer.h"
#include "clock.h"
#include "etag.h"
#include "pool.h"
#include "settings.h"
#include "uuid.h"

static void settings_refuse_malformed_values(void **state) {
    (void)state;
    static const struct {
        const char *name, *value;
    } cases[] = {
        {"HTTP_PORT", "70000"},         {"HTTP_PORT", "80x"},           {"HTTP_PORT", " 80"},
        {"HTTP_PORT", "-1"},            {"ACCESS_TOKEN_TTL", "1 day"},  {"ACCESS_TOKEN_TTL", "0"},
        {"ACCESS_TOKEN_TTL", "24hh"},   {"ACCESS_TOKEN_TTL", "h"},      {"HOLD_TTL", "9223372036854775807d"},
        {"RATE_LIMIT_READ", "10"},      {"RATE_LIMIT_READ", "0/60"},    {"RATE_LIMIT_READ", "10/0"},
        {"RATE_LIMIT_READ", "10/60/1"}, {"JWT_SECRET_KEY", "short"},    {"PUBLIC_URL", "ftp://x"},
        {"PUBLIC_URL", "https://"},     {"TITHI_ENV", "prod"},          {"LOG_LEVEL", "loud"},
        {"FACILITATOR_SIGNUP", "yes"},  {"TLS_CERT_FILE", "/cert.pem"}, {"JWT_SECRET_KEY_FILE", "/no/such/file"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char problem[512] = "";
        setenv(cases[i].name, cases[i].value, 1);
        assert_int_equal(settings_load(problem, sizeof problem), -1);
        assert_non_null(strstr(problem, cases[i].name)); /* the sentence names the setting */
        unsetenv(cases[i].name);
        assert_int_equal(settings_load(problem, sizeof problem), 0);
    }
}

static void settings_take_good_values(void **state) {
    (void)state;
    char problem[512];
    setenv("HOLD_TTL", "90s", 1);
    setenv("REFRESH_TOKEN_TTL", "30d", 1);
    setenv("RATE_LIMIT_WRITE", "off", 1);
    setenv("RATE_LIMIT_READ", "7/3", 1);
    assert_int_equal(settings_load(problem, sizeof problem), 0);
    assert_int_equal(settings.hold_ttl_s, 90);
    assert_int_equal(settings.refresh_token_ttl_s, 30 * 86400);
    assert_int_equal(settings.rate_limit_write.count, 0);
    assert_int_equal(settings.rate_limit_read.count, 7);
    assert_int_equal(settings.rate_limit_read.seconds, 3);
    assert_int_equal(settings.http_port, 5000);
}

static void settings_mask_secrets(void **state) {
    (void)state;
    char problem[512], *text = NULL;
    size_t length;
    setenv("JWT_SECRET_KEY", "0123456789abcdef0123456789abcdef", 1);
    assert_int_equal(settings_load(problem, sizeof problem), 0);
    FILE *out = open_memstream(&text, &length);
    settings_print_effective(out);
    fclose(out);
    assert_non_null(strstr(text, "JWT_SECRET_KEY=***"));
    assert_null(strstr(text, "0123456789abcdef"));
    free(text);
    unsetenv("JWT_SECRET_KEY");
}

static void etags_match_as_rfc_9110_says(void **state) {
    (void)state;
    char etag[ETAG_SIZE], other[ETAG_SIZE], list[256];
    etag_text("a", 1, etag);
    etag_text("b", 1, other);
    assert_string_not_equal(etag, other);
    static const struct {
        const char *format;
        int strong, weak;
    } cases[] = {
        {"%s", 1, 1},      {"\"x\", %s", 1, 1}, {"W/%s", 0, 1}, {"*", 1, 1},  {"\"x\"", 0, 0},
        {"unquoted", 0, 0}, {"", 0, 0},          {"\"", 0, 0},   {"W/", 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *at = strstr(cases[i].format, "%s");
        if (at)
            snprintf(list, sizeof list, "%.*s%s", (int)(at - cases[i].format), cases[i].format, etag);
        else
            snprintf(list, sizeof list, "%s", cases[i].format);
        assert_int_equal(etag_listed(list, etag, false), cases[i].strong);
        assert_int_equal(etag_listed(list, etag, true), cases[i].weak);
    }
    snprintf(list, sizeof list, "%.*s-gzip\"", ETAG_SIZE - 2, etag); /* the compressed form of the same answer */
    assert_true(etag_listed(list, etag, false));
}

static void uuids_have_their_version_and_order(void **state) {
    (void)state;
    char text[UUID_TEXT_SIZE];
    struct uuid first = uuid_new(), again;
    assert_int_equal(uuid_text(&first, text)[14], '7');
    assert_non_null(strchr("89ab", text[19]));
    assert_int_equal(uuid_parse(text, &again), 0);
    assert_true(uuid_equal(&first, &again));
    for (int i = 0; i < 1000; i++) {
        again = uuid_new();
        assert_false(uuid_equal(&first, &again));
        assert_true(memcmp(first.bytes, again.bytes, 6) <= 0);
    }
    struct uuid derived = uuid_derive((const char *const[]){"user:1", "key", NULL});
    struct uuid same = uuid_derive((const char *const[]){"user:1", "key", NULL});
    struct uuid shifted = uuid_derive((const char *const[]){"user:1k", "ey", NULL});
    assert_true(uuid_equal(&derived, &same));
    assert_false(uuid_equal(&derived, &shifted));
    assert_int_equal(uuid_text(&derived, text)[14], '8');
    static const char *const bad[] = {"", "0190", "01902b5c-0000-7000-8000-00000000000g", "01902b5c+0000-7000-8000-000000000000",
                                      "01902b5c-0000-7000-8000-0000000000000"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(uuid_parse(bad[i], &again), -1);
}

static void pools_give_aligned_zeroed_memory(void **state) {
    (void)state;
    struct pool *pool = pool_new();
    for (int round = 0; round < 3; round++) {
        for (size_t size = 0; size < 9000; size += 271) {
            unsigned char *bytes = pool_alloc(pool, size);
            assert_int_equal((uintptr_t)bytes % 16, 0);
            for (size_t i = 0; i < size; i++)
                assert_int_equal(bytes[i], 0);
            memset(bytes, 0xff, size);
        }
        assert_string_equal(pool_printf(pool, "%d-%s", 7, "x"), "7-x");
        pool_reset(pool);
    }
    pool_destroy(&pool);
    assert_null(pool);
}

static void buffers_grow(void **state) {
    (void)state;
    struct buffer buffer = {0};
    for (int i = 0; i < 1000; i++)
        buffer_printf(&buffer, "%04d", i);
    assert_int_equal(buffer.length, 4000);
    assert_string_equal(buffer_text(&buffer) + 3996, "0999");
    buffer_clear(&buffer);
    assert_string_equal(buffer_text(&buffer), "");
    buffer_free(&buffer);
}

static void times_are_rfc_3339(void **state) {
    (void)state;
    char text[CLOCK_TEXT_SIZE];
    assert_string_equal(clock_text(0, text), "1970-01-01T00:00:00.000Z");
    assert_string_equal(clock_text(1709210096789, text), "2024-02-29T12:34:56.789Z");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_refuse_malformed_values), cmocka_unit_test(settings_take_good_values),
        cmocka_unit_test(settings_mask_secrets),            cmocka_unit_test(etags_match_as_rfc_9110_says),
        cmocka_unit_test(uuids_have_their_version_and_order), cmocka_unit_test(pools_give_aligned_zeroed_memory),
        cmocka_unit_test(buffers_grow),                     cmocka_unit_test(times_are_rfc_3339),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
