/* The words of mails: templates/, built into the program, filled with a row's values (templates/README.md). */
#ifndef TITHI_MAIL_TEMPLATES_H
#define TITHI_MAIL_TEMPLATES_H

#include <jansson.h>

#include "pool.h"

struct template {
    const char *name, *language, *subject, *text; /* with tags, the text with the layout's marks */
};

/* A template's languages stand together. */
extern const struct template templates[];
extern const size_t template_count;

/* The language's own, else the English one; NULL: there is none of that name. */
const struct template *template_find(const char *name, const char *language);
/* Fills subject and text with the values, objects of texts, integers and lists. Control characters in them become
 * blanks: a value is a piece of a line. NULL; or what is wrong, in a sentence. */
const char *template_fill(const struct template *template, const json_t *values, struct pool *pool,
                          const char **ret_subject, const char **ret_text);

#endif
