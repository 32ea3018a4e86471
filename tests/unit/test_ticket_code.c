/* Ticket codes: what is written can be read again, as people write it, and by nobody else's key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ticket_code.h"

static const unsigned char key[TICKET_KEY_LENGTH] = "the key of all tickets of today";
static const unsigned char other_key[TICKET_KEY_LENGTH] = "the key of yesterday's tickets";
static const int64_t ids[] = {1, 31, 32, 1023, 1024, 123456789, INT64_MAX - 1, INT64_MAX};

static void codes_are_read_again(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        char code[TICKET_CODE_SIZE];
        struct ticket ticket;
        assert_int_equal(ticket_read(ticket_code(key, ids[i], code), &ticket), 0);
        assert_true(ticket.booking_id == ids[i]);
        assert_true(ticket_is_of(key, &ticket));
        assert_false(ticket_is_of(other_key, &ticket));
        ticket.booking_id = ids[i] == 1 ? 2 : ids[i] - 1;
        assert_false(ticket_is_of(key, &ticket));
    }
}

static void their_shape(void **state) {
    (void)state;
    char code[TICKET_CODE_SIZE];
    assert_int_equal(strlen(ticket_code(key, INT64_MAX, code)), TICKET_CODE_SIZE - 1);
    assert_memory_equal(code, "7ZZZZZZZZZZZZ-", 14);
    assert_memory_equal(ticket_code(key, 33, code), "11-", 3);
    assert_int_equal(strlen(code), 2 + 4 * 5);
    for (size_t i = 2; i < strlen(code); i += 5)
        assert_int_equal(code[i], '-');
    assert_int_equal(strspn(code, "0123456789ABCDEFGHJKMNPQRSTVWXYZ-"), strlen(code));
}

/* Each digit that is changed makes it another's, or nobody's. */
static void every_digit_counts(void **state) {
    (void)state;
    char code[TICKET_CODE_SIZE];
    ticket_code(key, 123456789, code);
    for (char *at = code; *at; at++) {
        struct ticket ticket;
        char digit = *at;
        if (digit == '-')
            continue;
        *at = digit == '7' ? '8' : '7';
        assert_int_equal(ticket_read(code, &ticket), 0);
        assert_false(ticket_is_of(key, &ticket));
        *at = digit;
    }
}

static void as_people_type_them(void **state) {
    (void)state;
    static const struct {
        const char *typed, *meant;
    } cases[] = {
        {"1a-4t7x-9kq2-m3vd-8pzh", "1A-4T7X-9KQ2-M3VD-8PZH"},
        {"1A4T7X9KQ2M3VD8PZH", "1A-4T7X-9KQ2-M3VD-8PZH"},
        {"  1 A4T7 X9-KQ2M 3VD8-PZH ", "1A-4T7X-9KQ2-M3VD-8PZH"},
        {"iA-oO0O-lLiI-1111-0000", "1A-0000-1111-1111-0000"},
        {"001A-4T7X-9KQ2-M3VD-8PZH", "1A-4T7X-9KQ2-M3VD-8PZH"},
        {"7ZZZZZZZZZZZZ-0000-0000-0000-0000", "7ZZZZZZZZZZZZ-0000-0000-0000-0000"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ticket typed, meant;
        assert_int_equal(ticket_read(cases[i].meant, &meant), 0);
        assert_int_equal(ticket_read(cases[i].typed, &typed), 0);
        assert_memory_equal(&typed, &meant, sizeof typed);
    }
}

static void what_is_none(void **state) {
    (void)state;
    static const char *const cases[] = {
        "",
        "-",
        "4T7X-9KQ2-M3VD-8PZH",
        "1A-4T7X-9KQ2-M3VD-8PZU",
        "1A_4T7X_9KQ2_M3VD_8PZH",
        "1A-4T7X-9KQ2-M3VD-8PZ\xc3\x96",
        "8000000000000-0000-0000-0000-0000",
        "10000000000000-0000-0000-0000-0000",
        "1A-4T7X-9KQ2-M3VD-8PZH\n",
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ticket ticket;
        if (ticket_read(cases[i], &ticket) != -1)
            fail_msg("case %zu", i);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_are_read_again), cmocka_unit_test(their_shape),  cmocka_unit_test(every_digit_counts),
        cmocka_unit_test(as_people_type_them),  cmocka_unit_test(what_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
