/* Content codings; see encoding.h. */
#include "encoding.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define FULL_QUALITY 1000
#define UNNAMED (-1)

static const struct {
    const char *name;
    const char *other; /* also called */
} encodings[ENCODING_COUNT] = {
    [ENCODING_BROTLI] = {"br", "br"},
    [ENCODING_GZIP] = {"gzip", "x-gzip"},
    [ENCODING_IDENTITY] = {"identity", "identity"},
};

const char *encoding_name(enum encoding encoding) {
    return encoding == ENCODING_IDENTITY ? NULL : encodings[encoding].name;
}

static struct text_span trimmed(struct text_span text) {
    while (text.length && isspace((unsigned char)*text.bytes))
        text.bytes++, text.length--;
    while (text.length && isspace((unsigned char)text.bytes[text.length - 1]))
        text.length--;
    return text;
}

/* What stands before the separator; the rest stays in `list`. */
static struct text_span next_part(struct text_span *list, char separator) {
    const char *end = memchr(list->bytes, separator, list->length);
    struct text_span part = {list->bytes, end ? (size_t)(end - list->bytes) : list->length};
    size_t taken = part.length + (end != NULL);
    *list = (struct text_span){list->bytes + taken, list->length - taken};
    return trimmed(part);
}

static bool is_named(struct text_span text, const char *name) {
    return text.length == strlen(name) && strncasecmp(text.bytes, name, text.length) == 0;
}

/* A qvalue in thousandths. What is none counts as 0: who writes nonsense does not want it. */
static int quality_of(struct text_span value) {
    int quality = 0, digit = FULL_QUALITY;
    for (size_t i = 0; i < value.length; i++) {
        char c = value.bytes[i];
        if (i == 1 ? c != '.' : c < '0' || c > '9')
            return 0;
        if (i == 1)
            continue;
        quality += (c - '0') * digit;
        digit /= 10;
    }
    return quality > FULL_QUALITY ? 0 : quality;
}

static int quality_among(struct text_span parameters) {
    while (parameters.length) {
        struct text_span parameter = next_part(&parameters, ';');
        if (parameter.length >= 2 && (*parameter.bytes | 0x20) == 'q' && parameter.bytes[1] == '=')
            return quality_of((struct text_span){parameter.bytes + 2, parameter.length - 2});
    }
    return FULL_QUALITY;
}

enum encoding encoding_choose(struct text_span accept_encoding, unsigned available) {
    int qualities[ENCODING_COUNT] = {UNNAMED, UNNAMED, UNNAMED}, others = UNNAMED;
    while (accept_encoding.length) {
        struct text_span parameters = next_part(&accept_encoding, ',');
        struct text_span name = next_part(&parameters, ';');
        int quality = quality_among(parameters);
        if (is_named(name, "*"))
            others = quality;
        for (enum encoding each = 0; each < ENCODING_COUNT; each++)
            if (is_named(name, encodings[each].name) || is_named(name, encodings[each].other))
                qualities[each] = quality;
    }
    enum encoding best = ENCODING_IDENTITY;
    int best_quality = 0;
    for (enum encoding each = 0; each < ENCODING_COUNT; each++) {
        int quality = qualities[each] != UNNAMED ? qualities[each] : others;
        if (quality == UNNAMED && each == ENCODING_IDENTITY)
            quality = 1; /* it need not be named, and is liked least */
        if ((available & 1u << each) && quality > best_quality) {
            best = each;
            best_quality = quality;
        }
    }
    return best;
}
