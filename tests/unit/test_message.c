/* Mail as it is written: names and subjects of all scripts, its parts, lines that are not too long, and no way out of a
 * header. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "message.h"

static const struct mailbox from = {"Tithi", "tithi@example.org"};

static const char *write_message(const struct message *message) {
    static char copy[32768];
    struct buffer buffer = {0};
    message_write(message, &buffer);
    snprintf(copy, sizeof copy, "%s", buffer_text(&buffer));
    buffer_free(&buffer);
    return copy;
}

static struct message message_of(const char *name, const char *subject, const char *text) {
    return (struct message){.from = &from,
                            .to_name = name,
                            .to_address = "a@example.com",
                            .subject = subject,
                            .language = "hi",
                            .text = text,
                            .html = text,
                            .id = "msg_1",
                            .date_s = 1767225600};
}

static const char *written(const char *name, const char *subject, const char *text) {
    const struct message message = message_of(name, subject, text);
    return write_message(&message);
}

static void a_plain_mail(void **state) {
    (void)state;
    assert_string_equal(written("A, \"B\"", "Hello", "One = 1\r\ntwo \n"),
                        "Date: Thu, 01 Jan 2026 00:00:00 +0000\r\n"
                        "From: \"Tithi\"\r\n <tithi@example.org>\r\n"
                        "To: \"A, \\\"B\\\"\"\r\n <a@example.com>\r\n"
                        "Subject: Hello\r\n"
                        "Message-ID: <msg_1@example.org>\r\n"
                        "Content-Language: hi\r\n"
                        "Auto-Submitted: auto-generated\r\n"
                        "MIME-Version: 1.0\r\n"
                        "Content-Type: multipart/alternative;\r\n boundary=\"=_alternative_msg_1\"\r\n"
                        "\r\n--=_alternative_msg_1\r\n"
                        "Content-Type: text/plain; charset=utf-8\r\n"
                        "Content-Transfer-Encoding: quoted-printable\r\n"
                        "\r\n"
                        "One =3D 1\r\n"
                        "two=20\r\n"
                        "\r\n--=_alternative_msg_1\r\n"
                        "Content-Type: text/html; charset=utf-8\r\n"
                        "Content-Transfer-Encoding: quoted-printable\r\n"
                        "\r\n"
                        "One =3D 1\r\n"
                        "two=20\r\n"
                        "\r\n--=_alternative_msg_1--\r\n");
}

static void an_invitation(void **state) {
    (void)state;
    struct message message = message_of("", "Hello", "text\n");
    message.calendar = "BEGIN:VCALENDAR\r\n";
    const char *text = write_message(&message);
    assert_non_null(strstr(text, "Content-Type: multipart/mixed;\r\n boundary=\"=_mixed_msg_1\"\r\n"
                                 "\r\n--=_mixed_msg_1\r\nContent-Type: multipart/alternative;"));
    assert_non_null(strstr(text, "Content-Type: text/calendar; charset=utf-8; method=REQUEST\r\n"
                                 "Content-Transfer-Encoding: base64\r\n\r\nQkVHSU46VkNBTEVOREFSDQo=\r\n"
                                 "\r\n--=_alternative_msg_1--\r\n"
                                 "\r\n--=_mixed_msg_1\r\n"
                                 "Content-Type: application/ics; name=\"invite.ics\"\r\n"
                                 "Content-Disposition: attachment; filename=\"invite.ics\"\r\n"
                                 "Content-Transfer-Encoding: base64\r\n\r\nQkVHSU46VkNBTEVOREFSDQo=\r\n"
                                 "\r\n--=_mixed_msg_1--\r\n"));
    message.cancels = true;
    assert_non_null(strstr(write_message(&message), "; method=CANCEL\r\n"));
}

static void who_does_not_want_it_can_say_so(void **state) {
    (void)state;
    struct message message = message_of("", "Hello", "text\n");
    assert_null(strstr(write_message(&message), "List-"));
    message.unsubscribe = "https://tithi.example/mail/unsubscribe?token=1.booking.a";
    assert_non_null(strstr(write_message(&message),
                           "List-Unsubscribe: <https://tithi.example/mail/unsubscribe?token="
                           "1.booking.a>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"));
    static const char *const evil[] = {"x>\r\nBcc: b@example.com", "x y", "<x", "\xc3\xbc"};
    for (size_t i = 0; i < sizeof evil / sizeof *evil; i++) {
        message.unsubscribe = evil[i];
        assert_null(strstr(write_message(&message), "List-"));
    }
}

static void no_line_is_long_and_all_end_alike(void **state) {
    (void)state;
    char long_text[1001];
    for (size_t i = 0; i < sizeof long_text - 1; i++)
        long_text[i] = "x \xc3\xbc"[i % 4];
    long_text[sizeof long_text - 1] = '\0';
    static const char *const names[] = {"", "short", "\xe0\xa4\xb6\xe0\xa5\x8d\xe0\xa4\xb5", NULL};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *text = written(names[i] ? names[i] : long_text, long_text, long_text);
        for (const char *line = text, *end; *line; line = end + 2) {
            end = strchr(line, '\r');
            assert_non_null(end);
            assert_int_equal(end[1], '\n');
            assert_null(memchr(line, '\n', (size_t)(end - line)));
            assert_in_range(end - line, 0, 76);
        }
    }
}

/* Of the head. */
static size_t count_lines(const char *text) {
    size_t count = 0;
    for (; strncmp(text, "\r\n", 2) != 0; text = strstr(text, "\r\n") + 2)
        count += *text != ' ';
    return count;
}

