/* Passwords that production refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common_passwords.h"
#include "weak_password.h"

static void weak_ones_are_told(void **state) {
    (void)state;
    static const struct {
        const char *password;
        bool weak;
    } cases[] = {
        {"", true},
        {"secret", true},
        {"abcdefg", true},
        {"пароль", true}, /* six characters, twelve bytes */
        {"password123", true},
        {"PassWord123", true},
        {"QWERTYUIOP", true},
        {"trustno1", true},
        {"basketball", true}, /* a word */
        {"michelle", true},   /* a name */
        {"12341234", true},
        {"aaaaaaaa", true},
        {"TestTest", true},
        {"abcdefgh", true},
        {"0123456789", true},
        {"0987654321", true},
        {"87654321", true},
        {"tithi2026!", true},
        {"Tithi-2026", true},
        {"asha.rao99", true},
        {"Asha Rao 1990", true},
        {"asha.rao@example.org", true},
        {"correct horse", false},
        {"password1234567", false},
        {"8 chars!", false},
        {"खुल जा सिम सिम", false},
        {"abcdefgi", false},
        {"12341235", false},
        {"asha.rao99 and some more", false},
        {"\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9x", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if ((weak_password_reason(cases[i].password, "asha.rao@example.org", "Asha Rao") != NULL) != cases[i].weak)
            fail_msg("%s", cases[i].password);
}

static void of_nobody_in_particular(void **state) {
    (void)state;
    assert_null(weak_password_reason("asha.rao99", NULL, NULL));
    assert_null(weak_password_reason("jo 8271 %$ 22", "jo@example.org", "Jo")); /* two letters are too few to tell */
    assert_non_null(weak_password_reason("michelle", NULL, NULL));
}

/* Each one of the table is found. */
static void the_table_is_in_order(void **state) {
    (void)state;
    assert_true(common_password_count >= 3000);
    for (size_t i = 0; i < common_password_count; i++) {
        const char *password = common_password_texts + common_password_starts[i];
        if (strlen(password) < 8 || !weak_password_reason(password, NULL, NULL))
            fail_msg("%s", password);
        if (i && strcmp(common_password_texts + common_password_starts[i - 1], password) >= 0)
            fail_msg("%s is not in its place", password);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weak_ones_are_told),
        cmocka_unit_test(of_nobody_in_particular),
        cmocka_unit_test(the_table_is_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
