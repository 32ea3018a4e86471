/* The bounded msgpack reader, and msgpack-c's packer on a buffer; see mp.h. Heads follow the msgpack specification. */
#include "mp.h"

#include <string.h>

#include "codec.h"

void mp_reader_init(struct mp_reader *reader, const void *bytes, size_t length) {
    reader->at = bytes;
    reader->end = reader->at + length;
}

static size_t bytes_left(const struct mp_reader *reader) {
    return (size_t)(reader->end - reader->at);
}

/* `size` bytes, big-endian. The caller has checked that they are there. */
static uint64_t take_unsigned(struct mp_reader *reader, size_t size) {
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++)
        value = value << 8 | (unsigned char)reader->at[i];
    reader->at += size;
    return value;
}

static enum mp_type bad(struct mp_value *ret_value) {
    return ret_value->type = MP_BAD;
}

static enum mp_type read_bytes(struct mp_reader *reader, struct mp_value *ret_value, enum mp_type type,
                               uint32_t length) {
    if (length > bytes_left(reader))
        return bad(ret_value);
    ret_value->bytes = reader->at;
    ret_value->length = length;
    reader->at += length;
    return ret_value->type = type;
}

/* An item takes at least one byte, a pair two: a head that claims more than could follow is bad. */
static enum mp_type read_head(struct mp_reader *reader, struct mp_value *ret_value, enum mp_type type, uint32_t count) {
    if (count > bytes_left(reader) / (type == MP_MAP ? 2 : 1))
        return bad(ret_value);
    ret_value->length = count;
    return ret_value->type = type;
}

static enum mp_type read_integer(struct mp_value *ret_value, int64_t integer) {
    ret_value->integer = integer;
    return ret_value->type = MP_INTEGER;
}

static enum mp_type read_sized(struct mp_reader *reader, struct mp_value *ret_value, unsigned char head) {
    static const unsigned char sizes[32] = {
        [0x04] = 1, [0x05] = 2, [0x06] = 4,             /* bin 8, 16, 32 */
        [0x0a] = 4, [0x0b] = 8,                         /* float 32, 64 */
        [0x0c] = 1, [0x0d] = 2, [0x0e] = 4, [0x0f] = 8, /* uint */
        [0x10] = 1, [0x11] = 2, [0x12] = 4, [0x13] = 8, /* int */
        [0x19] = 1, [0x1a] = 2, [0x1b] = 4,             /* str 8, 16, 32 */
        [0x1c] = 2, [0x1d] = 4,                         /* array 16, 32 */
        [0x1e] = 2, [0x1f] = 4,                         /* map 16, 32 */
    };
    size_t size = sizes[head & 0x1f];
    if (!size || size > bytes_left(reader)) /* size 0: never used, or an extension type, which no message has */
        return bad(ret_value);
    uint64_t bits = take_unsigned(reader, size);
    switch (head) {
    case 0xc4 ... 0xc6:
        return read_bytes(reader, ret_value, MP_BINARY, (uint32_t)bits);
    case 0xca: {
        float number;
        uint32_t narrow = (uint32_t)bits;
        memcpy(&number, &narrow, sizeof number);
        ret_value->number = number;
        return ret_value->type = MP_NUMBER;
    }
    case 0xcb:
        memcpy(&ret_value->number, &bits, sizeof bits);
        return ret_value->type = MP_NUMBER;
    case 0xcc ... 0xcf:
        return bits > INT64_MAX ? bad(ret_value) : read_integer(ret_value, (int64_t)bits);
    case 0xd0 ... 0xd3: {
        unsigned shift = 64 - 8 * (unsigned)size;
        return read_integer(ret_value, (int64_t)(bits << shift) >> shift);
    }
    case 0xd9 ... 0xdb:
        return read_bytes(reader, ret_value, MP_STRING, (uint32_t)bits);
    default:
        return read_head(reader, ret_value, head < 0xde ? MP_ARRAY : MP_MAP, (uint32_t)bits);
    }
}

