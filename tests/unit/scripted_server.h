/* A provider's stand-in for unit tests: a small HTTP server in threads that answers by a script and keeps what it was
 * asked. Every request must be in the script; each line of it is used once. */
#ifndef TITHI_TESTS_SCRIPTED_SERVER_H
#define TITHI_TESTS_SCRIPTED_SERVER_H

#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "http.h"
#include "pool.h"
#include "provider.h"

#define SCRIPT_LIMIT 8
#define REQUEST_SIZE 8192

struct scripted {
    const char *request; /* "POST /v1/orders": method and target, exactly */
    int status;          /* 0: the connection is dropped */
    const char *body;
};

static struct {
    int listener;
    char url[64];
    pthread_mutex_t lock;
    struct scripted script[SCRIPT_LIMIT];
    char seen[SCRIPT_LIMIT][REQUEST_SIZE]; /* the whole request that used this line; "": none has */
    char unexpected[256];                  /* the first that was not in the script */
} server = {.lock = PTHREAD_MUTEX_INITIALIZER};

static int server_find(const char *request) {
    size_t length = strcspn(request, "\r");
    for (int i = 0; i < SCRIPT_LIMIT && server.script[i].request; i++) {
        const char *wanted = server.script[i].request;
        size_t target = strlen(wanted);
        if (!server.seen[i][0] && target + strlen(" HTTP/1.1") == length && strncmp(request, wanted, target) == 0)
            return i;
    }
    snprintf(server.unexpected, sizeof server.unexpected, "%.*s", (int)length, request);
    return -1;
}

static bool server_answer(int socket, const char *request) {
    static const char unexpected[] = "{\"error\":{\"code\":\"UNEXPECTED\",\"description\":\"not in the script\"}}";
    pthread_mutex_lock(&server.lock);
    int line = server_find(request);
    int status = line < 0 ? 404 : server.script[line].status;
    const char *body = line < 0 ? unexpected : server.script[line].body;
    if (line >= 0)
        snprintf(server.seen[line], REQUEST_SIZE, "%s", request);
    pthread_mutex_unlock(&server.lock);
    if (!status)
        return false;
    dprintf(socket, "HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", status,
            strlen(body), body);
    return true;
}

static void *server_connection(void *argument) {
    int socket = (int)(intptr_t)argument;
    char request[REQUEST_SIZE];
    size_t length = 0;
    for (ssize_t got; (got = read(socket, request + length, sizeof request - 1 - length)) > 0;) {
        length += (size_t)got;
        request[length] = '\0';
        const char *end = strstr(request, "\r\n\r\n"), *size = strcasestr(request, "\r\nContent-Length:");
        size_t body = end && size && size < end ? strtoul(size + 17, NULL, 10) : 0;
        if (!end || length < (size_t)(end + 4 - request) + body)
            continue;
        if (!server_answer(socket, request))
            break;
        length = 0;
    }
    close(socket);
    return NULL;
}

static void *server_accept(void *argument) {
    for (int socket; (socket = accept(server.listener, NULL, NULL)) >= 0;) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, server_connection, (void *)(intptr_t)socket) == 0)
            pthread_detach(thread);
    }
    return argument;
}

static int server_start(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    pthread_t thread;
    signal(SIGPIPE, SIG_IGN); /* clients hang up on answers that are too long */
    server.listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(server.listener, (struct sockaddr *)&address, length) || listen(server.listener, 16) ||
        getsockname(server.listener, (struct sockaddr *)&address, &length))
        return -1;
    snprintf(server.url, sizeof server.url, "http://127.0.0.1:%u", ntohs(address.sin_port));
    return pthread_create(&thread, NULL, server_accept, NULL) || pthread_detach(thread);
}

/* What was answered, kept in `pool` until the next question. */
static struct {
    struct pool *pool;
    int times;
    enum provider_fate fate;
    const char *error, *order_id, *payment_url;
    struct fact facts[SCRIPT_LIMIT];
    size_t fact_count;
} answered;

static const char *kept(const char *text) {
    return text ? pool_text(answered.pool, text) : NULL;
}

static void keep_answer(void *context, const struct provider_answer *answer) {
    (void)context;
    answered.times++;
    answered.fate = answer->fate;
    answered.error = kept(answer->error);
    answered.order_id = kept(answer->order_id);
    answered.payment_url = kept(answer->payment_url);
    answered.fact_count = answer->fact_count;
    for (size_t i = 0; i < answer->fact_count && i < SCRIPT_LIMIT; i++) {
        const struct fact *fact = &answer->facts[i];
        answered.facts[i] = (struct fact){.kind = fact->kind,
                                          .order_id = kept(fact->order_id),
                                          .receipt = kept(fact->receipt),
                                          .receipt_bond = fact->receipt_bond,
                                          .provider_payment_id = kept(fact->provider_payment_id),
                                          .amount_minor = fact->amount_minor,
                                          .currency = kept(fact->currency),
                                          .provider_refund_id = kept(fact->provider_refund_id),
                                          .refund_id = kept(fact->refund_id),
                                          .reason = kept(fact->reason)};
    }
}

typedef void order_function(const struct provider_link *, const struct provider_order *, provider_done *, void *);
typedef void refund_function(const struct provider_link *, const struct provider_refund *, provider_done *, void *);

static struct http_client *kept_client; /* NULL: each question has a client of its own */

/* Asks one of these and waits for the one answer; the whole script must have been used. */
static void ask_provider(order_function *order_function, const struct provider_order *order,
                         refund_function *refund_function, const struct provider_refund *refund,
                         const struct scripted *script) {
    struct http_client *client = kept_client ? kept_client : http_client_new(4, NULL, NULL);
    const struct provider_link link = {.client = client};
    size_t lines = 0;
    memset(server.script, 0, sizeof server.script);
    memset(server.seen, 0, sizeof server.seen);
    server.unexpected[0] = '\0';
    for (; script && script[lines].request; lines++)
        server.script[lines] = script[lines];
    pool_destroy(&answered.pool);
    memset(&answered, 0, sizeof answered);
    answered.pool = pool_new();
    if (order_function)
        order_function(&link, order, keep_answer, NULL);
    else
        refund_function(&link, refund, keep_answer, NULL);
    while (http_in_flight(client))
        http_wait(client, NULL, 0, 1000);
    if (!kept_client)
        http_client_destroy(&client);
    assert_string_equal(server.unexpected, "");
    assert_int_equal(answered.times, 1);
    for (size_t i = 0; i < lines; i++)
        assert_true(server.seen[i][0]);
}

#define SCRIPT(...) ((const struct scripted[]){__VA_ARGS__, {0}})
#define NO_SCRIPT NULL

static inline const char *sent_body(int line) {
    const char *end = strstr(server.seen[line], "\r\n\r\n");
    return end ? end + 4 : "";
}

static inline bool sent_header(int line, const char *header) {
    char wanted[512];
    const char *found;
    snprintf(wanted, sizeof wanted, "\r\n%s\r\n", header);
    found = strstr(server.seen[line], wanted);
    return found && found < sent_body(line);
}

#endif
