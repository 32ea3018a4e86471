/* Where webhooks may go: every kind of address that is not everybody's is refused, unless the operator's list names it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <sys/un.h>

#include "addresses.h"

static const struct sockaddr *parse(const char *text) {
    static struct sockaddr_storage storage;
    struct sockaddr_in *v4 = (struct sockaddr_in *)&storage;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&storage;
    memset(&storage, 0, sizeof storage);
    storage.ss_family = strchr(text, ':') ? AF_INET6 : AF_INET;
    if (inet_pton(storage.ss_family, text, strchr(text, ':') ? (void *)&v6->sin6_addr : (void *)&v4->sin_addr) != 1)
        fail_msg("%s is no address", text);
    return (const struct sockaddr *)&storage;
}

static void only_global_addresses_are_global(void **state) {
    (void)state;
    static const char *const global[] = {
        "1.1.1.1",         "8.8.8.8",    "9.255.255.255", "11.0.0.0",    "100.63.255.255",  "100.128.0.0",
        "126.255.255.255", "128.0.0.0",  "172.15.0.1",    "172.32.0.1",  "192.0.1.1",       "192.167.1.1",
        "192.169.0.1",     "198.17.0.1", "198.20.0.1",    "203.0.112.1", "223.255.255.255", "2606:4700::1111",
        "2a00:1450::1",    "2003::1",    "2001:200::1",   "2620:fe::fe",
    };
    static const char *const others[] = {
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "10.255.255.255",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.1.1",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.1",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "64:ff9b::7f00:1",
        "64:ff9b::808:808",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:1ff::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "2002:808:808::1",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd12:3456::1",
        "fe80::1",
        "febf::1",
        "fec0::1",
        "ff02::1",
        "4000::1",
    };
    for (size_t i = 0; i < sizeof global / sizeof *global; i++)
        if (!address_is_global(parse(global[i])))
            fail_msg("%s is global", global[i]);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (address_is_global(parse(others[i])))
            fail_msg("%s is not global", others[i]);
    const struct sockaddr_un local = {.sun_family = AF_UNIX};
    assert_false(address_is_global((const struct sockaddr *)&local));
}

static void lists_contain_what_they_name(void **state) {
    (void)state;
    static const struct {
        const char *list, *address;
        bool contained;
    } cases[] = {
        {"", "127.0.0.1", false},
        {"127.0.0.0/8", "127.9.9.9", true},
        {"127.0.0.0/8", "128.0.0.0", false},
        {"127.0.0.1", "127.0.0.1", true},
        {"127.0.0.1", "127.0.0.2", false},
        {"10.0.0.0/8,::1/128", "::1", true},
        {" 10.0.0.0/8 , 192.168.4.0/22 ,", "192.168.7.255", true},
        {"192.168.4.0/22", "192.168.8.0", false},
        {"0.0.0.0/0", "10.1.1.1", true},
        {"0.0.0.0/0", "::1", false},
        {"::/0", "10.1.1.1", false},
        {"fd00::/8", "fdff::1", true},
        {"fe80::/10", "febf::1", true},
        {"fe80::/10", "fec0::1", false},
        {"127.0.0.0/8", "::ffff:127.0.0.1", false},
        {"::ffff:127.0.0.0/104", "::ffff:127.0.0.1", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct networks networks;
        assert_int_equal(networks_parse(cases[i].list, &networks), 0);
        if (networks_contain(&networks, parse(cases[i].address)) != cases[i].contained)
            fail_msg("%s in \"%s\"", cases[i].address, cases[i].list);
    }
}

static void malformed_lists_are_refused(void **state) {
    (void)state;
    static const char *const cases[] = {
        "localhost",      "127.0.0.0/33", "127.0.0.0/-1",
        "127.0.0.0/",     "127.0.0/8",    "127.0.0.0/8/8",
        "::/129",         "::/x",         "300.0.0.1",
        "10.0.0.0/8;::1", "/8",           "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa::"};
    struct networks networks;
    char many[NETWORKS_LIMIT * 8 + 16] = "";
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (networks_parse(cases[i], &networks) != -1)
            fail_msg("\"%s\"", cases[i]);
    for (int i = 0; i < NETWORKS_LIMIT; i++)
        strcat(many, "1.1.1.1,");
    assert_int_equal(networks_parse(many, &networks), 0);
    strcat(many, "1.1.1.1");
    assert_int_equal(networks_parse(many, &networks), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_global_addresses_are_global),
        cmocka_unit_test(lists_contain_what_they_name),
        cmocka_unit_test(malformed_lists_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
