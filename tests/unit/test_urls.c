/* URLs that people give us: which may be sent webhooks, and which name an address, however it is spelt. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "urls.h"

static void webhook_urls(void **state) {
    (void)state;
    static const struct {
        const char *url;
        bool good, good_if_plain;
    } cases[] = {
        {"https://crm.example.com/hook", true, true},
        {"HTTPS://crm.example.com:8443/hook", true, true},
        {"https://crm.example.com/@hook?to=a@b", true, true},
        {"http://crm.example.com/hook", false, true},
        {"ftp://crm.example.com/hook", false, false},
        {"file:///etc/passwd", false, false},
        {"gopher://crm.example.com/", false, false},
        {"https://me:password@crm.example.com/", false, false},
        {"https://me@crm.example.com/", false, false},
        {"https://crm.example.com/hook#part", false, false},
        {"https://", false, false},
        {"https://crm.example.com:99999/", false, false},
        {"https://crm.example.com:0/", false, false},
        {"https://crm.example.com:000/", false, false},
        {"https://crm.example.com:65535/", true, true},
        {"//crm.example.com/", false, false},
        {"crm", false, false},
        {"", false, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (!webhook_url_problem(cases[i].url, false) != cases[i].good ||
            !webhook_url_problem(cases[i].url, true) != cases[i].good_if_plain)
            fail_msg("%s", cases[i].url);
}

static void addresses_in_any_spelling(void **state) {
    (void)state;
    static const struct {
        const char *url, *address; /* NULL: it is a name */
    } cases[] = {
        {"http://127.0.0.1/", "127.0.0.1"},
        {"http://127.0.0.1.:80/", "127.0.0.1"},
        {"http://127.1/", "127.0.0.1"},
        {"http://127.0.1/", "127.0.0.1"},
        {"http://2130706433/", "127.0.0.1"},
        {"http://017700000001/", "127.0.0.1"},
        {"http://0177.0.0.1/", "127.0.0.1"},
        {"http://0x7f.1/", "127.0.0.1"},
        {"http://0x7f000001:8080/", "127.0.0.1"},
        {"http://0x7f.0x0.0x0.0x1../", "127.0.0.1"},
        {"http://%31%32%37.0.0.1/", "127.0.0.1"},
        {"http://0/", "0.0.0.0"},
        {"http://8.8.8.8/", "8.8.8.8"},
        {"http://[::1]/", "::1"},
        {"http://[0:0:0:0:0:0:0:1]:80/", "::1"},
        {"http://[::ffff:127.0.0.1]/", "::ffff:127.0.0.1"},
        {"http://[64:ff9b::7f00:1]/", "64:ff9b::7f00:1"},
        {"http://[64:ff9b:1::7f00:1]/", "64:ff9b:1::7f00:1"},
        {"http://[2002:7f00:1::]/", "2002:7f00:1::"},
        {"http://[fe80::1%25eth0]/", "fe80::1"},
        {"http://localhost/", NULL},
        {"http://crm.example.com/", NULL},
        {"http://127.0.0.1.example.com/", NULL},
        {"http://1.2.3.4.5/", NULL},
        {"http://127.0.0.256/", NULL},
        {"http://me@127.0.0.1/", NULL}, /* no URL of ours */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sockaddr_storage found = {0};
        char text[INET6_ADDRSTRLEN] = "";
        bool literal = url_address(cases[i].url, &found);
        if (found.ss_family == AF_INET6)
            inet_ntop(AF_INET6, &((struct sockaddr_in6 *)&found)->sin6_addr, text, sizeof text);
        else if (found.ss_family == AF_INET)
            inet_ntop(AF_INET, &((struct sockaddr_in *)&found)->sin_addr, text, sizeof text);
        if (literal != !!cases[i].address || (literal && strcmp(text, cases[i].address) != 0))
            fail_msg("%s is %s", cases[i].url, text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(webhook_urls),
        cmocka_unit_test(addresses_in_any_spelling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
