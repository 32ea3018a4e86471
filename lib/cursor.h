/* Where a page of a list ended: base64url of "sort|value|id", handed out as `next` and taken back as `after`. */
#ifndef TITHI_CURSOR_H
#define TITHI_CURSOR_H

#include <stdint.h>

#include "pool.h"

struct cursor {
    const char *sort;  /* the list's sort: a cursor is good for that one only */
    const char *value; /* of the last row, by which the list is sorted */
    int64_t id;        /* of the last row, where values are equal */
};

const char *cursor_text(const struct cursor *cursor, struct pool *pool);
/* 0, or -1 where the text is no cursor that cursor_text() makes for this sort. Values are UTF-8, but not otherwise
 * checked. */
int cursor_read(const char *text, const char *sort, struct pool *pool, struct cursor *ret_cursor);
/* The value as a number. 0, or -1 where it is none or outside the bounds. */
int cursor_integer(const struct cursor *cursor, int64_t minimum, int64_t maximum, int64_t *ret_value);

#endif
