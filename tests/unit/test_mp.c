/* The bounded msgpack reader: it agrees with msgpack-c on what is good, and never reads or believes beyond the bytes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "codec.h"
#include "mp.h"

/* Reads from memory of exactly this size. */
static enum mp_type read_exact(const char *bytes, size_t length, struct mp_value *ret_value, int *ret_skipped) {
    struct mp_reader reader;
    char *copy = malloc(length ? length : 1);
    memcpy(copy, bytes, length);
    mp_reader_init(&reader, copy, length);
    *ret_skipped = mp_skip(&reader);
    mp_reader_init(&reader, copy, length);
    enum mp_type type = mp_read(&reader, ret_value);
    free(copy);
    return type;
}

static void integers(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
        int64_t integer;
    } cases[] = {
        {"\x00", 1, 0},
        {"\x7f", 1, 127},
        {"\xff", 1, -1},
        {"\xe0", 1, -32},
        {"\xcc\xff", 2, 255},
        {"\xcd\xff\xfe", 3, 65534},
        {"\xce\xff\xff\xff\xff", 5, 4294967295},
        {"\xcf\x7f\xff\xff\xff\xff\xff\xff\xff", 9, INT64_MAX},
        {"\xd0\x80", 2, -128},
        {"\xd1\x80\x00", 3, -32768},
        {"\xd2\x80\x00\x00\x00", 5, INT32_MIN},
        {"\xd3\x80\x00\x00\x00\x00\x00\x00\x00", 9, INT64_MIN},
    };
    struct mp_value value;
    int skipped;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(read_exact(cases[i].bytes, cases[i].length, &value, &skipped), MP_INTEGER);
        assert_true(value.integer == cases[i].integer);
        for (size_t length = 1; length < cases[i].length; length++)
            assert_int_equal(read_exact(cases[i].bytes, length, &value, &skipped), MP_BAD);
    }
    assert_int_equal(read_exact("\xcf\x80\x00\x00\x00\x00\x00\x00\x00", 9, &value, &skipped), MP_BAD);
}

static void heads(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
        enum mp_type type;
        uint32_t value_length;
        int skipped;
    } cases[] = {
        {"", 0, MP_END, 0, -1},
        {"\xc0", 1, MP_NIL, 0, 0},
        {"\xc1", 1, MP_BAD, 0, -1},
        {"\xc3", 1, MP_BOOLEAN, 0, 0},
        {"\xca\x3f\x80\x00\x00", 5, MP_NUMBER, 0, 0},
        {"\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00", 9, MP_NUMBER, 0, 0},
        {"\xa3"
         "abc",
         4, MP_STRING, 3, 0},
        {"\xa3"
         "ab",
         3, MP_BAD, 0, -1},
        {"\xd9\x03"
         "abc",
         5, MP_STRING, 3, 0},
        {"\xda\x00\x03"
         "abc",
         6, MP_STRING, 3, 0},
        {"\xdb\x00\x00\x00\x03"
         "abc",
         8, MP_STRING, 3, 0},
        {"\xdb\xff\xff\xff\xff"
         "abc",
         8, MP_BAD, 0, -1},
        {"\xc4\x01x", 3, MP_BINARY, 1, 0},
        {"\xc5\x00\x01x", 4, MP_BINARY, 1, 0},
        {"\xc6\x00\x00\x00\x01x", 6, MP_BINARY, 1, 0},
        {"\x92\x01\x02", 3, MP_ARRAY, 2, 0},
        {"\x92\x01", 2, MP_BAD, 0, -1},
        {"\xdc\x00\x01\x01", 4, MP_ARRAY, 1, 0},
        {"\xdd\x00\x00\x00\x01\x01", 6, MP_ARRAY, 1, 0},
        {"\xdd\x02\x00\x00\x00\x01", 6, MP_BAD, 0, -1},
        {"\x81\x01\x02", 3, MP_MAP, 1, 0},
        {"\x81\x01", 2, MP_BAD, 0, -1},
        {"\xde\x00\x01\x01\x01", 5, MP_MAP, 1, 0},
        {"\xdf\x00\x00\x00\x01\x01\x01", 7, MP_MAP, 1, 0},
        {"\xdf\x80\x00\x00\x00\x01\x01", 7, MP_BAD, 0, -1},
        {"\xd4\x01\x00", 3, MP_BAD, 0, -1},
        {"\xc7\x00\x01", 3, MP_BAD, 0, -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct mp_value value;
        int skipped;
        enum mp_type type = read_exact(cases[i].bytes, cases[i].length, &value, &skipped);
        if (type != cases[i].type || skipped != cases[i].skipped ||
            (cases[i].value_length && value.length != cases[i].value_length))
            fail_msg("case %zu", i);
    }
}

