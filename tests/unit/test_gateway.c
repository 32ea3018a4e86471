/* The gateway's parts that need no network: request heads, routes, addresses behind proxies, traces, limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "address.h"
#include "encoding.h"
#include "limits.h"
#include "operations.h"
#include "quantile.h"
#include "router.h"
#include "settings.h"
#include "strict.h"
#include "trace.h"

#define HEADER_ROOM 100

/* picohttpparser's, as h2o bundles it; strict.c stands before it. */
struct phr_header {
    const char *name;
    size_t name_length;
    const char *value;
    size_t value_length;
};
int phr_parse_request(const char *bytes, size_t length, const char **method, size_t *method_length, const char **target,
                      size_t *target_length, int *minor_version, struct phr_header *headers, size_t *header_count,
                      size_t previous_length);

#define UNFINISHED "unfinished"

/* What becomes of a head: the code of its refusal, its target, or UNFINISHED. */
static const char *outcome_of(const char *head, char ret_text[256]) {
    struct phr_header headers[HEADER_ROOM];
    size_t header_count = HEADER_ROOM, method_length;
    const char *method;
    int minor_version;
    h2o_req_t req = {0};
    int outcome = phr_parse_request(head, strlen(head), &method, &method_length, (const char **)&req.input.path.base,
                                    &req.input.path.len, &minor_version, headers, &header_count, 0);
    if (outcome == -2)
        return UNFINISHED;
    assert_true(outcome > 0);
    const struct refusal *refusal = strict_refusal(&req);
    if (refusal)
        return refusal->code;
    snprintf(ret_text, 256, "%.*s", (int)req.input.path.len, req.input.path.base);
    return ret_text;
}