enum mp_type mp_read(struct mp_reader *reader, struct mp_value *ret_value) {
    if (reader->at >= reader->end)
        return ret_value->type = MP_END;
    unsigned char head = (unsigned char)*reader->at++;
    switch (head) {
    case 0x00 ... 0x7f:
        return read_integer(ret_value, head);
    case 0x80 ... 0x8f:
        return read_head(reader, ret_value, MP_MAP, head & 0x0f);
    case 0x90 ... 0x9f:
        return read_head(reader, ret_value, MP_ARRAY, head & 0x0f);
    case 0xa0 ... 0xbf:
        return read_bytes(reader, ret_value, MP_STRING, head & 0x1f);
    case 0xc0:
        return ret_value->type = MP_NIL;
    case 0xc2:
    case 0xc3:
        ret_value->boolean = head == 0xc3;
        return ret_value->type = MP_BOOLEAN;
    case 0xe0 ... 0xff:
        return read_integer(ret_value, (int8_t)head);
    default:
        return read_sized(reader, ret_value, head);
    }
}

/* Bytes of a value whose head alone tells its size; 0: read it. */
static size_t size_by_head(unsigned char head) {
    static const unsigned char sizes[32] = {
        [0x00] = 1, [0x02] = 1, [0x03] = 1,             /* nil, false, true */
        [0x0a] = 5, [0x0b] = 9,                         /* float 32, 64 */
        [0x0c] = 2, [0x0d] = 3, [0x0e] = 5, [0x0f] = 9, /* uint */
        [0x10] = 2, [0x11] = 3, [0x12] = 5, [0x13] = 9, /* int */
    };
    if (head < 0x80 || head >= 0xe0)
        return 1;
    if (head >= 0xc0)
        return sizes[head & 0x1f];
    return head >= 0xa0 ? 1 + (head & 0x1f) : 0;
}

/* Moves behind a value, or behind the head of an array or map: `ret_inside` is then how many values it holds. */
static int skip_one(struct mp_reader *reader, uint64_t *ret_inside) {
    size_t size = reader->at < reader->end ? size_by_head((unsigned char)*reader->at) : 0;
    struct mp_value value;
    *ret_inside = 0;
    if (size && size <= bytes_left(reader)) {
        reader->at += size;
        return 0;
    }
    enum mp_type type = mp_read(reader, &value);
    if (type == MP_ARRAY || type == MP_MAP)
        *ret_inside = (uint64_t)value.length * (type == MP_MAP ? 2 : 1);
    return type == MP_END || type == MP_BAD ? -1 : 0;
}

static int skip_inside(struct mp_reader *reader, uint64_t count) {
    uint64_t waiting[CODEC_DEPTH_LIMIT]; /* values still to come, per level */
    int depth = 0;
    waiting[0] = count;
    while (depth >= 0) {
        if (!waiting[depth]) {
            depth--;
            continue;
        }
        waiting[depth]--;
        if (skip_one(reader, &count))
            return -1;
        if (!count)
            continue;
        if (++depth == CODEC_DEPTH_LIMIT)
            return -1;
        waiting[depth] = count;
    }
    return 0;
}

int mp_skip(struct mp_reader *reader) {
    uint64_t inside;
    if (skip_one(reader, &inside))
        return -1;
    return inside ? skip_inside(reader, inside) : 0;
}

bool mp_is(const struct mp_value *value, const char *text) {
    return value->type == MP_STRING && value->length == strlen(text) && memcmp(value->bytes, text, value->length) == 0;
}

static int append(void *data, const char *bytes, size_t length) {
    buffer_append(data, bytes, length);
    return 0;
}

void mp_packer_init(msgpack_packer *packer, struct buffer *buffer) {
    msgpack_packer_init(packer, buffer, append);
}

void mp_pack_text(msgpack_packer *packer, const char *text) {
    mp_pack_string(packer, text, strlen(text));
}

void mp_pack_string(msgpack_packer *packer, const char *bytes, size_t length) {
    msgpack_pack_str(packer, length);
    msgpack_pack_str_body(packer, bytes, length);
}