static void nothing_begins_another_header(void **state) {
    (void)state;
    static const char *const attempts[] = {"x\r\nBcc: b@example.com",
                                           "x\nBcc: b@example.com",
                                           "x\r\n\r\nbody",
                                           "x\rBcc: b@example.com",
                                           "\r\n\r\n",
                                           "x\x7f\x01y"};
    for (size_t i = 0; i < sizeof attempts / sizeof *attempts; i++) {
        const char *text = written(attempts[i], attempts[i], "");
        assert_int_equal(count_lines(text), 9);
        assert_null(strstr(text, "Bcc"));
    }
}

static void senders_are_parsed(void **state) {
    (void)state;
    static const struct {
        const char *text, *name, *address; /* address NULL: none */
    } cases[] = {
        {"tithi@localhost", "", "tithi@localhost"},
        {"Tithi <tithi@localhost>", "Tithi", "tithi@localhost"},
        {"\"Tithi, Inc.\" <t@example.org>", "Tithi, Inc.", "t@example.org"},
        {"<t@example.org>", "", "t@example.org"},
        {"\xe0\xa4\xa4\xe0\xa4\xbf <t@example.org>", "\xe0\xa4\xa4\xe0\xa4\xbf", "t@example.org"},
        {"", NULL, NULL},
        {"Tithi", NULL, NULL},
        {"Tithi <tithi>", NULL, NULL},
        {"Tithi <t@example.org", NULL, NULL},
        {"Tithi <t@example.org> x", NULL, NULL},
        {"Ti\nthi <t@example.org>", NULL, NULL},
        {"Ti\xff <t@example.org>", NULL, NULL},
        {"a\" <t@example.org>", NULL, NULL},
        {"t@example.org\r\nBcc: b@example.com", NULL, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct mailbox mailbox;
        if ((mailbox_parse(cases[i].text, &mailbox) == 0) != (cases[i].address != NULL))
            fail_msg("%s", cases[i].text);
        if (cases[i].address) {
            assert_string_equal(mailbox.name, cases[i].name);
            assert_string_equal(mailbox.address, cases[i].address);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_mail),
        cmocka_unit_test(an_invitation),
        cmocka_unit_test(who_does_not_want_it_can_say_so),
        cmocka_unit_test(no_line_is_long_and_all_end_alike),
        cmocka_unit_test(nothing_begins_another_header),
        cmocka_unit_test(senders_are_parsed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
