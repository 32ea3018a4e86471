/* Struct -> message, for workers. Keys come in table order, so equal structs give equal bytes. */
#include <string.h>

#include "codec_private.h"

static void encode_record(msgpack_packer *packer, const struct record *record, const char *structure);

static enum presence presence_of(const struct field *field, const char *structure) {
    enum presence presence = PRESENCE_SET;
    if (field->presence_offset != SIZE_MAX)
        memcpy(&presence, structure + field->presence_offset, sizeof presence);
    return presence;
}

/* Required fields always travel, as nil where they are not set. */
static bool travels(const struct field *field, enum presence presence) {
    return field->required || presence == PRESENCE_SET || (presence == PRESENCE_NULL && field->nullable);
}

static void encode_text(msgpack_packer *packer, const char *text) {
    if (text)
        mp_pack_text(packer, text);
    else
        msgpack_pack_nil(packer);
}

static void encode_value(msgpack_packer *packer, const struct field *field, const char *value) {
    switch (field->type) {
    case FIELD_BOOLEAN:
        if (*(const bool *)value)
            msgpack_pack_true(packer);
        else
            msgpack_pack_false(packer);
        break;
    case FIELD_INTEGER:
    case FIELD_MONEY:
        msgpack_pack_int64(packer, *(const int64_t *)value);
        break;
    case FIELD_NUMBER:
        msgpack_pack_double(packer, *(const double *)value);
        break;
    case FIELD_STRING:
        encode_text(packer, *(const char *const *)value);
        break;
    case FIELD_INTEGER_OR_STRING: {
        const struct integer_or_string *either = (const struct integer_or_string *)value;
        if (either->text)
            mp_pack_text(packer, either->text);
        else
            msgpack_pack_int64(packer, either->number);
        break;
    }
    case FIELD_OBJECT:
        encode_record(packer, field->record, value);
        break;
    case FIELD_LIST: {
        const struct list *list = (const struct list *)value;
        msgpack_pack_array(packer, list->count);
        for (size_t i = 0; i < list->count; i++)
            encode_value(packer, field->item, (const char *)list->items + i * field->item_size);
        break;
    }
    }
}

static void encode_record(msgpack_packer *packer, const struct record *record, const char *structure) {
    size_t count = 0;
    for (size_t i = 0; i < record->field_count; i++)
        count += travels(&record->fields[i], presence_of(&record->fields[i], structure));
    msgpack_pack_map(packer, count);
    for (size_t i = 0; i < record->field_count; i++) {
        const struct field *field = &record->fields[i];
        enum presence presence = presence_of(field, structure);
        if (!travels(field, presence))
            continue;
        mp_pack_string(packer, field->key, field->key_length);
        if (presence == PRESENCE_SET)
            encode_value(packer, field, structure + field->offset);
        else
            msgpack_pack_nil(packer);
    }
}

void codec_encode(const struct record *record, const void *structure, struct buffer *ret_message) {
    msgpack_packer packer;
    mp_packer_init(&packer, ret_message);
    encode_record(&packer, record, structure);
}
