/* Fills templates; see templates.h. That their tags are well-formed is seen to when they are built in (templates.py).
 */
#include "templates.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "buffer.h"

const struct template *template_find(const char *name, const char *language) {
    const struct template *english = NULL;
    for (size_t i = 0; i < template_count; i++) {
        if (strcmp(templates[i].name, name) != 0)
            continue;
        if (strcmp(templates[i].language, language) == 0)
            return &templates[i];
        if (strcmp(templates[i].language, "en") == 0)
            english = &templates[i];
    }
    return english;
}

/* Values, and those around them. */
struct scope {
    const json_t *values;
    const struct scope *outer;
};

struct filling {
    struct buffer filled;
    struct pool *pool;
    const char *problem; /* NULL: none so far */
};

struct tag {
    char sigil;       /* '#', '^', '/'; '\0': the value itself */
    const char *name; /* not NUL-terminated */
    size_t length;
    const char *word; /* of {{#name=word}}; NULL: none */
    size_t word_length;
    const char *end; /* behind it */
};

static struct tag read_tag(const char *at) {
    struct tag tag = {.name = at + 2};
    if (strchr("#^/", *tag.name))
        tag.sigil = *tag.name++;
    tag.length = strcspn(tag.name, "=}");
    tag.end = tag.name + tag.length;
    if (*tag.end == '=') {
        tag.word = tag.end + 1;
        tag.word_length = strcspn(tag.word, "}");
        tag.end = tag.word + tag.word_length;
    }
    tag.end += 2;
    return tag;
}

/* NULL: it is not there, or null. */
static const json_t *look_up(const struct scope *scope, const struct tag *tag) {
    for (; scope; scope = scope->outer) {
        const json_t *value = json_object_getn(scope->values, tag->name, tag->length);
        if (value)
            return json_is_null(value) ? NULL : value;
    }
    return NULL;
}

static void append_value(const struct tag *tag, const struct scope *scope, struct filling *filling) {
    const json_t *value = look_up(scope, tag);
    if (json_is_integer(value)) {
        buffer_printf(&filling->filled, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    } else if (json_is_string(value)) {
        for (const char *at = json_string_value(value); *at; at++)
            buffer_append_byte(&filling->filled, (unsigned char)*at < ' ' || *at == 0x7f ? ' ' : *at);
    } else if (!filling->problem) {
        filling->problem =
            pool_printf(filling->pool, "the template's value %.*s is missing", (int)tag->length, tag->name);
    }
}

static bool is_shown(const struct tag *tag, const json_t *value) {
    const char *text = json_string_value(value);
    if (tag->word)
        return text && strlen(text) == tag->word_length && memcmp(text, tag->word, tag->word_length) == 0;
    bool given =
        value && !json_is_false(value) && (!text || *text) && (!json_is_array(value) || json_array_size(value));
    return given == (tag->sigil == '#');
}

static const char *fill(const char *at, const struct scope *scope, bool shown, struct filling *filling);

/* From behind the tag that opens it; returns what is behind the one that closes it. */
static const char *fill_section(const struct tag *tag, const struct scope *scope, bool shown, struct filling *filling) {
    const json_t *value = look_up(scope, tag);
    shown = shown && is_shown(tag, value);
    if (!shown || !json_is_array(value) || tag->sigil == '^')
        return fill(tag->end, scope, shown, filling);
    const char *end = tag->end;
    for (size_t i = 0; i < json_array_size(value); i++) {
        const struct scope inner = {json_array_get(value, i), scope};
        end = fill(tag->end, &inner, true, filling);
    }
    return end;
}

/* Up to the tag that closes the section, or the end. */
static const char *fill(const char *at, const struct scope *scope, bool shown, struct filling *filling) {
    for (const char *open; (open = strstr(at, "{{"));) {
        const struct tag tag = read_tag(open);
        if (shown)
            buffer_append(&filling->filled, at, (size_t)(open - at));
        at = tag.end;
        if (tag.sigil == '/')
            return at;
        if (tag.sigil)
            at = fill_section(&tag, scope, shown, filling);
        else if (shown)
            append_value(&tag, scope, filling);
    }
    if (shown)
        buffer_append_text(&filling->filled, at);
    return at + strlen(at);
}

static const char *fill_text(const char *text, const json_t *values, struct pool *pool, const char **ret_filled) {
    const struct scope scope = {values, NULL};
    struct filling filling = {.pool = pool};
    fill(text, &scope, true, &filling);
    *ret_filled = pool_copy(pool, filling.filled.bytes, filling.filled.length);
    buffer_free(&filling.filled);
    return filling.problem;
}

const char *template_fill(const struct template *template, const json_t *values, struct pool *pool,
                          const char **ret_subject, const char **ret_text) {
    const char *problem = fill_text(template->subject, values, pool, ret_subject);
    return problem ? problem : fill_text(template->text, values, pool, ret_text);
}
