/* HTTP request -> message. Input: number of the operation (two bytes), query, newline, body. What the gateway takes, a
 * worker must take too, it must read as JSON again, and where card numbers are refused it holds none. */
#include <jansson.h>
#include <string.h>

#include "card_number.h"
#include "fuzz.h"
#include "operations.h"

static const char *header(void *context, const char *name, size_t *ret_length) {
    (void)context;
    *ret_length = strlen(name);
    return name;
}

/* No string of the message that a request's own part became. */
static void check_cards(const struct record *record, const void *structure) {
    for (size_t i = 0; i < record->field_count; i++) {
        const struct field *field = &record->fields[i];
        bool guarded = field->location == IN_BODY || field->location == IN_QUERY || field->location == IN_PATH;
        if (field->type != FIELD_STRING || !guarded)
            continue;
        const char *text = *(const char *const *)((const char *)structure + field->offset);
        if (text)
            PROMISE(!card_number_in(text, strlen(text)));
    }
}

static void check_message(const struct record *record, const struct buffer *message, struct pool *pool) {
    struct problems problems = {.pool = pool};
    struct buffer json = {0};
    void *structure = pool_alloc(pool, record->size + 1);
    PROMISE(codec_decode(record, message->bytes, message->length, pool, structure, &problems) == 0);
    check_cards(record, structure);
    PROMISE(codec_render(record, NULL, message->bytes, message->length, &json) == 0);
    json_t *parsed = json_loadb(json.bytes, json.length, JSON_REJECT_DUPLICATES, NULL);
    PROMISE(parsed);
    json_decref(parsed);
    buffer_free(&json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct text_span value = {"7", 1};
    static const char *const name = "id";
    if (size < 2)
        return 0;
    const struct operation *operation = &operations[fuzz_number(data) % operation_count];
    const struct record *record = operation->request;
    const char *query = (const char *)data + 2, *end = (const char *)data + size;
    const char *line = memchr(query, '\n', size - 2);
    const struct text_span body = {line ? line + 1 : NULL, line ? (size_t)(end - line - 1) : 0}, nothing = {NULL, 0};
    struct request_source source = {
        .query = {query, (size_t)((line ? line : end) - query)},
        .body = operation->raw_body ? nothing : body,
        .raw_body = operation->raw_body ? body : nothing,
        .path_values = &value,
        .path_names = &name,
        .path_count = 1,
        .header = header,
        .cookie = header,
        .credentials = {"token", 5},
    };
    struct pool *pool = pool_new();
    struct problems problems = {.pool = pool};
    struct buffer message = {0};
    enum codec_result result = codec_request(record, &source, &message, &problems);
    PROMISE((result == CODEC_OK || result == CODEC_CARD_NUMBER) == (problems.first == NULL));
    PROMISE(problems.count <= PROBLEM_LIMIT);
    if (result == CODEC_OK)
        check_message(record, &message, pool);
    else
        PROMISE(message.length == 0);
    buffer_free(&message);
    pool_destroy(&pool);
    return 0;
}
