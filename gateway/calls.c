/* The table of calls that wait for an answer, and the links to the brokers; see calls.h. ZMQ_FD tells edges only, and
 * sending swallows them: so after everything that touches a socket its events are looked at again. */
#include "calls.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uthash.h>
#include <utlist.h>

#include "bus.h"
#include "clock.h"
#include "gateway.h"
#include "log.h"
#include "mdp.h"

#define NO_BROKER (-1)
#define STATISTICS_SERVICE "mmi.stats"
#define MMI_PREFIX "mmi."

struct outgoing_call {
    struct uuid id;
    UT_hash_handle hh;
    struct queue *queue;
    struct outgoing_call *prev, *next; /* in the queue, while not sent */
    int broker;                        /* that has it; NO_BROKER: it is in the queue */
    int64_t started_ms;
    int64_t expires_ms;
    call_answered *answered;
    void *owner;
    size_t header_length;
    size_t payload_length;
    char bytes[]; /* header, payload */
};

/* What is to be sent to one service. */
struct queue {
    const char *service;
    struct outgoing_call *calls;
};

struct broker {
    struct bus_link *link;
    h2o_socket_t *socket, *monitor; /* h2o's own descriptors of the link's */
    bool touched;                   /* since its events were last looked at */
};

static struct {
    struct bus_link **links;
    struct broker *brokers;
    int broker_count;
    int next_broker; /* whose turn it is */
    struct queue *queues;
    size_t queue_count;
    struct outgoing_call *table;
    struct bus_message message;
    struct buffer header;
    struct pool *pool; /* of the answer at hand */
    broker_statistics *statistics_heard;
} calls;

static void enqueue(struct outgoing_call *call) {
    call->broker = NO_BROKER;
    DL_APPEND(call->queue->calls, call);
}

static struct queue *queue_of(const char *service) {
    for (size_t i = 0; i < calls.queue_count; i++)
        if (strcmp(calls.queues[i].service, service) == 0)
            return &calls.queues[i];
    return NULL;
}

struct outgoing_call *call_start(const char *service, const struct call_header *header, struct text_span payload,
                                 call_answered *answered, void *owner) {
    struct queue *queue = queue_of(service);
    if (!queue)
        return NULL;
    buffer_clear(&calls.header);
    envelope_pack_call(header, &calls.header);
    struct outgoing_call *call = malloc(sizeof *call + calls.header.length + payload.length);
    if (!call)
        abort();
    int64_t now_ms = clock_mono_ms();
    *call = (struct outgoing_call){.id = header->id,
                                   .queue = queue,
                                   .started_ms = now_ms,
                                   .expires_ms = now_ms + header->ttl_ms,
                                   .answered = answered,
                                   .owner = owner,
                                   .header_length = calls.header.length,
                                   .payload_length = payload.length};
    memcpy(call->bytes, calls.header.bytes, calls.header.length);
    memcpy(call->bytes + calls.header.length, payload.bytes, payload.length);
    HASH_ADD(hh, calls.table, id, sizeof call->id, call);
    enqueue(call);
    gateway_flush_soon();
    return call;
}

struct outgoing_call *call_ask(const struct operation *operation, const void *asked, call_answered *answered,
                               void *owner) {
    static struct buffer message;
    struct call_header header = {
        .id = uuid_new(),
        .operation = operation->name,
        .ttl_ms = operation->deadline_ms,
        .caller = {.role = "", .session = "", .address = ""},
        .request_id = "",
        .trace = "",
    };
    header.command = header.id;
    buffer_clear(&message);
    codec_encode(operation->request, asked, &message);
    return call_start(operation->service, &header, (struct text_span){message.bytes, message.length}, answered, owner);
}

static void remove_call(struct outgoing_call *call) {
    HASH_DEL(calls.table, call);
    if (call->broker == NO_BROKER)
        DL_DELETE(call->queue->calls, call);
    free(call);
}

void call_forget(struct outgoing_call **call) {
    if (*call)
        remove_call(*call);
    *call = NULL;
}

bool call_was_sent(const struct outgoing_call *call) {
    return call->broker != NO_BROKER;
}

static void take_answer(struct text_span header_frame, struct text_span payload) {
    struct answer_header header;
    struct outgoing_call *call;
    pool_reset(calls.pool);
    if (envelope_read_answer(header_frame.bytes, header_frame.length, calls.pool, &header) != 0) {
        log_warn("a broker sent an answer with a malformed header: dropped");
        return;
    }
    HASH_FIND(hh, calls.table, &header.id, sizeof header.id, call);
    if (!call)
        return; /* forgotten, or answered by another broker's worker */
    call_answered *answered = call->answered;
    void *owner = call->owner;
    remove_call(call);
    answered(owner, &header, payload);
}

