/* Arrays of structs as parameters: one member of all of them becomes one array for the database. */
#ifndef TITHI_COLUMNS_H
#define TITHI_COLUMNS_H

#include <stddef.h>

#include "db.h"

/* `size` of a struct, `offset` of its member: const char *, int64_t or bool. Booleans become 0 and 1. */
void column_texts(struct parameters *parameters, const void *items, size_t count, size_t size, size_t offset);
void column_integers(struct parameters *parameters, const void *items, size_t count, size_t size, size_t offset);
void column_flags(struct parameters *parameters, const void *items, size_t count, size_t size, size_t offset);

#define COLUMN_OF(items, count, member) items, count, sizeof *(items), offsetof(__typeof__(*(items)), member)
#define COLUMN_TEXTS(parameters, items, count, member) column_texts(parameters, COLUMN_OF(items, count, member))
#define COLUMN_INTEGERS(parameters, items, count, member) column_integers(parameters, COLUMN_OF(items, count, member))
#define COLUMN_FLAGS(parameters, items, count, member) column_flags(parameters, COLUMN_OF(items, count, member))

#endif
