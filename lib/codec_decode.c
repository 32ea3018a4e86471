/* Message -> struct, for workers. Nothing in a message is trusted: every length is held against the bytes that are
 * left, every value against the table. It stops at the first problem: the gateway has already told the client of
 * theirs. */
#include <string.h>

#include "codec_private.h"

struct decoder {
    struct mp_reader reader;
    struct pool *pool;
    struct problems *problems;
};

static int decode_record(struct decoder *decoder, const struct record *record, char *structure,
                         const struct place *parent);

static void set_presence(const struct field *field, char *structure, enum presence presence) {
    if (field->presence_offset != SIZE_MAX)
        memcpy(structure + field->presence_offset, &presence, sizeof presence);
}

static int malformed(struct decoder *decoder, const struct place *place) {
    problem_at(decoder->problems, place, "is malformed");
    return -1;
}

/* Stores a checked plain value where the item or member stands. */
static void store(struct decoder *decoder, const struct field *field, const struct mp_value *value, char *target) {
    const char *text = NULL;
    double number = value->type == MP_INTEGER ? (double)value->integer : value->number;
    if (value->type == MP_STRING)
        text = pool_copy(decoder->pool, value->bytes, value->length);
    switch (field->type) {
    case FIELD_BOOLEAN:
        memcpy(target, &value->boolean, sizeof value->boolean);
        break;
    case FIELD_INTEGER:
    case FIELD_MONEY:
        memcpy(target, &value->integer, sizeof value->integer);
        break;
    case FIELD_NUMBER:
        memcpy(target, &number, sizeof number);
        break;
    case FIELD_STRING:
        memcpy(target, &text, sizeof text);
        break;
    case FIELD_INTEGER_OR_STRING: {
        struct integer_or_string either = {.text = text, .number = text ? 0 : value->integer};
        memcpy(target, &either, sizeof either);
        break;
    }
    case FIELD_OBJECT:
    case FIELD_LIST:
        break;
    }
}

static int decode_plain(struct decoder *decoder, const struct field *field, const struct mp_value *value, char *target,
                        const struct place *place) {
    if (!codec_check(field, value, decoder->problems, place))
        return -1;
    store(decoder, field, value, target);
    return 0;
}

/* The least that one item can take: memory is only given for what the bytes can hold. */
static size_t least_bytes(const struct field *item) {
    size_t bytes = 1;
    if (item->type == FIELD_OBJECT)
        for (size_t i = 0; i < item->record->field_count; i++)
            if (item->record->fields[i].required && !item->record->fields[i].default_text)
                bytes += 1 + item->record->fields[i].key_length + 1;
    return bytes;
}

static int decode_list(struct decoder *decoder, const struct field *field, uint32_t count, char *target,
                       const struct place *place) {
    struct list list = {.count = count};
    size_t left = (size_t)(decoder->reader.end - decoder->reader.at);
    if (count > left / least_bytes(field->item))
        return malformed(decoder, place);
    if (!codec_check_count(field, count, decoder->problems, place))
        return -1;
    if (count)
        list.items = pool_alloc(decoder->pool, count * field->item_size);
    for (uint32_t i = 0; i < count; i++) {
        struct place item_place = {.parent = place, .index = i};
        char *item = (char *)list.items + i * field->item_size;
        struct mp_value value;
        if (field->item->type == FIELD_OBJECT) {
            if (decode_record(decoder, field->item->record, item, &item_place))
                return -1;
            continue;
        }
        enum mp_type type = mp_read(&decoder->reader, &value);
        if (type == MP_END || type == MP_BAD)
            return malformed(decoder, &item_place);
        if (decode_plain(decoder, field->item, &value, item, &item_place))
            return -1;
    }
    memcpy(target, &list, sizeof list);
    return 0;
}

