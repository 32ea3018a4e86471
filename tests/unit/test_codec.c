/* The codec over every message of the contract: what is encoded decodes to the same, and nothing that was cut,
 * mistyped, lengthened or nested too deep is ever taken for it. Built with the sanitizers, a read beyond the bytes ends
 * the test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mp.h"
#include "operations.h"
#include "sample.h"

enum filling { FILL_ALL, FILL_NULL, FILL_LEAST, FILLINGS };

static struct pool *pool;

static int open_pool(void **state) {
    (void)state;
    pool = pool_new();
    return 0;
}

static int close_pool(void **state) {
    (void)state;
    pool_destroy(&pool);
    return 0;
}

/* --- filling a struct by its table */

static const char *text_for(const struct field *field) {
    static const char *const by_format[] = {
        [FORMAT_EMAIL] = "jane@example.com",
        [FORMAT_JSON] = "{\"a\":1}",
        [FORMAT_URI] = "https://example.com/a?b=c",
        [FORMAT_UUID] = "0190b6a4-6e0c-7c3e-9d0b-5f7f2d6a1c11",
        [FORMAT_DATE_TIME] = "2026-08-01T10:00:00.000Z",
        [FORMAT_DATE_OR_TIME] = "2026-08-01",
        [FORMAT_TIME_ZONE] = "Asia/Kolkata",
        [FORMAT_CURRENCY] = "JPY",
        [FORMAT_LANGUAGE] = "hi",
        [FORMAT_LINE] = "Zoë",
        [FORMAT_TEXT] = "Zoë\nund ich",
    };
    static const char letters[] = "Tithi \"\\\n\u0924\u093f\u0925\u093f";
    if (field->values)
        return field->values[0];
    if (field->format != FORMAT_NONE)
        return by_format[field->format];
    if (field->length_maximum >= sizeof letters && field->length_minimum <= 6)
        return letters;
    char *text = pool_alloc(pool, field->length_minimum + 2);
    memset(text, 'x', field->length_minimum ? field->length_minimum : 1);
    return text;
}

static void fill_record(const struct record *record, char *structure, enum filling filling);

static void fill_value(const struct field *field, char *target, enum filling filling) {
    switch (field->type) {
    case FIELD_BOOLEAN:
        *(bool *)target = true;
        break;
    case FIELD_INTEGER:
        *(int64_t *)target = field->maximum;
        break;
    case FIELD_NUMBER:
        *(double *)target = field->number_maximum > 4.7 ? 4.7 : field->number_maximum;
        break;
    case FIELD_MONEY:
        *(int64_t *)target = 1234;
        break;
    case FIELD_STRING:
        *(const char **)target = text_for(field);
        break;
    case FIELD_INTEGER_OR_STRING:
        *(struct integer_or_string *)target = filling == FILL_ALL ? (struct integer_or_string){.text = text_for(field)}
                                                                  : (struct integer_or_string){.number = 7};
        break;
    case FIELD_OBJECT:
        fill_record(field->record, target, filling);
        break;
    case FIELD_LIST: {
        struct list *list = (struct list *)target;
        list->count = filling == FILL_ALL ? 2 : field->length_minimum;
        list->items = pool_alloc(pool, list->count * field->item_size);
        for (size_t i = 0; i < list->count; i++)
            fill_value(field->item, (char *)list->items + i * field->item_size, filling);
        break;
    }
    }
}

static void fill_record(const struct record *record, char *structure, enum filling filling) {
    for (size_t i = 0; i < record->field_count; i++) {
        const struct field *field = &record->fields[i];
        bool may_lack = field->presence_offset != SIZE_MAX;
        enum presence presence = !may_lack || filling == FILL_ALL                               ? PRESENCE_SET
                                 : field->nullable && (filling == FILL_NULL || field->required) ? PRESENCE_NULL
                                                                                                : PRESENCE_ABSENT;
        if (may_lack)
            *(enum presence *)(structure + field->presence_offset) = presence;
        if (presence == PRESENCE_SET)
            fill_value(field, structure + field->offset, filling);
    }
}

static void encode_filled(const struct record *record, enum filling filling, struct buffer *ret_message) {
    char *structure = pool_alloc(pool, record->size + 1);
    fill_record(record, structure, filling);
    codec_encode(record, structure, ret_message);
}

/* Decodes from memory of exactly this size, so that a sanitizer sees the first byte read too far. */
static int decode_exact(const struct record *record, const char *bytes, size_t length, void *ret_struct) {
    struct problems problems = {.pool = pool};
    char *copy = malloc(length ? length : 1);
    memcpy(copy, bytes, length);
    int result = codec_decode(record, copy, length, pool, ret_struct, &problems);
    free(copy);
    assert_int_equal(result != 0, problems.count != 0);
    return result;
}

