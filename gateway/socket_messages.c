/* Messages out of frames; see socket_messages.h. wslay's own layer for messages is not used: it answers some broken
 * frames without a code, and checks the reason of a close that comes in pieces only in part. */
#include "socket_messages.h"

#include <stdlib.h>
#include <string.h>
#include <wslay/wslay.h>

#include "format.h"

#define CONTROL_SIZE_LIMIT 125

struct message_reader {
    wslay_frame_context_ptr frames;
    struct text_span *input; /* while message_reader_next() runs */
    bool inside_frame;       /* a part of it came */
    uint64_t frame_left;     /* of it */
    bool inside_text;        /* a message in fragments has begun */
    unsigned text_frames;    /* of it */
    struct buffer text;      /* of it, or of the message given last */
    size_t text_checked;     /* how far it is UTF-8 */
    unsigned char control_length;
    char control[CONTROL_SIZE_LIMIT];
};

static ssize_t give_input(uint8_t *target, size_t size, int flags, void *reader_) {
    (void)flags;
    struct text_span *input = ((struct message_reader *)reader_)->input;
    size_t length = input->length < size ? input->length : size;
    if (length == 0)
        return -1;
    memcpy(target, input->bytes, length);
    input->bytes += length;
    input->length -= length;
    return (ssize_t)length;
}

struct message_reader *message_reader_new(void) {
    const struct wslay_frame_callbacks callbacks = {.recv_callback = give_input};
    struct message_reader *reader = calloc(1, sizeof *reader);
    if (!reader || wslay_frame_context_init(&reader->frames, &callbacks, reader) != 0)
        abort();
    return reader;
}

void message_reader_destroy(struct message_reader **reader) {
    if (!*reader)
        return;
    wslay_frame_context_free((*reader)->frames);
    buffer_free(&(*reader)->text);
    free(*reader);
    *reader = NULL;
}

static struct message nothing(void) {
    return (struct message){.kind = MESSAGE_NONE};
}

static struct message closing(unsigned code) {
    return (struct message){.kind = MESSAGE_CLOSE, .code = code};
}

static bool is_control(unsigned opcode) {
    return opcode & 8;
}

/* What a frame's head says, when its first part came. MESSAGE_NONE: it may go on. */
static struct message judge_head(const struct message_reader *reader, const struct wslay_frame_iocb *frame) {
    bool known =
        frame->opcode <= WSLAY_BINARY_FRAME || (frame->opcode >= WSLAY_CONNECTION_CLOSE && frame->opcode <= WSLAY_PONG);
    bool continues = frame->opcode == WSLAY_CONTINUATION_FRAME;
    if (!frame->mask || frame->rsv || !known)
        return closing(CLOSE_PROTOCOL);
    if (is_control(frame->opcode))
        return nothing(); /* its length and that it is whole, wslay has checked */
    if (continues != reader->inside_text)
        return closing(CLOSE_PROTOCOL);
    if (frame->opcode == WSLAY_BINARY_FRAME)
        return closing(CLOSE_UNSUPPORTED);
    if (continues && reader->text_frames == MESSAGE_FRAMES_LIMIT)
        return closing(CLOSE_TOO_BIG);
    if (frame->payload_length > MESSAGE_SIZE_LIMIT - (continues ? reader->text.length : 0))
        return closing(CLOSE_TOO_BIG);
    return nothing();
}

static void begin_frame(struct message_reader *reader, const struct wslay_frame_iocb *frame) {
    reader->inside_frame = true;
    reader->frame_left = frame->payload_length;
    if (is_control(frame->opcode)) {
        reader->control_length = 0;
        return;
    }
    if (frame->opcode == WSLAY_TEXT_FRAME) {
        buffer_free(&reader->text);
        reader->text_checked = reader->text_frames = 0;
        reader->inside_text = true;
    }
    reader->text_frames++;
}

/* Could these bytes, which are no code point yet, become one? Fills them up with the least and the greatest bytes that
 * may follow. */
static bool is_begun(const char *bytes, size_t left) {
    static const char least = (char)0x80, greatest = (char)0xbf;
    char filled[4];
    if (left >= sizeof filled)
        return false;
    memcpy(filled, bytes, left);
    memset(filled + left, least, sizeof filled - left);
    if (format_code_point_size(filled, sizeof filled) > left)
        return true;
    memset(filled + left, greatest, sizeof filled - left);
    return format_code_point_size(filled, sizeof filled) > left;
}