static void heads_are_taken_or_refused(void **state) {
    (void)state;
    static const struct {
        const char *head;
        const char *expected;
    } cases[] = {
        {"GET /a HTTP/1.1\r\nHost: x\r\n\r\n", "/a"},
        {"GET /a HTTP/1.0\r\n\r\n", "/a"},
        {"GET /a HTTP/1.1\r\nHost: x\r\n", UNFINISHED},
        {"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", "/a"},
        {"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n", "/a"},
        {"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "*"},
        {"GET http://x/a?b HTTP/1.1\r\nHost: x\r\n\r\n", "/a?b"},
        {"GET HTTP://X:1 HTTP/1.1\r\nHost: x:1\r\n\r\n", "/"},
        {"GET http://y/a HTTP/1.1\r\nHost: x\r\n\r\n", "bad_request"},
        {"GET http://xy/a HTTP/1.1\r\nHost: x\r\n\r\n", "bad_request"},
        {"GET a HTTP/1.1\r\nHost: x\r\n\r\n", "bad_request"},
        {"GET /a HTTP/1.1\r\n\r\n", "bad_request"},
        {"GET /a HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", "bad_request"},
        {"GET /a HTTP/1.1\r\nHost: x/y\r\n\r\n", "bad_request"},
        {"GET /a HTTP/1.1\r\nHost:\r\n\r\n", "bad_request"},
        {"GET /a HTTP/1.2\r\nHost: x\r\n\r\n", "bad_request"},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "bad_request"},
        {"GET /a HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n", "bad_request"},
        {"GET /a HTTP/1.1\nHost: x\n\n", "bad_request"},
        {"GET /a HTTP/1.1\r\nHost: x\nA: b\r\n\r\n", "bad_request"},
        {"GET /a HTTP/1.1\r\nHost : x\r\n\r\n", "bad_request"},
        {"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n", "bad_request"},
        {"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n", "bad_request"},
        {"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2, 2\r\n\r\n", "bad_request"},
        {"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: +2\r\n\r\n", "bad_request"},
        {"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n\r\n", "bad_request"},
        {"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n", "bad_request"},
        {"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "bad_request"},
        {"POST /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "bad_request"},
        {"GET /a HTTP/1.1\r\nHost: x\r\nAuthorization: a\r\nAuthorization: b\r\n\r\n", "bad_request"},
        {"nonsense\r\n\r\n", "bad_request"},
    };
    assert_int_equal(strict_start(), 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[256];
        const char *outcome = outcome_of(cases[i].head, text);
        if (strcmp(outcome, cases[i].expected) != 0)
            fail_msg("%s: %s instead of %s", cases[i].head, outcome, cases[i].expected);
    }
}

static void heads_are_bounded(void **state) {
    (void)state;
    char head[40000], text[256];
    char *end = stpcpy(head, "GET /a HTTP/1.1\r\nHost: x\r\n");
    for (int i = 1; i < 64; i++)
        end = stpcpy(end, "A: b\r\n");
    strcpy(end, "\r\n");
    assert_string_equal(outcome_of(head, text), "/a");
    strcpy(end, "A: b\r\n\r\n");
    assert_string_equal(outcome_of(head, text), "headers_too_large");
    for (int i = 0; i < 100; i++)
        end = stpcpy(end, "A: b\r\n");
    strcpy(end, "\r\n");
    assert_string_equal(outcome_of(head, text), "headers_too_large");

    end = stpcpy(head, "GET /a HTTP/1.1\r\nHost: x\r\nA: ");
    memset(end, 'b', 17000);
    end[17000] = '\0';
    assert_string_equal(outcome_of(head, text), "headers_too_large");
    strcpy(end + 16000, "\r\n\r\n");
    assert_string_equal(outcome_of(head, text), "/a");

    end = stpcpy(head, "GET /");
    memset(end, 'a', 9000);
    strcpy(end + 9000, " HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_string_equal(outcome_of(head, text), "uri_too_long");
}

static void routes_are_found(void **state) {
    (void)state;
    static const struct {
        const char *method, *path;
        enum route_result result;
        const struct operation *operation;
        const char *value;
    } cases[] = {
        {"GET", "/", ROUTE_FOUND, &operation_health, NULL},
        {"GET", "/api", ROUTE_FOUND, &operation_health, NULL},
        {"GET", "/events", ROUTE_FOUND, &operation_list_events, NULL},
        {"GET", "/events/", ROUTE_FOUND, &operation_list_events, NULL},
        {"HEAD", "/events/7", ROUTE_FOUND, &operation_get_event, "7"},
        {"GET", "/events/7/", ROUTE_FOUND, &operation_get_event, "7"},
        {"GET", "/events/a%2Fb", ROUTE_FOUND, &operation_get_event, "a/b"},
        {"GET", "/%65vents/%37", ROUTE_FOUND, &operation_get_event, "7"},
        {"GET", "/bookings/my", ROUTE_FOUND, &operation_list_bookings, NULL},
        {"GET", "/bookings/mine/", ROUTE_FOUND, &operation_list_bookings, NULL},
        {"GET", "/bookings/5", ROUTE_FOUND, &operation_get_booking, "5"},
        {"POST", "/bookings/5/cancel", ROUTE_FOUND, &operation_cancel_booking, "5"},
        {"GET", "/events/filter", ROUTE_FOUND, &operation_list_events, NULL},
        {"GET", "/facilitator/revenue", ROUTE_FOUND, &operation_get_revenue, NULL},
        {"GET", "/facilitator/revenue.csv", ROUTE_FOUND, &operation_get_revenue, NULL},
        {"POST", "/payments/webhooks/stripe", ROUTE_FOUND, &operation_receive_stripe_event, NULL},
        {"GET", "/app", ROUTE_FOUND, &operation_web_app, NULL},
        {"GET", "/app/", ROUTE_FOUND, &operation_web_app, NULL},
        {"GET", "/app/a", ROUTE_FOUND, &operation_web_app_file, "a"},
        {"HEAD", "/app/a/b.c/d/", ROUTE_FOUND, &operation_web_app_file, "a/b.c/d"},
        {"GET", "/app/a%20b/%41", ROUTE_FOUND, &operation_web_app_file, "a b/A"},
        {"GET", "/app/...", ROUTE_FOUND, &operation_web_app_file, "..."},
        {"GET", "/app/1/2/3/4/5/6/7/8/9/10/11", ROUTE_FOUND, &operation_web_app_file, "1/2/3/4/5/6/7/8/9/10/11"},
        {"GET", "/app/1/2/3/4/5/6/7/8/9/10/11/12", ROUTE_NONE, NULL, NULL},
        {"GET", "/app/..", ROUTE_NONE, NULL, NULL},
        {"GET", "/app/a/../b", ROUTE_NONE, NULL, NULL},
        {"GET", "/app/a/%2e%2E/b", ROUTE_NONE, NULL, NULL},
        {"GET", "/app/./a", ROUTE_NONE, NULL, NULL},
        {"GET", "/app/a%2Fb", ROUTE_NONE, NULL, NULL},
        {"GET", "/app//a", ROUTE_NONE, NULL, NULL},
        {"GET", "/app/a%00", ROUTE_MALFORMED, NULL, NULL},
        {"POST", "/app/a", ROUTE_OTHER_METHOD, NULL, NULL},
        {"GET", "//events", ROUTE_NONE, NULL, NULL},
        {"GET", "/events//", ROUTE_FOUND, &operation_list_events, NULL},
        {"GET", "/events/1/2/3", ROUTE_NONE, NULL, NULL},
        {"GET", "/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15", ROUTE_NONE, NULL, NULL},
        {"GET", "/healthz/../events", ROUTE_NONE, NULL, NULL},
        {"GET", "*", ROUTE_NONE, NULL, NULL},
        {"GET", "/EVENTS", ROUTE_NONE, NULL, NULL},
        {"PATCH", "/events/7", ROUTE_OTHER_METHOD, NULL, NULL},
        {"get", "/events", ROUTE_OTHER_METHOD, NULL, NULL},
        {"BREW", "/events", ROUTE_OTHER_METHOD, NULL, NULL},
        {"GET", "/events/7%00", ROUTE_MALFORMED, NULL, NULL},
        {"GET", "/events/%", ROUTE_MALFORMED, NULL, NULL},
        {"GET", "/events/%4", ROUTE_MALFORMED, NULL, NULL},
        {"GET", "/events/%zz", ROUTE_MALFORMED, NULL, NULL},
    };
    assert_int_equal(router_start(), 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        h2o_mem_pool_t pool;
        struct route_match match;
        h2o_mem_init_pool(&pool);
        const char *path = cases[i].path;
        enum route_result result = router_find(LISTENER_API, h2o_iovec_init(cases[i].method, strlen(cases[i].method)),
                                               path, strlen(path), &pool, &match);
        if (result != cases[i].result)
            fail_msg("%s %s", cases[i].method, path);
        if (result == ROUTE_FOUND && match.entry->route->operation != cases[i].operation)
            fail_msg("%s is %s", path, match.entry->route->operation->name);
        if (result == ROUTE_OTHER_METHOD)
            assert_non_null(strstr(match.allowed, "GET, HEAD"));
        if (cases[i].value) {
            assert_int_equal(match.values[0].length, strlen(cases[i].value));
            assert_memory_equal(match.values[0].bytes, cases[i].value, match.values[0].length);
        }
        h2o_mem_clear_pool(&pool);
    }
}

static void the_best_form_is_chosen(void **state) {
    (void)state;
    const unsigned all = 1u << ENCODING_BROTLI | 1u << ENCODING_GZIP | 1u << ENCODING_IDENTITY;
    const unsigned gzip = 1u << ENCODING_GZIP | 1u << ENCODING_IDENTITY;
    static const struct {
        const char *accepted;
        enum encoding of_all, of_gzip;
    } cases[] = {
        {"", ENCODING_IDENTITY, ENCODING_IDENTITY},
        {"gzip, deflate, br, zstd", ENCODING_BROTLI, ENCODING_GZIP},
        {"gzip", ENCODING_GZIP, ENCODING_GZIP},
        {"GZip , BR;q=0.9", ENCODING_GZIP, ENCODING_GZIP},
        {"gzip;q=0.5,br;q=0.8", ENCODING_BROTLI, ENCODING_GZIP},
        {"gzip;q=0.001", ENCODING_GZIP, ENCODING_GZIP},
        {"x-gzip", ENCODING_GZIP, ENCODING_GZIP},
        {"br;q=0, gzip; q=0.0", ENCODING_IDENTITY, ENCODING_IDENTITY},
        {"*", ENCODING_BROTLI, ENCODING_GZIP},
        {"*;q=0", ENCODING_IDENTITY, ENCODING_IDENTITY},
        {"br;q=0,*", ENCODING_GZIP, ENCODING_GZIP},
        {"identity, gzip;q=0.9", ENCODING_IDENTITY, ENCODING_IDENTITY},
        {"identity;q=0, gzip;q=0.1", ENCODING_GZIP, ENCODING_GZIP},
        {"identity;q=0", ENCODING_IDENTITY, ENCODING_IDENTITY},
        {"gzip;q=2", ENCODING_IDENTITY, ENCODING_IDENTITY},
        {"gzip;q=x", ENCODING_IDENTITY, ENCODING_IDENTITY},
        {"gzip;level=9;q=1.000", ENCODING_GZIP, ENCODING_GZIP},
        {",;,;q=1,=, gzip", ENCODING_GZIP, ENCODING_GZIP},
        {"brotli, gzipped, bro", ENCODING_IDENTITY, ENCODING_IDENTITY},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct text_span accepted = {cases[i].accepted, strlen(cases[i].accepted)};
        if (encoding_choose(accepted, all) != cases[i].of_all || encoding_choose(accepted, gzip) != cases[i].of_gzip)
            fail_msg("'%s' gives %d and %d", cases[i].accepted, encoding_choose(accepted, all),
                     encoding_choose(accepted, gzip));
    }
    assert_string_equal(encoding_name(ENCODING_BROTLI), "br");
    assert_null(encoding_name(ENCODING_IDENTITY));
}

static void only_proxies_are_believed(void **state) {
    (void)state;
    static const struct {
        const char *forwarded, *expected;
    } cases[] = {
        {"1.2.3.4", "1.2.3.4"},
        {"9.9.9.9, 1.2.3.4", "1.2.3.4"},
        {"1.2.3.4, 10.1.2.3", "1.2.3.4"},
        {"1.2.3.4 ,10.1.2.3,fd00::1", "1.2.3.4"},
        {"10.9.9.9", "10.9.9.9"},
        {"2001:db8::1", "2001:db8::1"},
        {"1.2.3.4, unknown", "10.0.0.1"},
        {"unknown, 10.0.0.2", "10.0.0.2"},
        {"", "10.0.0.1"},
    };
    assert_int_equal(address_read_proxies("10.0.0.0/8, fd00::/16"), 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct address address;
        char text[ADDRESS_TEXT_SIZE];
        assert_int_equal(address_parse("10.0.0.1", 8, &address), 0);
        assert_true(address_is_proxy(&address));
        address_forwarded(&address, cases[i].forwarded, strlen(cases[i].forwarded));
        if (strcmp(address_text(&address, text), cases[i].expected) != 0)
            fail_msg("%s gives %s", cases[i].forwarded, text);
    }
    static const char *const bad[] = {"10.0.0.0/33", "10.0.0.0/", "10.0.0/8", "x", "::1/129", "10.0.0.0/-1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(address_read_proxies(bad[i]), -1);
}

static void a_network_of_ipv6_is_one_caller(void **state) {
    (void)state;
    struct address address;
    char text[ADDRESS_TEXT_SIZE];
    assert_int_equal(address_parse("2001:db8:1:2:3:4:5:6", 20, &address), 0);
    assert_string_equal(address_scope(&address, text), "2001:db8:1:2::");
    assert_int_equal(address_parse("192.0.2.7", 9, &address), 0);
    assert_string_equal(address_scope(&address, text), "192.0.2.7");
}

static void traces_go_on_or_begin(void **state) {
    (void)state;
    static const struct {
        const char *header;
        bool goes_on;
    } cases[] = {
        {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", true},
        {"cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what", true},
        {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what", false},
        {"cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01.what", false},
        {"ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false},
        {"00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", false},
        {"00-00000000000000000000000000000000-b7ad6b7169203331-01", false},
        {"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", false},
        {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331", false},
        {"", false},
    };
    struct uuid id = uuid_new();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char trace[TRACE_SIZE];
        trace_continue(cases[i].header, strlen(cases[i].header), &id, trace);
        assert_int_equal(strlen(trace), TRACE_SIZE - 1);
        if ((strncmp(trace + 3, "0af7651916cd43dd8448eb211c80319c", 32) == 0) != cases[i].goes_on)
            fail_msg("%s gives %s", cases[i].header, trace);
        assert_null(strstr(trace, "b7ad6b7169203331"));
    }
}

static void limits_refill_evenly(void **state) {
    (void)state;
    settings.rate_limit_read = (struct limit){.count = 3, .seconds = 60};
    limits_start();
    const struct limit_policy *policy = limits_policy(LIMIT_READ);
    assert_non_null(policy);
    assert_null(limits_policy(LIMIT_WRITE));
    assert_null(limits_policy(LIMIT_NONE));
    static const struct {
        int64_t at_s;
        bool refused;
        int64_t remaining, retry_s;
    } cases[] = {
        {0, false, 2, 0},  {0, false, 1, 0},  {0, false, 0, 0},  {0, true, 0, 20},    {19, true, 0, 1},
        {20, false, 0, 0}, {20, true, 0, 20}, {61, false, 1, 0}, {1000, false, 2, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct quota quota =
            limits_quota(policy, limits_count_locally(policy, "somebody", 8, 1 + cases[i].at_s * 1000000));
        if (quota.refused != cases[i].refused || quota.remaining != cases[i].remaining ||
            quota.retry_s != cases[i].retry_s)
            fail_msg("case %zu: %d, %d left, retry %d", i, quota.refused, (int)quota.remaining, (int)quota.retry_s);
    }
    for (char other[16] = "other"; other[0] < 'z'; other[0]++)
        assert_true(limits_count_locally(policy, other, 5, 1) > 0);
}

static void keys_have_limits_of_their_own(void **state) {
    (void)state;
    settings.rate_limit_key = (struct limit){.count = 10, .seconds = 5};
    struct limit_policy of_everybody = limits_key_policy(0), own = limits_key_policy(60);
    assert_string_equal(of_everybody.text, "\"key\";q=10;w=5");
    assert_string_equal(own.text, "\"key\";q=60;w=60");
    assert_int_equal(own.interval_us, 1000000);
    settings.rate_limit_key = (struct limit){0};
    assert_int_equal(limits_key_policy(0).count, 0);
    assert_int_equal(limits_key_policy(7).count, 7);
    assert_true(limits_key_policy(1000000).interval_us > 0);
}

static void the_tighter_limit_counts(void **state) {
    (void)state;
    const struct quota much = {.remaining = 9}, little = {.remaining = 1}, nothing = {.refused = true};
    assert_true(limits_tighter(&little, &much));
    assert_false(limits_tighter(&much, &little));
    assert_true(limits_tighter(&nothing, &little));
    assert_false(limits_tighter(&little, &nothing));
}

static void quantiles_of_brokers_together(void **state) {
    (void)state;
    static const char one_text[] = "{\"count\": 10, \"buckets\": [{\"le_us\": 1000, \"count\": 0}, "
                                   "{\"le_us\": 2000, \"count\": 10}, {\"le_us\": null, \"count\": 10}]}";
    static const char other_text[] = "{\"count\": 10, \"buckets\": [{\"le_us\": 1000, \"count\": 8}, "
                                     "{\"le_us\": 2000, \"count\": 8}, {\"le_us\": null, \"count\": 10}]}";
    json_t *one = json_loads(one_text, 0, NULL), *other = json_loads(other_text, 0, NULL), *none = json_object();
    const struct {
        json_t *times[2];
        double quantile, expected_ms;
    } cases[] = {
        {{one, NULL}, 0.5, 1.5}, {{one, NULL}, 1, 2},       {{other, NULL}, 0.4, 0.5}, {{other, NULL}, 0.99, 2},
        {{one, other}, 0.4, 1},  {{one, other}, 0.65, 1.5}, {{one, other}, 0.95, 2},   {{NULL, other}, 0.8, 1},
        {{NULL, NULL}, 0.5, -1}, {{none, none}, 0.5, -1},   {{none, one}, 0.5, 1.5},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double found_ms = quantile_ms(cases[i].times, 2, cases[i].quantile);
        if (found_ms < cases[i].expected_ms - 1e-9 || found_ms > cases[i].expected_ms + 1e-9)
            fail_msg("case %zu gives %f", i, found_ms);
    }
    json_decref(one);
    json_decref(other);
    json_decref(none);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_are_taken_or_refused),
        cmocka_unit_test(heads_are_bounded),
        cmocka_unit_test(routes_are_found),
        cmocka_unit_test(the_best_form_is_chosen),
        cmocka_unit_test(only_proxies_are_believed),
        cmocka_unit_test(a_network_of_ipv6_is_one_caller),
        cmocka_unit_test(traces_go_on_or_begin),
        cmocka_unit_test(limits_refill_evenly),
        cmocka_unit_test(keys_have_limits_of_their_own),
        cmocka_unit_test(the_tighter_limit_counts),
        cmocka_unit_test(quantiles_of_brokers_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
