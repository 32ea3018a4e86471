/* Values are turned by the endings of their names; see values.h. ICU formats what the machine's zone rules say is on
 * the clock there, as if it were UTC. */
#include "values.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <unicode/ucal.h>
#include <unicode/udateintervalformat.h>
#include <unicode/unum.h>
#include <unicode/unumberformatter.h>
#include <unicode/ustring.h>

#include "buffer.h"
#include "codec.h"
#include "format.h"
#include "json_text.h"

#define TEXT_LIMIT 256 /* of a time, an amount, a duration */
#define ZONE_LIMIT 64
#define DATE "yMMMMEEEEd"
#define HOURS "jm"

/* Part of the environment, and changed in place: no thread that reads another variable is disturbed by that. */
static char zone_variable[sizeof "TZ=:" + ZONE_LIMIT] = "TZ=UTC0";

void values_start(void) {
    putenv(zone_variable);
}

/* "Z" or "+05:30". 0, or -1: it is neither. */
static int read_offset(const char *text, int64_t *ret_s) {
    struct tm parts = {0};
    const char *end = strcmp(text, "Z") == 0 ? text + 1 : NULL;
    if (!end && (*text == '+' || *text == '-'))
        end = strptime(text + 1, "%H:%M", &parts);
    *ret_s = (*text == '-' ? -60 : 60) * (60 * parts.tm_hour + parts.tm_min);
    return end && !*end ? 0 : -1;
}

int values_read_moment(const char *text, int64_t *ret_wall_s) {
    struct tm parts = {0};
    int64_t offset_s;
    const char *at = strptime(text, "%Y-%m-%dT%H:%M:%S", &parts);
    if (at && *at == '.')
        at += 1 + strspn(at + 1, "0123456789");
    if (!at || read_offset(at, &offset_s) != 0)
        return -1;
    *ret_wall_s = timegm(&parts) - offset_s;
    return 0;
}

/* --- ICU, in UTF-8 */

static const char *to_text(const UChar *formed, UErrorCode code, struct pool *pool) {
    char text[4 * TEXT_LIMIT];
    u_strToUTF8(text, sizeof text, NULL, formed, -1, &code);
    return U_SUCCESS(code) ? pool_text(pool, text) : "";
}

/* From one time on a clock to another, or to none if they are the same. */
static const char *interval(const char *form, const struct tm *from, const struct tm *to, const struct place *place,
                            struct pool *pool) {
    struct tm begin = *from, end = *to;
    UChar skeleton[ZONE_LIMIT], formed[TEXT_LIMIT] = {0};
    UErrorCode code = U_ZERO_ERROR;
    u_uastrcpy(skeleton, form);
    UDateIntervalFormat *format = udtitvfmt_open(place->language, skeleton, -1, u"UTC", -1, &code);
    udtitvfmt_format(format, 1e3 * (double)timegm(&begin), 1e3 * (double)timegm(&end), formed, TEXT_LIMIT, NULL, &code);
    udtitvfmt_close(format);
    return to_text(formed, code, pool);
}

/* ICU may not know it yet: then its name is what it is called by. */
static const char *zone_name(const struct place *place, bool summer, struct pool *pool) {
    UChar zone[ZONE_LIMIT + 1], name[TEXT_LIMIT] = {0};
    UErrorCode code = U_ZERO_ERROR;
    u_uastrncpy(zone, place->zone, ZONE_LIMIT);
    zone[ZONE_LIMIT] = 0;
    ucal_getCanonicalTimeZoneID(zone, -1, name, TEXT_LIMIT, NULL, &code);
    if (U_FAILURE(code))
        return place->zone;
    UCalendar *calendar = ucal_open(zone, -1, place->language, UCAL_DEFAULT, &code);
    ucal_getTimeZoneDisplayName(calendar, summer ? UCAL_DST : UCAL_STANDARD, place->language, name, TEXT_LIMIT, &code);
    ucal_close(calendar);
    return to_text(name, code, pool);
}

