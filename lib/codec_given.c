/* Gathers what an HTTP request gave, from wherever the contract takes it and under whatever name; see codec_given.h.
 * It judges names and encodings only: whether the values will do is codec_request.c's to say. */
#include "codec_given.h"

#include "format.h"

struct gathering {
    const struct record *record;
    struct givens *givens;
    struct problems *problems;
};

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

static void note(struct pool *pool, struct given *first, struct given given) {
    if (first->kind == GIVEN_NOT) {
        *first = given;
        return;
    }
    struct given *further = pool_alloc(pool, sizeof *further);
    *further = given;
    further->next = first->next;
    first->next = further;
}

static void note_text(struct gathering *gathering, const struct field *field, const char *name, struct text_span text) {
    note(gathering->problems->pool, &gathering->givens->of[field - gathering->record->fields],
         (struct given){.kind = GIVEN_TEXT, .name = name, .text = text});
}

static int hex_value(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

bool given_decode_percent(struct pool *pool, struct text_span raw, char plus, struct text_span *ret_text) {
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
static void refuse_unknown(struct problems *problems, struct text_span name, const struct place *parent) {
    const char *shown = pool_copy(problems->pool, name.bytes, name.length);
    struct place place = {.parent = parent, .name = format_text_length(name.bytes, name.length) > 0 ? shown : "query"};
    problem_at(problems, &place, "is not a known field");
}

static bool given_under(const struct given *given, const char *name) {
    for (; given && given->kind != GIVEN_NOT; given = given->next)
        if (given->name == name)
            return true;
    return false;
}

static void take_parameter(struct gathering *gathering, struct text_span raw_name, struct text_span raw_value,
                           size_t *hint) {
    struct problems *problems = gathering->problems;
    struct text_span name, value;
    const char *known;
    if (!given_decode_percent(problems->pool, raw_name, ' ', &name)) {
        problem_add(problems, "query", "has a bad percent-encoding");
        return;
    }
    const struct field *field = find_name(gathering->record, IN_QUERY, name.bytes, name.length, hint, &known);
    if (!field) {
        refuse_unknown(problems, name, NULL);
        return;
    }
    /* A moment holds no blank: there '+' is the sign of its offset, as people write it. */
    bool moment = field->format == FORMAT_DATE_TIME || field->format == FORMAT_DATE_OR_TIME;
    if (!given_decode_percent(problems->pool, raw_value, moment ? '+' : ' ', &value))
        problem_add(problems, field->name, "has a bad percent-encoding");
    else if (given_under(&gathering->givens->of[field - gathering->record->fields], known))
        problem_add(problems, known, "is given more than once");
    else
        note_text(gathering, field, known, value);
}

static void take_query(struct gathering *gathering, struct text_span query) {
    const char *at = query.bytes, *end = at + query.length;
    size_t hint = 0;
    while (at < end && gathering->problems->count < PROBLEM_LIMIT) {
        const char *stop = memchr(at, '&', (size_t)(end - at));
        stop = stop ? stop : end;
        const char *equals = memchr(at, '=', (size_t)(stop - at));
        struct text_span name = {at, (size_t)((equals ? equals : stop) - at)};
        struct text_span value = {equals ? equals + 1 : stop, equals ? (size_t)(stop - equals - 1) : 0};
        if (stop > at)
            take_parameter(gathering, name, value, &hint);
        at = stop + 1;
    }
}

static void take_path(struct gathering *gathering, const struct request_source *source) {
    size_t hint = 0;
    for (size_t i = 0; i < source->path_count; i++) {
        const char *known, *name = source->path_names[i];
        const struct field *field = find_name(gathering->record, IN_PATH, name, strlen(name), &hint, &known);
        if (field)
            note_text(gathering, field, known, source->path_values[i]);
    }
}

/* Fields that are a part of the request by themselves: a header, a cookie, the bearer token, the raw body. */
static void take_whole(struct gathering *gathering, const struct request_source *source) {
    for (size_t i = 0; i < gathering->record->field_count; i++) {
        const struct field *field = &gathering->record->fields[i];
        struct text_span text = {NULL, 0};
        if (field->location == IN_CREDENTIALS && source->credentials.length)
            text = source->credentials;
        else if (field->location == IN_RAW_BODY)
            text = source->raw_body;
        else if (field->location == IN_HEADER && source->header)
            text.bytes = source->header(source->context, field->header, &text.length);
        else if (field->location == IN_COOKIE && source->cookie)
            text.bytes = source->cookie(source->context, field->header, &text.length);
        if (text.bytes)
            note_text(gathering, field, field->name, text);
    }
}

void given_take_source(const struct record *record, const struct request_source *source, struct givens *givens,
                       struct problems *problems) {
    struct gathering gathering = {record, givens, problems};
    take_whole(&gathering, source);
    take_path(&gathering, source);
    if (source->query.length)
        take_query(&gathering, source->query);
}

void given_take_fixed(const struct record *record, const struct fixed_value *fixed, struct givens *givens,
                      struct problems *problems) {
    struct gathering gathering = {record, givens, problems};
    for (; fixed && fixed->field; fixed++)
        note_text(&gathering, fixed->field, "this path", (struct text_span){fixed->text, strlen(fixed->text)});
}

void given_take_object(const struct record *record, const json_t *object, struct givens *givens,
                       struct problems *problems, const struct place *place) {
    const char *key, *known;
    json_t *value, *members = (json_t *)object; /* iteration does not change it */
    size_t hint = 0;
    json_object_foreach(members, key, value) {
        if (problems->count == PROBLEM_LIMIT)
            return;
        const struct field *field = find_name(record, IN_BODY, key, strlen(key), &hint, &known);
        if (!field) {
            refuse_unknown(problems, (struct text_span){key, strlen(key)}, place);
            continue;
        }
        bool minor = field->type == FIELD_MONEY && known == field->key;
        note(problems->pool, &givens->of[field - record->fields],
             (struct given){.kind = GIVEN_JSON, .minor = minor, .name = known, .json = value});
    }
}

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

json_t *given_parse(struct text_span body, struct problems *problems) {
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
