/* Bounded output to clients; see outlet.h. It goes out in slices, so that a client that takes some is told from one
 * that takes nothing. */
#include "outlet.h"

#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>
#include <utlist.h>

#include "clock.h"
#include "connection.h"
#include "log.h"
#include "request.h"
#include "socket_messages.h"

#define WAITING_LIMIT (256 * 1024)
#define SLICE_LIMIT (16 * 1024)
#define KERNEL_BUFFER_SIZE (64 * 1024)
#define STALL_LIMIT_MS 10000 /* so long nothing may move while something waits */
#define END_LIMIT_MS 2000    /* so long the end may take */
#define HEARD_LIMIT 100      /* messages of a client from one tick to the next */
#define ANSWERS_LIMIT 200    /* to them that wait; of some 130 bytes each, beside WAITING_LIMIT */

static const char *const kind_names[OUTLET_KIND_COUNT] = {"websocket", "sse", "places"};

/* CLOSE_NONE: the client was gone without a word (RFC 6455 §7.4.1 keeps the number for that). */
enum { CLOSE_NONE = 1006 };
static const unsigned tallied[] = {CLOSE_NORMAL,   CLOSE_GOING_AWAY, CLOSE_PROTOCOL, CLOSE_UNSUPPORTED, CLOSE_NONE,
                                   CLOSE_BAD_TEXT, CLOSE_POLICY,     CLOSE_TOO_BIG,  CLOSE_TRY_LATER};
#define TALLY_COUNT (sizeof tallied / sizeof *tallied)

static struct {
    struct outlet *all;
    size_t counts[OUTLET_KIND_COUNT];
    uint64_t sent;
    uint64_t ended[TALLY_COUNT];
} outlets;

