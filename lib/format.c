/* Formats of texts; see format.h. Each check is a small reader that moves over the bytes and must end where they end.
 */
#include "format.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "codec.h"

#define ZONEINFO "/usr/share/zoneinfo/"

struct cursor {
    const char *at;
    const char *end;
};

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_hex(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_one_of(char c, const char *set) {
    return c && strchr(set, c);
}

static bool take(struct cursor *cursor, char c) {
    if (cursor->at == cursor->end || *cursor->at != c)
        return false;
    cursor->at++;
    return true;
}

/* Exactly `count` digits with a value in the range. */
static bool take_number(struct cursor *cursor, int count, int minimum, int maximum, int *ret_number) {
    int number = 0;
    for (; count; count--) {
        if (cursor->at == cursor->end || !is_digit(*cursor->at))
            return false;
        number = number * 10 + (*cursor->at++ - '0');
    }
    *ret_number = number;
    return number >= minimum && number <= maximum;
}

/* A host label: letters, digits, hyphens inside, up to 63. */
static bool take_label(struct cursor *cursor) {
    const char *start = cursor->at;
    while (cursor->at < cursor->end && (is_letter(*cursor->at) || is_digit(*cursor->at) || *cursor->at == '-'))
        cursor->at++;
    size_t length = (size_t)(cursor->at - start);
    return length >= 1 && length <= 63 && *start != '-' && cursor->at[-1] != '-';
}

bool format_is_email(const char *bytes, size_t length) {
    struct cursor cursor = {bytes, bytes + length};
    if (length > 254)
        return false;
    while (cursor.at < cursor.end &&
           (is_letter(*cursor.at) || is_digit(*cursor.at) || is_one_of(*cursor.at, ".!#$%&'*+/=?^_`{|}~-")))
        cursor.at++;
    size_t local = (size_t)(cursor.at - bytes);
    if (local < 1 || local > 64 || !take(&cursor, '@'))
        return false;
    do
        if (!take_label(&cursor))
            return false;
    while (take(&cursor, '.'));
    return cursor.at == cursor.end;
}

static bool take_scheme(struct cursor *cursor) {
    static const char *const schemes[] = {"https://", "http://"};
    size_t left = (size_t)(cursor->end - cursor->at);
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        size_t length = strlen(schemes[i]);
        if (left > length && strncasecmp(cursor->at, schemes[i], length) == 0) {
            cursor->at += length;
            return true;
        }
    }
    return false;
}

bool format_is_uri(const char *bytes, size_t length) {
    struct cursor cursor = {bytes, bytes + length};
    if (!take_scheme(&cursor) || is_one_of(*cursor.at, "/?#:"))
        return false;
    for (; cursor.at < cursor.end; cursor.at++) {
        if (*cursor.at == '%') {
            if (cursor.end - cursor.at < 3 || !is_hex(cursor.at[1]) || !is_hex(cursor.at[2]))
                return false;
        } else if (!is_letter(*cursor.at) && !is_digit(*cursor.at) && !is_one_of(*cursor.at, "-._~:/?#[]@!$&'()*+,;="))
            return false;
    }
    return true;
}

bool format_is_uuid(const char *bytes, size_t length) {
    if (length != 36)
        return false;
    for (size_t i = 0; i < length; i++)
        if (i == 8 || i == 13 || i == 18 || i == 23 ? bytes[i] != '-' : !is_hex(bytes[i]))
            return false;
    return true;
}

