/* msgpack, read without allocation from bounded bytes (writing is msgpack-c's packer onto a struct buffer).
 * The reader never trusts a length: see reference in docs/protocol.md. */
#ifndef TITHI_MP_H
#define TITHI_MP_H

#include <msgpack.h>
#include <stdbool.h>

#include "buffer.h"

enum mp_type { MP_NIL, MP_BOOLEAN, MP_INTEGER, MP_NUMBER, MP_STRING, MP_BINARY, MP_ARRAY, MP_MAP, MP_END, MP_BAD };

struct mp_reader {
    const char *at;
    const char *end;
};

struct mp_value {
    enum mp_type type;
    bool boolean;
    int64_t integer; /* unsigned values above INT64_MAX are MP_BAD */
    double number;
    const char *bytes; /* strings and binary: inside the read bytes */
    uint32_t length;   /* of bytes; items of an array; pairs of a map */
};

void mp_reader_init(struct mp_reader *reader, const void *bytes, size_t length);
/* Reads one value (of arrays and maps: only the head). MP_END at the end, MP_BAD on anything malformed or longer than what is left. */
enum mp_type mp_read(struct mp_reader *reader, struct mp_value *ret_value);
/* Skips one whole value, at most CODEC_DEPTH_LIMIT deep. 0, or -1. */
int mp_skip(struct mp_reader *reader);
bool mp_is(const struct mp_value *value, const char *text); /* a string equal to text */

/* A msgpack-c packer that appends to the buffer. */
void mp_packer_init(msgpack_packer *packer, struct buffer *buffer);
void mp_pack_text(msgpack_packer *packer, const char *text);
void mp_pack_string(msgpack_packer *packer, const char *bytes, size_t length);

#endif
