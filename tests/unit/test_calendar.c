/* Invitations as RFC 5545 wants them: folded lines, escaped texts, and no way out of a property. That others can read
 * them: failure/test_mail.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "calendar.h"

static const struct mailbox organizer = {"Tithi, \"Inc.\"", "tithi@example.org"};

static const struct calendar yoga = {.uid = "booking-17@example.org",
                                     .sequence = 3,
                                     .start_s = 1785578400,
                                     .end_s = 1785583800,
                                     .stamp_s = 1767225600,
                                     .summary = "Yoga",
                                     .organizer = &organizer,
                                     .attendee = "a@example.com"};

static struct pool *pool;

static int make_pool(void **state) {
    (void)state;
    pool = pool_new();
    return 0;
}

static int drop_pool(void **state) {
    (void)state;
    pool_destroy(&pool);
    return 0;
}

/* Its lines, unfolded, with \n. */
static const char *unfolded(const struct calendar *calendar) {
    const char *text = calendar_text(calendar, pool);
    assert_non_null(text);
    char *result = pool_text(pool, text), *to = result;
    for (const char *line = text, *end; *line; line = end + 2) {
        end = strstr(line, "\r\n");
        assert_non_null(end);
        assert_in_range(end - line, 1, 75);
        assert_null(memchr(line, '\n', (size_t)(end - line)));
        if (*line == ' ')
            to--;
        size_t skipped = *line == ' ';
        memcpy(to, line + skipped, (size_t)(end - line) - skipped);
        to += (size_t)(end - line) - skipped;
        *to++ = '\n';
    }
    *to = '\0';
    return result;
}

static void an_invitation(void **state) {
    (void)state;
    assert_string_equal(unfolded(&yoga), "BEGIN:VCALENDAR\n"
                                         "PRODID:-//Tithi//Tithi " TITHI_VERSION "//EN\n"
                                         "VERSION:2.0\n"
                                         "METHOD:REQUEST\n"
                                         "BEGIN:VEVENT\n"
                                         "UID:booking-17@example.org\n"
                                         "DTSTAMP:20260101T000000Z\n"
                                         "SEQUENCE:3\n"
                                         "DTSTART:20260801T100000Z\n"
                                         "DTEND:20260801T113000Z\n"
                                         "STATUS:CONFIRMED\n"
                                         "SUMMARY:Yoga\n"
                                         "ORGANIZER;CN=\"Tithi, 'Inc.'\":mailto:tithi@example.org\n"
                                         "ATTENDEE;CUTYPE=INDIVIDUAL;ROLE=REQ-PARTICIPANT;PARTSTAT=ACCEPTED;RSVP=FALSE:"
                                         "mailto:a@example.com\n"
                                         "END:VEVENT\n"
                                         "END:VCALENDAR\n");
}

static void its_end(void **state) {
    (void)state;
    struct calendar calendar = yoga;
    calendar.cancelled = true;
    calendar.end_s = 0;
    const char *text = unfolded(&calendar);
    assert_non_null(strstr(text, "\nMETHOD:CANCEL\n"));
    assert_non_null(strstr(text, "\nSTATUS:CANCELLED\n"));
    assert_null(strstr(text, "DTEND"));
}

static void the_same_facts_give_the_same_bytes(void **state) {
    (void)state;
    assert_string_equal(calendar_text(&yoga, pool), calendar_text(&yoga, pool));
}

static size_t count_lines(const char *text) {
    size_t count = 0;
    for (; (text = strchr(text, '\n')); text++)
        count++;
    return count;
}

static void texts_stay_in_their_property(void **state) {
    (void)state;
    static const char *const evil[] = {"x\r\nATTENDEE:mailto:b@example.com",
                                       "x\nEND:VEVENT",
                                       "a;b,c\\d",
                                       "\"x\":y;z=1",
                                       "\x01\x7f\t",
                                       "भारतीय मानक समय में शाम का योग, सबके लिए, और एक बहुत लंबा शीर्षक भी"};
    for (size_t i = 0; i < sizeof evil / sizeof *evil; i++) {
        struct calendar calendar = yoga;
        calendar.uid = calendar.summary = calendar.location = calendar.description = calendar.attendee_name = evil[i];
        calendar.url = evil[i];
        const char *text = unfolded(&calendar);
        assert_int_equal(count_lines(text), 19);
        assert_null(strstr(text, "\nATTENDEE:"));
        assert_null(strchr(text, '\r'));
    }
    struct calendar calendar = yoga;
    calendar.description = "one, two;\nthree\\";
    assert_non_null(strstr(unfolded(&calendar), "\nDESCRIPTION:one\\, two\\;\\nthree\\\\\n"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_invitation),
        cmocka_unit_test(its_end),
        cmocka_unit_test(the_same_facts_give_the_same_bytes),
        cmocka_unit_test(texts_stay_in_their_property),
    };
    return cmocka_run_group_tests(tests, make_pool, drop_pool);
}
