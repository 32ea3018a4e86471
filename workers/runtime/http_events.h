/* What libcurl's multi handle waits for, in one epoll descriptor: a turn costs as much as has happened, however many
 * transfers are under way. For http.c only. */
#ifndef TITHI_HTTP_EVENTS_H
#define TITHI_HTTP_EVENTS_H

#include <curl/curl.h>
#include <stdint.h>

struct http_events;

/* Becomes the multi handle's from here on. */
struct http_events *http_events_new(CURLM *multi);
/* After the multi handle's end. */
void http_events_destroy(struct http_events **events);

/* Readable when something may have happened. */
int http_events_fd(const struct http_events *events);
/* Until libcurl's clock is due; `limit_ms` at most. */
int http_events_timeout_ms(const struct http_events *events, int limit_ms);

/* A socket of a connection is new; what was known of one with its number is over. */
void http_events_opened(struct http_events *events, curl_socket_t socket);

/* Has libcurl do what is due, without waiting. */
void http_events_step(struct http_events *events);

#endif
