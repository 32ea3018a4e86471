/* See fitting.h. */
#include "fitting.h"

#include "bus.h"
#include "codec.h"

#define ROWS_SIZE_LIMIT (BUS_FRAME_SIZE_LIMIT - 65536) /* bytes: what stands beside the rows needs room, too */

size_t fitting_rows(const struct record *record, const void *items, size_t item_size, size_t count, int64_t limit) {
    struct buffer bytes = {0};
    size_t fitting = 0;
    for (; fitting < count && fitting < (size_t)limit; fitting++) {
        codec_encode(record, (const char *)items + fitting * item_size, &bytes);
        if (bytes.length > ROWS_SIZE_LIMIT)
            break;
    }
    buffer_free(&bytes);
    return fitting;
}
