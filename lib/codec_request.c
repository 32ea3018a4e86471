/* An HTTP request's parts -> message, for the gateway. First everything that was given is gathered per field
 * (codec_given.h); then the record is packed in table order, each value held against the table. All problems are
 * collected, so that a person can mend a form in one go. */
#include "codec_given.h"

struct request {
    struct problems *problems;
    msgpack_packer packer;
};

static void pack_object(struct request *request, const struct record *record, const json_t *object,
                        const struct place *place);

static bool json_number_to_minor(const json_t *json, int decimals, struct mp_value *ret_value,
                                 struct problems *problems, const struct place *place) {
    return json_is_integer(json)
               ? codec_whole_to_minor(json_integer_value(json), decimals, &ret_value->integer, problems, place)
               : codec_major_to_minor(json_real_value(json), decimals, &ret_value->integer, problems, place);
}

/* A plain JSON value as the message will carry it; exact types, so 2.0 is no integer. Whether the field allows it is
 * codec_check()'s to say. */
static bool value_of_json(struct request *request, const struct field *field, const struct given *given, int decimals,
                          struct mp_value *ret_value, const struct place *place) {
    const json_t *json = given->json;
    *ret_value = (struct mp_value){.type = MP_BAD};
    switch (json_typeof(json)) {
    case JSON_TRUE:
    case JSON_FALSE:
        ret_value->type = MP_BOOLEAN;
        ret_value->boolean = json_is_true(json);
        break;
    case JSON_INTEGER:
        ret_value->type = MP_INTEGER;
        ret_value->integer = json_integer_value(json);
        break;
    case JSON_REAL:
        ret_value->type = MP_NUMBER;
        ret_value->number = json_real_value(json);
        break;
    case JSON_STRING:
        ret_value->type = MP_STRING;
        ret_value->bytes = json_string_value(json);
        ret_value->length = (uint32_t)json_string_length(json);
        if (field->quoted && codec_parse_integer(ret_value->bytes, ret_value->length, &ret_value->integer))
            ret_value->type = MP_INTEGER;
        break;
    case JSON_NULL:
    case JSON_OBJECT:
    case JSON_ARRAY:
        break;
    }
    if (field->type != FIELD_MONEY || given->minor || !json_is_number(json))
        return true;
    ret_value->type = MP_INTEGER;
    return json_number_to_minor(json, decimals, ret_value, request->problems, place);
}

static bool value_of(struct request *request, const struct field *field, const struct given *given, int decimals,
                     struct mp_value *ret_value, const struct place *place) {
    if (given->kind == GIVEN_TEXT)
        return codec_from_text(field, given->text.bytes, given->text.length, decimals, ret_value, request->problems,
                               place);
    return value_of_json(request, field, given, decimals, ret_value, place);
}

static bool values_equal(const struct mp_value *a, const struct mp_value *b) {
    if (a->type != b->type)
        return false;
    switch (a->type) {
    case MP_BOOLEAN:
        return a->boolean == b->boolean;
    case MP_INTEGER:
        return a->integer == b->integer;
    case MP_NUMBER:
        return a->number == b->number;
    case MP_STRING:
        return a->length == b->length && memcmp(a->bytes, b->bytes, a->length) == 0;
    default:
        return false;
    }
}

/* Several names of one field must agree. */
static bool agree(struct request *request, const struct field *field, const struct given *first, int decimals,
                  const struct place *place) {
    for (const struct given *other = first->next; other; other = other->next) {
        struct mp_value a, b;
        bool same_kind = first->kind == GIVEN_JSON && other->kind == GIVEN_JSON && first->minor == other->minor;
        if (same_kind && json_equal(first->json, other->json))
            continue;
        if (!value_of(request, field, first, decimals, &a, place) ||
            !value_of(request, field, other, decimals, &b, place))
            return false;
        if (values_equal(&a, &b))
            continue;
        problem_at(request->problems, place, "is given twice with different values (%s, %s)", first->name, other->name);
        return false;
    }
    return true;
}

static void pack_value(msgpack_packer *packer, const struct field *field, const struct mp_value *value) {
    switch (value->type) {
    case MP_BOOLEAN:
        if (value->boolean)
            msgpack_pack_true(packer);
        else
            msgpack_pack_false(packer);
        break;
    case MP_INTEGER:
        if (field->type == FIELD_NUMBER)
            msgpack_pack_double(packer, (double)value->integer);
        else
            msgpack_pack_int64(packer, value->integer);
        break;
    case MP_NUMBER:
        msgpack_pack_double(packer, value->number);
        break;
    case MP_STRING:
        mp_pack_string(packer, value->bytes, value->length);
        break;
    default:
        msgpack_pack_nil(packer);
    }
}

