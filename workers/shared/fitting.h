/* How much of a list fits into one message of the bus: what does not is the next page's. */
#ifndef TITHI_SHARED_FITTING_H
#define TITHI_SHARED_FITTING_H

#include <stddef.h>
#include <stdint.h>

#include "contract.h"

#define LONG_LIST_LIMIT 2000 /* rows of a page that has no limit of its own */

/* Of so many records at `items`, each `item_size` bytes apart: how many fit into one message, and into the page. */
size_t fitting_rows(const struct record *record, const void *items, size_t item_size, size_t count, int64_t limit);

#endif
