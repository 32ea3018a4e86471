/* How answers look: JSON as it is, or a table whose columns are as wide as their longest value. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "operator.h"

#define COLUMN_LIMIT 12

void print_json(const json_t *value) {
    json_dumpf(value, stdout, JSON_INDENT(2));
    putchar('\n');
}

/* The value as people read it; malloc()ed. */
static char *value_text(const json_t *value) {
    char *text = NULL;
    if (!value || json_is_null(value))
        return strdup("-");
    if (json_is_string(value))
        return strdup(json_string_value(value));
    if (json_is_boolean(value))
        return strdup(json_is_true(value) ? "yes" : "no");
    text = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
    return text ? text : strdup("");
}

/* Columns on a terminal, not bytes: continuation bytes of UTF-8 take none. */
static int text_width(const char *text) {
    int width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static void print_cell(const char *text, int width, bool last) {
    fputs(text, stdout);
    for (int missing = last ? 0 : width - text_width(text) + 2; missing > 0; missing--)
        putchar(' ');
}

void print_table(const json_t *rows, const struct column *columns) {
    int widths[COLUMN_LIMIT], count = 0;
    size_t index;
    json_t *row;
    for (; columns[count].key; count++) {
        widths[count] = text_width(columns[count].title);
        json_array_foreach(rows, index, row) {
            char *text = value_text(json_object_get(row, columns[count].key));
            if (text_width(text) > widths[count])
                widths[count] = text_width(text);
            free(text);
        }
    }
    for (int i = 0; i < count; i++)
        print_cell(columns[i].title, widths[i], i == count - 1);
    putchar('\n');
    json_array_foreach(rows, index, row) {
        for (int i = 0; i < count; i++) {
            char *text = value_text(json_object_get(row, columns[i].key));
            print_cell(text, widths[i], i == count - 1);
            free(text);
        }
        putchar('\n');
    }
}

void print_rows(const struct options *options, json_t *rows, const struct column *columns) {
    if (options->json)
        print_json(rows);
    else
        print_table(rows, columns);
    json_decref(rows);
}

int complain(int code, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("tithi: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    return code;
}
