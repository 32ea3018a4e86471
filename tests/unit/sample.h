/* A record with every kind of field, for the codec's tests: what the contract may come to use, whether it does now or
 * not. */
#ifndef TITHI_TESTS_SAMPLE_H
#define TITHI_TESTS_SAMPLE_H

#include "codec.h"

struct sample_person {
    const char *name;
    const char *email;
    enum presence has_email;
};

struct sample {
    int64_t id;
    const char *title;
    const char *kind;
    bool active;
    double rating;
    enum presence has_rating;
    int64_t price_minor;
    enum presence has_price_minor;
    const char *currency;
    struct integer_or_string code;
    enum presence has_code;
    struct sample_person owner;
    enum presence has_owner;
    struct {
        struct sample_person *items;
        size_t count;
    } guests;
    enum presence has_guests;
    struct {
        const char **items;
        size_t count;
    } tags;
    enum presence has_tags;
    struct {
        int64_t *items;
        size_t count;
    } days;
    enum presence has_days;
    const char *starts;
    enum presence has_starts;
    const char *note;
    enum presence has_note;
    int64_t page;
    const char *since;
    enum presence has_since;
    double least;
    enum presence has_least;
    bool open;
    enum presence has_open;
    const char *if_match;
    enum presence has_if_match;
    struct {
        struct sample_person *items;
        size_t count;
    } hosts;
    enum presence has_hosts;
    struct sample_person partner;
    enum presence has_partner;
    const char *payload;
    enum presence has_payload;
};

#define NAME(text) .name = text, .name_length = sizeof text - 1, .key = text, .key_length = sizeof text - 1
#define ALIASES(...)                                                                                                   \
    .aliases = (const char *const[]) {                                                                                 \
        __VA_ARGS__ __VA_OPT__(, ) NULL                                                                                \
    }
#define INTEGERS .minimum = INT64_MIN, .maximum = INT64_MAX
#define NUMBERS(low, high) .number_minimum = low, .number_maximum = high
#define AT(structure, member) .offset = offsetof(struct structure, member)
#define PRESENT(structure, member) AT(structure, member), .presence_offset = SIZE_MAX
#define OPTIONAL(structure, member) AT(structure, member), .presence_offset = offsetof(struct structure, has_##member)

static const struct field sample_person_fields[] = {
    {NAME("name"), ALIASES("full_name"), .type = FIELD_STRING, .length_minimum = 1, .length_maximum = 5,
     .required = true, PRESENT(sample_person, name)},
    {NAME("email"), ALIASES(), .type = FIELD_STRING, .format = FORMAT_EMAIL, .length_maximum = 254, .nullable = true,
     OPTIONAL(sample_person, email)},
};
static const struct record record_sample_person = {
    .name = "sample_person", .fields = sample_person_fields, .field_count = 2, .size = sizeof(struct sample_person)};

static const struct field sample_fields[] = {
    {NAME("id"), ALIASES("sample_id"), .type = FIELD_INTEGER, .minimum = 1, .maximum = INT64_MAX, .required = true,
     .quoted = true, PRESENT(sample, id)},
    {NAME("title"), ALIASES("name", "label"), .type = FIELD_STRING, .length_minimum = 1, .length_maximum = 40,
     .required = true, PRESENT(sample, title)},
    {NAME("kind"), ALIASES(), .type = FIELD_STRING, .length_maximum = UINT32_MAX, .default_text = "big",
     .values = (const char *const[]){"small", "big", NULL}, PRESENT(sample, kind)},
    {NAME("active"), ALIASES(), .type = FIELD_BOOLEAN, .default_text = "true", PRESENT(sample, active)},
    {NAME("rating"), ALIASES(), .type = FIELD_NUMBER, NUMBERS(0, 5), .nullable = true, OPTIONAL(sample, rating)},
    {.name = "price",
     .name_length = 5,
     .key = "price_minor",
     .key_length = 11,
     ALIASES("fee"),
     .type = FIELD_MONEY,
     NUMBERS(0, 10000),
     .currency = &sample_fields[6],
     OPTIONAL(sample, price_minor)},
    {NAME("currency"), ALIASES(), .type = FIELD_STRING, .format = FORMAT_CURRENCY, .length_maximum = 3,
     .default_text = "INR", PRESENT(sample, currency)},
    {NAME("code"), ALIASES(), .type = FIELD_INTEGER_OR_STRING, INTEGERS, .length_minimum = 1, .length_maximum = 8,
     OPTIONAL(sample, code)},
    {NAME("owner"), ALIASES(), .type = FIELD_OBJECT, .record = &record_sample_person, OPTIONAL(sample, owner)},
    {NAME("guests"), ALIASES(), .type = FIELD_LIST, .length_maximum = 3, .item_size = sizeof(struct sample_person),
     .item = &(const struct field){NAME(""), .type = FIELD_OBJECT, .record = &record_sample_person},
     OPTIONAL(sample, guests)},
    {NAME("tags"), ALIASES(), .type = FIELD_LIST, .length_minimum = 1, .length_maximum = 3, .item_size = sizeof(char *),
     .item = &(const struct field){NAME(""), .type = FIELD_STRING, .length_maximum = 4}, OPTIONAL(sample, tags)},
    {NAME("days"), ALIASES(), .type = FIELD_LIST, .length_maximum = 10, .item_size = sizeof(int64_t),
     .item = &(const struct field){NAME(""), .type = FIELD_INTEGER, .minimum = 1, .maximum = 31},
     OPTIONAL(sample, days)},
    {NAME("starts"), ALIASES(), .type = FIELD_STRING, .format = FORMAT_DATE_TIME, .length_maximum = 64,
     OPTIONAL(sample, starts)},
    {NAME("note"), ALIASES(), .type = FIELD_STRING, .length_maximum = 100, .nullable = true, .required = true,
     OPTIONAL(sample, note)},
    {NAME("page"), ALIASES("p"), .type = FIELD_INTEGER, .minimum = 1, .maximum = 100, .location = IN_QUERY,
     .default_text = "20", PRESENT(sample, page)},
    {NAME("since"), ALIASES("from"), .type = FIELD_STRING, .format = FORMAT_DATE_OR_TIME, .length_maximum = 64,
     .location = IN_QUERY, OPTIONAL(sample, since)},
    {NAME("least"), ALIASES(), .type = FIELD_NUMBER, NUMBERS(0, 5), .location = IN_QUERY, OPTIONAL(sample, least)},
    {NAME("open"), ALIASES(), .type = FIELD_BOOLEAN, .location = IN_QUERY, OPTIONAL(sample, open)},
    {NAME("if_match"), ALIASES(), .type = FIELD_STRING, .length_maximum = 100, .location = IN_HEADER,
     .header = "if-match", OPTIONAL(sample, if_match)},
    {NAME("hosts"), ALIASES(), .type = FIELD_LIST, .length_maximum = 3, .item_size = sizeof(struct sample_person),
     .item = &(const struct field){NAME(""), .type = FIELD_OBJECT, .record = &record_sample_person}, .nullable = true,
     OPTIONAL(sample, hosts)},
    {NAME("partner"), ALIASES(), .type = FIELD_OBJECT, .record = &record_sample_person, .nullable = true,
     OPTIONAL(sample, partner)},
    {NAME("payload"), ALIASES(), .type = FIELD_STRING, .length_maximum = UINT32_MAX, .location = IN_RAW_BODY,
     OPTIONAL(sample, payload)},
};
static const struct record record_sample = {
    .name = "sample",
    .fields = sample_fields,
    .field_count = sizeof sample_fields / sizeof sample_fields[0],
    .size = sizeof(struct sample),
};

#endif
