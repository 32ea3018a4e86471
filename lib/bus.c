/* Links to the brokers and what every ZeroMQ socket of Tithi needs; see bus.h. Who is who on tcp is decided by CURVE
 * certificates (docs/protocol.md); on ipc by the permissions of the socket's file. */
#include "bus.h"

#include <ctype.h>
#include <czmq.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "process.h"
#include "settings.h"

#define QUEUE_LIMIT_MESSAGES 4096
#define HEARTBEAT_INTERVAL_MS 1000
#define HEARTBEAT_TIMEOUT_MS 3000
#define HANDSHAKE_TIMEOUT_MS 3000
#define RECONNECT_FIRST_MS 50
#define RECONNECT_LONGEST_MS 1000
#define CLOSE_LINGER_MS 1000
#define ZAP_DOMAIN "tithi"

struct bus_link {
    void *socket;
    void *monitor;
    char *address;
    bool connected;      /* by the last event */
    bool up;             /* as told to the owner */
    bool refusal_logged; /* since it was last connected */
};

static struct {
    pthread_mutex_t lock;
    void *context;
    int link_count;
    unsigned monitor_serial;
} bus = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void *context_locked(void) {
    if (!bus.context) {
        bus.context = zmq_ctx_new();
        zmq_ctx_set(bus.context, ZMQ_BLOCKY, 0);
    }
    return bus.context;
}

void *bus_context(void) {
    pthread_mutex_lock(&bus.lock);
    void *context = context_locked();
    pthread_mutex_unlock(&bus.lock);
    return context;
}

static void set_integer(void *socket, int option, int value) {
    zmq_setsockopt(socket, option, &value, sizeof value);
}

/* The kind of this process: "booking" for "booking-2" and "tithi-booking". One certificate serves all of a kind. */
static void process_kind(char *ret_kind, size_t size) {
    const char *name = process_name();
    if (strncmp(name, "tithi-", 6) == 0)
        name += 6;
    snprintf(ret_kind, size, "%s", name);
    size_t length = strlen(ret_kind), digits = length;
    while (digits && isdigit((unsigned char)ret_kind[digits - 1]))
        digits--;
    if (digits && digits < length && ret_kind[digits - 1] == '-')
        ret_kind[digits - 1] = '\0';
}

static zcert_t *load_certificate(const char *name, const char *suffix) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s%s", settings.broker_curve_dir, name, suffix);
    zcert_t *certificate = zcert_load(path);
    if (!certificate)
        log_error("cannot read the CURVE certificate %s", path);
    return certificate;
}

static void apply_own_keys(void *socket, zcert_t *certificate) {
    zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, zcert_public_key(certificate), 32);
    zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, zcert_secret_key(certificate), 32);
}

static int set_server_curve(void *socket) {
    zcert_t *own = load_certificate("broker", ".key_secret");
    if (!own)
        return -1;
    set_integer(socket, ZMQ_CURVE_SERVER, 1);
    apply_own_keys(socket, own);
    zmq_setsockopt(socket, ZMQ_ZAP_DOMAIN, ZAP_DOMAIN, strlen(ZAP_DOMAIN));
    zcert_destroy(&own);
    return 0;
}

static int set_client_curve(void *socket) {
    char kind[256];
    process_kind(kind, sizeof kind);
    zcert_t *broker = load_certificate("broker", ".key");
    zcert_t *own = broker ? load_certificate(kind, ".key_secret") : NULL;
    if (own) {
        zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, zcert_public_key(broker), 32);
        apply_own_keys(socket, own);
    }
    int result = own ? 0 : -1;
    zcert_destroy(&own);
    zcert_destroy(&broker);
    return result;
}

