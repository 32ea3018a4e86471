/* Which texts hold a payment card's number, and which only look a little like it. The numbers are the brands' published
 * ones for tests, or made with a right check digit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "card_number.h"

static void expect(const char *text, bool found) {
    size_t length = strlen(text);
    char *exact = malloc(length ? length : 1);
    memcpy(exact, text, length);
    if (card_number_in(exact, length) != found)
        fail_msg("%s: %s", text, found ? "not found" : "taken for a card number");
    free(exact);
}

static void card_numbers(void **state) {
    (void)state;
    static const char *const texts[] = {
        /* brands */
        "4111111111111111",
        "4222222222222",
        "4000000000000000006",
        "5555555555554444",
        "2223003122003222",
        "2720990000000007",
        "378282246310005",
        "341111111111111",
        "6011111111111117",
        "6440000000000005",
        "6500000000000002",
        "6080000000000000",
        "8100000000000002",
        "8200000000000001",
        "5081000000000001",
        "6759649826438453",
        "5018000000000009",
        "6304000000000000000",
        "3530111333300000",
        "30569309025904",
        "36227206271667",
        "38520000023237",
        /* groups */
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "4111 1111-1111 1111",
        "3782 822463 10005",
        "3056 930902 5904",
        "4222 2222 2222 2",
        "411111 1111111111",
        "6304 0000 0000 0000 000",
        "4111.1111.1111.1111",
        "4111\xc2\xa0""1111\xc2\xa0""1111\xc2\xa0""1111",
        "4111\xe2\x80\xaf""1111\xe2\x80\xaf""1111\xe2\x80\xaf""1111",
        /* what may stand around it */
        "my card: 4111111111111111.",
        "card 4111111111111111, thank you",
        "(4111111111111111)",
        "card=4111111111111111&cvv=123",
        "4111 1111 1111 1111 12/29 123",
        "4111111111111111 123",
        "123 4111111111111111",
        "2029 4111 1111 1111 1111",
        "card-4111111111111111",
        "-4111111111111111",
        "+4111111111111111",
        "1,4111111111111111",
        "4111111111111111/12",
        "  4111111111111111\n",
        "\xc2\xa0"
        "4111111111111111",
        "4111111111111112 4111111111111111",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        expect(texts[i], true);
}

static void what_is_none(void **state) {
    (void)state;
    static const char *const texts[] = {
        "",
        "411111111111",
        /* a wrong check digit, length or prefix */
        "4111111111111112",
        "41111111111111113",
        "1111111111111117",
        "9111111111111110",
        "0000000000000000",
        "41111111111111111107",
        "37828224631003",
        "3782822463100003",
        "2220990000000002",
        "2721000000000004",
        /* part of a word, a decimal, or more digits */
        "pay_4111111111111111",
        "x4111111111111111",
        "4111111111111111x",
        "4111111111111111_1",
        "4111111111111111.50",
        "0.4111111111111111",
        "4111111111111111000000",
        "1234567890123456789",
        "411111111111111a",
        "4111  1111  1111  1111",
        "4111 1111 1111 111",
        "4111.1111.1111.1112",
        "4111.11.1111.111111",
        "192.168.411.111",
        "41 11 11 11 11 11 11 11",
        "4111,1111,1111,1111",
        /* telephone numbers */
        "+4915112345009",
        "+49 1511 2345674",
        "+378282246310005",
        "+91 98765 43210",
        "+1 (555) 010-9999",
        "0044 7911 123456",
        "9876543210",
        /* moments */
        "2026-11-21T13:50:00.000Z",
        "2026-11-21 13:50:00",
        "20261121135000",
        "1795269000000",
        "1795269000123456",
        "1795269000123456789",
        "2026-11-21 2026-11-22 2026-11-23",
        /* ids */
        "9223372036854775807",
        "-9223372036854775808",
        "order_9A33XWu170gUtm",
        "pay_29QQoUBi66xm2f",
        "evt_1MqqbKLt4dXK03v5qaIbiNCC",
        "cs_test_a1b2c3d4111111111111111",
        "rzp_test_1234567890",
        "0190b6a4-6e0c-7c3e-9d0b-5f7f2d6a1c11",
        "a190b6a4-6e0c-7c3e-4111-111111111111",
        "41111111-1111-1111-9d0b-5f7f2d6a1c11",
        "id 41111111-1111-1111-9d0b-5f7f2d6a1c11.",
        "41111111-1111-1111-4111-111111111111",
        "BK2024001",
        "978-3-16-148410-0",
        "192.168.100.200",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "seats 1 2 3 4 5 6 7 8 9 10 11 12 13",
        "10:00 10:30 11:00 11:30 12:00",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        expect(texts[i], false);
}

/* One digit off, or two neighbours swapped, and the check digit is wrong. */
static void every_wrong_digit_is_seen(void **state) {
    (void)state;
    char text[] = "5555555555554444";
    for (size_t i = 6; i < sizeof text - 1; i++) {
        char right = text[i];
        for (char wrong = '0'; wrong <= '9'; wrong++) {
            text[i] = wrong;
            expect(text, wrong == right);
        }
        text[i] = right;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(card_numbers),
        cmocka_unit_test(what_is_none),
        cmocka_unit_test(every_wrong_digit_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