static int decode_only(const struct record *record, const struct buffer *message) {
    return decode_exact(record, message->bytes, message->length, pool_alloc(pool, record->size + 1));
}

static int render_exact(const struct record *record, const char *bytes, size_t length) {
    struct buffer json = {0};
    char *copy = malloc(length ? length : 1);
    memcpy(copy, bytes, length);
    int result = codec_render(record, NULL, copy, length, &json);
    if (result)
        assert_int_equal(json.length, 0);
    buffer_free(&json);
    free(copy);
    return result;
}

/* Runs `check` on the sample record and on every record of the contract, in every filling. */
static void for_each_message(void (*check)(const struct record *record, const struct buffer *message)) {
    for (size_t i = 0; i == 0 || all_records[i - 1]; i++) {
        const struct record *record = i ? all_records[i - 1] : &record_sample;
        for (enum filling filling = 0; filling < FILLINGS; filling++) {
            struct buffer message = {0};
            encode_filled(record, filling, &message);
            check(record, &message);
            buffer_free(&message);
            pool_reset(pool);
        }
    }
}

/* --- what holds for all */

static void check_round_trip(const struct record *record, const struct buffer *message) {
    struct buffer again = {0};
    char *structure = pool_alloc(pool, record->size + 1);
    if (decode_exact(record, message->bytes, message->length, structure))
        fail_msg("%s is not decoded", record->name);
    codec_encode(record, structure, &again);
    assert_int_equal(again.length, message->length);
    assert_memory_equal(again.bytes, message->bytes, again.length);
    assert_int_equal(render_exact(record, message->bytes, message->length), 0);
    buffer_free(&again);
}

static void round_trip(void **state) {
    (void)state;
    for_each_message(check_round_trip);
}

static void check_truncated(const struct record *record, const struct buffer *message) {
    char *structure = pool_alloc(pool, record->size + 1);
    for (size_t length = 0; length < message->length; length++) {
        assert_int_equal(decode_exact(record, message->bytes, length, structure), -1);
        assert_int_equal(render_exact(record, message->bytes, length), -1);
    }
}

static void truncated(void **state) {
    (void)state;
    for_each_message(check_truncated);
}

static void check_lengthened(const struct record *record, const struct buffer *message) {
    struct buffer longer = {0};
    buffer_append(&longer, message->bytes, message->length);
    buffer_append_byte(&longer, '\xc0');
    assert_int_equal(decode_only(record, &longer), -1);
    assert_int_equal(render_exact(record, longer.bytes, longer.length), -1);
    buffer_free(&longer);
}

static void lengthened(void **state) {
    (void)state;
    for_each_message(check_lengthened);
}

/* The message with the value of pair `index` replaced by `bytes`. */
static void replace_value(const struct buffer *message, uint32_t index, const char *bytes, size_t length,
                          struct buffer *ret_message) {
    struct mp_reader reader;
    struct mp_value head;
    mp_reader_init(&reader, message->bytes, message->length);
    assert_int_equal(mp_read(&reader, &head), MP_MAP);
    for (uint32_t pair = 0; pair < index; pair++)
        assert_true(mp_skip(&reader) == 0 && mp_skip(&reader) == 0);
    assert_int_equal(mp_skip(&reader), 0);
    buffer_append(ret_message, message->bytes, (size_t)(reader.at - message->bytes));
    buffer_append(ret_message, bytes, length);
    assert_int_equal(mp_skip(&reader), 0);
    buffer_append(ret_message, reader.at, (size_t)(reader.end - reader.at));
}

static const struct field *field_at(const struct record *record, const struct buffer *message, uint32_t index) {
    struct mp_reader reader;
    struct mp_value key;
    mp_reader_init(&reader, message->bytes, message->length);
    mp_read(&reader, &key);
    for (uint32_t pair = 0; pair < index; pair++)
        assert_true(mp_skip(&reader) == 0 && mp_skip(&reader) == 0);
    assert_int_equal(mp_read(&reader, &key), MP_STRING);
    for (size_t i = 0; i < record->field_count; i++)
        if (mp_is(&key, record->fields[i].key))
            return &record->fields[i];
    fail_msg("%s has an unknown key", record->name);
    return NULL;
}

static uint32_t pair_count(const struct buffer *message) {
    struct mp_reader reader;
    struct mp_value head;
    mp_reader_init(&reader, message->bytes, message->length);
    assert_int_equal(mp_read(&reader, &head), MP_MAP);
    return head.length;
}

#define TYPE(type) (1u << (type))

