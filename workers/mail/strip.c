/* HTML without its tags; see layout.h. For the text part of mails whose HTML is somebody else's. */
#include "layout.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

static bool is_tag(const char *at, const char *name) {
    size_t length = strlen(name);
    return strncasecmp(at, name, length) == 0 && !isalnum((unsigned char)at[length]);
}

/* Behind the tag at `at`, or behind the whole element where its content is no text. */
static const char *skip_tag(const char *at) {
    static const char *const unread[] = {"style", "script", "title"};
    for (size_t i = 0; i < sizeof unread / sizeof *unread; i++)
        if (is_tag(at + 1, unread[i])) {
            do
                at = strstr(at + 1, "</");
            while (at && !is_tag(at + 2, unread[i]));
            break;
        }
    const char *end = at ? strchr(at, '>') : NULL;
    return end ? end + 1 : at ? at + strlen(at) : "";
}

static bool ends_line(const char *at) {
    static const char *const names[] = {"br", "/p", "/div", "/li", "/tr", "/h1", "/h2", "/h3", "/h4", "/h5", "/h6"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (is_tag(at + 1, names[i]))
            return true;
    return false;
}

/* The entity's character, and how long the entity is; else the ampersand itself. */
static const char *read_entity(const char *at, size_t *ret_length) {
    static const struct {
        const char *entity, *text;
    } entities[] = {{"&amp;", "&"}, {"&lt;", "<"}, {"&gt;", ">"}, {"&quot;", "\""}, {"&#39;", "'"}, {"&nbsp;", " "}};
    for (size_t i = 0; i < sizeof entities / sizeof *entities; i++)
        if (strncasecmp(at, entities[i].entity, strlen(entities[i].entity)) == 0) {
            *ret_length = strlen(entities[i].entity);
            return entities[i].text;
        }
    *ret_length = 1;
    return "&";
}

/* One blank between words, none at the beginning of a line. */
static void append_blank(struct buffer *text) {
    if (text->length && !isspace((unsigned char)text->bytes[text->length - 1]))
        buffer_append_byte(text, ' ');
}

static void end_line(struct buffer *text) {
    while (text->length && text->bytes[text->length - 1] == ' ')
        text->length--;
    if (text->length && text->bytes[text->length - 1] != '\n')
        buffer_append_byte(text, '\n');
}

void layout_strip(const char *html, struct buffer *text) {
    while (*html) {
        size_t length = 1;
        if (*html == '<' && (isalpha((unsigned char)html[1]) || html[1] == '/' || html[1] == '!')) {
            if (ends_line(html))
                end_line(text);
            html = skip_tag(html);
            continue;
        }
        if (isspace((unsigned char)*html))
            append_blank(text);
        else if (*html == '&')
            buffer_append_text(text, read_entity(html, &length));
        else
            buffer_append_byte(text, *html);
        html += length;
    }
    end_line(text);
}
