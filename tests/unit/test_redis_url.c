/* REDIS_URL: the forms that are good, and those that are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "redis_url.h"

static void good_addresses_come_apart(void **state) {
    (void)state;
    static const struct {
        const char *url;
        struct redis_address expected;
    } cases[] = {
        {"redis://localhost", {.host = "localhost", .port = 6379}},
        {"redis://localhost/", {.host = "localhost", .port = 6379}},
        {"redis://10.0.0.1:6380/3", {.host = "10.0.0.1", .port = 6380, .database = 3}},
        {"redis://[::1]:6380", {.host = "::1", .port = 6380}},
        {"redis://:se%40cret@h:1", {.host = "h", .port = 1, .password = "se@cret"}},
        {"redis://me:p%3Aw@h", {.host = "h", .port = 6379, .user = "me", .password = "p:w"}},
        {"unix:///run/redis.sock", {.path = "/run/redis.sock"}},
        {"unix:///run/redis.sock?db=2", {.path = "/run/redis.sock", .database = 2}},
        {"unix://:pw@/run/redis.sock", {.path = "/run/redis.sock", .password = "pw"}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct redis_address address;
        if (redis_url_parse(cases[i].url, &address) != 0)
            fail_msg("%s", cases[i].url);
        assert_string_equal(address.path, cases[i].expected.path);
        assert_string_equal(address.host, cases[i].expected.host);
        assert_string_equal(address.user, cases[i].expected.user);
        assert_string_equal(address.password, cases[i].expected.password);
        assert_int_equal(address.port, cases[i].expected.port);
        assert_int_equal(address.database, cases[i].expected.database);
    }
}

static void others_are_refused(void **state) {
    (void)state;
    char long_path[256] = "unix:///";
    memset(long_path + 8, 'x', 200);
    const char *const cases[] = {"",
                                 "localhost",
                                 "http://h",
                                 "rediss://h",
                                 "redis://",
                                 "redis://:1",
                                 "redis://h:",
                                 "redis://h:0",
                                 "redis://h:65536",
                                 "redis://h:6x",
                                 "redis://h/x",
                                 "redis://h/-1",
                                 "redis://h?db=1",
                                 "redis://pw@h",
                                 "redis://:%zz@h",
                                 "redis://:%00@h",
                                 "redis://:%4@h",
                                 "redis://[::1",
                                 "redis://[::1]x",
                                 "unix://",
                                 "unix:///",
                                 "unix://run/redis.sock",
                                 "unix:///run/redis.sock?db=x",
                                 "unix:///s?x=1",
                                 long_path};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct redis_address address;
        if (redis_url_parse(cases[i], &address) != -1)
            fail_msg("%s", cases[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_addresses_come_apart),
        cmocka_unit_test(others_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
