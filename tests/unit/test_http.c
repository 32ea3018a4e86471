/* The client for the outside against a small server in a thread: what it hands back, what it never does, and that each
 * request ends exactly once. */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "http.h"

static int listener;
static unsigned port;
static int accepted;
static char last_request[4096];

static void send_text(int socket, const char *text) {
    ssize_t sent = write(socket, text, strlen(text));
    (void)sent;
}

static void answer(int socket, const char *path) {
    if (!strcmp(path, "/good"))
        send_text(socket, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    else if (!strcmp(path, "/later"))
        send_text(socket, "HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n");
    else if (!strcmp(path, "/elsewhere"))
        send_text(socket, "HTTP/1.1 302 Found\r\nLocation: /good\r\nContent-Length: 0\r\n\r\n");
    else if (!strcmp(path, "/endless")) {
        send_text(socket, "HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n");
        char *block = calloc(1, 1 << 20);
        while (write(socket, memset(block, 'x', 1 << 20), 1 << 20) > 0)
            ;
        free(block);
    } else if (!strcmp(path, "/torn"))
        send_text(socket, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe");
}

static void *serve_connection(void *argument) {
    int socket = (int)(intptr_t)argument;
    char request[4096], path[64] = "";
    for (ssize_t length; (length = read(socket, request, sizeof request - 1)) > 0;) {
        request[length] = '\0';
        snprintf(last_request, sizeof last_request, "%s", request);
        sscanf(request, "%*s %63s", path);
        answer(socket, path);
        if (!strcmp(path, "/torn") || !strcmp(path, "/endless"))
            break;
    }
    close(socket);
    return NULL;
}

static void *serve(void *argument) {
    for (int socket; (socket = accept(listener, NULL, NULL)) >= 0;) {
        pthread_t thread;
        __atomic_add_fetch(&accepted, 1, __ATOMIC_SEQ_CST);
        pthread_create(&thread, NULL, serve_connection, (void *)(intptr_t)socket);
        pthread_detach(thread);
    }
    return argument;
}

static int start_server(void **state) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    pthread_t thread;
    (void)state;
    listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, length) || listen(listener, 16) ||
        getsockname(listener, (struct sockaddr *)&address, &length))
        return -1;
    port = ntohs(address.sin_port);
    return pthread_create(&thread, NULL, serve, NULL) || pthread_detach(thread);
}

struct end {
    int times;
    long status;
    int64_t retry_after_s;
    size_t body_length;
    char body[16];
    char error[256];
};

static void note_end(void *context, const struct http_response *response) {
    struct end *end = context;
    end->times++;
    end->status = response->status;
    end->retry_after_s = response->retry_after_s;
    end->body_length = response->body_length;
    snprintf(end->body, sizeof end->body, "%s", response->body);
    snprintf(end->error, sizeof end->error, "%s", response->error ? response->error : "");
}

static bool allow_nothing(void *context, const struct sockaddr *address) {
    (void)context;
    assert_true(address->sa_family == AF_INET || address->sa_family == AF_INET6);
    return false;
}

static const char *url_of(const char *path) {
    static char url[128];
    snprintf(url, sizeof url, "http://127.0.0.1:%u%s", port, path);
    return url;
}

static struct end run(struct http_client *client, const struct http_request *request) {
    struct end end = {0};
    assert_int_equal(http_send(client, request, note_end, &end), 0);
    while (http_in_flight(client))
        assert_true(http_wait(client, NULL, 0, 1000) >= 0);
    assert_int_equal(end.times, 1);
    return end;
}

static struct end get(struct http_client *client, const char *path, int64_t timeout_ms) {
    return run(client, &(struct http_request){.url = url_of(path), .timeout_ms = timeout_ms});
}

static void test_responses(void **state) {
    struct http_client *client = http_client_new(4, NULL, NULL);
    (void)state;
    struct end end = get(client, "/good", 5000);
    assert_int_equal(end.status, 200);
    assert_string_equal(end.body, "hello");
    assert_string_equal(end.error, "");
    end = get(client, "/later", 5000);
    assert_int_equal(end.status, 429);
    assert_int_equal(end.retry_after_s, 7);
    end = get(client, "/elsewhere", 5000);
    assert_int_equal(end.status, 302); /* and nobody went there */
    assert_non_null(strstr(last_request, "GET /elsewhere"));
    http_client_destroy(&client);
}

static void test_request(void **state) {
    const char *const headers[] = {"Content-Type: application/json", "webhook-id: msg_1", NULL};
    struct http_client *client = http_client_new(4, NULL, NULL);
    (void)state;
    struct end end = run(
        client, &(struct http_request){
                    .url = url_of("/good"), .headers = headers, .body = "{}", .body_length = 2, .timeout_ms = 5000});
    assert_int_equal(end.status, 200);
    assert_non_null(strstr(last_request, "POST /good"));
    assert_non_null(strstr(last_request, "webhook-id: msg_1\r\n"));
    assert_non_null(strstr(last_request, "Content-Length: 2\r\n"));
    assert_null(strstr(last_request, "Expect"));
    http_client_destroy(&client);
}

static void test_connections_are_kept(void **state) {
    struct http_client *client = http_client_new(4, NULL, NULL);
    int before = __atomic_load_n(&accepted, __ATOMIC_SEQ_CST);
    (void)state;
    for (int i = 0; i < 5; i++)
        assert_int_equal(get(client, "/good", 5000).status, 200);
    assert_int_equal(__atomic_load_n(&accepted, __ATOMIC_SEQ_CST), before + 1);
    http_client_destroy(&client);
}

