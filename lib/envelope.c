/* Header frames, packed and read; see envelope.h. "id" and "ttl_ms" are packed first, so that a broker finds both
 * without walking the rest. */
#include "envelope.h"

#include <string.h>

#include "mp.h"

#define UINT32_MARK 0xce /* msgpack's uint 32 */

static void pack_uuid(msgpack_packer *packer, const char *key, const struct uuid *id) {
    mp_pack_text(packer, key);
    msgpack_pack_bin_with_body(packer, id->bytes, sizeof id->bytes);
}

static void pack_text(msgpack_packer *packer, const char *key, const char *text) {
    mp_pack_text(packer, key);
    mp_pack_text(packer, text ? text : "");
}

static void pack_caller(msgpack_packer *packer, const struct caller *caller) {
    mp_pack_text(packer, "caller");
    msgpack_pack_map(packer, 4);
    mp_pack_text(packer, "user_id");
    msgpack_pack_int64(packer, caller->user_id);
    pack_text(packer, "role", caller->role);
    pack_text(packer, "session", caller->session);
    pack_text(packer, "address", caller->address);
}

void envelope_pack_call(const struct call_header *header, struct buffer *ret_frame) {
    msgpack_packer packer;
    mp_packer_init(&packer, ret_frame);
    bool knows = header->known && *header->known;
    msgpack_pack_map(&packer, knows ? 8 : 7);
    pack_uuid(&packer, "id", &header->id);
    mp_pack_text(&packer, "ttl_ms");
    msgpack_pack_fix_uint32(&packer, header->ttl_ms);
    pack_text(&packer, "op", header->operation);
    pack_uuid(&packer, "command", &header->command);
    pack_caller(&packer, &header->caller);
    pack_text(&packer, "request_id", header->request_id);
    pack_text(&packer, "trace", header->trace);
    if (knows)
        pack_text(&packer, "known", header->known);
}

/* Opens the map at the frame's beginning. */
static int read_map(struct mp_reader *reader, uint32_t *ret_pairs) {
    struct mp_value head;
    if (mp_read(reader, &head) != MP_MAP)
        return -1;
    *ret_pairs = head.length;
    return 0;
}

static int read_key(struct mp_reader *reader, struct mp_value *ret_key) {
    return mp_read(reader, ret_key) == MP_STRING ? 0 : -1;
}

static int read_uuid(struct mp_reader *reader, struct uuid *ret_id) {
    struct mp_value value;
    if (mp_read(reader, &value) != MP_BINARY || value.length != sizeof ret_id->bytes)
        return -1;
    memcpy(ret_id->bytes, value.bytes, sizeof ret_id->bytes);
    return 0;
}

/* A text without NUL; nil is the empty text. */
static int read_text(struct mp_reader *reader, struct pool *pool, const char **ret_text) {
    struct mp_value value;
    enum mp_type type = mp_read(reader, &value);
    if (type == MP_NIL)
        return 0;
    if (type != MP_STRING || memchr(value.bytes, '\0', value.length))
        return -1;
    *ret_text = pool_copy(pool, value.bytes, value.length);
    return 0;
}

static int read_boolean(struct mp_reader *reader, bool *ret_boolean) {
    struct mp_value value;
    if (mp_read(reader, &value) != MP_BOOLEAN)
        return -1;
    *ret_boolean = value.boolean;
    return 0;
}

/* What was sent with 0 has just expired: 1, because 0 says "the header has none". */
static int read_ttl(struct mp_reader *reader, uint32_t *ret_ttl_ms) {
    struct mp_value value;
    if (mp_read(reader, &value) != MP_INTEGER || value.integer < 0)
        return -1;
    *ret_ttl_ms = value.integer == 0 ? 1 : value.integer > UINT32_MAX ? UINT32_MAX : (uint32_t)value.integer;
    return 0;
}

static int read_caller(struct mp_reader *reader, struct pool *pool, struct caller *ret_caller) {
    uint32_t pairs;
    if (read_map(reader, &pairs))
        return -1;
    while (pairs--) {
        struct mp_value key, value;
        if (read_key(reader, &key))
            return -1;
        int failed = 0;
        if (mp_is(&key, "user_id")) {
            failed = mp_read(reader, &value) != MP_INTEGER;
            if (!failed)
                ret_caller->user_id = value.integer;
        } else if (mp_is(&key, "role"))
            failed = read_text(reader, pool, &ret_caller->role);
        else if (mp_is(&key, "session"))
            failed = read_text(reader, pool, &ret_caller->session);
        else if (mp_is(&key, "address"))
            failed = read_text(reader, pool, &ret_caller->address);
        else
            failed = mp_skip(reader);
        if (failed)
            return -1;
    }
    return 0;
}

