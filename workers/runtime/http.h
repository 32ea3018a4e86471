/* Requests to the outside (webhooks, providers) on libcurl's multi interface: many in flight, none of them blocking the
 * worker. Connections are kept open, redirects are never followed, proxies never used. A service puts http_wait() into
 * its `wait` hook. */
#ifndef TITHI_HTTP_H
#define TITHI_HTTP_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define HTTP_BODY_LIMIT (64 * 1024) /* bytes kept of a response; a longer one is cut off there */

struct http_client;

struct http_request {
    const char *method;         /* NULL: POST where there is a body, else GET */
    const char *url;            /* http or https */
    const char *const *headers; /* "Name: value", NULL-terminated; may be NULL */
    const char *body;           /* NULL: none */
    size_t body_length;
    int64_t timeout_ms; /* for all of it: name, connection, request, response */
    bool once; /* on a connection of its own: where a kept one breaks, libcurl sends a request anew, whatever came of it
                */
};

struct http_response {
    long status;           /* 0: no response came, see `error` */
    int64_t retry_after_s; /* 0: not given; a date is turned into seconds */
    int64_t fresh_s;       /* how long it may be kept, by Cache-Control and Age; -1: it does not say */
    const char *body;      /* NUL-terminated; the first HTTP_BODY_LIMIT bytes */
    size_t body_length;
    const char *error; /* what went wrong, for logs; NULL where a whole response came */
};

/* Runs exactly once per http_send() that returned 0. The response lives until it returns. It may call http_send(). */
typedef void http_done(void *context, const struct http_response *response);

/* May this address be connected to? Asked with each resolved address, so no spelling or rebinding of a name gets around
 * it. */
typedef bool http_allow(void *context, const struct sockaddr *address);

/* `connections`: open at once, the rest waits. The permission belongs to the client and not to a request, because
 * connections are shared between requests. `allow` may be NULL: everything. */
struct http_client *http_client_new(unsigned connections, http_allow *allow, void *context);
/* What is still in flight ends with an error. */
void http_client_destroy(struct http_client **client);

/* Everything is copied. 0; or -1 where the request is none (bad URL): then nothing is called. */
int http_send(struct http_client *client, const struct http_request *request, http_done *done, void *context);
size_t http_in_flight(const struct http_client *client);

/* Waits like poll(2) on these descriptors and on its own, then does what is due: completions are called from here. */
int http_wait(struct http_client *client, struct pollfd *fds, int count, int timeout_ms);
/* The same without waiting. */
void http_step(struct http_client *client);

#endif
