/* Who becomes what by registering, which passwords are too weak, what a refresh token is worth. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "rules.h"

static void roles_follow_the_policy(void **state) {
    (void)state;
    static const struct {
        const char *asked, *policy, *role;
        bool pending, closed;
    } cases[] = {
        {"user", "open", "user", false, false},
        {"user", "closed", "user", false, false},
        {"facilitator", "open", "facilitator", false, false},
        {"facilitator", "approval", "user", true, false},
        {"facilitator", "closed", "user", false, true},
        {"admin", "open", "user", false, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct signup signup = rule_signup(cases[i].asked, cases[i].policy);
        assert_string_equal(signup.role, cases[i].role);
        assert_int_equal(signup.facilitator_pending, cases[i].pending);
        assert_int_equal(signup.closed, cases[i].closed);
    }
}

static void production_asks_for_more(void **state) {
    (void)state;
    static const struct {
        const char *password;
        bool weak;
    } cases[] = {
        {"secret", true},           {"password123", true}, {"PassWord123", true},    {"12345678", true},
        {"abcdefg", true},          {"пароль", true},      {"correct horse", false}, {"खुल जा सिम सिम", false},
        {"password1234567", false}, {"8 chars!", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_null(rule_password_weakness(cases[i].password, NULL, NULL, false));
        if ((rule_password_weakness(cases[i].password, NULL, NULL, true) != NULL) != cases[i].weak)
            fail_msg("%s", cases[i].password);
    }
}

static void languages_by_preference(void **state) {
    (void)state;
    static const char *const languages[] = {"en", "hi", "es", "de", "fr", NULL};
    static const struct {
        const char *accepted, *language;
    } cases[] = {
        {NULL, NULL},
        {"", NULL},
        {"*", NULL},
        {"ta", NULL},
        {"deutsch", NULL},
        {"de", "de"},
        {"DE-ch-1996", "de"},
        {"ta, hi;q=0.9, en;q=0.8", "hi"},
        {"en;q=0.8, fr-CA ; q=0.9,*;q=0.5", "fr"},
        {"es,de", "es"},
        {"es;q=0.5,de;q=0.50", "es"},
        {"de;q=0, en;q=0.001", "en"},
        {"de;q=0", NULL},
        {"de;q=2,es;q=nan,fr;q=-1,hi;q=,en;level=1", NULL},
        {" ,, \t,en", "en"},
        {",;q=1,-,fr", "fr"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *language = rule_language(cases[i].accepted, languages);
        if (language != cases[i].language && (!language || !cases[i].language || strcmp(language, cases[i].language)))
            fail_msg("%s: %s", cases[i].accepted, language);
    }
}

static void refresh_tokens_are_good_once(void **state) {
    (void)state;
    static const struct {
        struct refresh_state state;
        enum refresh_verdict verdict;
    } cases[] = {
        {{.known = true}, REFRESH_GOOD},
        {{.known = false}, REFRESH_INVALID},
        {{.known = true, .expired = true}, REFRESH_INVALID},
        {{.known = true, .revoked = true}, REFRESH_INVALID},
        {{.known = true, .inactive = true}, REFRESH_INACTIVE},
        {{.known = true, .inactive = true, .expired = true}, REFRESH_INVALID},
        {{.known = true, .spent = true}, REFRESH_REUSED},
        {{.known = true, .spent = true, .revoked = true}, REFRESH_REUSED},
        {{.known = true, .spent = true, .expired = true}, REFRESH_REUSED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(rule_refresh(cases[i].state), cases[i].verdict);
}

static void devices_are_plain_text(void **state) {
    (void)state;
    static const struct {
        const char *given, *kept;
    } cases[] = {
        {NULL, NULL},
        {"", NULL},
        {"\r\n\x7f", NULL},
        {"\xff\xfe", NULL},
        {"curl/7.88", "curl/7.88"},
        {"a\tb\x1b[0m", "ab[0m"},
        {"caf\xc3\xa9 \xc3", "café "},
        {"a\xc2\x85z", "az"},       /* C1: next line */
        {"\xc2\xa0z", "\xc2\xa0z"}, /* the first that is none */
        {"\xed\xa0\x80!", "!"},     /* a surrogate */
        {"\xc0\xaf/", "/"},         /* overlong */
    };
    char text[RULE_DEVICE_SIZE];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *kept = rule_device(cases[i].given, text);
        if (!cases[i].kept)
            assert_null(kept);
        else
            assert_string_equal(kept, cases[i].kept);
    }
}

static void devices_are_cut_between_characters(void **state) {
    (void)state;
    char given[3000], text[RULE_DEVICE_SIZE];
    memset(given, 'x', sizeof given - 1);
    given[sizeof given - 1] = '\0';
    assert_int_equal(strlen(rule_device(given, text)), RULE_DEVICE_SIZE - 1);
    for (size_t at = 1021; at <= 1024; at++) { /* four bytes that fit at 1020 only */
        memcpy(given + at, "\xf0\x9f\x98\x80", 4);
        assert_int_equal(strlen(rule_device(given, text)), at);
        memset(given + at, 'x', 4);
    }
    memcpy(given + 1020, "\xf0\x9f\x98\x80", 4);
    assert_int_equal(strlen(rule_device(given, text)), 1024);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roles_follow_the_policy), cmocka_unit_test(production_asks_for_more),
        cmocka_unit_test(languages_by_preference), cmocka_unit_test(refresh_tokens_are_good_once),
        cmocka_unit_test(devices_are_plain_text),  cmocka_unit_test(devices_are_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