/* Moves `*checked` on to the end, or to a code point that is cut short there, which `ends` does not allow. */
static bool is_utf8(const char *bytes, size_t length, size_t *checked, bool ends) {
    while (*checked < length) {
        size_t size = format_code_point_size(bytes + *checked, length - *checked);
        if (!size)
            return !ends && is_begun(bytes + *checked, length - *checked);
        *checked += size;
    }
    return true;
}

static struct message take_text(struct message_reader *reader, bool ends) {
    struct buffer *text = &reader->text;
    if (!is_utf8(text->bytes, text->length, &reader->text_checked, ends))
        return closing(CLOSE_BAD_TEXT);
    if (!ends)
        return nothing();
    reader->inside_text = false;
    return (struct message){.kind = MESSAGE_TEXT, .content = {text->bytes, text->length}};
}

/* 1004 to 1006 and 1015 are never sent (RFC 6455 §7.4.1), the rest below 3000 is not given out yet. */
static bool is_code(unsigned code) {
    return (code >= 1000 && code <= 1014 && (code < 1004 || code > 1006)) || (code >= 3000 && code <= 4999);
}

static struct message take_close(const struct message_reader *reader) {
    const unsigned char *body = (const unsigned char *)reader->control;
    size_t checked = 2;
    if (reader->control_length == 0)
        return closing(CLOSE_NO_CODE);
    if (reader->control_length == 1)
        return closing(CLOSE_PROTOCOL);
    unsigned code = (unsigned)body[0] << 8 | body[1];
    if (!is_code(code))
        return closing(CLOSE_PROTOCOL);
    return closing(is_utf8(reader->control, reader->control_length, &checked, true) ? code : CLOSE_BAD_TEXT);
}

static struct message take_control(const struct message_reader *reader, unsigned opcode) {
    if (opcode == WSLAY_CONNECTION_CLOSE)
        return take_close(reader);
    return (struct message){.kind = opcode == WSLAY_PING ? MESSAGE_PING : MESSAGE_PONG,
                            .content = {reader->control, reader->control_length}};
}

/* `part` holds some bytes of a frame, or it is the whole of an empty one. */
static struct message take_part(struct message_reader *reader, const struct wslay_frame_iocb *part) {
    if (!reader->inside_frame) {
        struct message verdict = judge_head(reader, part);
        if (verdict.kind != MESSAGE_NONE)
            return verdict;
        begin_frame(reader, part);
    }
    reader->frame_left -= part->data_length;
    bool ends = reader->frame_left == 0;
    reader->inside_frame = !ends;
    if (!is_control(part->opcode)) {
        buffer_append(&reader->text, part->data, part->data_length);
        return take_text(reader, ends && part->fin);
    }
    memcpy(reader->control + reader->control_length, part->data, part->data_length);
    reader->control_length = (unsigned char)(reader->control_length + part->data_length);
    return ends ? take_control(reader, part->opcode) : nothing();
}

struct message message_reader_next(struct message_reader *reader, struct text_span *input) {
    reader->input = input;
    if (!reader->inside_text)
        buffer_free(&reader->text); /* idle connections hold nothing */
    for (;;) {
        struct wslay_frame_iocb part = {0};
        ssize_t length = wslay_frame_recv(reader->frames, &part);
        if (length == WSLAY_ERR_WANT_READ)
            return nothing();
        struct message message = length < 0 ? closing(CLOSE_PROTOCOL) : take_part(reader, &part);
        if (message.kind != MESSAGE_NONE)
            return message;
    }
}

size_t frame_head(unsigned opcode, size_t length, unsigned char ret_head[FRAME_HEAD_SIZE]) {
    size_t extra = length < 126 ? 0 : length < 65536 ? 2 : 8;
    ret_head[0] = (unsigned char)(0x80 | opcode);
    ret_head[1] = (unsigned char)(extra == 0 ? length : extra == 2 ? 126 : 127);
    for (size_t i = 0; i < extra; i++)
        ret_head[2 + i] = (unsigned char)(length >> 8 * (extra - 1 - i));
    return 2 + extra;
}