static struct text_span frame(size_t index) {
    zmq_msg_t *message = &calls.message.frames[index];
    return (struct text_span){zmq_msg_data(message), zmq_msg_size(message)};
}

static bool frame_is(size_t index, const char *text) {
    struct text_span span = frame(index);
    return span.length == strlen(text) && memcmp(span.bytes, text, span.length) == 0;
}

/* "MDPC02", 3, service, (header, payload)+, perhaps with an empty frame before it. */
static void take_message(size_t broker) {
    size_t first = calls.message.count && frame(0).length == 0 ? 1 : 0;
    size_t count = calls.message.count - first;
    struct text_span command = count > 1 ? frame(first + 1) : (struct text_span){"", 0};
    if (count < 4 || !frame_is(first, MDP_CLIENT) || command.length != 1 || *command.bytes != MDP_CLIENT_FINAL) {
        log_warn("%s sent a message that is no MDP answer: dropped", calls_broker_address(broker));
        return;
    }
    struct text_span service = frame(first + 2);
    if (service.length > strlen(MMI_PREFIX) && memcmp(service.bytes, MMI_PREFIX, strlen(MMI_PREFIX)) == 0) {
        if (calls.statistics_heard)
            calls.statistics_heard(broker, frame(first + 3));
        return;
    }
    for (size_t i = first + 3; i + 1 < calls.message.count; i += 2)
        take_answer(frame(i), frame(i + 1));
}

static void receive_all(size_t index) {
    while (bus_receive(bus_socket(calls.brokers[index].link), &calls.message) > 0)
        take_message(index);
}

/* Everything this broker had is to be sent to another. */
static void take_back(int broker) {
    struct outgoing_call *call, *next;
    HASH_ITER(hh, calls.table, call, next)
    if (call->broker == broker)
        enqueue(call);
}

static void watch_broker(size_t index) {
    struct broker *broker = &calls.brokers[index];
    for (enum bus_change change; (change = bus_poll_monitor(broker->link)) != BUS_SAME;) {
        if (change == BUS_DOWN) {
            log_warn("broker %s is gone", bus_address(broker->link));
            receive_all(index); /* what it still said counts */
            take_back((int)index);
        } else {
            log_info("broker %s is there", bus_address(broker->link));
            broker->touched = true;
        }
        gateway_flush_soon();
    }
}

static void on_message(h2o_socket_t *socket, const char *problem) {
    (void)problem;
    receive_all((size_t)((struct broker *)socket->data - calls.brokers));
    gateway_flush_soon();
}

static void on_monitor(h2o_socket_t *socket, const char *problem) {
    (void)problem;
    watch_broker((size_t)((struct broker *)socket->data - calls.brokers));
}

static int events_of(struct broker *broker) {
    int events = 0;
    size_t size = sizeof events;
    broker->touched = false;
    zmq_getsockopt(bus_socket(broker->link), ZMQ_EVENTS, &events, &size);
    return events;
}

/* Takes in what came while the sockets were used otherwise. */
static void receive_unsignalled(void) {
    for (int i = 0; i < calls.broker_count; i++)
        while (calls.brokers[i].touched && (events_of(&calls.brokers[i]) & ZMQ_POLLIN))
            receive_all((size_t)i);
}

/* The next live broker, in turn, or NULL. */
static struct broker *pick_broker(void) {
    for (int i = 0; i < calls.broker_count; i++) {
        struct broker *broker = &calls.brokers[calls.next_broker];
        calls.next_broker = (calls.next_broker + 1) % calls.broker_count;
        if (bus_is_up(broker->link))
            return broker;
    }
    return NULL;
}

static void refresh_ttl(struct outgoing_call *call, int64_t now_ms) {
    int64_t left_ms = call->expires_ms - now_ms;
    if (now_ms != call->started_ms)
        envelope_patch_ttl(call->bytes, call->header_length, left_ms > 0 ? (uint32_t)left_ms : 1);
}

static int send_head(void *socket, const char *service) {
    static const char command = MDP_CLIENT_REQUEST;
    if (bus_send_frame(socket, MDP_CLIENT, MDP_NAME_LENGTH, true) != 0)
        return -1;
    bus_send_frame(socket, &command, 1, true);
    bus_send_frame(socket, service, strlen(service), true);
    return 0;
}

