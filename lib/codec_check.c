/* What the table says about plain values: types, bounds, formats, decimals; and how a problem is noted.
 * Request, decoding and rendering all come here, so that gateway and worker judge alike. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec_private.h"
#include "format.h"

#define NAME_SHOWN 64                  /* bytes of an unknown name that are repeated */
#define EXACT_LIMIT 9007199254740992.0 /* 2^53: below, a double holds every integer */

static void add(struct problems *problems, const char *field, const char *format, va_list arguments) {
    if (problems->count == PROBLEM_LIMIT)
        return;
    char reason[256];
    vsnprintf(reason, sizeof reason, format, arguments);
    struct problem *problem = pool_alloc(problems->pool, sizeof *problem);
    problem->field = pool_text(problems->pool, field);
    problem->reason = pool_text(problems->pool, reason);
    *(problems->end ? problems->end : &problems->first) = problem;
    problems->end = &problem->next;
    problems->count++;
}

void problem_add(struct problems *problems, const char *field, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    add(problems, field, format, arguments);
    va_end(arguments);
}

/* "user.email", "items[3].name" */
static void write_place(const struct place *place, struct buffer *text) {
    if (place->parent)
        write_place(place->parent, text);
    if (!place->name)
        buffer_printf(text, "[%zu]", place->index);
    else
        buffer_printf(text, "%s%.*s", text->length ? "." : "", NAME_SHOWN, place->name);
}

void problem_at(struct problems *problems, const struct place *place, const char *format, ...) {
    struct buffer field = {0};
    va_list arguments;
    if (place)
        write_place(place, &field);
    va_start(arguments, format);
    add(problems, field.length ? buffer_text(&field) : "body", format, arguments);
    va_end(arguments);
    buffer_free(&field);
}

const char *codec_type_reason(const struct field *field) {
    static const char *const reasons[] = {
        [FIELD_BOOLEAN] = "must be true or false", [FIELD_INTEGER] = "must be an integer",
        [FIELD_NUMBER] = "must be a number",       [FIELD_MONEY] = "must be an amount of money",
        [FIELD_STRING] = "must be a string",       [FIELD_INTEGER_OR_STRING] = "must be an integer or a string",
        [FIELD_OBJECT] = "must be an object",      [FIELD_LIST] = "must be a list",
    };
    return reasons[field->type];
}

const struct field *codec_find_key(const struct record *record, const char *key, size_t length, size_t *hint) {
    size_t index = *hint;
    for (size_t tried = 0; tried < record->field_count; tried++, index++) {
        if (index >= record->field_count)
            index = 0;
        const struct field *field = &record->fields[index];
        if (field->key_length == length && memcmp(field->key, key, length) == 0) {
            *hint = index + 1;
            return field;
        }
    }
    return NULL;
}

static bool check_integer(const struct field *field, int64_t integer, struct problems *problems,
                          const struct place *place) {
    if (integer < field->minimum)
        problem_at(problems, place, "must be at least %lld", (long long)field->minimum);
    else if (integer > field->maximum)
        problem_at(problems, place, "must be at most %lld", (long long)field->maximum);
    else
        return true;
    return false;
}

static bool check_number(const struct field *field, double number, struct problems *problems,
                         const struct place *place) {
    if (!isfinite(number))
        problem_at(problems, place, "must be a finite number");
    else if (number < field->number_minimum)
        problem_at(problems, place, "must be at least %.15g", field->number_minimum);
    else if (number > field->number_maximum)
        problem_at(problems, place, "must be at most %.15g", field->number_maximum);
    else
        return true;
    return false;
}

static bool is_listed(const char *const *values, const char *bytes, size_t length) {
    for (; *values; values++)
        if (strlen(*values) == length && memcmp(*values, bytes, length) == 0)
            return true;
    return false;
}

static void refuse_unlisted(const struct field *field, struct problems *problems, const struct place *place) {
    struct buffer names = {0};
    for (const char *const *value = field->values; *value; value++)
        buffer_printf(&names, "%s%s", names.length ? ", " : "", *value);
    problem_at(problems, place, "must be one of %s", buffer_text(&names));
    buffer_free(&names);
}

static bool check_string(const struct field *field, const char *bytes, size_t length, struct problems *problems,
                         const struct place *place) {
    long count = format_text_length(bytes, length);
    const char *reason = NULL;
    if (count < 0)
        reason = "is not valid UTF-8 text";
    else if (count < (long)field->length_minimum)
        problem_at(problems, place, "must have at least %u character%s", field->length_minimum,
                   field->length_minimum == 1 ? "" : "s");
    else if (count > (long)field->length_maximum)
        problem_at(problems, place, "must have at most %u characters", field->length_maximum);
    else if (field->values && !is_listed(field->values, bytes, length))
        refuse_unlisted(field, problems, place);
    else if (!(reason = format_problem(field->format, bytes, length)))
        return true;
    if (reason)
        problem_at(problems, place, "%s", reason);
    return false;
}

