/* Messages out of the bytes that a client sends over a WebSocket (RFC 6455), good ones and all kinds of bad ones: at
 * once, and byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "socket_messages.h"

/* What becomes of some bytes, as text: "text(hello) ping(a) close(1000)". */
static const char *outcome(struct message_reader *reader, const char *bytes, size_t length, size_t step) {
    static struct buffer said;
    static const char *const names[] = {
        [MESSAGE_TEXT] = "text", [MESSAGE_PING] = "ping", [MESSAGE_PONG] = "pong", [MESSAGE_CLOSE] = "close"};
    buffer_clear(&said);
    for (size_t at = 0; at < length; at += step) {
        struct text_span input = {bytes + at, length - at < step ? length - at : step};
        struct message message;
        while ((message = message_reader_next(reader, &input)).kind != MESSAGE_NONE) {
            buffer_printf(&said, "%s%s(", said.length ? " " : "", names[message.kind]);
            if (message.kind == MESSAGE_CLOSE) {
                buffer_printf(&said, "%u)", message.code);
                return buffer_text(&said);
            }
            buffer_append(&said, message.content.bytes, message.content.length);
            buffer_append_byte(&said, ')');
        }
        assert_int_equal(input.length, 0);
    }
    return buffer_text(&said);
}

/* Appends a masked frame; the mask is of zeroes in the first byte only, so that unmasking is seen to happen. */
static void put(struct buffer *target, unsigned first, const void *payload, size_t length) {
    static const unsigned char mask[4] = {0, 0x55, 0xaa, 0xff};
    unsigned char head[FRAME_HEAD_SIZE];
    size_t head_length = frame_head(first & 15, length, head);
    head[0] = (unsigned char)first;
    head[1] |= 0x80;
    buffer_append(target, head, head_length);
    buffer_append(target, mask, sizeof mask);
    for (size_t i = 0; i < length; i++)
        buffer_append_byte(target, (char)(((const unsigned char *)payload)[i] ^ mask[i % 4]));
}

static void check(const char *what, const struct buffer *bytes, const char *expected) {
    static const size_t steps[] = {1, 2, 3, 7, SIZE_MAX / 2};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct message_reader *reader = message_reader_new();
        const char *found = outcome(reader, bytes->bytes, bytes->length, steps[i]);
        if (strcmp(found, expected) != 0)
            fail_msg("%s, %zu bytes at a time: %s, not %s", what, steps[i], found, expected);
        message_reader_destroy(&reader);
        assert_null(reader);
    }
}

enum { FINAL = 0x80, TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10 };

struct piece {
    unsigned first;
    const char *payload; /* NULL: no further pieces */
    size_t length;       /* 0: of the text */
};

