/* Blocks, one after the other: each line's first byte says what it is; see layout.h. */
#include "layout.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

struct span {
    const char *bytes;
    size_t length;
};

static struct span span_until(const char *bytes, const char *stops) {
    return (struct span){bytes, strcspn(bytes, stops)};
}

enum block { BLOCK_NONE, BLOCK_WORDS, BLOCK_LIST, BLOCK_HEADING, BLOCK_LINK };

struct line {
    enum block block; /* NONE: it is empty */
    struct span label, words;
};

/* The line that begins here; the next one begins behind its newline. */
static struct line read_line(const char *at, const char **ret_next) {
    struct span whole = span_until(at, "\n"), head = span_until(at, "\2\5\n");
    bool labelled = at[head.length] == MARK_ADDRESS || at[head.length] == MARK_LABEL_END;
    struct line line = {.block = BLOCK_WORDS, .words = whole};
    *ret_next = at + whole.length + (at[whole.length] == '\n');
    if (!whole.length)
        return (struct line){0};
    if (*at == MARK_LINK)
        line.block = BLOCK_LINK;
    else if (*at == MARK_ITEM)
        line.block = BLOCK_LIST;
    else if (*at == MARK_HEADING)
        line.block = BLOCK_HEADING;
    if (line.block != BLOCK_WORDS)
        line.words = span_until(at + 1, "\3\n");
    if (labelled) {
        line.label = (struct span){at + 1, head.length - 1};
        line.words = span_until(at + head.length + 1, "\3\n");
    }
    return line;
}

/* How blocks are written. `begin` and `end` stand around each, `line` writes one of its lines. */
struct face {
    void (*begin)(enum block block, struct buffer *buffer);
    void (*line)(const struct line *line, bool first, struct buffer *buffer);
    void (*end)(enum block block, struct buffer *buffer);
};

/* Lines of words and items go on with the block that they follow. */
static bool goes_on(enum block open, enum block block) {
    return open == block && (block == BLOCK_WORDS || block == BLOCK_LIST);
}

static void write_blocks(const char *text, const struct face *face, struct buffer *buffer) {
    enum block open = BLOCK_NONE;
    for (const char *at = text, *next; *at; at = next) {
        const struct line line = read_line(at, &next);
        bool first = !goes_on(open, line.block);
        if (first && open)
            face->end(open, buffer);
        if (first && line.block)
            face->begin(line.block, buffer);
        open = line.block;
        if (open)
            face->line(&line, first, buffer);
    }
    if (open)
        face->end(open, buffer);
}

/* --- plain text */

static void begin_text(enum block block, struct buffer *buffer) {
    (void)block;
    if (buffer->length)
        buffer_append_byte(buffer, '\n');
}

static void line_text(const struct line *line, bool first, struct buffer *buffer) {
    if (!first)
        buffer_append_byte(buffer, line->block == BLOCK_WORDS ? ' ' : '\n');
    if (line->block == BLOCK_LIST)
        buffer_append_text(buffer, "- ");
    buffer_append(buffer, line->label.bytes, line->label.length);
    if (line->label.length)
        buffer_append_text(buffer, line->block == BLOCK_LINK ? ":\n" : " ");
    buffer_append(buffer, line->words.bytes, line->words.length);
}

static void end_text(enum block block, struct buffer *buffer) {
    (void)block;
    buffer_append_byte(buffer, '\n');
}

static const struct face text_face = {begin_text, line_text, end_text};

void layout_text(const struct layout *layout, struct buffer *text) {
    write_blocks(layout->text, &text_face, text);
    buffer_append_text(text, "\n-- \n"); /* what follows is no part of the message, says RFC 3676 */
    struct buffer footer = {0};
    write_blocks(layout->footer, &text_face, &footer);
    buffer_append(text, footer.bytes, footer.length);
    buffer_free(&footer);
}

/* --- HTML */

static void append_escaped(struct span span, struct buffer *buffer) {
    for (size_t i = 0; i < span.length; i++) {
        const char *escaped = span.bytes[i] == '&'    ? "&amp;"
                              : span.bytes[i] == '<'  ? "&lt;"
                              : span.bytes[i] == '>'  ? "&gt;"
                              : span.bytes[i] == '"'  ? "&quot;"
                              : span.bytes[i] == '\'' ? "&#39;"
                                                      : NULL;
        if (escaped)
            buffer_append_text(buffer, escaped);
        else
            buffer_append_byte(buffer, span.bytes[i]);
    }
}

static const char *element(enum block block) {
    return block == BLOCK_LIST ? "ul" : block == BLOCK_HEADING ? "h2" : "p";
}

static void begin_html(enum block block, struct buffer *buffer) {
    buffer_printf(buffer, "<%s>", element(block));
}

static void end_html(enum block block, struct buffer *buffer) {
    buffer_printf(buffer, "</%s>\n", element(block));
}

/* Only what leads to the web is a link. */
static void append_link(const struct line *line, struct buffer *buffer) {
    bool leads = !strncasecmp(line->words.bytes, "https://", 8) || !strncasecmp(line->words.bytes, "http://", 7);
    if (leads) {
        buffer_append_text(buffer, "<a href=\"");
        append_escaped(line->words, buffer);
        buffer_append_text(buffer, "\">");
    }
    append_escaped(line->label, buffer);
    buffer_append_text(buffer, leads ? "</a>" : ": ");
    if (!leads)
        append_escaped(line->words, buffer);
}

static void line_html(const struct line *line, bool first, struct buffer *buffer) {
    if (line->block == BLOCK_LINK) {
        append_link(line, buffer);
        return;
    }
    if (line->block == BLOCK_LIST)
        buffer_append_text(buffer, "<li>");
    else if (!first)
        buffer_append_byte(buffer, '\n');
    if (line->label.length) {
        buffer_append_text(buffer, "<b>");
        append_escaped(line->label, buffer);
        buffer_append_text(buffer, "</b> ");
    }
    append_escaped(line->words, buffer);
    if (line->block == BLOCK_LIST)
        buffer_append_text(buffer, "</li>\n");
}

static const struct face html_face = {begin_html, line_html, end_html};

static void append_slot(const struct layout *layout, struct span name, struct buffer *html) {
    if (strncmp(name.bytes, "language", name.length) == 0)
        buffer_append_text(html, layout->language);
    else if (strncmp(name.bytes, "subject", name.length) == 0)
        append_escaped(span_until(layout->subject, ""), html);
    else
        write_blocks(strncmp(name.bytes, "text", name.length) == 0 ? layout->text : layout->footer, &html_face, html);
}

void layout_html(const struct layout *layout, struct buffer *html) {
    const char *at = layout_page;
    for (const char *open; (open = strstr(at, "{{"));) {
        struct span name = span_until(open + 2, "}");
        buffer_append(html, at, (size_t)(open - at));
        append_slot(layout, name, html);
        at = name.bytes + name.length + 2;
    }
    buffer_append_text(html, at);
}