int envelope_read_call(const void *bytes, size_t length, struct pool *pool, struct call_header *ret_header) {
    struct call_header header = {
        .caller = {.role = "", .session = "", .address = ""}, .request_id = "", .trace = "", .known = ""};
    struct mp_reader reader;
    uint32_t pairs;
    bool has_id = false, has_command = false;
    mp_reader_init(&reader, bytes, length);
    if (read_map(&reader, &pairs))
        return -1;
    while (pairs--) {
        struct mp_value key;
        if (read_key(&reader, &key))
            return -1;
        int failed = 0;
        if (mp_is(&key, "id")) {
            failed = has_id || read_uuid(&reader, &header.id); /* of two the broker may know the other */
            has_id = true;
        } else if (mp_is(&key, "ttl_ms"))
            failed = read_ttl(&reader, &header.ttl_ms);
        else if (mp_is(&key, "op"))
            failed = read_text(&reader, pool, &header.operation);
        else if (mp_is(&key, "command")) {
            failed = read_uuid(&reader, &header.command);
            has_command = true;
        } else if (mp_is(&key, "caller"))
            failed = read_caller(&reader, pool, &header.caller);
        else if (mp_is(&key, "request_id"))
            failed = read_text(&reader, pool, &header.request_id);
        else if (mp_is(&key, "trace"))
            failed = read_text(&reader, pool, &header.trace);
        else if (mp_is(&key, "known"))
            failed = read_text(&reader, pool, &header.known);
        else
            failed = mp_skip(&reader);
        if (failed)
            return -1;
    }
    if (reader.at != reader.end || !has_id || !header.operation)
        return -1;
    if (!has_command)
        header.command = header.id;
    *ret_header = header;
    return 0;
}

int envelope_peek(const void *bytes, size_t length, struct uuid *ret_id, uint32_t *ret_ttl_ms) {
    struct mp_reader reader;
    uint32_t pairs, ttl_ms = 0;
    struct uuid id = {0};
    bool has_id = false;
    mp_reader_init(&reader, bytes, length);
    if (read_map(&reader, &pairs))
        return -1;
    while (pairs-- && !(has_id && ttl_ms)) {
        struct mp_value key;
        if (read_key(&reader, &key))
            return -1;
        int failed = 0;
        if (mp_is(&key, "id")) {
            failed = read_uuid(&reader, &id);
            has_id = true;
        } else if (mp_is(&key, "ttl_ms"))
            failed = read_ttl(&reader, &ttl_ms);
        else
            failed = mp_skip(&reader);
        if (failed)
            return -1;
    }
    if (!has_id)
        return -1;
    *ret_id = id;
    *ret_ttl_ms = ttl_ms;
    return 0;
}

void envelope_patch_ttl(void *bytes, size_t length, uint32_t ttl_ms) {
    struct mp_reader reader;
    struct mp_value key;
    uint32_t pairs;
    mp_reader_init(&reader, bytes, length);
    if (read_map(&reader, &pairs))
        return;
    for (; pairs && !read_key(&reader, &key); pairs--) {
        unsigned char *value = (unsigned char *)bytes + (reader.at - (const char *)bytes);
        if (mp_skip(&reader))
            return;
        if (!mp_is(&key, "ttl_ms"))
            continue;
        if (*value == UINT32_MARK)
            for (int i = 0; i < 4; i++)
                value[1 + i] = (unsigned char)(ttl_ms >> (24 - 8 * i));
        return;
    }
}

void envelope_pack_answer(const struct answer_header *header, struct buffer *ret_frame) {
    msgpack_packer packer;
    mp_packer_init(&packer, ret_frame);
    msgpack_pack_map(&packer, 1 + (header->refusal != NULL) + (header->version != NULL) + header->unchanged);
    pack_uuid(&packer, "id", &header->id);
    if (header->refusal)
        pack_text(&packer, "refusal", header->refusal);
    if (header->version)
        pack_text(&packer, "version", header->version);
    if (header->unchanged) {
        mp_pack_text(&packer, "unchanged");
        msgpack_pack_true(&packer);
    }
}

int envelope_read_answer(const void *bytes, size_t length, struct pool *pool, struct answer_header *ret_header) {
    struct answer_header header = {.refusal = NULL};
    struct mp_reader reader;
    uint32_t pairs;
    bool has_id = false;
    mp_reader_init(&reader, bytes, length);
    if (read_map(&reader, &pairs))
        return -1;
    while (pairs--) {
        struct mp_value key;
        if (read_key(&reader, &key))
            return -1;
        int failed = 0;
        if (mp_is(&key, "id")) {
            failed = has_id || read_uuid(&reader, &header.id); /* of two the broker may know the other */
            has_id = true;
        } else if (mp_is(&key, "refusal"))
            failed = read_text(&reader, pool, &header.refusal);
        else if (mp_is(&key, "version"))
            failed = read_text(&reader, pool, &header.version);
        else if (mp_is(&key, "unchanged"))
            failed = read_boolean(&reader, &header.unchanged);
        else
            failed = mp_skip(&reader);
        if (failed)
            return -1;
    }
    if (reader.at != reader.end || !has_id)
        return -1;
    *ret_header = header;
    return 0;
}
