/* Message -> JSON, for the gateway. Of each map the places of its values are found once, in one pass; then the table,
 * or a view of it, says what is printed and under which names. What it does not list is passed over. */
#include <string.h>

#include "codec_private.h"
#include "json_text.h"

struct renderer {
    const char *end;   /* of the message */
    const char *after; /* the value rendered last */
    struct buffer *json;
};

static int render_record(struct renderer *renderer, const struct record *record, const char *map);
static int render_shape(struct renderer *renderer, const struct view *view, const char *map);

static struct mp_reader reader_at(const struct renderer *renderer, const char *at) {
    return (struct mp_reader){.at = at, .end = renderer->end};
}

static bool is_nil(const struct mp_reader *reader) {
    return reader->at < reader->end && (unsigned char)*reader->at == 0xc0;
}

int codec_find_slots(const char *map, const char *end, const struct record *record, struct slots *ret_slots) {
    struct mp_reader reader = {.at = map, .end = end};
    struct mp_value head, key;
    size_t hint = 0;
    memset(ret_slots->at, 0, record->field_count * sizeof ret_slots->at[0]);
    if (mp_read(&reader, &head) != MP_MAP)
        return -1;
    for (uint32_t pair = 0; pair < head.length; pair++) {
        if (mp_read(&reader, &key) != MP_STRING)
            return -1;
        const struct field *field = codec_find_key(record, key.bytes, key.length, &hint);
        if (field && !is_nil(&reader))
            ret_slots->at[field - record->fields] = reader.at;
        if (mp_skip(&reader))
            return -1;
    }
    ret_slots->after = reader.at;
    return 0;
}

static int find_slots(const struct renderer *renderer, const struct record *record, const char *map,
                      struct slots *ret_slots) {
    return codec_find_slots(map, renderer->end, record, ret_slots);
}

/* --- values */

int codec_slot_decimals(const struct slots *slots, const char *end, const struct record *record,
                        const struct field *field) {
    const char *at = slot_of(slots, record, field->currency);
    struct mp_reader reader = {.at = at, .end = end};
    struct mp_value currency;
    if (!at || mp_read(&reader, &currency) != MP_STRING)
        return codec_decimals(NULL, 0);
    return codec_decimals(currency.bytes, currency.length);
}

static int render_list(struct renderer *renderer, const struct field *item, const struct view *view, const char *at);

/* One value. `decimals` is for money only. */
static int render_value(struct renderer *renderer, const struct field *field, const struct view *view, const char *at,
                        int decimals) {
    struct mp_reader reader = reader_at(renderer, at);
    struct mp_value value;
    if (field->type == FIELD_OBJECT)
        return view ? render_shape(renderer, view, at) : render_record(renderer, field->record, at);
    if (field->type == FIELD_LIST)
        return render_list(renderer, field->item, view, at);
    enum mp_type type = mp_read(&reader, &value);
    bool number = field->type != FIELD_BOOLEAN && field->type != FIELD_STRING;
    if (type == MP_BOOLEAN && field->type == FIELD_BOOLEAN)
        json_put(renderer->json, value.boolean ? "true" : "false", value.boolean ? 4 : 5);
    else if (type == MP_STRING && field->format == FORMAT_JSON)
        json_put(renderer->json, value.bytes, value.length);
    else if (type == MP_STRING && (field->type == FIELD_STRING || field->type == FIELD_INTEGER_OR_STRING))
        json_append_string(renderer->json, value.bytes, value.length);
    else if (type == MP_INTEGER && field->type == FIELD_MONEY)
        json_append_decimal(renderer->json, value.integer, decimals);
    else if (type == MP_INTEGER && number)
        json_append_integer(renderer->json, value.integer);
    else if (type != MP_NUMBER || field->type != FIELD_NUMBER || !json_append_number(renderer->json, value.number))
        return -1;
    renderer->after = reader.at;
    return 0;
}

static int render_list(struct renderer *renderer, const struct field *item, const struct view *view, const char *at) {
    struct mp_reader reader = reader_at(renderer, at);
    struct mp_value head;
    if (mp_read(&reader, &head) != MP_ARRAY)
        return -1;
    json_put(renderer->json, "[", 1);
    for (uint32_t i = 0; i < head.length; i++) {
        if (i)
            json_put(renderer->json, ",", 1);
        if (render_value(renderer, item, view, reader.at, 0))
            return -1;
        reader.at = renderer->after;
    }
    json_put(renderer->json, "]", 1);
    renderer->after = reader.at;
    return 0;
}

/* --- names */

/* `"name":`, with the comma before it where it is not the first member. Names are identifiers: nothing to escape. */
static void put_name(struct buffer *json, size_t start, const char *name, size_t length) {
    json_put(json, json->length == start ? "\"" : ",\"", json->length == start ? 1 : 2);
    json_put(json, name, length);
    json_put(json, "\":", 2);
}

struct names {
    const char *name;
    uint32_t length;
    const char *const *aliases;
};

/* The value once more under each former name. */
static void put_aliases(struct buffer *json, size_t start, const struct names *names, size_t value_start) {
    size_t length = json->length - value_start;
    for (const char *const *alias = names->aliases; *alias; alias++) {
        put_name(json, start, *alias, strlen(*alias));
        buffer_reserve(json, length);
        memcpy(json->bytes + json->length, json->bytes + value_start, length);
        json->length += length;
    }
}

