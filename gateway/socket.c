/* WebSockets; see socket.h. h2o's own helper is not used: it writes each frame in two pieces, sets no bound on what it
 * reads, and ends some connections without a close. */
#include "socket.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wslay/wslay.h>

#include "operations.h"
#include "outlet.h"
#include "reply.h"
#include "request.h"
#include "socket_messages.h"

#define KEY_LENGTH 24 /* 16 bytes as base64 */
#define PING_MS 25000
#define PINGS_UNANSWERED 2

struct web_socket {
    struct outlet outlet;
    struct message_reader *reader;
};

static struct text_span key_of(const struct request *request) {
    return request_header(request, "sec-websocket-key");
}

/* RFC 6455 §4.2.1. Whether Connection names Upgrade, h2o has looked. */
const struct refusal *socket_refusal(const struct request *request) {
    const h2o_req_t *req = request->h2o;
    struct text_span version = request_header(request, "sec-websocket-version");
    if (request->head || req->version != 0x101 ||
        !h2o_lcstris(req->upgrade.base, req->upgrade.len, H2O_STRLIT("websocket")) || version.length != 2 ||
        memcmp(version.bytes, "13", 2) != 0)
        return &refusal_upgrade_required;
    struct text_span key = key_of(request);
    bool good = key.length == KEY_LENGTH && memcmp(key.bytes + KEY_LENGTH - 2, "==", 2) == 0;
    return good ? NULL : &refusal_bad_request;
}

/* RFC 6455 §4.2.2: proves that the handshake was understood. */
static void accept_key(struct text_span key, char ret_accept[29]) {
    unsigned char hash[SHA_DIGEST_LENGTH];
    char text[KEY_LENGTH + 37];
    snprintf(text, sizeof text, "%.*s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", (int)key.length, key.bytes);
    SHA1((const unsigned char *)text, strlen(text), hash);
    h2o_base64_encode(ret_accept, hash, sizeof hash, 0);
}

static void put_frame(struct buffer *target, unsigned opcode, const void *content, size_t length) {
    unsigned char head[FRAME_HEAD_SIZE];
    buffer_append(target, head, frame_head(opcode, length, head));
    buffer_append(target, content, length);
}

static void put_message(struct buffer *target, int64_t id, struct text_span type, struct text_span json) {
    (void)id, (void)type; /* both stand in the message */
    put_frame(target, WSLAY_TEXT_FRAME, json.bytes, json.length);
}

static void put_ping(struct buffer *target) {
    put_frame(target, WSLAY_PING, NULL, 0);
}

static void put_end(struct buffer *target, unsigned code, const char *reason) {
    unsigned char content[125] = {(unsigned char)(code >> 8), (unsigned char)code};
    size_t length = strlen(reason);
    memcpy(content + 2, reason, length);
    put_frame(target, WSLAY_CONNECTION_CLOSE, content, code == CLOSE_NO_CODE ? 0 : length + 2);
}

static void take_message(struct outlet *outlet, const struct message *message) {
    if (message->kind == MESSAGE_CLOSE)
        outlet_end(outlet, message->code, "");
    else if (!outlet_heard(outlet))
        return;
    else if (message->kind == MESSAGE_TEXT)
        outlet->owner->on_message(outlet->data, message->content);
    else if (message->kind == MESSAGE_PING && outlet_may_answer(outlet))
        put_frame(&outlet->waiting, WSLAY_PONG, message->content.bytes, message->content.length);
}

static void take_bytes(struct outlet *outlet, struct text_span bytes) {
    struct web_socket *self = H2O_STRUCT_FROM_MEMBER(struct web_socket, outlet, outlet);
    while (!outlet->end_code) {
        struct message message = message_reader_next(self->reader, &bytes);
        if (message.kind == MESSAGE_NONE)
            break;
        take_message(outlet, &message);
    }
    outlet_flush(outlet);
}

static void destroy(struct outlet *outlet) {
    struct web_socket *self = H2O_STRUCT_FROM_MEMBER(struct web_socket, outlet, outlet);
    message_reader_destroy(&self->reader);
    free(self);
}

static const struct outlet_face face = {
    .ping_ms = PING_MS,
    .patience = PINGS_UNANSWERED,
    .put = put_message,
    .put_ping = put_ping,
    .put_end = put_end,
    .take = take_bytes,
    .destroy = destroy,
};

struct outlet *socket_open(struct request *request, const struct outlet_owner *owner, void *data) {
    char accept[29];
    struct web_socket *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->reader = message_reader_new();
    outlet_init(&self->outlet, OUTLET_SOCKET, &face, owner, data, request);
    accept_key(key_of(request), accept);
    reply_upgrade(request, accept, outlet_taken, &self->outlet);
    return &self->outlet;
}