static const char *money(int64_t minor, const char *currency, int decimals, const char *language, struct pool *pool) {
    struct buffer amount = {0};
    UChar letters[4], formed[TEXT_LIMIT] = {0};
    UErrorCode code = U_ZERO_ERROR;
    json_append_decimal(&amount, minor, decimals);
    u_uastrcpy(letters, currency);
    UNumberFormat *format = unum_open(UNUM_CURRENCY, NULL, 0, language, NULL, &code);
    unum_setTextAttribute(format, UNUM_CURRENCY_CODE, letters, 3, &code);
    unum_setAttribute(format, UNUM_FRACTION_DIGITS, decimals); /* ISO's, as everywhere else */
    unum_formatDecimal(format, buffer_text(&amount), (int32_t)amount.length, formed, TEXT_LIMIT, NULL, &code);
    unum_close(format);
    buffer_free(&amount);
    return to_text(formed, code, pool);
}

/* "24 hours"; whole units only. */
static const char *duration(int64_t seconds, const char *language, struct pool *pool) {
    static const struct {
        const UChar *skeleton;
        int64_t seconds;
    } units[] = {{u"unit/hour unit-width-full-name", 3600},
                 {u"unit/minute unit-width-full-name", 60},
                 {u"unit/second unit-width-full-name", 1}};
    size_t unit = 0;
    while (seconds % units[unit].seconds)
        unit++;
    UChar formed[TEXT_LIMIT] = {0};
    UErrorCode code = U_ZERO_ERROR;
    UNumberFormatter *format = unumf_openForSkeletonAndLocale(units[unit].skeleton, -1, language, &code);
    UFormattedNumber *number = unumf_openResult(&code);
    unumf_formatInt(format, seconds / units[unit].seconds, number, &code);
    unumf_resultToString(number, formed, TEXT_LIMIT, &code);
    unumf_closeResult(number);
    unumf_close(format);
    return to_text(formed, code, pool);
}

/* --- values */

struct turning {
    const struct place *place;
    bool elsewhere; /* than the mail as a whole: hours name their zone */
    struct pool *pool;
    const char *currency; /* of what is turned now, or of what is around it; NULL: none */
    const char *problem;  /* NULL: none so far */
};

static void set_text(json_t *turned, const char *name, const char *text) {
    json_object_set_new(turned, name, json_string(text));
}

static void complain(struct turning *turning, const char *name, const char *what) {
    if (!turning->problem)
        turning->problem = pool_printf(turning->pool, "the value %s is no %s", name, what);
}

static struct tm on_the_clock(const struct place *place, int64_t wall_s) {
    struct tm parts;
    time_t seconds = (time_t)wall_s;
    snprintf(zone_variable, sizeof zone_variable, "TZ=:%s", place->zone);
    tzset();
    localtime_r(&seconds, &parts);
    return parts;
}

static bool read_moment(const json_t *value, const struct place *place, struct tm *ret_parts) {
    int64_t wall_s;
    if (!json_is_string(value) || values_read_moment(json_string_value(value), &wall_s) != 0)
        return false;
    *ret_parts = on_the_clock(place, wall_s);
    return true;
}

static const char *with_zone(const char *text, const struct tm *parts, const struct turning *turning) {
    return pool_printf(turning->pool, "%s (%s)", text, zone_name(turning->place, parts->tm_isdst > 0, turning->pool));
}

static void turn_moment(const char *name, const json_t *value, struct turning *turning, json_t *turned) {
    struct tm parts;
    if (!read_moment(value, turning->place, &parts)) {
        complain(turning, name, "time");
        return;
    }
    const char *text = interval(DATE HOURS, &parts, &parts, turning->place, turning->pool);
    set_text(turned, name, with_zone(text, &parts, turning));
}

static void turn_date(const char *name, const json_t *value, struct turning *turning, json_t *turned) {
    struct tm parts = {0};
    const char *text = json_string_value(value), *end = text ? strptime(text, "%Y-%m-%d", &parts) : NULL;
    if (!end || *end)
        complain(turning, name, "date");
    else
        set_text(turned, name, interval(DATE, &parts, &parts, turning->place, turning->pool));
}

static bool read_integer(const json_t *value, int64_t *ret_integer) {
    const char *text = json_string_value(value);
    char *end;
    if (json_is_integer(value)) {
        *ret_integer = json_integer_value(value);
        return true;
    }
    errno = 0;
    *ret_integer = text ? strtoll(text, &end, 10) : 0;
    return text && *text && !*end && !errno;
}

static void turn_money(const char *name, const json_t *value, struct turning *turning, json_t *turned) {
    int64_t minor;
    int decimals = turning->currency ? currency_decimals(turning->currency) : -1;
    if (decimals < 0 || !read_integer(value, &minor)) {
        complain(turning, name, "amount of money");
        return;
    }
    const char *short_name = pool_copy(turning->pool, name, strlen(name) - strlen("_minor"));
    set_text(turned, short_name, money(minor, turning->currency, decimals, turning->place->language, turning->pool));
}

