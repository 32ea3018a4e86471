/* Message -> struct, and message -> JSON in every shape a route gives it. Input: number of the record (two bytes),
 * message. What is printed is JSON, and what was decoded encodes to a good message. */
#include <jansson.h>

#include "fuzz.h"
#include "operations.h"

static size_t record_count(void) {
    size_t count = 0;
    while (all_records[count])
        count++;
    return count;
}

static int render(const struct record *record, const struct view *view, const char *bytes, size_t length) {
    struct buffer json = {0};
    int result = codec_render(record, view, bytes, length, &json);
    if (result == 0) {
        json_t *parsed =
            json_loadb(json.bytes, json.length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        PROMISE(parsed);
        json_decref(parsed);
    } else {
        PROMISE(json.length == 0);
    }
    buffer_free(&json);
    return result;
}

static void check_decoded(const struct record *record, const void *structure, struct pool *pool) {
    struct problems problems = {.pool = pool};
    struct buffer again = {0};
    codec_encode(record, structure, &again);
    PROMISE(codec_decode(record, again.bytes, again.length, pool, pool_alloc(pool, record->size + 1), &problems) == 0);
    PROMISE(render(record, NULL, again.bytes, again.length) == 0);
    buffer_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2)
        return 0;
    const struct record *record = all_records[fuzz_number(data) % record_count()];
    const char *message = (const char *)data + 2;
    struct pool *pool = pool_new();
    struct problems problems = {.pool = pool};
    void *structure = pool_alloc(pool, record->size + 1);
    int result = codec_decode(record, message, size - 2, pool, structure, &problems);
    PROMISE((result == 0) == (problems.first == NULL));
    if (result == 0)
        check_decoded(record, structure, pool);
    render(record, NULL, message, size - 2);
    for (size_t i = 0; i < route_count; i++)
        if (routes[i].operation->reply == record && routes[i].view)
            render(record, routes[i].view, message, size - 2);
    codec_find_text(message, size - 2, "next", pool);
    pool_destroy(&pool);
    return 0;
}