static void frames_become_messages(void **state) {
    (void)state;
    static const struct {
        const char *what;
        struct piece pieces[6];
        const char *expected;
    } cases[] = {
        {"text", {{FINAL | TEXT, "hello", 0}}, "text(hello)"},
        {"nothing in it", {{FINAL | TEXT, "", 0}}, "text()"},
        {"two", {{FINAL | TEXT, "a", 0}, {FINAL | TEXT, "b", 0}}, "text(a) text(b)"},
        {"fragments", {{TEXT, "he", 0}, {0, "", 0}, {0, "ll", 0}, {FINAL, "o", 0}}, "text(hello)"},
        {"fragments of nothing", {{TEXT, "", 0}, {FINAL, "", 0}}, "text()"},
        {"a ping in between", {{TEXT, "he", 0}, {FINAL | PING, "x", 0}, {FINAL, "y", 0}}, "ping(x) text(hey)"},
        {"a pong", {{FINAL | PONG, "", 0}}, "pong()"},
        {"a long ping",
         {{FINAL | PING, "0123456789012345678901234567890123456789012345678901234567890123456789", 0}},
         "ping(0123456789012345678901234567890123456789012345678901234567890123456789)"},
        {"a character over two fragments", {{TEXT, "\xc3", 0}, {FINAL, "\xa9", 0}}, "text(\xc3\xa9)"},
        {"an emoji over four",
         {{TEXT, "\xf0", 0}, {0, "\x9f", 0}, {0, "\x98", 0}, {FINAL, "\x80", 0}},
         "text(\xf0\x9f\x98\x80)"},
        {"the last code point", {{FINAL | TEXT, "\xf4\x8f\xbf\xbf", 0}}, "text(\xf4\x8f\xbf\xbf)"},
        {"a close", {{FINAL | CLOSE, "\x03\xe8", 0}}, "close(1000)"},
        {"with a reason",
         {{FINAL | CLOSE,
           "\x03\xe9"
           "bye \xe2\x82\xac",
           0}},
         "close(1001)"},
        {"of one's own", {{FINAL | CLOSE, "\x0f\xa0", 0}}, "close(4000)"},
        {"without a code", {{FINAL | CLOSE, "", 0}}, "close(1005)"},
        {"in the middle of a message", {{TEXT, "a", 0}, {FINAL | CLOSE, "\x03\xe8", 0}}, "close(1000)"},
        {"what follows a close is nobody's", {{FINAL | CLOSE, "\x03\xe8", 0}, {FINAL | TEXT, "a", 0}}, "close(1000)"},
        /* the protocol's rules */
        {"binary", {{FINAL | BINARY, "a", 0}}, "close(1003)"},
        {"reserved bit 1", {{FINAL | 0x40 | TEXT, "a", 0}}, "close(1002)"},
        {"reserved bit 3", {{FINAL | 0x10 | PING, "", 0}}, "close(1002)"},
        {"reserved opcode 3", {{FINAL | 3, "a", 0}}, "close(1002)"},
        {"reserved opcode 7", {{FINAL | 7, "", 0}}, "close(1002)"},
        {"reserved opcode 11", {{FINAL | 11, "", 0}}, "close(1002)"},
        {"reserved opcode 15", {{FINAL | 15, "a", 0}}, "close(1002)"},
        {"a continuation of nothing", {{FINAL, "a", 0}}, "close(1002)"},
        {"a continuation of what has ended", {{FINAL | TEXT, "a", 0}, {0, "b", 0}}, "text(a) close(1002)"},
        {"a text inside a text", {{TEXT, "a", 0}, {FINAL | TEXT, "b", 0}}, "close(1002)"},
        {"a binary inside a text", {{TEXT, "a", 0}, {FINAL | BINARY, "b", 0}}, "close(1002)"},
        {"a ping in fragments", {{PING, "a", 0}}, "close(1002)"},
        {"a close in fragments", {{CLOSE, "\x03\xe8", 0}}, "close(1002)"},
        /* texts */
        {"no UTF-8", {{FINAL | TEXT, "a\xff", 0}}, "close(1007)"},
        {"too long a form", {{FINAL | TEXT, "\xc0\xaf", 0}}, "close(1007)"},
        {"a surrogate", {{FINAL | TEXT, "\xed\xa0\x80", 0}}, "close(1007)"},
        {"behind the last code point", {{FINAL | TEXT, "\xf4\x90\x80\x80", 0}}, "close(1007)"},
        {"cut short", {{FINAL | TEXT, "\xe2\x82", 0}}, "close(1007)"},
        {"cut short over fragments", {{TEXT, "\xe2", 0}, {FINAL, "\x82", 0}}, "close(1007)"},
        {"broken over fragments", {{TEXT, "\xe2\x82", 0}, {FINAL, "a", 0}}, "close(1007)"},
        {"noticed before its end", {{TEXT, "\xf4", 0}, {0, "\x90", 0}}, "close(1007)"},
        {"noticed in the first fragment", {{TEXT, "a\xff", 0}}, "close(1007)"},
        /* closes */
        {"half a code", {{FINAL | CLOSE, "\x03", 0}}, "close(1002)"},
        {"code 0", {{FINAL | CLOSE, "\0\0", 2}}, "close(1002)"},
        {"code 999", {{FINAL | CLOSE, "\x03\xe7", 0}}, "close(1002)"},
        {"code 1004", {{FINAL | CLOSE, "\x03\xec", 0}}, "close(1002)"},
        {"code 1005", {{FINAL | CLOSE, "\x03\xed", 0}}, "close(1002)"},
        {"code 1006", {{FINAL | CLOSE, "\x03\xee", 0}}, "close(1002)"},
        {"code 1015", {{FINAL | CLOSE, "\x03\xf7", 0}}, "close(1002)"},
        {"code 2999", {{FINAL | CLOSE, "\x0b\xb7", 0}}, "close(1002)"},
        {"code 5000", {{FINAL | CLOSE, "\x13\x88", 0}}, "close(1002)"},
        {"a reason that is no UTF-8", {{FINAL | CLOSE, "\x03\xe8\xff", 0}}, "close(1007)"},
        {"a reason that is cut short",
         {{FINAL | CLOSE,
           "\x03\xe8"
           "ab\xe2\x82",
           0}},
         "close(1007)"},
    };
    struct buffer bytes = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        buffer_clear(&bytes);
        for (const struct piece *piece = cases[i].pieces; piece->payload; piece++)
            put(&bytes, piece->first, piece->payload, piece->length ? piece->length : strlen(piece->payload));
        check(cases[i].what, &bytes, cases[i].expected);
    }
    buffer_free(&bytes);
}