static int days_of_month(int year, int month) {
    static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

static bool take_date(struct cursor *cursor) {
    int year, month, day;
    return take_number(cursor, 4, 1, 9999, &year) && take(cursor, '-') && take_number(cursor, 2, 1, 12, &month) &&
           take(cursor, '-') && take_number(cursor, 2, 1, 31, &day) && day <= days_of_month(year, month);
}

/* Seconds and their fraction (up to nine digits) may be missing; 60 is a leap second. */
static bool take_time(struct cursor *cursor) {
    int number;
    if (!take_number(cursor, 2, 0, 23, &number) || !take(cursor, ':') || !take_number(cursor, 2, 0, 59, &number))
        return false;
    if (!take(cursor, ':'))
        return true;
    if (!take_number(cursor, 2, 0, 60, &number))
        return false;
    if (!take(cursor, '.'))
        return true;
    int digits = 0;
    for (; cursor->at < cursor->end && is_digit(*cursor->at); cursor->at++)
        digits++;
    return digits >= 1 && digits <= 9;
}

/* Offsets end at 15:59, as PostgreSQL has it. */
static bool take_zone(struct cursor *cursor) {
    int number;
    if (cursor->at == cursor->end || take(cursor, 'Z') || take(cursor, 'z'))
        return true;
    return (take(cursor, '+') || take(cursor, '-')) && take_number(cursor, 2, 0, 15, &number) && take(cursor, ':') &&
           take_number(cursor, 2, 0, 59, &number);
}

bool format_is_date(const char *bytes, size_t length) {
    struct cursor cursor = {bytes, bytes + length};
    return take_date(&cursor) && cursor.at == cursor.end;
}

bool format_is_date_time(const char *bytes, size_t length) {
    struct cursor cursor = {bytes, bytes + length};
    return take_date(&cursor) && (take(&cursor, 'T') || take(&cursor, 't') || take(&cursor, ' ')) &&
           take_time(&cursor) && take_zone(&cursor) && cursor.at == cursor.end;
}

/* The name goes into a path: no dots, and no folder that holds the same zones once more. */
bool format_is_time_zone(const char *bytes, size_t length) {
    char path[sizeof ZONEINFO + 64];
    if (length < 1 || length > 63 || !is_letter(*bytes) || bytes[length - 1] == '/')
        return false;
    for (size_t i = 0; i < length; i++)
        if (!is_letter(bytes[i]) && !is_digit(bytes[i]) && !is_one_of(bytes[i], "_+-/"))
            return false;
    snprintf(path, sizeof path, ZONEINFO "%.*s", (int)length, bytes);
    const char *name = path + strlen(ZONEINFO);
    if (strcmp(name, "UTC") == 0)
        return true;
    if (strncmp(name, "posix/", 6) == 0 || strncmp(name, "right/", 6) == 0 || strstr(name, "//") ||
        strcmp(name, "posixrules") == 0 || strcmp(name, "localtime") == 0 || strcmp(name, "Factory") == 0)
        return false;
    FILE *file = fopen(path, "re");
    char magic[4];
    bool found = file && fread(magic, sizeof magic, 1, file) == 1 && memcmp(magic, "TZif", sizeof magic) == 0;
    if (file)
        fclose(file);
    return found;
}

bool format_is_currency(const char *bytes, size_t length) {
    char code[4];
    if (length != 3)
        return false;
    snprintf(code, sizeof code, "%.*s", (int)length, bytes);
    return currency_decimals(code) >= 0;
}

bool format_is_language(const char *bytes, size_t length) {
    for (size_t i = 0; i < length; i++)
        if (bytes[i] < 'a' || bytes[i] > 'z')
            return false;
    return length == 2 || length == 3;
}

/* U+0080 to U+009F, and the line breaks U+2028 and U+2029. */
static bool is_control_beyond_ascii(const unsigned char *at, size_t size) {
    return (size == 2 && at[0] == 0xc2 && at[1] < 0xa0) ||
           (size == 3 && at[0] == 0xe2 && at[1] == 0x80 && (at[2] == 0xa8 || at[2] == 0xa9));
}

/* U+00A0, U+2000 to U+200F (invisible marks among them), U+202F and U+3000. */
static bool is_blank_beyond_ascii(const unsigned char *at, size_t size) {
    return (size == 2 && at[0] == 0xc2 && at[1] == 0xa0) ||
           (size == 3 && at[0] == 0xe2 && at[1] == 0x80 && (at[2] <= 0x8f || at[2] == 0xaf)) ||
           (size == 3 && at[0] == 0xe3 && at[1] == 0x80 && at[2] == 0x80);
}

/* `breaks`: control characters that are allowed. */
static bool is_plain(const char *bytes, size_t length, const char *breaks) {
    bool blank = length > 0;
    for (size_t i = 0, size; i < length; i += size) {
        const unsigned char *at = (const unsigned char *)bytes + i;
        size = format_code_point_size(bytes + i, length - i);
        if (size == 1 && is_one_of(bytes[i], breaks))
            continue;
        if (!size || *at < ' ' || *at == 0x7f || is_control_beyond_ascii(at, size))
            return false;
        if (*at != ' ' && !is_blank_beyond_ascii(at, size))
            blank = false;
    }
    return !blank;
}

bool format_is_line(const char *bytes, size_t length) {
    return is_plain(bytes, length, "");
}

bool format_is_text(const char *bytes, size_t length) {
    return is_plain(bytes, length, "\n\r\t");
}

const char *format_problem(enum field_format format, const char *bytes, size_t length) {
    switch (format) {
    case FORMAT_NONE:
    case FORMAT_JSON: /* ours */
        return NULL;
    case FORMAT_EMAIL:
        return format_is_email(bytes, length) ? NULL : "is not an e-mail address";
    case FORMAT_URI:
        return format_is_uri(bytes, length) ? NULL : "is not an http or https address";
    case FORMAT_UUID:
        return format_is_uuid(bytes, length) ? NULL : "is not a UUID";
    case FORMAT_DATE_TIME:
        return format_is_date_time(bytes, length) ? NULL : "is not a date and time such as 2026-08-01T10:00:00Z";
    case FORMAT_DATE_OR_TIME:
        return format_is_date(bytes, length) || format_is_date_time(bytes, length)
                   ? NULL
                   : "is not a date such as 2026-08-01 or a time such as 2026-08-01T10:00:00Z";
    case FORMAT_TIME_ZONE:
        return format_is_time_zone(bytes, length) ? NULL : "is not a time zone such as Asia/Kolkata";
    case FORMAT_CURRENCY:
        return format_is_currency(bytes, length) ? NULL : "is not an ISO 4217 currency such as INR";
    case FORMAT_LANGUAGE:
        return format_is_language(bytes, length) ? NULL : "is not a language such as hi";
    case FORMAT_TEXT:
        return format_is_text(bytes, length) ? NULL : "is blank, or holds a control character";
    case FORMAT_LINE:
        return format_is_line(bytes, length) ? NULL : "is blank, or holds a line break or another control character";
    }
    return NULL;
}

size_t format_code_point_size(const char *bytes, size_t left) {
    const unsigned char *at = (const unsigned char *)bytes;
    size_t size = *at < 0x80 ? 1 : *at < 0xc2 ? 0 : *at < 0xe0 ? 2 : *at < 0xf0 ? 3 : *at < 0xf5 ? 4 : 0;
    if (size > left)
        return 0;
    for (size_t i = 1; i < size; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    if ((*at == 0xe0 && at[1] < 0xa0) || (*at == 0xed && at[1] > 0x9f) || (*at == 0xf0 && at[1] < 0x90) ||
        (*at == 0xf4 && at[1] > 0x8f))
        return 0;
    return size;
}

long format_text_length(const char *bytes, size_t length) {
    long count = 0;
    for (size_t i = 0; i < length; count++) {
        size_t size = bytes[i] ? format_code_point_size(bytes + i, length - i) : 0;
        if (!size)
            return -1;
        i += size;
    }
    return count;
}
