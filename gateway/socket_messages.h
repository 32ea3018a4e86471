/* The messages in what a client sends over a WebSocket (RFC 6455): bytes in, messages and verdicts out, no I/O. wslay
 * reads the frames; fragments, texts and close codes are judged here. Memory is bounded by MESSAGE_SIZE_LIMIT. */
#ifndef TITHI_SOCKET_MESSAGES_H
#define TITHI_SOCKET_MESSAGES_H

#include "codec.h"

#define MESSAGE_SIZE_LIMIT 4096 /* of a client's message; control frames hold up to 125 bytes (RFC 6455 §5.5) */
#define FRAME_HEAD_SIZE 10      /* the longest that we send */
#define MESSAGE_FRAMES_LIMIT 64 /* of a message in fragments, which may be empty */

/* RFC 6455 §7.4.1 and its registry. */
enum close_code {
    CLOSE_NORMAL = 1000,
    CLOSE_GOING_AWAY = 1001,
    CLOSE_PROTOCOL = 1002,
    CLOSE_UNSUPPORTED = 1003,
    CLOSE_NO_CODE = 1005, /* never sent: the other side named none */
    CLOSE_BAD_TEXT = 1007,
    CLOSE_POLICY = 1008,
    CLOSE_TOO_BIG = 1009,
    CLOSE_TRY_LATER = 1013,
};

enum message_kind {
    MESSAGE_NONE, /* all bytes were taken, no message is complete */
    MESSAGE_TEXT, /* valid UTF-8 */
    MESSAGE_PING, /* wants a pong with the same content */
    MESSAGE_PONG,
    MESSAGE_CLOSE, /* the connection is to be closed with `code`: the client says so, or has broken the rules */
};

struct message {
    enum message_kind kind;
    struct text_span content; /* lives until the next call */
    unsigned code;            /* what to close with; CLOSE_NO_CODE: without one */
};

struct message_reader;

struct message_reader *message_reader_new(void);
void message_reader_destroy(struct message_reader **reader);

/* Takes the next message out of `input`, which moves on. To be called again until it is MESSAGE_NONE; after
 * MESSAGE_CLOSE no more. */
struct message message_reader_next(struct message_reader *reader, struct text_span *input);

/* The head of an unmasked frame that is a whole message. Returns its length. */
size_t frame_head(unsigned opcode, size_t length, unsigned char ret_head[FRAME_HEAD_SIZE]);

#endif
