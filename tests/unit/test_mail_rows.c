/* What mails take from PUBLIC_URL and MAIL_FROM: where the pages of bookings and events are, and under which host
 * calendars know a booking. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mail_rows.h"
#include "settings.h"

static void addresses_follow_the_settings(void **state) {
    (void)state;
    static const struct {
        const char *public_url, *mail_from, *expected[3];
    } cases[] = {
        {"https://tithi.example",
         "a@b.example",
         {"https://tithi.example/app/bookings/", "tithi.example", "https://tithi.example/app/events/"}},
        {"https://tithi.example/",
         "a@b.example",
         {"https://tithi.example/app/bookings/", "tithi.example", "https://tithi.example/app/events/"}},
        {"http://127.0.0.1:5000",
         "a@b.example",
         {"http://127.0.0.1:5000/app/bookings/", "127.0.0.1", "http://127.0.0.1:5000/app/events/"}},
        {"", "a@b.example", {NULL, "b.example", NULL}},
        {"", "Tithi <tithi@localhost>", {NULL, "localhost", NULL}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pool *pool = pool_new();
        struct parameters parameters;
        settings.public_url = cases[i].public_url;
        settings.mail_from = cases[i].mail_from;
        parameters_init(&parameters, pool);
        parameter_addresses(&parameters);
        assert_int_equal(parameters.count, 1);
        parameter_texts(&parameters, cases[i].expected, 3);
        assert_int_equal(parameters.lengths[0], parameters.lengths[1]);
        assert_memory_equal(parameters.values[0], parameters.values[1], (size_t)parameters.lengths[1]);
        pool_destroy(&pool);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(addresses_follow_the_settings)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