static void check_mistyped(const struct record *record, const struct buffer *message) {
    static const struct {
        const char *bytes;
        size_t length;
        unsigned types; /* of fields that may take it */
    } others[] = {
        {"\xc3", 1, TYPE(FIELD_BOOLEAN)},
        {"\x05", 1, TYPE(FIELD_INTEGER) | TYPE(FIELD_NUMBER) | TYPE(FIELD_MONEY) | TYPE(FIELD_INTEGER_OR_STRING)},
        {"\xcb\x40\x00\x00\x00\x00\x00\x00\x00", 9, TYPE(FIELD_NUMBER)}, /* 2.0 */
        {"\xa1x", 2, TYPE(FIELD_STRING) | TYPE(FIELD_INTEGER_OR_STRING)},
        {"\xc4\x01x", 3, 0}, /* binary */
        {"\x90", 1, TYPE(FIELD_LIST)},
        {"\x80", 1, TYPE(FIELD_OBJECT)},
        {"\xa1\xff", 2, 0},                             /* no UTF-8 */
        {"\xa1\x00", 2, 0},                             /* NUL */
        {"\xcf\xff\xff\xff\xff\xff\xff\xff\xff", 9, 0}, /* beyond int64 */
        {"\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00", 9, 0}, /* NaN */
        {"\xdd\x7f\xff\xff\xff", 5, 0},                 /* 2^31 items that are not there */
        {"\xdf\x7f\xff\xff\xff", 5, 0},
        {"\xdb\x7f\xff\xff\xff", 5, 0},
        {"\xc1", 1, 0},         /* never used */
        {"\xd4\x01\x00", 3, 0}, /* extension */
        {"\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x90", 19, 0},
    };
    for (uint32_t pair = 0; pair < pair_count(message); pair++) {
        const struct field *field = field_at(record, message, pair);
        for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
            struct buffer changed = {0};
            replace_value(message, pair, others[i].bytes, others[i].length, &changed);
            int result = decode_only(record, &changed);
            if (!result && !(others[i].types & TYPE(field->type)))
                fail_msg("%s.%s takes case %zu", record->name, field->key, i);
            render_exact(record, changed.bytes, changed.length);
            buffer_free(&changed);
        }
        struct buffer null = {0};
        replace_value(message, pair, "\xc0", 1, &null);
        assert_int_equal(decode_only(record, &null), field->nullable ? 0 : -1);
        buffer_free(&null);
    }
}

static void mistyped(void **state) {
    (void)state;
    for_each_message(check_mistyped);
}

/* Whatever single byte changes: it is refused, or what was decoded is a good message itself. */
static void check_flipped(const struct record *record, const struct buffer *message) {
    static const unsigned char values[] = {0x00, 0x80, 0x9f, 0xa1, 0xc0, 0xcf, 0xdb, 0xdd, 0xff};
    struct buffer changed = {0};
    buffer_append(&changed, message->bytes, message->length);
    for (size_t i = 0; i < message->length; i++) {
        for (size_t v = 0; v < sizeof values; v++) {
            struct buffer again = {0};
            changed.bytes[i] = (char)values[v];
            char *structure = pool_alloc(pool, record->size + 1);
            if (!decode_exact(record, changed.bytes, changed.length, structure)) {
                codec_encode(record, structure, &again);
                assert_int_equal(decode_only(record, &again), 0);
            }
            render_exact(record, changed.bytes, changed.length);
            buffer_free(&again);
        }
        changed.bytes[i] = message->bytes[i];
        pool_reset(pool);
    }
    buffer_free(&changed);
}

static void flipped(void **state) {
    (void)state;
    for_each_message(check_flipped);
}

/* The message with one more pair. */
static void with_pair(const struct buffer *message, const char *pair, size_t length, struct buffer *ret_message) {
    struct mp_reader reader;
    struct mp_value head;
    msgpack_packer packer;
    mp_reader_init(&reader, message->bytes, message->length);
    mp_read(&reader, &head);
    mp_packer_init(&packer, ret_message);
    msgpack_pack_map(&packer, head.length + 1);
    buffer_append(ret_message, reader.at, (size_t)(reader.end - reader.at));
    buffer_append(ret_message, pair, length);
}

static void check_unknown(const struct record *record, const struct buffer *message) {
    static const struct {
        const char *bytes;
        size_t length;
        int result;
    } pairs[] = {
        {"\xa3new\x01", 5, 0},
        {"\xa3new\x82\x01\x02\xa1k\xc4\x00", 11, 0},
        {"\xa3new\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x90", 20, 0},
        {"\xa3new\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x90", 22, -1},
        {"\xa3new\xc1", 5, -1},
        {"\xa3new\xdd\xff\xff\xff\xff", 9, -1},
        {"\x05\x01", 2, -1}, /* keys are strings */
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        struct buffer changed = {0};
        with_pair(message, pairs[i].bytes, pairs[i].length, &changed);
        assert_int_equal(decode_only(record, &changed), pairs[i].result);
        assert_int_equal(render_exact(record, changed.bytes, changed.length), pairs[i].result);
        buffer_free(&changed);
    }
}

