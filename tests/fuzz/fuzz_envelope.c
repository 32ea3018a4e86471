/* Header frames as broker, worker and gateway read them. Patching the time to live must leave a header that reads
 * alike. */
#include <stdlib.h>
#include <string.h>

#include "envelope.h"
#include "fuzz.h"
#include "mp.h"

static void check_patched(const uint8_t *data, size_t size, const struct uuid *id) {
    struct uuid same;
    uint32_t ttl_ms;
    char *copy = malloc(size);
    memcpy(copy, data, size);
    envelope_patch_ttl(copy, size, 4711);
    PROMISE(envelope_peek(copy, size, &same, &ttl_ms) == 0);
    PROMISE(uuid_equal(id, &same));
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct pool *pool = pool_new();
    struct call_header call;
    struct answer_header answer;
    struct mp_reader reader;
    struct uuid id;
    uint32_t ttl_ms;
    if (envelope_peek(data, size, &id, &ttl_ms) == 0)
        check_patched(data, size, &id);
    if (envelope_read_call(data, size, pool, &call) == 0) {
        struct buffer frame = {0};
        struct call_header again;
        envelope_pack_call(&call, &frame);
        PROMISE(envelope_read_call(frame.bytes, frame.length, pool, &again) == 0);
        PROMISE(uuid_equal(&call.id, &again.id) && strcmp(call.operation, again.operation) == 0);
        buffer_free(&frame);
    }
    envelope_read_answer(data, size, pool, &answer);
    mp_reader_init(&reader, data, size);
    while (mp_skip(&reader) == 0)
        PROMISE(reader.at <= reader.end);
    pool_destroy(&pool);
    return 0;
}