/* One message of up to MDP_BUNDLE_LIMIT calls. 0, or -1 where the broker takes nothing now. */
static int send_bundle(struct queue *queue, struct broker *broker, int64_t now_ms) {
    void *socket = bus_socket(broker->link);
    broker->touched = true;
    if (send_head(socket, queue->service) != 0)
        return -1;
    for (int sent = 0; queue->calls && sent < MDP_BUNDLE_LIMIT; sent++) {
        struct outgoing_call *call = queue->calls;
        refresh_ttl(call, now_ms);
        DL_DELETE(queue->calls, call);
        bool more = queue->calls && sent + 1 < MDP_BUNDLE_LIMIT;
        bus_send_frame(socket, call->bytes, call->header_length, true);
        bus_send_frame(socket, call->bytes + call->header_length, call->payload_length, more);
        call->broker = (int)(broker - calls.brokers);
    }
    return 0;
}

/* What no broker takes stays in the queue for the next turn or calls_poll(). */
static void send_queue(struct queue *queue, int64_t now_ms) {
    for (int refused = 0; queue->calls && refused < calls.broker_count;) {
        struct broker *broker = pick_broker();
        if (!broker)
            return;
        if (send_bundle(queue, broker, now_ms) != 0)
            refused++;
    }
}

void calls_flush(void) {
    int64_t now_ms = 0;
    for (size_t i = 0; i < calls.queue_count; i++)
        if (calls.queues[i].calls)
            send_queue(&calls.queues[i], now_ms ? now_ms : (now_ms = clock_mono_ms()));
    receive_unsignalled();
}

void calls_poll(void) {
    for (int i = 0; i < calls.broker_count; i++) {
        watch_broker((size_t)i);
        calls.brokers[i].touched = true;
    }
    gateway_flush_soon();
}

static h2o_socket_t *watch_fd(int fd, struct broker *broker, h2o_socket_cb on_edge) {
    h2o_socket_t *socket = h2o_evloop_socket_create(gateway.context.loop, dup(fd), H2O_SOCKET_FLAG_DONT_READ);
    socket->data = broker;
    h2o_socket_read_start(socket, on_edge);
    return socket;
}

static void make_queues(void) {
    while (service_names[calls.queue_count])
        calls.queue_count++;
    calls.queues = calloc(calls.queue_count + 1, sizeof *calls.queues);
    for (size_t i = 0; i < calls.queue_count; i++)
        calls.queues[i].service = service_names[i];
}

int calls_start(void) {
    calls.pool = pool_new();
    make_queues();
    calls.broker_count = bus_connect_all(&calls.links);
    if (calls.broker_count < 0)
        return -1;
    calls.brokers = calloc((size_t)calls.broker_count, sizeof *calls.brokers);
    for (int i = 0; i < calls.broker_count; i++) {
        struct broker *broker = &calls.brokers[i];
        broker->link = calls.links[i];
        broker->socket = watch_fd(bus_fd(broker->link), broker, on_message);
        broker->monitor = watch_fd(bus_monitor_fd(broker->link), broker, on_monitor);
    }
    return 0;
}

void calls_stop(void) {
    struct outgoing_call *call, *next;
    HASH_ITER(hh, calls.table, call, next)
    remove_call(call);
    for (int i = 0; i < calls.broker_count; i++) {
        h2o_socket_close(calls.brokers[i].socket);
        h2o_socket_close(calls.brokers[i].monitor);
    }
    bus_message_free(&calls.message);
    buffer_free(&calls.header);
    pool_destroy(&calls.pool);
    bus_close_all(&calls.links, calls.broker_count);
    free(calls.brokers);
    free(calls.queues);
    memset(&calls, 0, sizeof calls);
}

size_t calls_waiting(void) {
    return HASH_COUNT(calls.table);
}

size_t calls_broker_count(void) {
    return (size_t)calls.broker_count;
}

const char *calls_broker_address(size_t broker) {
    return bus_address(calls.brokers[broker].link);
}

bool calls_broker_is_up(size_t broker) {
    return bus_is_up(calls.brokers[broker].link);
}

bool calls_any_broker_is_up(void) {
    for (int i = 0; i < calls.broker_count; i++)
        if (bus_is_up(calls.brokers[i].link))
            return true;
    return false;
}

void calls_ask_statistics(broker_statistics *heard) {
    calls.statistics_heard = heard;
    for (int i = 0; i < calls.broker_count; i++) {
        struct broker *broker = &calls.brokers[i];
        if (bus_is_up(broker->link) && send_head(bus_socket(broker->link), STATISTICS_SERVICE) == 0)
            bus_send_frame(bus_socket(broker->link), "", 0, false);
        broker->touched = true;
    }
    gateway_flush_soon();
}
