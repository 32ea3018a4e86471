/* What clients send over a WebSocket -> messages, and acknowledgements out of them. How the bytes are cut makes no
 * difference, texts are UTF-8 and bounded, and a connection is closed with a code that may be sent. */
#include <string.h>

#include "acknowledgement.h"
#include "format.h"
#include "fuzz.h"
#include "socket_messages.h"

static void check_text(struct text_span text) {
    int64_t seq = -1;
    PROMISE(text.length <= MESSAGE_SIZE_LIMIT);
    for (size_t at = 0, size; at < text.length; at += size)
        PROMISE((size = format_code_point_size(text.bytes + at, text.length - at)) != 0);
    PROMISE((acknowledgement_read(text, &seq) == 0) == (seq >= 0));
}

static void note(struct buffer *said, const struct message *message) {
    buffer_printf(said, "%d %u %zu ", message->kind, message->code, message->content.length);
    buffer_append(said, message->content.bytes, message->content.length);
    if (message->kind == MESSAGE_TEXT)
        check_text(message->content);
    else if (message->kind != MESSAGE_CLOSE)
        PROMISE(message->content.length <= 125);
    else
        PROMISE(message->code >= 1000 && message->code < 5000 && message->code != 1006);
}

/* What the bytes say, `step` of them at a time. */
static void hear(const uint8_t *data, size_t size, size_t step, struct buffer *said) {
    struct message_reader *reader = message_reader_new();
    struct message message = {0};
    for (size_t at = 0; at < size && message.kind != MESSAGE_CLOSE; at += step) {
        struct text_span input = {(const char *)data + at, size - at < step ? size - at : step};
        while ((message = message_reader_next(reader, &input)).kind != MESSAGE_NONE) {
            note(said, &message);
            if (message.kind == MESSAGE_CLOSE)
                break;
        }
    }
    message_reader_destroy(&reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct buffer whole = {0}, pieces = {0};
    int64_t seq = -1;
    PROMISE((acknowledgement_read((struct text_span){(const char *)data, size}, &seq) == 0) == (seq >= 0));
    hear(data, size, size + 1, &whole);
    hear(data, size, 1 + size % 5, &pieces);
    PROMISE(whole.length == pieces.length && (!whole.length || memcmp(whole.bytes, pieces.bytes, whole.length) == 0));
    buffer_free(&whole);
    buffer_free(&pieces);
    return 0;
}
