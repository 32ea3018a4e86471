/* The texts of mails (templates.def), filled with a row's values. */
#ifndef TITHI_MAIL_TEMPLATES_H
#define TITHI_MAIL_TEMPLATES_H

#include <jansson.h>

#include "pool.h"

/* Fills subject and text of the named template with the values, an object of texts. NULL; or what is wrong, in a
 * sentence. */
const char *template_fill(const char *name, const json_t *values, struct pool *pool, const char **ret_subject,
                          const char **ret_text);

#endif
