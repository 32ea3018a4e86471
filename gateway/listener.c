/* Listening sockets; see listener.h. Any number of gateway processes share the ports by SO_REUSEPORT. */
#include "listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "connection.h"
#include "gateway.h"
#include "log.h"
#include "request.h"
#include "settings.h"
#include "takeover.h"

#define ACCEPTS_PER_TURN 64

struct port {
    h2o_hostconf_t *hosts[2]; /* what h2o_accept() wants: ends with NULL */
    h2o_accept_ctx_t accept;
    h2o_socket_t *socket; /* NULL while closed */
};

static struct port ports[ENTRANCE_COUNT];
static SSL_CTX *certificate; /* NULL: plain HTTP */

void listeners_configure(void) {
    static const char *const names[ENTRANCE_COUNT] = {"api", "crm", "metrics"};
    h2o_globalconf_t *config = &gateway.config;
    h2o_config_init(config);
    config->server_name = h2o_iovec_init(H2O_STRLIT("tithi"));
    config->max_request_entity_size = BODY_SIZE_LIMIT + 1; /* chunked bodies must stay below, others not above */
    config->http1.upgrade_to_http2 = 0;                    /* rapid reset is not fixed in h2o 2.2.5 */
    for (int i = 0; i < ENTRANCE_COUNT; i++) {
        h2o_hostconf_t *host = h2o_config_register_host(config, h2o_iovec_init(names[i], strlen(names[i])), 65535);
        h2o_create_handler(&host->fallback_path, sizeof(h2o_handler_t))->on_req = request_arrived;
        takeover_register(&host->fallback_path);
        ports[i].hosts[0] = host;
    }
}

enum entrance listener_entrance(const h2o_req_t *req) {
    for (int i = 0; i < ENTRANCE_COUNT; i++)
        if (req->conn->hosts == ports[i].hosts)
            return (enum entrance)i;
    return ENTRANCE_API;
}

static void on_connection(h2o_socket_t *socket, const char *problem) {
    struct port *port = socket->data;
    if (problem)
        return;
    for (int i = 0; i < ACCEPTS_PER_TURN && !connections_full(); i++) {
        h2o_socket_t *accepted = h2o_evloop_socket_accept(socket);
        if (!accepted)
            return;
        connection_accept(&port->accept, accepted);
    }
    if (connections_full())
        for (int i = 0; i < ENTRANCE_COUNT; i++)
            if (ports[i].socket)
                h2o_socket_read_stop(ports[i].socket);
}

static void accept_again(void) {
    for (int i = 0; i < ENTRANCE_COUNT; i++)
        if (ports[i].socket && !h2o_socket_is_reading(ports[i].socket))
            h2o_socket_read_start(ports[i].socket, on_connection);
}

static int listen_on(const struct addrinfo *address) {
    int on = 1, off = 0;
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    if (address->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, SOMAXCONN) == 0)
        return fd;
    int problem = errno;
    close(fd);
    errno = problem;
    return -1;
}

static int open_port(struct port *port, int64_t number) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV}, *address;
    char service[8];
    snprintf(service, sizeof service, "%d", (int)number);
    int problem = getaddrinfo(settings.http_host, service, &hints, &address);
    if (problem) {
        log_error("HTTP_HOST %s: %s", settings.http_host, gai_strerror(problem));
        return -1;
    }
    int fd = listen_on(address);
    freeaddrinfo(address);
    if (fd < 0) {
        log_error("cannot listen on %s port %d: %s", settings.http_host, (int)number, strerror(errno));
        return -1;
    }
    port->accept = (h2o_accept_ctx_t){.ctx = &gateway.context, .hosts = port->hosts, .ssl_ctx = certificate};
    port->socket = h2o_evloop_socket_create(gateway.context.loop, fd, H2O_SOCKET_FLAG_DONT_READ);
    port->socket->data = port;
    h2o_socket_read_start(port->socket, on_connection);
    return 0;
}

int listeners_open(void) {
    if (listeners_load_certificate() != 0 || open_port(&ports[ENTRANCE_API], settings.http_port) != 0 ||
        open_port(&ports[ENTRANCE_CRM], settings.crm_port) != 0)
        return -1;
    if (settings.metrics_port && open_port(&ports[ENTRANCE_METRICS], settings.metrics_port) != 0)
        return -1;
    connections_on_room(accept_again);
    return 0;
}

void listeners_close(void) {
    for (int i = 0; i < ENTRANCE_COUNT; i++) {
        struct port *port = &ports[i];
        if (!port->socket)
            continue;
        for (h2o_socket_t *accepted; (accepted = h2o_evloop_socket_accept(port->socket));)
            connection_accept(&port->accept, accepted);
        h2o_socket_close(port->socket);
        port->socket = NULL;
    }
}

static SSL_CTX *read_certificate(void) {
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (context && SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
        SSL_CTX_use_certificate_chain_file(context, settings.tls_cert_file) == 1 &&
        SSL_CTX_use_PrivateKey_file(context, settings.tls_key_file, SSL_FILETYPE_PEM) == 1 &&
        SSL_CTX_check_private_key(context) == 1) {
        /* No resumption: a session of one listener must not open another (CVE-2023-41337). */
        SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
        SSL_CTX_set_num_tickets(context, 0);
        SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
        return context;
    }
    char reason[256];
    ERR_error_string_n(ERR_get_error(), reason, sizeof reason);
    ERR_clear_error();
    SSL_CTX_free(context);
    log_error("TLS_CERT_FILE and TLS_KEY_FILE cannot be used: %s", reason);
    return NULL;
}

/* A context that handshakes may still begin with: h2o keeps the bare pointer until a client's first bytes come. */
struct retired {
    h2o_timeout_entry_t timer;
    SSL_CTX *certificate;
};

static void on_retired(h2o_timeout_entry_t *entry) {
    struct retired *retired = H2O_STRUCT_FROM_MEMBER(struct retired, timer, entry);
    SSL_CTX_free(retired->certificate);
    free(retired);
}

static void retire(SSL_CTX *old) {
    struct retired *retired = calloc(1, sizeof *retired);
    if (!retired)
        abort();
    *retired = (struct retired){.timer.cb = on_retired, .certificate = old};
    h2o_timeout_link(gateway.context.loop, &gateway.context.handshake_timeout, &retired->timer);
}

int listeners_load_certificate(void) {
    if (!*settings.tls_cert_file)
        return 0;
    SSL_CTX *fresh = read_certificate();
    if (!fresh)
        return -1;
    if (certificate)
        retire(certificate);
    certificate = fresh;
    for (int i = 0; i < ENTRANCE_COUNT; i++)
        ports[i].accept.ssl_ctx = certificate;
    return 0;
}