int bus_set_options(void *socket, bool server, const char *address) {
    int64_t frame_size_limit = BUS_FRAME_SIZE_LIMIT;
    zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &frame_size_limit, sizeof frame_size_limit);
    set_integer(socket, ZMQ_LINGER, 0);
    set_integer(socket, ZMQ_SNDHWM, QUEUE_LIMIT_MESSAGES);
    set_integer(socket, ZMQ_RCVHWM, QUEUE_LIMIT_MESSAGES);
    set_integer(socket, ZMQ_HANDSHAKE_IVL, HANDSHAKE_TIMEOUT_MS);
    set_integer(socket, ZMQ_HEARTBEAT_IVL, HEARTBEAT_INTERVAL_MS);
    set_integer(socket, ZMQ_HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_MS);
    set_integer(socket, ZMQ_HEARTBEAT_TTL, HEARTBEAT_TIMEOUT_MS);
    set_integer(socket, ZMQ_RECONNECT_IVL, RECONNECT_FIRST_MS);
    set_integer(socket, ZMQ_RECONNECT_IVL_MAX, RECONNECT_LONGEST_MS);
    set_integer(socket, ZMQ_BACKLOG, 1024);
    if (!server)
        set_integer(socket, ZMQ_IMMEDIATE, 1);
    if (strncmp(address, "tcp://", 6) != 0)
        return 0;
    if (!*settings.broker_curve_dir) {
        log_error("%s needs BROKER_CURVE_DIR: tcp is served with CURVE only", address);
        return -1;
    }
    return server ? set_server_curve(socket) : set_client_curve(socket);
}

static void close_link(struct bus_link *link) {
    if (link->monitor) {
        zmq_socket_monitor(link->socket, NULL, 0);
        set_integer(link->monitor, ZMQ_LINGER, 0);
        zmq_close(link->monitor);
    }
    if (link->socket) {
        set_integer(link->socket, ZMQ_LINGER, CLOSE_LINGER_MS);
        zmq_close(link->socket);
    }
    free(link->address);
    free(link);
    pthread_mutex_lock(&bus.lock);
    if (--bus.link_count == 0) {
        zmq_ctx_term(bus.context);
        bus.context = NULL;
    }
    pthread_mutex_unlock(&bus.lock);
}

static int open_monitor(struct bus_link *link, void *context, unsigned serial) {
    char address[64];
    snprintf(address, sizeof address, "inproc://bus-monitor-%u", serial);
    if (zmq_socket_monitor(link->socket, address,
                           ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
                               ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL))
        return -1;
    link->monitor = zmq_socket(context, ZMQ_PAIR);
    return link->monitor && zmq_connect(link->monitor, address) == 0 ? 0 : -1;
}

static struct bus_link *connect_link(const char *address) {
    struct bus_link *link = calloc(1, sizeof *link);
    pthread_mutex_lock(&bus.lock);
    void *context = context_locked();
    unsigned serial = bus.monitor_serial++;
    bus.link_count++;
    pthread_mutex_unlock(&bus.lock);
    link->address = strdup(address);
    link->socket = zmq_socket(context, ZMQ_DEALER);
    if (link->socket && bus_set_options(link->socket, false, address) == 0) {
        if (open_monitor(link, context, serial) == 0 && zmq_connect(link->socket, address) == 0)
            return link;
        log_error("cannot connect to %s: %s", address, zmq_strerror(errno));
    }
    close_link(link);
    return NULL;
}

int bus_connect_all(struct bus_link ***ret_links) {
    struct bus_link **links = NULL;
    int count = 0;
    char *addresses = strdup(settings.broker_urls), *rest = addresses;
    for (char *address; (address = strsep(&rest, ", "));) {
        if (!*address)
            continue;
        links = realloc(links, (size_t)(count + 1) * sizeof *links);
        links[count] = connect_link(address);
        if (!links[count]) {
            bus_close_all(&links, count);
            free(addresses);
            return -1;
        }
        count++;
    }
    free(addresses);
    if (!count) {
        log_error("BROKER_URLS names no broker");
        return -1;
    }
    *ret_links = links;
    return count;
}

void bus_close_all(struct bus_link ***links, int count) {
    for (int i = 0; i < count; i++)
        close_link((*links)[i]);
    free(*links);
    *links = NULL;
}

void *bus_socket(struct bus_link *link) {
    return link->socket;
}

const char *bus_address(const struct bus_link *link) {
    return link->address;
}

bool bus_is_up(const struct bus_link *link) {
    return link->up;
}