static void put_minor_name(struct buffer *json, const struct names *names) {
    json_put(json, ",\"", 2);
    json_put(json, names->name, names->length);
    json_put(json, "_minor\":", 8);
}

/* One member under all its names. `start`: where the object's members begin. `at` NULL: null. */
static int render_member(struct renderer *renderer, size_t start, const struct names *names, const struct field *field,
                         const struct view *view, const char *at, int decimals) {
    struct buffer *json = renderer->json;
    put_name(json, start, names->name, names->length);
    size_t value_start = json->length;
    if (!at)
        json_put(json, "null", 4);
    else if (render_value(renderer, field, view, at, decimals))
        return -1;
    put_aliases(json, start, names, value_start);
    if (field->type != FIELD_MONEY)
        return 0;
    put_minor_name(json, names);
    if (!at)
        json_put(json, "null", 4);
    return at ? render_value(renderer, field, NULL, at, 0) : 0;
}

static int render_record(struct renderer *renderer, const struct record *record, const char *map) {
    struct slots slots;
    if (find_slots(renderer, record, map, &slots))
        return -1;
    json_put(renderer->json, "{", 1);
    size_t start = renderer->json->length;
    for (size_t i = 0; i < record->field_count; i++) {
        const struct field *field = &record->fields[i];
        const char *at = slot_of(&slots, record, field);
        const struct names names = {field->name, field->name_length, field->aliases};
        if (!at && !field->required)
            continue;
        int decimals = field->type == FIELD_MONEY ? codec_slot_decimals(&slots, renderer->end, record, field) : 0;
        if (render_member(renderer, start, &names, field, NULL, at, decimals))
            return -1;
    }
    json_put(renderer->json, "}", 1);
    renderer->after = slots.after;
    return 0;
}

/* --- views */

/* Follows a row's path through nested objects. `ret_at` NULL: nothing there. */
static int follow(const struct renderer *renderer, const struct view *view, const struct slots *outer,
                  const struct view_field *row, const struct field **ret_field, const char **ret_at,
                  int *ret_decimals) {
    const struct field *const *step = row->path;
    const struct record *record = view->record;
    const struct slots *slots = outer;
    struct slots inner;
    const char *at = slot_of(slots, record, *step);
    for (; step[1]; step++) {
        record = (*step)->record;
        if (at && find_slots(renderer, record, at, &inner))
            return -1;
        slots = &inner;
        at = at ? slot_of(slots, record, step[1]) : NULL;
    }
    *ret_field = *step;
    *ret_at = at;
    *ret_decimals = at && (*step)->type == FIELD_MONEY ? codec_slot_decimals(slots, renderer->end, record, *step) : 0;
    return 0;
}

static int render_shape(struct renderer *renderer, const struct view *view, const char *map) {
    struct slots slots;
    if (!view->fields)
        return render_record(renderer, view->record, map);
    if (find_slots(renderer, view->record, map, &slots))
        return -1;
    json_put(renderer->json, "{", 1);
    size_t start = renderer->json->length;
    for (size_t i = 0; i < view->field_count; i++) {
        const struct view_field *row = &view->fields[i];
        const struct names names = {row->name, row->name_length, row->aliases};
        const struct field *field;
        const char *at;
        int decimals;
        if (follow(renderer, view, &slots, row, &field, &at, &decimals))
            return -1;
        if ((at || row->always) && render_member(renderer, start, &names, field, row->view, at, decimals))
            return -1;
    }
    json_put(renderer->json, "}", 1);
    renderer->after = slots.after;
    return 0;
}

static int render_root(struct renderer *renderer, const struct record *record, const struct view *view,
                       const char *map) {
    struct slots slots;
    if (!view)
        return render_record(renderer, record, map);
    if (!view->root)
        return render_shape(renderer, view, map);
    if (find_slots(renderer, record, map, &slots))
        return -1;
    const char *at = slot_of(&slots, record, view->root);
    if (!at)
        json_put(renderer->json, "null", 4);
    else if (render_value(renderer, view->root, view, at, 0))
        return -1;
    renderer->after = slots.after;
    return 0;
}

int codec_render(const struct record *record, const struct view *view, const char *message, size_t length,
                 struct buffer *ret_json) {
    struct renderer renderer = {.end = message + length, .json = ret_json};
    size_t start = ret_json->length;
    if (!render_root(&renderer, record, view, message) && renderer.after == renderer.end)
        return 0;
    ret_json->length = start;
    return -1;
}

/* The value of a key at the top level; MP_BAD where there is none. */
static enum mp_type find_value(const char *message, size_t length, const char *key, struct mp_value *ret_value) {
    struct mp_reader reader;
    struct mp_value head, name;
    mp_reader_init(&reader, message, length);
    if (mp_read(&reader, &head) != MP_MAP)
        return MP_BAD;
    for (uint32_t pair = 0; pair < head.length; pair++) {
        if (mp_read(&reader, &name) != MP_STRING)
            return MP_BAD;
        if (mp_is(&name, key))
            return mp_read(&reader, ret_value);
        if (mp_skip(&reader))
            return MP_BAD;
    }
    return MP_BAD;
}

const char *codec_find_text(const char *message, size_t length, const char *key, struct pool *pool) {
    struct mp_value value;
    return find_value(message, length, key, &value) == MP_STRING ? pool_copy(pool, value.bytes, value.length) : NULL;
}

bool codec_is_true(const char *message, size_t length, const char *key) {
    struct mp_value value;
    return find_value(message, length, key, &value) == MP_BOOLEAN && value.boolean;
}
