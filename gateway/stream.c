/* Event streams; see stream.h. */
#include "stream.h"

#include <inttypes.h>
#include <stdlib.h>

#include "reply.h"
#include "request.h"

#define MEDIA_TYPE "text/event-stream"
#define PING_MS 15000 /* proxies close what is silent for longer */
#define RETRY "retry: 2000\n\n"

static void put_line(struct buffer *target, const char *name, struct text_span value) {
    buffer_append_text(target, name);
    buffer_append(target, value.bytes, value.length);
    buffer_append_byte(target, '\n');
}

static void put_event(struct buffer *target, int64_t id, struct text_span type, struct text_span json) {
    buffer_printf(target, "id: %" PRId64 "\n", id);
    put_line(target, "event: ", type);
    put_line(target, "data: ", json);
    buffer_append_byte(target, '\n');
}

static void put_ping(struct buffer *target) {
    buffer_append_text(target, ": ping\n\n");
}

/* Codes as of a WebSocket. */
static void put_end(struct buffer *target, unsigned code, const char *reason) {
    buffer_printf(target, "event: end\ndata: {\"code\":%u,\"reason\":\"%s\"}\n\n", code, reason);
}

static void throw_away(struct outlet *outlet, struct text_span bytes) {
    (void)outlet, (void)bytes; /* a request, which nothing can follow */
}

static void destroy(struct outlet *outlet) {
    free(outlet);
}

static const struct outlet_face face = {
    .ping_ms = PING_MS,
    .put = put_event,
    .put_ping = put_ping,
    .put_end = put_end,
    .take = throw_away,
    .destroy = destroy,
};

struct outlet *stream_open(struct request *request, enum outlet_kind kind, const struct outlet_owner *owner,
                           void *data) {
    struct outlet *outlet = calloc(1, sizeof *outlet);
    if (!outlet)
        abort();
    outlet_init(outlet, kind, &face, owner, data, request);
    reply_stream(request, MEDIA_TYPE, outlet_taken, outlet);
    buffer_append_text(&outlet->waiting, RETRY);
    return outlet;
}

void stream_answer_head(struct request *request) {
    reply_stream_head(request, MEDIA_TYPE);
}
