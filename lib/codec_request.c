/* An HTTP request's parts -> message, for the gateway. First everything that was given is gathered per field, whatever
 * name and place it came under; then the record is packed in table order, each value held against the table. All
 * problems are collected, so that a person can mend a form in one go. */
#include <jansson.h>
#include <string.h>

#include "codec_private.h"
#include "format.h"

enum given_kind { GIVEN_NOT, GIVEN_TEXT, GIVEN_JSON };

/* One value as it was given for a field. */
struct given {
    enum given_kind kind;
    bool minor;       /* money given in minor units, under NAME_minor */
    const char *name; /* the contract's name or former name it came under */
    struct text_span text;
    const json_t *json;
    struct given *next; /* the same field under a further name */
};

struct request {
    const struct record *record;
    const struct request_source *source;
    struct problems *problems;
    msgpack_packer packer;
};

static void pack_object(struct request *request, const struct record *record, const json_t *object,
                        const struct place *place);

/* --- which field a name means */

static const char *own_name(const struct field *field, const char *name, size_t length) {
    if (field->name_length == length && memcmp(field->name, name, length) == 0)
        return field->name;
    for (const char *const *alias = field->aliases; *alias; alias++)
        if (strlen(*alias) == length && memcmp(*alias, name, length) == 0)
            return *alias;
    if (field->type == FIELD_MONEY && field->key_length == length && memcmp(field->key, name, length) == 0)
        return field->key;
    return NULL;
}

/* The field that comes from `location` under this name. `hint` as in codec_find_key(). */
static const struct field *find_name(const struct record *record, enum field_location location, const char *name,
                                     size_t length, size_t *hint, const char **ret_name) {
    size_t index = *hint;
    for (size_t tried = 0; tried < record->field_count; tried++, index++) {
        if (index >= record->field_count)
            index = 0;
        const struct field *field = &record->fields[index];
        if (field->location == location && (*ret_name = own_name(field, name, length))) {
            *hint = index + 1;
            return field;
        }
    }
    return NULL;
}

static void note(struct request *request, struct given *first, struct given given) {
    if (first->kind == GIVEN_NOT) {
        *first = given;
        return;
    }
    struct given *further = pool_alloc(request->problems->pool, sizeof *further);
    *further = given;
    further->next = first->next;
    first->next = further;
}

static void note_text(struct request *request, const struct field *field, struct given *givens, const char *name,
                      struct text_span text) {
    note(request, &givens[field - request->record->fields],
         (struct given){.kind = GIVEN_TEXT, .name = name, .text = text});
}

/* --- gathering */

