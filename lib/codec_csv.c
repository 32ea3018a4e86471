/* Message -> CSV, for the gateway: the records of one list of a reply, a row each (RFC 4180). */
#include <string.h>

#include "codec_private.h"
#include "json_text.h"

#define LINE_END "\r\n"

struct sheet {
    const struct record *record; /* of a row */
    const char *end;             /* of the message */
    struct buffer *csv;
};

static bool needs_quotes(const char *bytes, size_t length) {
    for (size_t i = 0; i < length; i++)
        if (memchr(",\"\r\n", bytes[i], 4))
            return true;
    return false;
}

/* Spreadsheets calculate what starts like this (CSV injection). */
static bool looks_like_formula(const char *bytes, size_t length) {
    return length && memchr("=+-@\t\r", *bytes, 6);
}

static void append_text(struct buffer *csv, const char *bytes, size_t length) {
    bool quoted = needs_quotes(bytes, length);
    if (quoted)
        json_put(csv, "\"", 1);
    if (looks_like_formula(bytes, length))
        json_put(csv, "'", 1);
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] == '"')
            json_put(csv, "\"", 1);
        json_put(csv, bytes + i, 1);
    }
    if (quoted)
        json_put(csv, "\"", 1);
}

static void append_header(struct sheet *sheet) {
    for (size_t i = 0; i < sheet->record->field_count; i++) {
        if (i)
            json_put(sheet->csv, ",", 1);
        json_put(sheet->csv, sheet->record->fields[i].name, sheet->record->fields[i].name_length);
    }
    json_put(sheet->csv, LINE_END, 2);
}

static int append_cell(struct sheet *sheet, const struct slots *slots, const struct field *field) {
    struct mp_reader reader = {.at = slot_of(slots, sheet->record, field), .end = sheet->end};
    struct mp_value value;
    if (!reader.at)
        return 0;
    enum mp_type type = mp_read(&reader, &value);
    bool number = field->type != FIELD_BOOLEAN && field->type != FIELD_STRING;
    if (type == MP_BOOLEAN && field->type == FIELD_BOOLEAN)
        json_put(sheet->csv, value.boolean ? "true" : "false", value.boolean ? 4 : 5);
    else if (type == MP_STRING && (field->type == FIELD_STRING || field->type == FIELD_INTEGER_OR_STRING))
        append_text(sheet->csv, value.bytes, value.length);
    else if (type == MP_INTEGER && field->type == FIELD_MONEY)
        json_append_decimal(sheet->csv, value.integer, codec_slot_decimals(slots, sheet->end, sheet->record, field));
    else if (type == MP_INTEGER && number)
        json_append_integer(sheet->csv, value.integer);
    else if (type != MP_NUMBER || field->type != FIELD_NUMBER || !json_append_number(sheet->csv, value.number))
        return -1;
    return 0;
}

/* The rows of the list that starts at `at`; none where it is NULL. */
static int append_rows(struct sheet *sheet, const char *at) {
    struct mp_reader reader = {.at = at, .end = sheet->end};
    struct mp_value head;
    struct slots slots;
    if (!at)
        return 0;
    if (mp_read(&reader, &head) != MP_ARRAY)
        return -1;
    for (uint32_t row = 0; row < head.length; row++) {
        if (codec_find_slots(reader.at, sheet->end, sheet->record, &slots))
            return -1;
        for (size_t i = 0; i < sheet->record->field_count; i++) {
            if (i)
                json_put(sheet->csv, ",", 1);
            if (append_cell(sheet, &slots, &sheet->record->fields[i]))
                return -1;
        }
        json_put(sheet->csv, LINE_END, 2);
        reader.at = slots.after;
    }
    return 0;
}

int codec_render_csv(const struct record *record, const struct field *list, const char *message, size_t length,
                     struct buffer *ret_csv) {
    struct sheet sheet = {.record = list->item->record, .end = message + length, .csv = ret_csv};
    struct slots slots;
    size_t start = ret_csv->length;
    if (!codec_find_slots(message, sheet.end, record, &slots) && slots.after == sheet.end) {
        append_header(&sheet);
        if (!append_rows(&sheet, slot_of(&slots, record, list)))
            return 0;
    }
    ret_csv->length = start;
    return -1;
}
