/* Header frames: exact bytes, round trips, and every way in which bytes from outside can be wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "buffer.h"
#include "envelope.h"
#include "mp.h"
#include "pool.h"

static const struct uuid sample_id = {
    {0x01, 0x98, 0x0f, 0x2c, 0x5a, 0x10, 0x7a, 0xbc, 0x8d, 0xef, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab}};

static struct call_header sample(void) {
    return (struct call_header){
        .id = sample_id,
        .operation = "getEvent",
        .ttl_ms = 10000,
        .command = uuid_derive((const char *const[]){"user:7", "key", NULL}),
        .caller = {.user_id = 7, .role = "facilitator", .session = "0198-…", .address = "192.0.2.1"},
        .request_id = "req-1",
        .trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    };
}

/* A copy that ends where the memory ends, so that a sanitizer sees every byte read too far. */
static char *exact_copy(const char *bytes, size_t length) {
    char *copy = malloc(length ? length : 1);
    memcpy(copy, bytes, length);
    return copy;
}

static void calls_survive_a_round_trip(void **state) {
    (void)state;
    struct pool *pool = pool_new();
    struct buffer frame = {0};
    struct call_header sent = sample(), read;
    envelope_pack_call(&sent, &frame);
    assert_int_equal(envelope_read_call(frame.bytes, frame.length, pool, &read), 0);
    assert_true(uuid_equal(&read.id, &sent.id));
    assert_true(uuid_equal(&read.command, &sent.command));
    assert_int_equal(read.ttl_ms, sent.ttl_ms);
    assert_string_equal(read.operation, sent.operation);
    assert_int_equal(read.caller.user_id, sent.caller.user_id);
    assert_string_equal(read.caller.role, sent.caller.role);
    assert_string_equal(read.caller.session, sent.caller.session);
    assert_string_equal(read.caller.address, sent.caller.address);
    assert_string_equal(read.request_id, sent.request_id);
    assert_string_equal(read.trace, sent.trace);
    assert_string_equal(read.known, "");
    buffer_clear(&frame);
    sent.known = "17";
    envelope_pack_call(&sent, &frame);
    assert_int_equal(envelope_read_call(frame.bytes, frame.length, pool, &read), 0);
    assert_string_equal(read.known, "17");
    assert_string_equal(read.trace, sent.trace);
    buffer_free(&frame);
    pool_destroy(&pool);
}

/* The example of docs/protocol.md: what other languages build against. */
static void bytes_are_those_of_the_document(void **state) {
    (void)state;
    static const char call_bytes[] =
        "\x83\xa2id\xc4\x10\x01\x98\x0f\x2c\x5a\x10\x7a\xbc\x8d\xef\x01\x23\x45\x67\x89\xab"
        "\xa6ttl_ms\xce\x00\x00\x27\x10\xa2op\xa8getEvent";
    static const char answer_bytes[] =
        "\x82\xa2id\xc4\x10\x01\x98\x0f\x2c\x5a\x10\x7a\xbc\x8d\xef\x01\x23\x45\x67\x89\xab"
        "\xa7refusal\xaf"
        "event_not_found";
    struct pool *pool = pool_new();
    struct call_header call;
    char patched[sizeof call_bytes];
    assert_int_equal(envelope_read_call(call_bytes, sizeof call_bytes - 1, pool, &call), 0);
    assert_true(uuid_equal(&call.id, &sample_id));
    assert_int_equal(call.ttl_ms, 10000);
    assert_string_equal(call.operation, "getEvent");
    memcpy(patched, call_bytes, sizeof patched);
    envelope_patch_ttl(patched, sizeof patched - 1, 9988);
    assert_memory_equal(patched, call_bytes, 29);
    assert_memory_equal(patched + 29, "\xce\x00\x00\x27\x04", 5);
    assert_memory_equal(patched + 34, call_bytes + 34, sizeof call_bytes - 34);

    struct buffer frame = {0};
    struct answer_header answer = {.id = sample_id, .refusal = "event_not_found"};
    envelope_pack_answer(&answer, &frame);
    assert_int_equal(frame.length, sizeof answer_bytes - 1);
    assert_memory_equal(frame.bytes, answer_bytes, frame.length);
    buffer_free(&frame);
    pool_destroy(&pool);
}

