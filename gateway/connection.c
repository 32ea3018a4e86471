/* Client connections; see connection.h. h2o keeps the socket, and tells by its on_close hook when it is gone. */
#include "connection.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "gateway.h"
#include "settings.h"

#define UNACKNOWLEDGED_LIMIT_MS 15000 /* of a client that does not read its answer */
#define LINGER_MS 2000
#define DESCRIPTORS_KEPT 64 /* for brokers, Redis, logs */

struct connection {
    int fd;               /* h2o's */
    h2o_socket_t *parked; /* h2o's, while its request waits */
    int spare_fd;         /* ours, when it is to be closed gently; else -1 */
    h2o_socket_t *rest;
    h2o_timeout_entry_t linger;
    bool peer_known;
    struct peer peer;
};

static struct {
    size_t open;
    size_t limit;
    void (*on_room)(void);
    h2o_timeout_t linger;
} connections;

void connections_start(void) {
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    getrlimit(RLIMIT_NOFILE, &files);
    size_t possible = files.rlim_cur > 2 * DESCRIPTORS_KEPT ? files.rlim_cur - DESCRIPTORS_KEPT : DESCRIPTORS_KEPT;
    connections.limit = (size_t)settings.max_connections < possible ? (size_t)settings.max_connections : possible;
    h2o_timeout_init(gateway.context.loop, &connections.linger, LINGER_MS);
}

size_t connections_open(void) {
    return connections.open;
}

bool connections_full(void) {
    return connections.open >= connections.limit;
}

void connections_on_room(void (*callback)(void)) {
    connections.on_room = callback;
}

static void forget(struct connection *connection) {
    bool was_full = connections_full();
    connections.open--;
    free(connection);
    if (was_full && connections.on_room)
        connections.on_room();
}

static void stop_lingering(struct connection *connection) {
    h2o_timeout_unlink(&connection->linger);
    h2o_socket_close(connection->rest);
    forget(connection);
}

static void on_linger_end(h2o_timeout_entry_t *entry) {
    stop_lingering(H2O_STRUCT_FROM_MEMBER(struct connection, linger, entry));
}

static void on_rest(h2o_socket_t *socket, const char *problem) {
    struct connection *connection = socket->data;
    char thrown_away[16384];
    ssize_t got = problem ? 0 : read(h2o_socket_get_fd(socket), thrown_away, sizeof thrown_away);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
        stop_lingering(connection);
}

static void on_closed(void *data) {
    struct connection *connection = data;
    if (connection->spare_fd < 0) {
        forget(connection);
        return;
    }
    shutdown(connection->spare_fd, SHUT_WR);
    connection->rest = h2o_evloop_socket_create(gateway.context.loop, connection->spare_fd, H2O_SOCKET_FLAG_DONT_READ);
    connection->rest->data = connection;
    connection->linger.cb = on_linger_end;
    h2o_timeout_link(gateway.context.loop, &connections.linger, &connection->linger);
    h2o_socket_read_start(connection->rest, on_rest);
}

void connection_accept(h2o_accept_ctx_t *context, h2o_socket_t *socket) {
    unsigned limit_ms = UNACKNOWLEDGED_LIMIT_MS;
    struct connection *connection = calloc(1, sizeof *connection);
    if (!connection)
        abort();
    connection->fd = h2o_socket_get_fd(socket);
    connection->spare_fd = -1;
    setsockopt(connection->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &limit_ms, sizeof limit_ms);
    socket->on_close.cb = on_closed;
    socket->on_close.data = connection;
    connections.open++;
    h2o_accept(context, socket);
}

struct connection *connection_of(const h2o_req_t *req) {
    return req->conn->callbacks->get_socket(req->conn)->on_close.data;
}

const struct peer *connection_peer(struct connection *connection, const h2o_req_t *req) {
    struct peer *peer = &connection->peer;
    struct sockaddr_storage socket;
    if (connection->peer_known)
        return peer;
    if (req->conn->callbacks->get_peername(req->conn, (struct sockaddr *)&socket) == 0 ||
        address_of_socket((struct sockaddr *)&socket, &peer->address) != 0)
        memset(&peer->address, 0, sizeof peer->address); /* it has just gone: "::" */
    peer->is_proxy = address_is_proxy(&peer->address);
    address_text(&peer->address, peer->text);
    address_scope(&peer->address, peer->scope);
    connection->peer_known = true;
    return peer;
}

/* The next request, or the end: both have to wait for the answer. */
static void on_early_input(h2o_socket_t *socket, const char *problem) {
    (void)problem;
    h2o_socket_read_stop(socket);
}

void connection_park(struct connection *connection, const h2o_req_t *req) {
    h2o_socket_t *socket = req->conn->callbacks->get_socket(req->conn);
    if (h2o_socket_is_reading(socket))
        return;
    connection->parked = socket;
    h2o_socket_dont_read(socket, 1);
    h2o_socket_read_start(socket, on_early_input);
}

void connection_resume(struct connection *connection) {
    if (!connection->parked)
        return;
    h2o_socket_read_stop(connection->parked);
    h2o_socket_dont_read(connection->parked, 0);
    connection->parked = NULL;
}

void connection_close_gently(struct connection *connection) {
    if (connection->spare_fd < 0)
        connection->spare_fd = dup(connection->fd);
}