static int fd_of(void *socket) {
    int fd = -1;
    size_t size = sizeof fd;
    zmq_getsockopt(socket, ZMQ_FD, &fd, &size);
    return fd;
}

int bus_fd(const struct bus_link *link) {
    return fd_of(link->socket);
}

int bus_monitor_fd(const struct bus_link *link) {
    return fd_of(link->monitor);
}

/* One event: two frames, of which the first begins with the number. 0 where none waits. */
static uint16_t read_event(void *monitor) {
    char bytes[256];
    uint16_t event = 0;
    if (zmq_recv(monitor, bytes, sizeof bytes, ZMQ_DONTWAIT) < (int)sizeof event)
        return 0;
    memcpy(&event, bytes, sizeof event);
    zmq_recv(monitor, bytes, sizeof bytes, 0);
    return event;
}

enum bus_change bus_poll_monitor(struct bus_link *link) {
    bool fell = false;
    for (uint16_t event; (event = read_event(link->monitor));) {
        link->connected = event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED;
        if (!link->connected && link->up)
            fell = true;
        if (event != ZMQ_EVENT_HANDSHAKE_SUCCEEDED && event != ZMQ_EVENT_DISCONNECTED && !link->refusal_logged) {
            log_warn("%s refuses the handshake: is this process's certificate known there?", link->address);
            link->refusal_logged = true;
        }
    }
    if (fell) {
        link->up = false;
        return BUS_DOWN;
    }
    if (link->connected && !link->up) {
        /* Makes the socket see its new peer now: zmq_send() looks for news only once a millisecond. */
        int events;
        size_t size = sizeof events;
        zmq_getsockopt(link->socket, ZMQ_EVENTS, &events, &size);
        link->up = true;
        link->refusal_logged = false;
        return BUS_UP;
    }
    return BUS_SAME;
}

/* Frames are moved one by one: libzmq does not promise that its messages survive realloc(). */
static void grow(struct bus_message *message) {
    size_t capacity = message->capacity ? 2 * message->capacity : 16;
    zmq_msg_t *frames = malloc(capacity * sizeof *frames);
    if (!frames)
        abort();
    for (size_t i = 0; i < capacity; i++) {
        zmq_msg_init(&frames[i]);
        if (i < message->capacity)
            zmq_msg_move(&frames[i], &message->frames[i]);
    }
    free(message->frames);
    message->frames = frames;
    message->capacity = capacity;
}

static void drop_rest(void *socket) {
    zmq_msg_t frame;
    zmq_msg_init(&frame);
    do
        if (zmq_msg_recv(&frame, socket, ZMQ_DONTWAIT) < 0)
            break;
    while (zmq_msg_more(&frame));
    zmq_msg_close(&frame);
}

static void forget_frames(struct bus_message *message) {
    for (size_t i = 0; i < message->count; i++) {
        zmq_msg_close(&message->frames[i]);
        zmq_msg_init(&message->frames[i]);
    }
    message->count = 0;
}

int bus_receive(void *socket, struct bus_message *message) {
    forget_frames(message);
    for (bool more = true; more;) {
        if (message->count == BUS_FRAME_COUNT_LIMIT) {
            drop_rest(socket);
            break;
        }
        if (message->count == message->capacity)
            grow(message);
        zmq_msg_t *frame = &message->frames[message->count];
        if (zmq_msg_recv(frame, socket, ZMQ_DONTWAIT) < 0) {
            if (errno == EINTR)
                continue;
            return errno == EAGAIN ? 0 : -1;
        }
        message->count++;
        more = zmq_msg_more(frame);
    }
    return 1;
}

void bus_message_free(struct bus_message *message) {
    for (size_t i = 0; i < message->capacity; i++)
        zmq_msg_close(&message->frames[i]);
    free(message->frames);
    *message = (struct bus_message){0};
}

int bus_send_frame(void *socket, const void *bytes, size_t length, bool more) {
    for (;;) {
        if (zmq_send(socket, bytes, length, ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0)) >= 0)
            return 0;
        if (errno != EINTR)
            return -1;
    }
}