static void small_headers_get_defaults(void **state) {
    (void)state;
    struct pool *pool = pool_new();
    struct buffer frame = {0};
    msgpack_packer packer;
    struct call_header read;
    mp_packer_init(&packer, &frame);
    msgpack_pack_map(&packer, 3);
    mp_pack_text(&packer, "op");
    mp_pack_text(&packer, "ping");
    mp_pack_text(&packer, "of a newer peer");
    msgpack_pack_array(&packer, 2);
    msgpack_pack_nil(&packer);
    msgpack_pack_double(&packer, 0.5);
    mp_pack_text(&packer, "id");
    msgpack_pack_bin_with_body(&packer, sample_id.bytes, sizeof sample_id.bytes);
    assert_int_equal(envelope_read_call(frame.bytes, frame.length, pool, &read), 0);
    assert_true(uuid_equal(&read.command, &sample_id)); /* else = id */
    assert_int_equal(read.ttl_ms, 0);
    assert_int_equal(read.caller.user_id, 0);
    assert_string_equal(read.caller.role, "");
    assert_string_equal(read.trace, "");

    struct uuid id;
    uint32_t ttl_ms = 99;
    assert_int_equal(envelope_peek(frame.bytes, frame.length, &id, &ttl_ms), 0);
    assert_true(uuid_equal(&id, &sample_id));
    assert_int_equal(ttl_ms, 0);
    buffer_free(&frame);
    pool_destroy(&pool);
}

/* A header {id, ttl_ms}, where `pack` packs the time. */
static void pack_ttl(struct buffer *frame, int64_t ttl_ms, bool fixed) {
    msgpack_packer packer;
    buffer_clear(frame);
    mp_packer_init(&packer, frame);
    msgpack_pack_map(&packer, 2);
    mp_pack_text(&packer, "id");
    msgpack_pack_bin_with_body(&packer, sample_id.bytes, sizeof sample_id.bytes);
    mp_pack_text(&packer, "ttl_ms");
    if (fixed)
        msgpack_pack_fix_uint32(&packer, (uint32_t)ttl_ms);
    else
        msgpack_pack_int64(&packer, ttl_ms);
}

static void time_left_is_read_and_patched(void **state) {
    (void)state;
    static const struct {
        int64_t packed;
        bool fixed;
        int result;
        uint32_t read, patched; /* after a patch to 77 */
    } cases[] = {
        {10000, true, 0, 10000, 77},
        {0, true, 0, 1, 77},          /* over at once, but not "none" */
        {5, false, 0, 5, 5},          /* one byte: has no room for a patch */
        {70000, false, 0, 70000, 77}, /* a uint 32 by itself */
        {0x1ffffffff, false, 0, UINT32_MAX, UINT32_MAX},
        {-1, false, -1, 0, 0},
    };
    struct buffer frame = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct uuid id;
        uint32_t ttl_ms = 0;
        pack_ttl(&frame, cases[i].packed, cases[i].fixed);
        assert_int_equal(envelope_peek(frame.bytes, frame.length, &id, &ttl_ms), cases[i].result);
        if (cases[i].result)
            continue;
        assert_int_equal(ttl_ms, cases[i].read);
        envelope_patch_ttl(frame.bytes, frame.length, 77);
        assert_int_equal(envelope_peek(frame.bytes, frame.length, &id, &ttl_ms), 0);
        assert_int_equal(ttl_ms, cases[i].patched);
    }
    buffer_free(&frame);
}

static void answers_survive_a_round_trip(void **state) {
    (void)state;
    struct pool *pool = pool_new();
    struct buffer frame = {0};
    static const char *const refusals[] = {NULL, "event_full", NULL, NULL}, *const versions[] = {NULL, NULL, "17",
                                                                                                 "17"};
    for (size_t i = 0; i < 4; i++) {
        struct answer_header sent = {sample_id, refusals[i], versions[i], i == 3}, read;
        buffer_clear(&frame);
        envelope_pack_answer(&sent, &frame);
        assert_int_equal(envelope_read_answer(frame.bytes, frame.length, pool, &read), 0);
        assert_true(uuid_equal(&read.id, &sample_id));
        if (refusals[i])
            assert_string_equal(read.refusal, refusals[i]);
        else
            assert_null(read.refusal);
        assert_string_equal(read.version ? read.version : "none", versions[i] ? versions[i] : "none");
        assert_int_equal(read.unchanged, i == 3);
    }
    /* A stock worker echoes the call's header: that is a success. */
    struct call_header call = sample();
    struct answer_header read;
    buffer_clear(&frame);
    envelope_pack_call(&call, &frame);
    assert_int_equal(envelope_read_answer(frame.bytes, frame.length, pool, &read), 0);
    assert_null(read.refusal);
    buffer_free(&frame);
    pool_destroy(&pool);
}