static void pack_plain(struct request *request, const struct field *field, const struct given *given, int decimals,
                       const struct place *place) {
    struct mp_value value;
    if (!value_of(request, field, given, decimals, &value, place) ||
        !codec_check(field, &value, request->problems, place))
        return;
    if (field->type == FIELD_MONEY && !codec_check_money(field, value.integer, decimals, request->problems, place))
        return;
    pack_value(&request->packer, field, &value);
}

static void pack_list(struct request *request, const struct field *field, const json_t *array,
                      const struct place *place) {
    if (!codec_check_count(field, json_array_size(array), request->problems, place))
        return;
    msgpack_pack_array(&request->packer, json_array_size(array));
    for (size_t i = 0; i < json_array_size(array) && request->problems->count < PROBLEM_LIMIT; i++) {
        struct place item_place = {.parent = place, .index = i};
        const struct given item = {.kind = GIVEN_JSON, .json = json_array_get(array, i)};
        if (field->item->type != FIELD_OBJECT)
            pack_plain(request, field->item, &item, 0, &item_place);
        else if (json_is_object(item.json))
            pack_object(request, field->item->record, item.json, &item_place);
        else
            problem_at(request->problems, &item_place, "%s", codec_type_reason(field->item));
    }
}

static void pack_given(struct request *request, const struct field *field, const struct given *given, int decimals,
                       const struct place *place) {
    if (given->next && !agree(request, field, given, decimals, place))
        return;
    if (given->kind == GIVEN_JSON && json_is_null(given->json)) {
        if (field->nullable)
            msgpack_pack_nil(&request->packer);
        else
            problem_at(request->problems, place, "cannot be null");
    } else if (given->kind == GIVEN_JSON && field->type == FIELD_OBJECT && json_is_object(given->json))
        pack_object(request, field->record, given->json, place);
    else if (given->kind == GIVEN_JSON && field->type == FIELD_LIST && json_is_array(given->json))
        pack_list(request, field, given->json, place);
    else
        pack_plain(request, field, given, decimals, place);
}

/* The currency given in this request, else its default. */
static int decimals_given(const struct record *record, const struct field *field, const struct givens *givens) {
    const struct given *currency = &givens->of[field->currency - record->fields];
    if (currency->kind == GIVEN_TEXT)
        return codec_decimals(currency->text.bytes, currency->text.length);
    if (currency->kind == GIVEN_JSON && json_is_string(currency->json))
        return codec_decimals(json_string_value(currency->json), json_string_length(currency->json));
    const char *text = field->currency->default_text;
    return codec_decimals(text, text ? strlen(text) : 0);
}

static void pack_record(struct request *request, const struct record *record, const struct givens *givens,
                        const struct place *parent) {
    size_t count = 0;
    for (size_t i = 0; i < record->field_count; i++)
        count += givens->of[i].kind != GIVEN_NOT || record->fields[i].default_text;
    msgpack_pack_map(&request->packer, count);
    for (size_t i = 0; i < record->field_count; i++) {
        const struct field *field = &record->fields[i];
        const struct place place = {.parent = parent, .name = givens->of[i].name ? givens->of[i].name : field->name};
        struct given fallback = {.kind = GIVEN_TEXT};
        const struct given *given = &givens->of[i];
        if (given->kind == GIVEN_NOT) {
            if (field->required && !field->default_text)
                problem_at(request->problems, &place, PROBLEM_MISSING);
            if (!field->default_text)
                continue;
            fallback.text = (struct text_span){field->default_text, strlen(field->default_text)};
            given = &fallback;
        }
        mp_pack_string(&request->packer, field->key, field->key_length);
        pack_given(request, field, given, field->type == FIELD_MONEY ? decimals_given(record, field, givens) : 0,
                   &place);
    }
}

static void pack_object(struct request *request, const struct record *record, const json_t *object,
                        const struct place *place) {
    struct givens givens;
    given_clear(&givens, record);
    given_take_object(record, object, &givens, request->problems, place);
    pack_record(request, record, &givens, place);
}

enum codec_result codec_request(const struct record *record, const struct request_source *source,
                                struct buffer *ret_message, struct problems *problems) {
    struct request request = {.problems = problems};
    struct givens givens;
    size_t start = ret_message->length, problems_before = problems->count;
    json_t *body = NULL;
    if (source->body.length && !(body = given_parse(source->body, problems)))
        return CODEC_MALFORMED;
    if (!source->raw_body.length && given_holds_card(source, body, problems->pool)) {
        json_decref(body);
        return CODEC_CARD_NUMBER;
    }
    given_clear(&givens, record);
    given_take_source(record, source, &givens, problems);
    if (body && !json_is_object(body))
        problem_add(problems, "body", "must be an object");
    else if (body)
        given_take_object(record, body, &givens, problems, NULL);
    given_take_fixed(record, source->fixed, &givens, problems);
    mp_packer_init(&request.packer, ret_message);
    pack_record(&request, record, &givens, NULL);
    json_decref(body);
    if (problems->count == problems_before)
        return CODEC_OK;
    ret_message->length = start;
    return CODEC_INVALID;
}
