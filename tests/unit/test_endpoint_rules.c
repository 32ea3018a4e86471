/* Where a webhook endpoint may be, by the text of its address: https, and no address that is not everybody's, in
 * whatever spelling, unless the operator's list names it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "endpoint_rules.h"

static void urls_in_production_and_elsewhere(void **state) {
    (void)state;
    static const struct {
        const char *url;
        enum url_verdict verdict, in_production;
    } cases[] = {
        {"https://crm.example.com/hook", URL_GOOD, URL_GOOD},
        {"http://crm.example.com/hook", URL_GOOD, URL_MALFORMED},
        {"https://me@crm.example.com/", URL_MALFORMED, URL_MALFORMED},
        {"https://crm.example.com/#part", URL_MALFORMED, URL_MALFORMED},
        {"ftp://crm.example.com/", URL_MALFORMED, URL_MALFORMED},
        {"https://8.8.8.8/", URL_GOOD, URL_GOOD},
        {"http://8.8.8.8/", URL_GOOD, URL_MALFORMED},
        {"http://10.9.8.7/", URL_GOOD, URL_GOOD}, /* allowed below */
        {"http://[fd00::7]/", URL_GOOD, URL_GOOD},
        {"http://168364039/", URL_GOOD, URL_GOOD}, /* 10.9.8.7 */
        {"https://10.9.9.1/", URL_REFUSED, URL_REFUSED},
        {"https://127.0.0.1/", URL_REFUSED, URL_REFUSED},
        {"https://127.0.0.1./", URL_REFUSED, URL_REFUSED},
        {"https://127.1/", URL_REFUSED, URL_REFUSED},
        {"https://0x7f.1/", URL_REFUSED, URL_REFUSED},
        {"https://2130706433/", URL_REFUSED, URL_REFUSED},
        {"https://017700000001/", URL_REFUSED, URL_REFUSED},
        {"https://100.64.0.1/", URL_REFUSED, URL_REFUSED},
        {"https://169.254.169.254/latest/meta-data", URL_REFUSED, URL_REFUSED},
        {"https://[::1]/", URL_REFUSED, URL_REFUSED},
        {"https://[::ffff:8.8.8.8]/", URL_REFUSED, URL_REFUSED},
        {"https://[::ffff:10.9.8.7]/", URL_REFUSED, URL_REFUSED},
        {"https://[64:ff9b::808:808]/", URL_REFUSED, URL_REFUSED},
        {"https://[64:ff9b:1::1]/", URL_REFUSED, URL_REFUSED},
        {"https://[2002:808:808::1]/", URL_REFUSED, URL_REFUSED},
        {"https://[2606:4700::1111]/", URL_GOOD, URL_GOOD},
        {"https://localhost/", URL_GOOD, URL_GOOD}, /* a name: judged by what it resolves to */
    };
    struct networks allowed;
    assert_int_equal(networks_parse("10.9.8.0/24, fd00::/8", &allowed), 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *problem = NULL, *in_production = NULL;
        if (rule_endpoint_url(cases[i].url, false, &allowed, &problem) != cases[i].verdict ||
            rule_endpoint_url(cases[i].url, true, &allowed, &in_production) != cases[i].in_production)
            fail_msg("%s", cases[i].url);
        if (!!problem != (cases[i].verdict == URL_MALFORMED) ||
            !!in_production != (cases[i].in_production == URL_MALFORMED))
            fail_msg("the reason for %s", cases[i].url);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(urls_in_production_and_elsewhere)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