static void wrong_headers_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *what;
        const char *bytes;
        size_t length;
    } cases[] = {
#define CASE(what, text) {what, text, sizeof text - 1}
        CASE("empty", ""),
        CASE("no map", "\x90"),
        CASE("nothing in it", "\x80"),
        CASE("no id", "\x81\xa2op\xa4ping"),
        CASE("id too short", "\x82\xa2op\xa4ping\xa2id\xc4\x0f"
                             "123456789012345"),
        CASE("id too long", "\x82\xa2op\xa4ping\xa2id\xc4\x11"
                            "12345678901234567"),
        CASE("id as text", "\x82\xa2op\xa4ping\xa2id\xb0"
                           "1234567890123456"),
        CASE("key is a number", "\x82\x01\x02\xa2id\xc4\x10"
                                "1234567890123456"),
        CASE("more pairs than bytes", "\xdf\xff\xff\xff\xff\xa2id\xc4\x10"
                                      "1234567890123456"),
        CASE("reserved byte", "\x82\xa2id\xc4\x10"
                              "1234567890123456\xa2op\xc1"),
#undef CASE
    };
    struct pool *pool = pool_new();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct call_header call;
        struct answer_header answer;
        char *bytes = exact_copy(cases[i].bytes, cases[i].length);
        if (envelope_read_call(bytes, cases[i].length, pool, &call) == 0)
            fail_msg("a call with %s is taken", cases[i].what);
        if (envelope_read_answer(bytes, cases[i].length, pool, &answer) == 0)
            fail_msg("an answer with %s is taken", cases[i].what);
        free(bytes);
    }
    pool_destroy(&pool);
}

static void truncated_headers_are_refused(void **state) {
    (void)state;
    struct pool *pool = pool_new();
    struct buffer frame = {0};
    struct call_header call = sample(), read;
    envelope_pack_call(&call, &frame);
    for (size_t length = 0; length < frame.length; length++) {
        char *bytes = exact_copy(frame.bytes, length);
        struct answer_header answer;
        struct uuid id;
        uint32_t ttl_ms;
        assert_int_equal(envelope_read_call(bytes, length, pool, &read), -1);
        assert_int_equal(envelope_read_answer(bytes, length, pool, &answer), -1);
        envelope_peek(bytes, length, &id, &ttl_ms);
        envelope_patch_ttl(bytes, length, 1);
        free(bytes);
    }
    buffer_append_byte(&frame, '\0');
    assert_int_equal(envelope_read_call(frame.bytes, frame.length, pool, &read), -1); /* trailing bytes */
    buffer_free(&frame);
    pool_destroy(&pool);
}

/* Every byte replaced by every value: whatever comes out, nothing is read or written outside the frame. */
static void damaged_headers_do_no_harm(void **state) {
    (void)state;
    struct pool *pool = pool_new();
    struct buffer frame = {0};
    struct call_header call = sample();
    envelope_pack_call(&call, &frame);
    for (size_t at = 0; at < frame.length; at++) {
        for (int value = 0; value < 256; value++) {
            char *bytes = exact_copy(frame.bytes, frame.length);
            struct call_header read;
            struct answer_header answer;
            struct uuid id;
            uint32_t ttl_ms;
            bytes[at] = (char)value;
            envelope_read_call(bytes, frame.length, pool, &read);
            envelope_read_answer(bytes, frame.length, pool, &answer);
            envelope_peek(bytes, frame.length, &id, &ttl_ms);
            envelope_patch_ttl(bytes, frame.length, 1);
            free(bytes);
        }
        pool_reset(pool);
    }
    buffer_free(&frame);
    pool_destroy(&pool);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_survive_a_round_trip),    cmocka_unit_test(bytes_are_those_of_the_document),
        cmocka_unit_test(small_headers_get_defaults),    cmocka_unit_test(time_left_is_read_and_patched),
        cmocka_unit_test(answers_survive_a_round_trip),  cmocka_unit_test(wrong_headers_are_refused),
        cmocka_unit_test(truncated_headers_are_refused), cmocka_unit_test(damaged_headers_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