void outlet_init(struct outlet *outlet, enum outlet_kind kind, const struct outlet_face *face,
                 const struct outlet_owner *owner, void *data, struct request *request) {
    const h2o_req_t *req = request->h2o;
    int size = KERNEL_BUFFER_SIZE;
    outlet->kind = kind;
    outlet->face = face;
    outlet->owner = owner;
    outlet->data = data;
    outlet->connection = request->connection;
    outlet->fd = h2o_socket_get_fd(req->conn->callbacks->get_socket(req->conn));
    outlet->moved_ms = outlet->pinged_ms = clock_mono_ms();
    strcpy(outlet->scope, request->limit_scope);
    /* Else the kernel takes megabytes in our place. */
    setsockopt(outlet->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    DL_APPEND(outlets.all, outlet);
    outlets.counts[kind]++;
}

/* Codes of the client's own count as an ordinary end. */
static void tally(unsigned code) {
    for (size_t i = 0; i < TALLY_COUNT; i++)
        if (tallied[i] == code) {
            outlets.ended[i]++;
            return;
        }
    outlets.ended[0]++;
}

static void destroy(struct outlet *outlet) {
    DL_DELETE(outlets.all, outlet);
    outlets.counts[outlet->kind]--;
    tally(outlet->end_code ? outlet->end_code : CLOSE_NONE);
    if (outlet->socket)
        h2o_socket_close(outlet->socket);
    buffer_free(&outlet->waiting);
    buffer_free(&outlet->writing);
    outlet->owner->on_gone(outlet->data);
    outlet->face->destroy(outlet);
}

/* Reading or writing fails from now on, which on_input() and on_written() hear of. */
static void cut(struct outlet *outlet) {
    shutdown(outlet->fd, SHUT_RDWR);
}

static void on_written(h2o_socket_t *socket, const char *problem);

static void write_slice(struct outlet *outlet) {
    size_t left = outlet->writing.length - outlet->written;
    outlet->slice = left < SLICE_LIMIT ? left : SLICE_LIMIT;
    h2o_iovec_t chunk = h2o_iovec_init(outlet->writing.bytes + outlet->written, outlet->slice);
    if (!outlet->end_code)
        outlet->moved_ms = clock_mono_ms();
    h2o_socket_write(outlet->socket, &chunk, 1, on_written);
}

void outlet_flush(struct outlet *outlet) {
    if (!outlet->socket || outlet->slice || !outlet->waiting.length)
        return;
    outlet->writing = outlet->waiting;
    outlet->waiting = (struct buffer){0};
    outlet->answers = 0;
    outlet->written = 0;
    write_slice(outlet);
}

static void go_on(struct outlet *outlet) {
    buffer_free(&outlet->writing); /* idle connections hold nothing */
    if (outlet->waiting.length) {
        outlet_flush(outlet);
    } else if (outlet->end_code) {
        connection_close_gently(outlet->connection); /* so that the goodbye arrives whatever the client still sends */
        destroy(outlet);
    } else {
        outlet->owner->on_room(outlet->data);
    }
}

static void on_written(h2o_socket_t *socket, const char *problem) {
    struct outlet *outlet = socket->data;
    if (problem) {
        destroy(outlet);
        return;
    }
    outlet->written += outlet->slice;
    outlet->slice = 0;
    if (outlet->written < outlet->writing.length)
        write_slice(outlet);
    else
        go_on(outlet);
}

static void take_input(struct outlet *outlet) {
    h2o_buffer_t **input = &outlet->socket->input;
    if (!outlet->end_code)
        outlet->face->take(outlet, (struct text_span){(*input)->bytes, (*input)->size});
    h2o_buffer_consume(input, (*input)->size);
}

static void on_input(h2o_socket_t *socket, const char *problem) {
    struct outlet *outlet = socket->data;
    if (problem)
        destroy(outlet);
    else
        take_input(outlet);
}

void outlet_taken(void *outlet_, h2o_socket_t *socket, size_t request_size) {
    struct outlet *outlet = outlet_;
    if (!socket) {
        destroy(outlet);
        return;
    }
    outlet->socket = socket;
    socket->data = outlet;
    h2o_buffer_consume(&socket->input, request_size);
    h2o_socket_read_start(socket, on_input);
    take_input(outlet); /* what came together with the request */
    outlet_flush(outlet);
}

bool outlet_has_room(const struct outlet *outlet) {
    return !outlet->end_code && outlet->waiting.length + outlet->writing.length < WAITING_LIMIT;
}

void outlet_send(struct outlet *outlet, int64_t id, struct text_span type, struct text_span json) {
    if (outlet->end_code)
        return;
    outlet->face->put(&outlet->waiting, id, type, json);
    outlets.sent++;
}

void outlet_end(struct outlet *outlet, unsigned code, const char *reason) {
    if (outlet->end_code)
        return;
    log_debug("%s is closed with %u: %s", kind_names[outlet->kind], code, reason);
    outlet->end_code = code;
    outlet->moved_ms = clock_mono_ms();
    buffer_free(&outlet->waiting);
    outlet->face->put_end(&outlet->waiting, code, reason);
    outlet_flush(outlet);
}

bool outlet_heard(struct outlet *outlet) {
    outlet->unanswered = 0;
    if (++outlet->heard <= HEARD_LIMIT)
        return true;
    outlet_end(outlet, CLOSE_POLICY, "too many messages");
    return false;
}

bool outlet_may_answer(struct outlet *outlet) {
    if (++outlet->answers <= ANSWERS_LIMIT)
        return true;
    outlet_end(outlet, CLOSE_TRY_LATER, "reads too slowly");
    return false;
}

static void ping(struct outlet *outlet, int64_t now_ms) {
    if (outlet->face->patience && outlet->unanswered == outlet->face->patience) {
        cut(outlet);
        return;
    }
    outlet->unanswered++;
    outlet->pinged_ms = now_ms;
    outlet->face->put_ping(&outlet->waiting);
    outlet_flush(outlet);
}

static void tick(struct outlet *outlet, int64_t now_ms) {
    bool waits = outlet->slice || outlet->waiting.length || outlet->end_code;
    int64_t still_ms = waits ? now_ms - outlet->moved_ms : 0;
    outlet->heard = 0;
    if (outlet->end_code) {
        if (still_ms > END_LIMIT_MS)
            cut(outlet);
    } else if (still_ms > STALL_LIMIT_MS) {
        outlet_end(outlet, CLOSE_TRY_LATER, "reads too slowly");
    } else if (now_ms - outlet->pinged_ms >= outlet->face->ping_ms) {
        ping(outlet, now_ms);
    }
}

void outlets_tick(int64_t now_ms) {
    struct outlet *outlet;
    DL_FOREACH(outlets.all, outlet)
    tick(outlet, now_ms);
}

void outlets_end(unsigned code, const char *reason) {
    struct outlet *outlet;
    DL_FOREACH(outlets.all, outlet)
    outlet_end(outlet, code, reason);
}

size_t outlets_count(enum outlet_kind kind) {
    return outlets.counts[kind];
}

size_t outlets_of(const char *scope, enum outlet_kind kind) {
    size_t count = 0;
    const struct outlet *outlet;
    DL_FOREACH(outlets.all, outlet)
    count += outlet->kind == kind && strcmp(outlet->scope, scope) == 0;
    return count;
}

void outlets_describe(struct buffer *text) {
    buffer_append_text(text,
                       "# HELP tithi_push_connections Clients that things are pushed to, by how they are connected.\n"
                       "# TYPE tithi_push_connections gauge\n");
    for (size_t i = 0; i < OUTLET_KIND_COUNT; i++)
        buffer_printf(text, "tithi_push_connections{kind=\"%s\"} %zu\n", kind_names[i], outlets.counts[i]);
    buffer_printf(text,
                  "# HELP tithi_push_messages_total Messages sent to them.\n# TYPE tithi_push_messages_total counter\n"
                  "tithi_push_messages_total %" PRIu64 "\n",
                  outlets.sent);
    buffer_append_text(text,
                       "# HELP tithi_push_closed_total How they ended: the close code, 1006 for those that were gone.\n"
                       "# TYPE tithi_push_closed_total counter\n");
    for (size_t i = 0; i < TALLY_COUNT; i++)
        buffer_printf(text, "tithi_push_closed_total{code=\"%u\"} %" PRIu64 "\n", tallied[i], outlets.ended[i]);
}