static void unknown_keys_are_skipped(void **state) {
    (void)state;
    for_each_message(check_unknown);
}

static void check_twice(const struct record *record, const struct buffer *message) {
    struct mp_reader reader;
    struct mp_value head;
    struct buffer changed = {0};
    mp_reader_init(&reader, message->bytes, message->length);
    mp_read(&reader, &head);
    const char *pair = reader.at;
    if (!head.length)
        return;
    assert_true(mp_skip(&reader) == 0 && mp_skip(&reader) == 0);
    with_pair(message, pair, (size_t)(reader.at - pair), &changed);
    assert_int_equal(decode_only(record, &changed), -1);
    buffer_free(&changed);
}

static void a_key_stands_once(void **state) {
    (void)state;
    for_each_message(check_twice);
}

/* Without a pair: fine where the field may be missing or has a default, else refused. */
static void check_missing(const struct record *record, const struct buffer *message) {
    for (uint32_t pair = 0; pair < pair_count(message); pair++) {
        const struct field *field = field_at(record, message, pair);
        struct buffer changed = {0};
        buffer_append(&changed, message->bytes, message->length);
        struct mp_reader reader;
        struct mp_value value;
        mp_reader_init(&reader, changed.bytes, changed.length);
        mp_read(&reader, &value);
        for (uint32_t before = 0; before < pair; before++)
            assert_true(mp_skip(&reader) == 0 && mp_skip(&reader) == 0);
        mp_read(&reader, &value);
        changed.bytes[value.bytes - changed.bytes] = '?'; /* an unknown key instead */
        assert_int_equal(decode_only(record, &changed), field->required && !field->default_text ? -1 : 0);
        buffer_free(&changed);
    }
}

static void missing(void **state) {
    (void)state;
    for_each_message(check_missing);
}

/* 100,000 empty maps must not become 100,000 structs. */
static void lists_are_held_against_the_bytes(void **state) {
    (void)state;
    struct buffer message = {0};
    msgpack_packer packer;
    mp_packer_init(&packer, &message);
    msgpack_pack_map(&packer, 1);
    mp_pack_text(&packer, "events");
    msgpack_pack_array(&packer, 100000);
    for (int i = 0; i < 100000; i++)
        msgpack_pack_map(&packer, 0);
    assert_int_equal(decode_only(&record_event_page, &message), -1);
    buffer_free(&message);
}

static void defaults_are_filled_in(void **state) {
    (void)state;
    struct sample sample;
    const char message[] = "\x83\xa2id\x05\xa5title\xa1x\xa4note\xc0";
    assert_int_equal(decode_exact(&record_sample, message, sizeof message - 1, &sample), 0);
    assert_string_equal(sample.kind, "big");
    assert_string_equal(sample.currency, "INR");
    assert_true(sample.active);
    assert_int_equal(sample.page, 20);
    assert_int_equal(sample.has_note, PRESENCE_NULL);
    assert_int_equal(sample.has_rating, PRESENCE_ABSENT);
    assert_int_equal(sample.has_price_minor, PRESENCE_ABSENT);
}

/* 1,234.56 in yen would be 123456: the bound of 10,000 holds in each currency's own minor units. */
static void money_is_bounded_in_its_currency(void **state) {
    (void)state;
    static const struct {
        const char *currency;
        int64_t minor;
        int result;
    } cases[] = {
        {"INR", 1000000, 0}, {"INR", 1000001, -1}, {"INR", -1, -1},       {"JPY", 10000, 0},
        {"JPY", 10001, -1},  {"KWD", 10000000, 0}, {"KWD", 10000001, -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer message = {0};
        struct sample sample = {.id = 1, .title = "x", .kind = "big", .currency = cases[i].currency, .page = 1};
        SET(sample, price_minor, cases[i].minor);
        codec_encode(&record_sample, &sample, &message);
        assert_int_equal(decode_only(&record_sample, &message), cases[i].result);
        buffer_free(&message);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),
        cmocka_unit_test(truncated),
        cmocka_unit_test(lengthened),
        cmocka_unit_test(mistyped),
        cmocka_unit_test(flipped),
        cmocka_unit_test(unknown_keys_are_skipped),
        cmocka_unit_test(a_key_stands_once),
        cmocka_unit_test(missing),
        cmocka_unit_test(lists_are_held_against_the_bytes),
        cmocka_unit_test(defaults_are_filled_in),
        cmocka_unit_test(money_is_bounded_in_its_currency),
    };
    return cmocka_run_group_tests(tests, open_pool, close_pool);
}
