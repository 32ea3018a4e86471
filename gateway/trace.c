/* traceparent: "00", trace id, parent id, flags, in lower-case hex; see trace.h. */
#include "trace.h"

#include <string.h>

#define TRACE_LENGTH (TRACE_SIZE - 1)
#define TRACE_ID_AT 3
#define TRACE_ID_LENGTH 32
#define PARENT_ID_AT 36
#define PARENT_ID_LENGTH 16
#define FLAGS_AT 53

static bool is_hex(const char *at, size_t length) {
    for (size_t i = 0; i < length; i++)
        if (!((at[i] >= '0' && at[i] <= '9') || (at[i] >= 'a' && at[i] <= 'f')))
            return false;
    return true;
}

static bool is_zero(const char *at, size_t length) {
    for (size_t i = 0; i < length; i++)
        if (at[i] != '0')
            return false;
    return true;
}

/* A later version may be longer, behind one more dash; version ff is none. */
static bool is_valid(const char *header, size_t length) {
    if (length < TRACE_LENGTH || header[2] != '-' || header[PARENT_ID_AT - 1] != '-' || header[FLAGS_AT - 1] != '-')
        return false;
    if (!is_hex(header, 2) || !is_hex(header + TRACE_ID_AT, TRACE_ID_LENGTH) ||
        !is_hex(header + PARENT_ID_AT, PARENT_ID_LENGTH) || !is_hex(header + FLAGS_AT, 2) ||
        is_zero(header + TRACE_ID_AT, TRACE_ID_LENGTH) || is_zero(header + PARENT_ID_AT, PARENT_ID_LENGTH))
        return false;
    if (memcmp(header, "00", 2) == 0)
        return length == TRACE_LENGTH;
    return memcmp(header, "ff", 2) != 0 && (length == TRACE_LENGTH || header[TRACE_LENGTH] == '-');
}

static void write_hex(const uint8_t *bytes, size_t count, char *ret_text) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < count; i++) {
        *ret_text++ = digits[bytes[i] >> 4];
        *ret_text++ = digits[bytes[i] & 15];
    }
}

void trace_continue(const char *header, size_t length, const struct uuid *id, char ret_trace[TRACE_SIZE]) {
    struct uuid parent = uuid_new();
    memcpy(ret_trace, "00-00000000000000000000000000000000-0000000000000000-01", TRACE_SIZE);
    if (is_valid(header, length)) {
        memcpy(ret_trace + TRACE_ID_AT, header + TRACE_ID_AT, TRACE_ID_LENGTH);
        memcpy(ret_trace + FLAGS_AT, header + FLAGS_AT, 2);
    } else {
        write_hex(id->bytes, sizeof id->bytes, ret_trace + TRACE_ID_AT);
    }
    write_hex(parent.bytes + 8, PARENT_ID_LENGTH / 2, ret_trace + PARENT_ID_AT); /* its random half */
}
