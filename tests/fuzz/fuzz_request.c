/* HTTP request -> message. Input: number of the operation (one byte), query, newline, body. What the gateway takes, a
 * worker must take too, and it must read as JSON again. */
#include <jansson.h>
#include <string.h>

#include "fuzz.h"
#include "operations.h"

static const char *header(void *context, const char *name, size_t *ret_length) {
    (void)context;
    *ret_length = strlen(name);
    return name;
}

static void check_message(const struct record *record, const struct buffer *message, struct pool *pool) {
    struct problems problems = {.pool = pool};
    struct buffer json = {0};
    void *structure = pool_alloc(pool, record->size + 1);
    PROMISE(codec_decode(record, message->bytes, message->length, pool, structure, &problems) == 0);
    PROMISE(codec_render(record, NULL, message->bytes, message->length, &json) == 0);
    json_t *parsed = json_loadb(json.bytes, json.length, JSON_REJECT_DUPLICATES, NULL);
    PROMISE(parsed);
    json_decref(parsed);
    buffer_free(&json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct text_span value = {"7", 1};
    static const char *const name = "id";
    if (!size)
        return 0;
    const struct record *record = operations[data[0] % operation_count].request;
    const char *query = (const char *)data + 1, *end = (const char *)data + size;
    const char *line = memchr(query, '\n', size - 1);
    struct request_source source = {
        .query = {query, (size_t)((line ? line : end) - query)},
        .body = {line ? line + 1 : NULL, line ? (size_t)(end - line - 1) : 0},
        .path_values = &value,
        .path_names = &name,
        .path_count = 1,
        .header = header,
        .credentials = {"token", 5},
    };
    struct pool *pool = pool_new();
    struct problems problems = {.pool = pool};
    struct buffer message = {0};
    enum codec_result result = codec_request(record, &source, &message, &problems);
    PROMISE((result == CODEC_OK) == (problems.first == NULL));
    PROMISE(problems.count <= PROBLEM_LIMIT);
    if (result == CODEC_OK)
        check_message(record, &message, pool);
    else
        PROMISE(message.length == 0);
    buffer_free(&message);
    pool_destroy(&pool);
    return 0;
}