static void bare_bytes_are_judged(void **state) {
    (void)state;
    static const struct {
        const char *what, *bytes;
        size_t length;
        const char *expected;
    } cases[] = {
        {"not masked",
         "\x81\x01"
         "a",
         3, "close(1002)"},
        {"an empty one, not masked", "\x81\x00", 2, "close(1002)"},
        {"a ping of 126 bytes", "\x89\xfe\x00\x7e\0\0\0\0a", 9, "close(1002)"},
        {"a length that is longer than need be", "\x81\xfe\x00\x05\0\0\0\0hello", 13, "close(1002)"},
        {"the same in eight bytes", "\x81\xff\0\0\0\0\0\0\xff\xff\0\0\0\0a", 15, "close(1002)"},
        {"a length without end", "\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0a", 15, "close(1002)"},
        {"a length of gigabytes", "\x81\xff\0\0\x01\0\0\0\0\0\0\0\0\0a", 15, "close(1009)"},
        {"half a head", "\x81", 1, ""},
        {"half a frame", "\x81\x85\0\0\0\0he", 8, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer bytes = {0};
        buffer_append(&bytes, cases[i].bytes, cases[i].length);
        check(cases[i].what, &bytes, cases[i].expected);
        buffer_free(&bytes);
    }
}

static void messages_are_bounded(void **state) {
    (void)state;
    static char text[MESSAGE_SIZE_LIMIT + 1], expected[MESSAGE_SIZE_LIMIT + sizeof "text()"];
    memset(text, 'a', sizeof text);
    snprintf(expected, sizeof expected, "text(%.*s)", MESSAGE_SIZE_LIMIT, text);
    struct buffer bytes = {0};
    put(&bytes, FINAL | TEXT, text, MESSAGE_SIZE_LIMIT);
    check("the longest", &bytes, expected);
    buffer_clear(&bytes);
    put(&bytes, FINAL | TEXT, text, MESSAGE_SIZE_LIMIT + 1);
    check("one byte more", &bytes, "close(1009)");
    buffer_clear(&bytes);
    put(&bytes, TEXT, text, MESSAGE_SIZE_LIMIT);
    put(&bytes, FINAL, text, 1);
    check("one byte more in fragments", &bytes, "close(1009)");
    buffer_free(&bytes);
}

/* Empty ones would make work for ever otherwise. */
static void fragments_are_counted(void **state) {
    (void)state;
    struct buffer bytes = {0};
    for (int message = 0; message < 2; message++) {
        put(&bytes, TEXT, "a", 1);
        for (int i = 2; i < MESSAGE_FRAMES_LIMIT; i++) {
            put(&bytes, 0, "", 0);
            put(&bytes, FINAL | PONG, "", 0);
        }
        put(&bytes, FINAL, "b", 1);
    }
    struct message_reader *reader = message_reader_new();
    const char *found = outcome(reader, bytes.bytes, bytes.length, bytes.length);
    assert_non_null(strstr(found, "text(ab) pong()"));
    assert_string_equal(found + strlen(found) - strlen(" text(ab)"), " text(ab)");
    message_reader_destroy(&reader);
    buffer_clear(&bytes);
    put(&bytes, TEXT, "a", 1);
    for (int i = 1; i < MESSAGE_FRAMES_LIMIT; i++)
        put(&bytes, 0, "", 0);
    check("as many as may be", &bytes, "");
    put(&bytes, FINAL, "", 0);
    check("one more", &bytes, "close(1009)");
    buffer_free(&bytes);
}

static void frames_are_headed(void **state) {
    (void)state;
    static const struct {
        size_t length;
        const char *head;
        size_t head_length;
    } cases[] = {
        {0, "\x81\x00", 2},
        {125, "\x81\x7d", 2},
        {126, "\x81\x7e\x00\x7e", 4},
        {65535, "\x81\x7e\xff\xff", 4},
        {65536, "\x81\x7f\0\0\0\0\0\x01\0\0", 10},
    };
    unsigned char head[FRAME_HEAD_SIZE];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(frame_head(TEXT, cases[i].length, head), cases[i].head_length);
        assert_memory_equal(head, cases[i].head, cases[i].head_length);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_become_messages), cmocka_unit_test(bare_bytes_are_judged),
        cmocka_unit_test(messages_are_bounded),   cmocka_unit_test(fragments_are_counted),
        cmocka_unit_test(frames_are_headed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
