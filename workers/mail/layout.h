/* A filled template laid out, as plain text and as HTML: the same words twice. Pure. Its marks are control characters
 * (templates.py puts them there), which values do not hold, and all else is escaped, so values stay words. */
#ifndef TITHI_MAIL_LAYOUT_H
#define TITHI_MAIL_LAYOUT_H

#include "buffer.h"

/* In lines of their own: \1 label \2 link \3; \4 item, or \4 label \5 item; \6 heading. Lines of words make paragraphs,
 * which an empty line ends. */
enum layout_mark { MARK_LINK = 1, MARK_ADDRESS, MARK_LINK_END, MARK_ITEM, MARK_LABEL_END, MARK_HEADING };

struct layout {
    const char *language, *subject;
    const char *text, *footer; /* with marks */
};

extern const char layout_page[]; /* templates/layout.html */

void layout_text(const struct layout *layout, struct buffer *text);
void layout_html(const struct layout *layout, struct buffer *html);

/* What is left of HTML without its tags, as lines of text; for HTML that comes from elsewhere. */
void layout_strip(const char *html, struct buffer *text);

#endif