static void turn_duration(const char *name, const json_t *value, struct turning *turning, json_t *turned) {
    int64_t seconds;
    if (!read_integer(value, &seconds)) {
        complain(turning, name, "number of seconds");
        return;
    }
    const char *short_name = pool_copy(turning->pool, name, strlen(name) - strlen("_s"));
    set_text(turned, short_name, duration(seconds, turning->place->language, turning->pool));
}

static json_t *turn_object(const json_t *values, const struct turning *outer, struct turning *turning);

static void turn_list(const char *name, const json_t *value, struct turning *turning, json_t *turned) {
    json_t *items = json_array(), *item;
    size_t i;
    json_array_foreach(value, i, item) {
        struct turning inner = {0};
        json_array_append_new(items, turn_object(item, turning, &inner));
        if (inner.problem)
            turning->problem = inner.problem;
    }
    json_object_set_new(turned, name, items);
}

static bool ends_with(const char *name, const char *ending) {
    size_t length = strlen(name), ending_length = strlen(ending);
    return length > ending_length && strcmp(name + length - ending_length, ending) == 0;
}

static void turn(const char *name, const json_t *value, struct turning *turning, json_t *turned) {
    static const struct {
        const char *ending;
        void (*turn)(const char *name, const json_t *value, struct turning *turning, json_t *turned);
    } endings[] = {{"_at", turn_moment}, {"_on", turn_date}, {"_minor", turn_money}, {"_s", turn_duration}};
    size_t i = 0, count = sizeof endings / sizeof *endings;
    while (i < count && !ends_with(name, endings[i].ending))
        i++;
    if (json_is_array(value))
        turn_list(name, value, turning, turned);
    else if (i < count && !json_is_null(value))
        endings[i].turn(name, value, turning, turned);
    else
        json_object_set(turned, name, (json_t *)value);
}

/* What start_at and end_at say together. */
static void add_when(const json_t *values, const struct turning *turning, json_t *turned) {
    struct tm from, to;
    if (!read_moment(json_object_get(values, "start_at"), turning->place, &from))
        return;
    if (!read_moment(json_object_get(values, "end_at"), turning->place, &to))
        to = from;
    bool same_day = from.tm_yday == to.tm_yday && from.tm_year == to.tm_year;
    const char *text = interval(DATE HOURS, &from, &to, turning->place, turning->pool);
    set_text(turned, "when", with_zone(text, &from, turning));
    const char *hours = interval(HOURS, &from, same_day ? &to : &from, turning->place, turning->pool);
    set_text(turned, "hours", turning->elsewhere ? with_zone(hours, &from, turning) : hours);
}

static bool is_zone(const char *zone) {
    return strlen(zone) <= ZONE_LIMIT && format_is_time_zone(zone, strlen(zone));
}

/* The place of values that have a `zone` of their own. */
static void move(const char *zone, struct turning *turning) {
    struct place *there = pool_alloc(turning->pool, sizeof *there);
    *there = (struct place){turning->place->language, zone};
    turning->elsewhere = strcmp(zone, turning->place->zone) != 0;
    turning->place = there;
}

static json_t *turn_object(const json_t *values, const struct turning *outer, struct turning *turning) {
    const char *zone = json_string_value(json_object_get(values, "zone"));
    const char *currency = json_string_value(json_object_get(values, "currency")), *name;
    json_t *turned = json_object(), *value;
    *turning = *outer;
    if (currency)
        turning->currency = currency;
    if (zone && is_zone(zone))
        move(zone, turning);
    json_object_foreach((json_t *)values, name, value) turn(name, value, turning, turned);
    add_when(values, turning, turned);
    return turned;
}

json_t *values_localize(const json_t *values, const struct place *place, struct pool *pool, const char **ret_problem) {
    const struct place here = {place->language, is_zone(place->zone) ? place->zone : "UTC"};
    const struct turning outer = {.place = &here, .pool = pool};
    struct turning turning;
    json_t *turned = turn_object(values, &outer, &turning);
    if (turning.problem) {
        json_decref(turned);
        *ret_problem = turning.problem;
        return NULL;
    }
    return turned;
}
