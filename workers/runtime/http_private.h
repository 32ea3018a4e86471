/* What http.c and smtp.c share: a transfer is one easy handle on its way through the client's multi handle. For these
 * two only. */
#ifndef TITHI_HTTP_PRIVATE_H
#define TITHI_HTTP_PRIVATE_H

#include <curl/curl.h>

#include "buffer.h"
#include "http.h"

struct http_client {
    CURLM *multi;
    struct transfer *first;
    size_t count;
    http_allow *allow;
    void *context;
};

struct transfer {
    struct http_client *client;
    struct transfer *next, **previous; /* among those of the client */
    CURL *easy;
    struct curl_slist *headers;
    struct buffer body; /* of the response */
    bool refused;       /* the address was not allowed */
    bool cut;           /* the response was longer than HTTP_BODY_LIMIT */
    /* Where libcurl only connects: speaks from then on, called whenever the socket may be ready for `events`, and about
     * once a second. NULL: libcurl does it all. */
    void (*talk)(struct transfer *transfer);
    curl_socket_t socket; /* while it talks; else CURL_SOCKET_BAD */
    short events;
    void *conversation;  /* talk's own: free()d with the transfer */
    const char *goodbye; /* said at the end, and not waited for; NULL: nothing */
    http_done *done;     /* NULL: it rests */
    void *context;
};

/* Not under way yet. Manners that every transfer has are set. */
struct transfer *transfer_new(struct http_client *client, http_done *done, void *context);
/* Gives it to libcurl. 0; or -1, also where `code` is no success: it is gone, `done` was not called. */
int transfer_start(struct transfer *transfer, CURLcode code);
/* Calls `done`, and keeps the connection: it talks on, for nobody, until it gets another `done` or is finished. */
void transfer_rest(struct transfer *transfer, const struct http_response *response);
/* Calls `done`, where there is one; the transfer is gone. */
void transfer_finish(struct transfer *transfer, const struct http_response *response);

#endif
