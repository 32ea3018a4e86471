/* The strong ETag of an answer: a hash of its message, so that gateway (GET) and worker (If-Match) agree on it. */
#ifndef TITHI_ETAG_H
#define TITHI_ETAG_H

#include <stdbool.h>
#include <stddef.h>

#define ETAG_SIZE 35 /* quoted, 32 hex digits, NUL */

const char *etag_text(const void *message, size_t length, char ret_etag[ETAG_SIZE]);
/* RFC 9110 §13.1: does the If-Match or If-None-Match list name it? "*" matches. `weak`: W/ is ignored (If-None-Match);
 * a "-gzip" suffix inside the quotes is ignored. */
bool etag_listed(const char *list, const char *etag, bool weak);

#endif
