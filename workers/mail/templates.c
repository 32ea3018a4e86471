/* Templates are texts with {names}; values go in as they are, but for control characters, which become blanks: a value
 * is a piece of a line. */
#include "templates.h"

#include <string.h>

#include "buffer.h"

static const struct template {
    const char *name, *subject, *text;
}
templates[] = {
#define MAIL_TEMPLATE(name, subject, text) {#name, subject, text},
#include "templates.def"
#undef MAIL_TEMPLATE
};

#define TEMPLATE_COUNT (sizeof templates / sizeof *templates)

static void append_value(const char *value, struct buffer *buffer) {
    for (; *value; value++)
        buffer_append_byte(buffer, (unsigned char)*value < ' ' || *value == 0x7f ? ' ' : *value);
}

/* Sets *ret_filled, or returns what is wrong. */
static const char *fill(const char *text, const json_t *values, struct pool *pool, const char **ret_filled) {
    struct buffer filled = {0};
    const char *problem = NULL;
    for (; *text && !problem; text++) {
        if (*text != '{') {
            buffer_append_byte(&filled, *text);
            continue;
        }
        size_t length = strcspn(++text, "}");
        const char *value = json_string_value(json_object_getn(values, text, length));
        if (value)
            append_value(value, &filled);
        else
            problem = pool_printf(pool, "the template's value %.*s is missing", (int)length, text);
        text += length;
    }
    *ret_filled = pool_copy(pool, filled.bytes, filled.length);
    buffer_free(&filled);
    return problem;
}

const char *template_fill(const char *name, const json_t *values, struct pool *pool, const char **ret_subject,
                          const char **ret_text) {
    for (size_t i = 0; i < TEMPLATE_COUNT; i++)
        if (strcmp(templates[i].name, name) == 0) {
            const char *problem = fill(templates[i].subject, values, pool, ret_subject);
            return problem ? problem : fill(templates[i].text, values, pool, ret_text);
        }
    return pool_printf(pool, "there is no template %s", name);
}
