/* Looks for card numbers in a request, as it will be understood: in what its escapes and percent-codes stand for. */
#include "card_number.h"
#include "codec_given.h"

#include <math.h>
#include <stdio.h>

static bool in_integer(long long integer) {
    char text[24];
    return card_number_in(text, (size_t)snprintf(text, sizeof text, "%lld", integer));
}

static bool in_real(double real) {
    return fabs(real) < 1e18 && trunc(real) == real && in_integer((long long)real);
}

static bool in_json(const json_t *json) {
    const char *name;
    json_t *value, *members = (json_t *)json; /* iteration does not change it */
    size_t index;
    switch (json_typeof(json)) {
    case JSON_STRING:
        return card_number_in(json_string_value(json), json_string_length(json));
    case JSON_INTEGER:
        return in_integer(json_integer_value(json));
    case JSON_REAL:
        return in_real(json_real_value(json));
    case JSON_OBJECT:
        json_object_foreach(members, name, value) if (card_number_in(name, strlen(name)) || in_json(value)) return true;
        return false;
    case JSON_ARRAY:
        json_array_foreach(members, index, value) if (in_json(value)) return true;
        return false;
    default:
        return false;
    }
}

static bool in_query(struct text_span query, struct pool *pool) {
    struct text_span text;
    if (!given_decode_percent(pool, query, ' ', &text))
        text = query;
    return card_number_in(text.bytes, text.length);
}

bool given_holds_card(const struct request_source *source, const json_t *body, struct pool *pool) {
    for (size_t i = 0; i < source->path_count; i++)
        if (card_number_in(source->path_values[i].bytes, source->path_values[i].length))
            return true;
    return (source->query.length && in_query(source->query, pool)) || (body && in_json(body));
}