static void depth(void **state) {
    (void)state;
    struct mp_value value;
    int skipped;
    char nested[CODEC_DEPTH_LIMIT + 2];
    memset(nested, 0x91, sizeof nested);
    nested[CODEC_DEPTH_LIMIT] = 0x01;
    read_exact(nested, CODEC_DEPTH_LIMIT + 1, &value, &skipped);
    assert_int_equal(skipped, 0);
    nested[CODEC_DEPTH_LIMIT] = (char)0x91;
    nested[CODEC_DEPTH_LIMIT + 1] = 0x01;
    read_exact(nested, CODEC_DEPTH_LIMIT + 2, &value, &skipped);
    assert_int_equal(skipped, -1);
}

/* The message of 155 bytes for which msgpack-c would reserve 32 GB: 31 nested arrays of 2^25 items. */
static void claimed_lengths_cost_nothing(void **state) {
    (void)state;
    struct mp_value value;
    int skipped;
    char message[155];
    for (size_t i = 0; i < sizeof message; i += 5)
        memcpy(message + i, "\xdd\x02\x00\x00\x00", 5);
    assert_int_equal(read_exact(message, sizeof message, &value, &skipped), MP_BAD);
    assert_int_equal(skipped, -1);
}

static void what_the_packer_writes(void **state) {
    (void)state;
    struct buffer buffer = {0};
    struct mp_reader reader;
    struct mp_value value;
    msgpack_packer packer;
    mp_packer_init(&packer, &buffer);
    msgpack_pack_array(&packer, 4);
    mp_pack_text(&packer, "text");
    mp_pack_string(&packer, "a\0b", 3);
    msgpack_pack_double(&packer, 1.5);
    msgpack_pack_int64(&packer, -70000);
    mp_reader_init(&reader, buffer.bytes, buffer.length);
    assert_int_equal(mp_read(&reader, &value), MP_ARRAY);
    assert_int_equal(mp_read(&reader, &value), MP_STRING);
    assert_true(mp_is(&value, "text"));
    assert_false(mp_is(&value, "tex"));
    assert_false(mp_is(&value, "texts"));
    assert_int_equal(mp_read(&reader, &value), MP_STRING);
    assert_int_equal(value.length, 3);
    assert_int_equal(mp_read(&reader, &value), MP_NUMBER);
    assert_true(value.number == 1.5);
    assert_false(mp_is(&value, ""));
    assert_int_equal(mp_read(&reader, &value), MP_INTEGER);
    assert_int_equal(value.integer, -70000);
    assert_int_equal(mp_read(&reader, &value), MP_END);
    buffer_free(&buffer);
}

/* Any three bytes: skipping takes no more than reading by the same rules would. */
static void all_short_inputs(void **state) {
    (void)state;
    for (uint32_t bits = 0; bits < 1u << 24; bits += 7) {
        const char bytes[] = {(char)(bits >> 16), (char)(bits >> 8), (char)bits};
        struct mp_reader reader;
        mp_reader_init(&reader, bytes, sizeof bytes);
        while (mp_skip(&reader) == 0)
            assert_true(reader.at <= reader.end);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers),
        cmocka_unit_test(heads),
        cmocka_unit_test(depth),
        cmocka_unit_test(claimed_lengths_cost_nothing),
        cmocka_unit_test(what_the_packer_writes),
        cmocka_unit_test(all_short_inputs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