static void test_failures(void **state) {
    struct http_client *client = http_client_new(4, NULL, NULL);
    (void)state;
    struct end end = get(client, "/silent", 200);
    assert_int_equal(end.status, 0);
    assert_string_not_equal(end.error, "");
    end = get(client, "/torn", 5000);
    assert_int_equal(end.status, 0);
    assert_string_not_equal(end.error, "");
    end = get(client, "/endless", 5000);
    assert_int_equal(end.status, 200);
    assert_int_equal(end.body_length, HTTP_BODY_LIMIT);
    end = run(client, &(struct http_request){.url = "http://127.0.0.1:1/", .timeout_ms = 5000});
    assert_int_equal(end.status, 0);
    http_client_destroy(&client);
}

static void test_an_address_that_is_not_allowed_hears_nothing(void **state) {
    static const char *const spellings[] = {"127.0.0.1", "localhost", "0x7f.1", "2130706433"};
    struct http_client *client = http_client_new(4, allow_nothing, NULL);
    int before = __atomic_load_n(&accepted, __ATOMIC_SEQ_CST);
    (void)state;
    for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++) {
        char url[128];
        snprintf(url, sizeof url, "http://%s:%u/good", spellings[i], port);
        struct end end = run(client, &(struct http_request){.url = url, .timeout_ms = 5000});
        assert_int_equal(end.status, 0);
    }
    assert_string_equal(get(client, "/good", 5000).error, "the address is not allowed");
    assert_int_equal(__atomic_load_n(&accepted, __ATOMIC_SEQ_CST), before);
    http_client_destroy(&client);
}

static void test_what_is_no_request(void **state) {
    static const char *const urls[] = {"", "no url", "http://", "http://user:secret@127.0.0.1/"};
    struct http_client *client = http_client_new(4, NULL, NULL);
    struct end end = {0};
    (void)state;
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++)
        assert_int_equal(http_send(client, &(struct http_request){.url = urls[i], .timeout_ms = 100}, note_end, &end),
                         -1);
    assert_int_equal(end.times, 0);
    assert_int_equal(run(client, &(struct http_request){.url = "ftp://127.0.0.1/", .timeout_ms = 100}).status, 0);
    assert_int_equal(run(client, &(struct http_request){.url = "file:///etc/passwd", .timeout_ms = 100}).status, 0);
    http_client_destroy(&client);
}

static void test_destroying_ends_what_is_in_flight(void **state) {
    struct http_client *client = http_client_new(4, NULL, NULL);
    struct end ends[3] = {0};
    (void)state;
    for (int i = 0; i < 3; i++)
        http_send(client, &(struct http_request){.url = url_of("/silent"), .timeout_ms = 60000}, note_end, &ends[i]);
    http_step(client);
    http_client_destroy(&client);
    for (int i = 0; i < 3; i++)
        assert_int_equal(ends[i].times, 1);
    http_client_destroy(&client);
}

/* Stands before the C library's: one name whose servers do not answer, one that has an address which is not allowed
 * beside one that is. */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **ret_list) {
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) =
        (int (*)(const char *, const char *, const struct addrinfo *, struct addrinfo **))dlsym(RTLD_NEXT,
                                                                                                "getaddrinfo");
    if (name && !strcmp(name, "hanging.example"))
        sleep(3);
    if (!name || strcmp(name, "both.example"))
        return real(name, service, hints, ret_list);
    struct addrinfo *refused = NULL, *allowed = NULL;
    if (real("127.0.0.2", service, hints, &refused) || real("127.0.0.1", service, hints, &allowed))
        return EAI_FAIL;
    refused->ai_next = allowed;
    *ret_list = refused;
    return 0;
}

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void test_a_name_that_is_not_found_in_time_holds_up_nobody(void **state) {
    struct http_client *client = http_client_new(4, NULL, NULL);
    struct end hanging = {0};
    int64_t started_ms = now_ms();
    (void)state;
    http_send(client, &(struct http_request){.url = "http://hanging.example/", .timeout_ms = 100}, note_end, &hanging);
    assert_int_equal(get(client, "/good", 5000).status, 200);
    while (http_in_flight(client))
        http_wait(client, NULL, 0, 1000);
    assert_int_equal(hanging.times, 1);
    assert_int_equal(hanging.status, 0);
    http_send(client, &(struct http_request){.url = "http://hanging.example/", .timeout_ms = 60000}, note_end,
              &hanging);
    http_step(client);
    http_client_destroy(&client);
    assert_int_equal(hanging.times, 2);
    assert_in_range(now_ms() - started_ms, 0, 2000);
}

static bool allow_the_first(void *context, const struct sockaddr *address) {
    (void)context;
    return address->sa_family == AF_INET &&
           ((const struct sockaddr_in *)address)->sin_addr.s_addr == htonl(INADDR_LOOPBACK);
}

static void test_one_allowed_address_is_enough(void **state) {
    struct http_client *client = http_client_new(4, allow_the_first, NULL);
    char url[64];
    (void)state;
    snprintf(url, sizeof url, "http://both.example:%u/good", port);
    struct end end = run(client, &(struct http_request){.url = url, .timeout_ms = 5000});
    assert_string_equal(end.error, "");
    assert_int_equal(end.status, 200);
    http_client_destroy(&client);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_name_that_is_not_found_in_time_holds_up_nobody),
        cmocka_unit_test(test_one_allowed_address_is_enough),
        cmocka_unit_test(test_responses),
        cmocka_unit_test(test_request),
        cmocka_unit_test(test_connections_are_kept),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_an_address_that_is_not_allowed_hears_nothing),
        cmocka_unit_test(test_what_is_no_request),
        cmocka_unit_test(test_destroying_ends_what_is_in_flight),
    };
    return cmocka_run_group_tests(tests, start_server, NULL);
}