bool codec_check(const struct field *field, const struct mp_value *value, struct problems *problems,
                 const struct place *place) {
    bool integer = value->type == MP_INTEGER, string = value->type == MP_STRING;
    switch (field->type) {
    case FIELD_BOOLEAN:
        if (value->type == MP_BOOLEAN)
            return true;
        break;
    case FIELD_INTEGER:
        if (integer)
            return check_integer(field, value->integer, problems, place);
        break;
    case FIELD_NUMBER:
        if (integer || value->type == MP_NUMBER)
            return check_number(field, integer ? (double)value->integer : value->number, problems, place);
        break;
    case FIELD_MONEY:
        if (integer)
            return true;
        break;
    case FIELD_STRING:
        if (string)
            return check_string(field, value->bytes, value->length, problems, place);
        break;
    case FIELD_INTEGER_OR_STRING:
        if (integer)
            return check_integer(field, value->integer, problems, place);
        if (string)
            return check_string(field, value->bytes, value->length, problems, place);
        break;
    case FIELD_OBJECT:
    case FIELD_LIST:
        break;
    }
    problem_at(problems, place, "%s", codec_type_reason(field));
    return false;
}

bool codec_check_count(const struct field *field, size_t count, struct problems *problems, const struct place *place) {
    if (count < field->length_minimum)
        problem_at(problems, place, "must have at least %u item%s", field->length_minimum,
                   field->length_minimum == 1 ? "" : "s");
    else if (count > field->length_maximum)
        problem_at(problems, place, "must have at most %u items", field->length_maximum);
    else
        return true;
    return false;
}

static int64_t scale_of(int decimals) {
    static const int64_t scales[] = {1, 10, 100, 1000, 10000};
    return scales[decimals];
}

bool codec_check_money(const struct field *field, int64_t minor, int decimals, struct problems *problems,
                       const struct place *place) {
    return check_number(field, (double)minor / (double)scale_of(decimals), problems, place);
}

/* The quotient of two exact integers is rounded correctly, as is the parsing of a decimal: the two meet exactly
 * where the decimal has no further digits. */
bool codec_major_to_minor(double major, int decimals, int64_t *ret_minor, struct problems *problems,
                          const struct place *place) {
    double scale = (double)scale_of(decimals), scaled = round(major * scale);
    if (!(fabs(scaled) < EXACT_LIMIT)) {
        problem_at(problems, place, "is out of range");
        return false;
    }
    if (scaled / scale != major) {
        problem_at(problems, place, decimals ? "must have at most %d decimals" : "must be a whole number", decimals);
        return false;
    }
    *ret_minor = (int64_t)scaled;
    return true;
}

bool codec_whole_to_minor(int64_t major, int decimals, int64_t *ret_minor, struct problems *problems,
                          const struct place *place) {
    if (!__builtin_mul_overflow(major, scale_of(decimals), ret_minor))
        return true;
    problem_at(problems, place, "is out of range");
    return false;
}

int codec_decimals(const char *bytes, size_t length) {
    char code[4] = CURRENCY_DEFAULT;
    if (length == 3)
        memcpy(code, bytes, 3);
    int decimals = currency_decimals(code);
    return decimals < 0 ? currency_decimals(CURRENCY_DEFAULT) : decimals;
}

bool codec_parse_integer(const char *bytes, size_t length, int64_t *ret_integer) {
    bool negative = length && *bytes == '-';
    int64_t integer = 0;
    if (length == (size_t)negative)
        return false;
    for (size_t i = negative; i < length; i++) {
        int digit = bytes[i] - '0';
        if (digit < 0 || digit > 9 || __builtin_mul_overflow(integer, 10, &integer) ||
            __builtin_add_overflow(integer, negative ? -digit : digit, &integer))
            return false;
    }
    *ret_integer = integer;
    return true;
}

/* A number as JSON writes it: no blanks, no hexadecimals, no names, which strtod() would all take. */
static bool parse_number(const char *bytes, size_t length, double *ret_number) {
    char text[64], *end;
    if (length < 1 || length >= sizeof text)
        return false;
    memcpy(text, bytes, length);
    text[length] = '\0';
    if (strspn(text, "0123456789+-.eE") < length || text[0] == '+' || text[0] == '.')
        return false;
    *ret_number = strtod(text, &end);
    return end == text + length && isfinite(*ret_number);
}

static bool parse_boolean(const char *bytes, size_t length, bool *ret_boolean) {
    static const char *const words[] = {"false", "true", "0", "1"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strlen(words[i]) == length && memcmp(words[i], bytes, length) == 0) {
            *ret_boolean = i & 1;
            return true;
        }
    return false;
}

bool codec_from_text(const struct field *field, const char *bytes, size_t length, int decimals,
                     struct mp_value *ret_value, struct problems *problems, const struct place *place) {
    struct mp_value value = {.type = MP_STRING, .bytes = bytes, .length = (uint32_t)length};
    bool read = true;
    switch (field->type) {
    case FIELD_BOOLEAN:
        value.type = MP_BOOLEAN;
        read = parse_boolean(bytes, length, &value.boolean);
        break;
    case FIELD_INTEGER:
        value.type = MP_INTEGER;
        read = codec_parse_integer(bytes, length, &value.integer);
        break;
    case FIELD_NUMBER:
        value.type = MP_NUMBER;
        read = parse_number(bytes, length, &value.number);
        break;
    case FIELD_MONEY:
        value.type = MP_INTEGER;
        read = parse_number(bytes, length, &value.number);
        if (read && !codec_major_to_minor(value.number, decimals, &value.integer, problems, place))
            return false;
        break;
    case FIELD_INTEGER_OR_STRING:
        if (codec_parse_integer(bytes, length, &value.integer))
            value.type = MP_INTEGER;
        break;
    case FIELD_STRING:
        break;
    case FIELD_OBJECT:
    case FIELD_LIST:
        read = false;
        break;
    }
    if (read)
        *ret_value = value;
    else
        problem_at(problems, place, "%s", codec_type_reason(field));
    return read;
}