static int hex_value(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Percent-decoding into the pool; `plus`: what '+' stands for. False on a bad escape. */
static bool decode_percent(struct pool *pool, struct text_span raw, char plus, struct text_span *ret_text) {
    if (!memchr(raw.bytes, '%', raw.length) && !memchr(raw.bytes, '+', raw.length)) {
        *ret_text = raw;
        return true;
    }
    char *text = pool_alloc(pool, raw.length);
    size_t length = 0;
    for (size_t i = 0; i < raw.length; i++) {
        if (raw.bytes[i] != '%') {
            text[length++] = raw.bytes[i] == '+' ? plus : raw.bytes[i];
            continue;
        }
        int high = i + 2 < raw.length ? hex_value(raw.bytes[i + 1]) : -1,
            low = high < 0 ? -1 : hex_value(raw.bytes[i + 2]);
        if (low < 0)
            return false;
        text[length++] = (char)(high << 4 | low);
        i += 2;
    }
    *ret_text = (struct text_span){text, length};
    return true;
}

/* Unknown names are repeated in the answer as far as they are text. */
static void refuse_unknown(struct request *request, struct text_span name, const struct place *parent) {
    const char *shown = pool_copy(request->problems->pool, name.bytes, name.length);
    struct place place = {.parent = parent, .name = format_text_length(name.bytes, name.length) > 0 ? shown : "query"};
    problem_at(request->problems, &place, "is not a known field");
}

static bool given_under(const struct given *given, const char *name) {
    for (; given && given->kind != GIVEN_NOT; given = given->next)
        if (given->name == name)
            return true;
    return false;
}

static void take_parameter(struct request *request, struct given *givens, struct text_span raw_name,
                           struct text_span raw_value, size_t *hint) {
    struct pool *pool = request->problems->pool;
    struct text_span name, value;
    const char *known;
    if (!decode_percent(pool, raw_name, ' ', &name)) {
        problem_add(request->problems, "query", "has a bad percent-encoding");
        return;
    }
    const struct field *field = find_name(request->record, IN_QUERY, name.bytes, name.length, hint, &known);
    if (!field) {
        refuse_unknown(request, name, NULL);
        return;
    }
    /* A moment holds no blank: there '+' is the sign of its offset, as people write it. */
    bool moment = field->format == FORMAT_DATE_TIME || field->format == FORMAT_DATE_OR_TIME;
    if (!decode_percent(pool, raw_value, moment ? '+' : ' ', &value))
        problem_add(request->problems, field->name, "has a bad percent-encoding");
    else if (given_under(&givens[field - request->record->fields], known))
        problem_add(request->problems, known, "is given more than once");
    else
        note_text(request, field, givens, known, value);
}

static void take_query(struct request *request, struct given *givens) {
    const char *at = request->source->query.bytes, *end = at + request->source->query.length;
    size_t hint = 0;
    while (at < end && request->problems->count < PROBLEM_LIMIT) {
        const char *stop = memchr(at, '&', (size_t)(end - at));
        stop = stop ? stop : end;
        const char *equals = memchr(at, '=', (size_t)(stop - at));
        struct text_span name = {at, (size_t)((equals ? equals : stop) - at)};
        struct text_span value = {equals ? equals + 1 : stop, equals ? (size_t)(stop - equals - 1) : 0};
        if (stop > at)
            take_parameter(request, givens, name, value, &hint);
        at = stop + 1;
    }
}

static void take_path(struct request *request, struct given *givens) {
    const struct request_source *source = request->source;
    size_t hint = 0;
    for (size_t i = 0; i < source->path_count; i++) {
        const char *known, *name = source->path_names[i];
        const struct field *field = find_name(request->record, IN_PATH, name, strlen(name), &hint, &known);
        if (field)
            note_text(request, field, givens, known, source->path_values[i]);
    }
}

/* What the route itself sets. It comes last, so that a problem names what the client gave. */
static void take_fixed(struct request *request, struct given *givens) {
    for (const struct fixed_value *fixed = request->source->fixed; fixed && fixed->field; fixed++)
        note_text(request, fixed->field, givens, "this path", (struct text_span){fixed->text, strlen(fixed->text)});
}

/* Headers and the bearer token. */
static void take_headers(struct request *request, struct given *givens) {
    const struct request_source *source = request->source;
    for (size_t i = 0; i < request->record->field_count; i++) {
        const struct field *field = &request->record->fields[i];
        struct text_span text = {NULL, 0};
        if (field->location == IN_CREDENTIALS && source->credentials.length)
            text = source->credentials;
        else if (field->location == IN_HEADER && source->header)
            text.bytes = source->header(source->context, field->header, &text.length);
        if (text.bytes)
            note_text(request, field, givens, field->name, text);
    }
}

static void take_object(struct request *request, const struct record *record, const json_t *object,
                        struct given *givens, const struct place *place) {
    const char *key, *known;
    json_t *value, *members = (json_t *)object; /* iteration does not change it */
    size_t hint = 0;
    json_object_foreach(members, key, value) {
        if (request->problems->count == PROBLEM_LIMIT)
            return;
        const struct field *field = find_name(record, IN_BODY, key, strlen(key), &hint, &known);
        if (!field) {
            refuse_unknown(request, (struct text_span){key, strlen(key)}, place);
            continue;
        }
        bool minor = field->type == FIELD_MONEY && known == field->key;
        note(request, &givens[field - record->fields],
             (struct given){.kind = GIVEN_JSON, .minor = minor, .name = known, .json = value});
    }
}

/* --- values */

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

/* --- packing */

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
static int decimals_given(const struct record *record, const struct field *field, const struct given *givens) {
    const struct given *currency = &givens[field->currency - record->fields];
    if (currency->kind == GIVEN_TEXT)
        return codec_decimals(currency->text.bytes, currency->text.length);
    if (currency->kind == GIVEN_JSON && json_is_string(currency->json))
        return codec_decimals(json_string_value(currency->json), json_string_length(currency->json));
    const char *text = field->currency->default_text;
    return codec_decimals(text, text ? strlen(text) : 0);
}

static void pack_record(struct request *request, const struct record *record, const struct given *givens,
                        const struct place *parent) {
    size_t count = 0;
    for (size_t i = 0; i < record->field_count; i++)
        count += givens[i].kind != GIVEN_NOT || record->fields[i].default_text;
    msgpack_pack_map(&request->packer, count);
    for (size_t i = 0; i < record->field_count; i++) {
        const struct field *field = &record->fields[i];
        const struct place place = {.parent = parent, .name = givens[i].name ? givens[i].name : field->name};
        struct given fallback = {.kind = GIVEN_TEXT};
        const struct given *given = &givens[i];
        if (given->kind == GIVEN_NOT) {
            if (field->required && !field->default_text)
                problem_at(request->problems, &place, "is required");
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
    struct given givens[RECORD_FIELD_LIMIT];
    memset(givens, 0, record->field_count * sizeof *givens);
    take_object(request, record, object, givens, place);
    pack_record(request, record, givens, place);
}

/* --- JSON text */

/* jansson would descend 2048 levels. */
static bool too_deep(struct text_span body) {
    int depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < body.length; i++) {
        char c = body.bytes[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"')
            in_string = true;
        else if (c == '{' || c == '[') {
            if (++depth > CODEC_DEPTH_LIMIT)
                return true;
        } else if (c == '}' || c == ']')
            depth--;
    }
    return false;
}

/* jansson's own sentence repeats the text near the error, which may be a password. */
static const char *syntax_reason(enum json_error_code code) {
    switch (code) {
    case json_error_invalid_utf8:
        return "is not valid UTF-8";
    case json_error_null_character:
    case json_error_null_byte_in_key:
        return "holds a NUL character";
    case json_error_duplicate_key:
        return "has a field twice";
    case json_error_numeric_overflow:
        return "holds a number that is out of range";
    case json_error_premature_end_of_input:
        return "ends too early";
    case json_error_end_of_input_expected:
        return "goes on after its end";
    default:
        return "is not valid JSON";
    }
}

static json_t *parse_body(struct text_span body, struct problems *problems) {
    json_error_t error;
    if (too_deep(body)) {
        problem_add(problems, "body", "is nested more than %d levels deep", CODEC_DEPTH_LIMIT);
        return NULL;
    }
    json_t *json = json_loadb(body.bytes, body.length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (!json)
        problem_add(problems, "body", "%s (line %d, column %d)", syntax_reason(json_error_code(&error)), error.line,
                    error.column);
    return json;
}

enum codec_result codec_request(const struct record *record, const struct request_source *source,
                                struct buffer *ret_message, struct problems *problems) {
    struct request request = {.record = record, .source = source, .problems = problems};
    struct given givens[RECORD_FIELD_LIMIT];
    size_t start = ret_message->length, problems_before = problems->count;
    json_t *body = NULL;
    if (source->body.length && !(body = parse_body(source->body, problems)))
        return CODEC_MALFORMED;
    memset(givens, 0, record->field_count * sizeof *givens);
    mp_packer_init(&request.packer, ret_message);
    take_headers(&request, givens);
    take_path(&request, givens);
    take_query(&request, givens);
    if (body && !json_is_object(body))
        problem_add(problems, "body", "must be an object");
    else if (body)
        take_object(&request, record, body, givens, NULL);
    take_fixed(&request, givens);
    pack_record(&request, record, givens, NULL);
    json_decref(body);
    if (problems->count == problems_before)
        return CODEC_OK;
    ret_message->length = start;
    return CODEC_INVALID;
}
