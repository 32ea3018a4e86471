/* What the codec's files share: where in an input something stands, and what the table says about a value. */
#ifndef TITHI_CODEC_PRIVATE_H
#define TITHI_CODEC_PRIVATE_H

#include "codec.h"
#include "mp.h"

/* A chain on the stack from the value up to the record that travels; written out only where there is a problem. */
struct place {
    const struct place *parent;
    const char *name; /* NULL: item `index` of the parent's list */
    size_t index;
};

void problem_at(struct problems *problems, const struct place *place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* "must be an integer": what a value of the field's type has to be. */
const char *codec_type_reason(const struct field *field);

/* The field with this key, or NULL. `hint`: index where to look first, moved behind the hit: keys mostly come in order.
 */
const struct field *codec_find_key(const struct record *record, const char *key, size_t length, size_t *hint);

/* Is a plain value what the field allows? Money: only its type. Adds the problem where not. */
bool codec_check(const struct field *field, const struct mp_value *value, struct problems *problems,
                 const struct place *place);
bool codec_check_count(const struct field *field, size_t count, struct problems *problems, const struct place *place);
bool codec_check_money(const struct field *field, int64_t minor, int decimals, struct problems *problems,
                       const struct place *place);

/* Reads a plain value as it stands in a query string, a path, a header or a default. Adds the problem where it cannot.
 */
bool codec_from_text(const struct field *field, const char *bytes, size_t length, int decimals,
                     struct mp_value *ret_value, struct problems *problems, const struct place *place);
/* "-?digits" that fit. */
bool codec_parse_integer(const char *bytes, size_t length, int64_t *ret_integer);
/* An amount in major units to minor ones; exact, else a problem. */
bool codec_major_to_minor(double major, int decimals, int64_t *ret_minor, struct problems *problems,
                          const struct place *place);
bool codec_whole_to_minor(int64_t major, int decimals, int64_t *ret_minor, struct problems *problems,
                          const struct place *place);

/* Where the value of each field of a record starts in a message; NULL: missing or nil. */
struct slots {
    const char *at[RECORD_FIELD_LIMIT];
    const char *after; /* the map */
};

/* Of the map that starts at `map`. 0, or -1 where it is malformed. */
int codec_find_slots(const char *map, const char *end, const struct record *record, struct slots *ret_slots);
static inline const char *slot_of(const struct slots *slots, const struct record *record, const struct field *field) {
    return slots->at[field - record->fields];
}
/* Decimals of the money in `field`. */
int codec_slot_decimals(const struct slots *slots, const char *end, const struct record *record,
                        const struct field *field);

#define CURRENCY_DEFAULT "INR"
/* Decimals of the currency that the text names; of the default where it names none. */
int codec_decimals(const char *bytes, size_t length);

#endif