static int decode_field(struct decoder *decoder, const struct field *field, char *structure,
                        const struct place *place) {
    struct mp_reader start = decoder->reader;
    struct mp_value value;
    char *target = structure + field->offset;
    enum mp_type type = mp_read(&decoder->reader, &value);
    if (type == MP_END || type == MP_BAD)
        return malformed(decoder, place);
    if (type == MP_NIL) {
        set_presence(field, structure, PRESENCE_NULL);
        if (!field->nullable)
            problem_at(decoder->problems, place, "cannot be null");
        return field->nullable ? 0 : -1;
    }
    set_presence(field, structure, PRESENCE_SET);
    if (field->type == FIELD_LIST && type == MP_ARRAY)
        return decode_list(decoder, field, value.length, target, place);
    if (field->type == FIELD_OBJECT && type == MP_MAP) {
        decoder->reader = start;
        return decode_record(decoder, field->record, target, place);
    }
    return decode_plain(decoder, field, &value, target, place);
}

static int decimals_of(const struct field *field, const char *structure) {
    const char *code = NULL;
    memcpy(&code, structure + field->currency->offset, sizeof code);
    return codec_decimals(code, code ? strlen(code) : 0);
}

static int decode_default(struct decoder *decoder, const struct field *field, char *structure,
                          const struct place *place) {
    struct mp_value value;
    int decimals = field->type == FIELD_MONEY ? decimals_of(field, structure) : 0;
    if (!codec_from_text(field, field->default_text, strlen(field->default_text), decimals, &value, decoder->problems,
                         place))
        return -1;
    store(decoder, field, &value, structure + field->offset);
    return 0;
}

/* Money last: its bounds and its default depend on the currency. */
static int decode_rest(struct decoder *decoder, const struct record *record, char *structure, const bool *seen,
                       const struct place *parent) {
    for (int money = 0; money <= 1; money++)
        for (size_t i = 0; i < record->field_count; i++) {
            const struct field *field = &record->fields[i];
            struct place place = {.parent = parent, .name = field->name};
            if ((field->type == FIELD_MONEY) != money)
                continue;
            if (!seen[i] && field->default_text) {
                if (decode_default(decoder, field, structure, &place))
                    return -1;
            } else if (!seen[i] && field->required) {
                problem_at(decoder->problems, &place, PROBLEM_MISSING);
                return -1;
            } else if (seen[i] && money) {
                int64_t minor;
                memcpy(&minor, structure + field->offset, sizeof minor);
                if (!codec_check_money(field, minor, decimals_of(field, structure), decoder->problems, &place))
                    return -1;
            }
        }
    return 0;
}

static int decode_record(struct decoder *decoder, const struct record *record, char *structure,
                         const struct place *parent) {
    bool seen[RECORD_FIELD_LIMIT] = {false};
    size_t hint = 0;
    struct mp_value map;
    enum mp_type type = mp_read(&decoder->reader, &map);
    if (type != MP_MAP)
        return malformed(decoder, parent);
    for (uint32_t pair = 0; pair < map.length; pair++) {
        struct mp_value key;
        if (mp_read(&decoder->reader, &key) != MP_STRING)
            return malformed(decoder, parent);
        const struct field *field = codec_find_key(record, key.bytes, key.length, &hint);
        if (!field) {
            if (mp_skip(&decoder->reader))
                return malformed(decoder, parent);
            continue;
        }
        struct place place = {.parent = parent, .name = field->name};
        if (seen[field - record->fields]) {
            problem_at(decoder->problems, &place, "is given twice");
            return -1;
        }
        seen[field - record->fields] = true;
        if (decode_field(decoder, field, structure, &place))
            return -1;
    }
    return decode_rest(decoder, record, structure, seen, parent);
}

int codec_decode(const struct record *record, const char *bytes, size_t length, struct pool *pool, void *ret_struct,
                 struct problems *problems) {
    struct decoder decoder = {.pool = pool, .problems = problems};
    mp_reader_init(&decoder.reader, bytes, length);
    memset(ret_struct, 0, record->size);
    if (decode_record(&decoder, record, ret_struct, NULL))
        return -1;
    if (decoder.reader.at == decoder.reader.end)
        return 0;
    problem_add(problems, "body", "has trailing bytes");
    return -1;
}
