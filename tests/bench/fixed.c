/* The limit that HTTP answers are measured against: the same library as the gateway's, answering every request with the same
 * bytes out of memory. One loop, one thread. Usage: fixed PORT BYTES */
#include <errno.h>
#include <h2o.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static h2o_globalconf_t config;
static h2o_context_t context;
static h2o_accept_ctx_t accept_context;
static h2o_iovec_t body;

static int on_request(h2o_handler_t *handler, h2o_req_t *request) {
    static h2o_generator_t generator;
    (void)handler;
    request->res.status = 200;
    request->res.reason = "OK";
    request->res.content_length = body.len;
    h2o_add_header(&request->pool, &request->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL, H2O_STRLIT("application/json"));
    h2o_start_response(request, &generator);
    h2o_send(request, &body, 1, H2O_SEND_STATE_FINAL);
    return 0;
}

static void on_accept(h2o_socket_t *listener, const char *error) {
    h2o_socket_t *socket;
    if (error)
        return;
    for (int most = 64; most && (socket = h2o_evloop_socket_accept(listener)); most--)
        h2o_accept(&accept_context, socket);
}

static int listen_on(int port) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) ||
        bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 1024))
        return -1;
    h2o_socket_t *socket = h2o_evloop_socket_create(context.loop, listener, H2O_SOCKET_FLAG_DONT_READ);
    h2o_socket_read_start(socket, on_accept);
    return 0;
}

int main(int argc, char **argv) {
    int port = argc == 3 ? atoi(argv[1]) : 0, length = argc == 3 ? atoi(argv[2]) : 0;
    if (port < 1 || port > 65535 || length < 2) {
        fprintf(stderr, "usage: fixed PORT BYTES\n");
        return 64;
    }
    body = h2o_iovec_init(malloc((size_t)length), (size_t)length);
    memset(body.base, ' ', body.len);
    memcpy(body.base, "{}", 2);

    h2o_config_init(&config);
    h2o_hostconf_t *host = h2o_config_register_host(&config, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    h2o_pathconf_t *path = h2o_config_register_path(host, "/", 0);
    h2o_create_handler(path, sizeof(h2o_handler_t))->on_req = on_request;
    h2o_context_init(&context, h2o_evloop_create(), &config);
    accept_context = (h2o_accept_ctx_t){.ctx = &context, .hosts = config.hosts};
    if (listen_on(port)) {
        perror("fixed");
        return 1;
    }
    while (h2o_evloop_run(context.loop, INT32_MAX) == 0 || errno == EINTR)
        ;
    return 0;
}
