/* libcurl's multi interface behind http.h. One easy handle per request, connections shared by the client. What the
 * resolver found is judged when the socket is opened, which is the last moment before anything is sent. */
#include "http.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "http_private.h"
#include "log.h"

#define CONNECT_MS 10000

struct http_client *http_client_new(unsigned connections, http_allow *allow, void *context) {
    struct http_client *client = calloc(1, sizeof *client);
    if (!client || curl_global_init(CURL_GLOBAL_DEFAULT) || !(client->multi = curl_multi_init()))
        abort();
    client->allow = allow;
    client->context = context;
    curl_multi_setopt(client->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)connections);
    curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, (long)connections);
    return client;
}

static void say_goodbye(struct transfer *transfer) {
    size_t sent;
    if (transfer->goodbye && transfer->socket != CURL_SOCKET_BAD)
        curl_easy_send(transfer->easy, transfer->goodbye, strlen(transfer->goodbye), &sent);
}

static void transfer_destroy(struct transfer **transfer) {
    struct transfer *gone = *transfer;
    say_goodbye(gone);
    *gone->previous = gone->next;
    if (gone->next)
        gone->next->previous = gone->previous;
    gone->client->count--;
    curl_multi_remove_handle(gone->client->multi, gone->easy);
    curl_easy_cleanup(gone->easy);
    curl_slist_free_all(gone->headers);
    buffer_free(&gone->body);
    free(gone->conversation);
    free(gone);
    *transfer = NULL;
}

void transfer_finish(struct transfer *transfer, const struct http_response *response) {
    http_done *done = transfer->done;
    void *context = transfer->context;
    struct buffer body = transfer->body;
    transfer->body = (struct buffer){0};
    transfer_destroy(&transfer);
    if (done)
        done(context, response);
    buffer_free(&body);
}

void transfer_rest(struct transfer *transfer, const struct http_response *response) {
    http_done *done = transfer->done;
    transfer->done = NULL;
    buffer_clear(&transfer->body);
    done(transfer->context, response);
}

void http_client_destroy(struct http_client **client) {
    if (!*client)
        return;
    while ((*client)->first)
        transfer_finish((*client)->first, &(struct http_response){.body = "", .error = "given up: the process ends"});
    curl_multi_cleanup((*client)->multi);
    free(*client);
    *client = NULL;
}

static curl_socket_t open_socket(void *argument, curlsocktype purpose, struct curl_sockaddr *address) {
    struct transfer *transfer = argument;
    struct http_client *client = transfer->client;
    (void)purpose;
    if (client->allow && !client->allow(client->context, &address->addr)) {
        transfer->refused = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static size_t take_body(char *bytes, size_t size, size_t count, void *argument) {
    struct transfer *transfer = argument;
    size_t length = size * count, room = HTTP_BODY_LIMIT - transfer->body.length;
    buffer_append(&transfer->body, bytes, length < room ? length : room);
    transfer->cut = length > room;
    return transfer->cut ? 0 : length; /* 0 ends the transfer: nobody may feed us without end */
}

static struct curl_slist *copy_headers(const char *const *headers) {
    struct curl_slist *list = curl_slist_append(NULL, "Expect:"); /* no 100-continue: it costs a round trip */
    for (size_t i = 0; headers && headers[i]; i++) {
        struct curl_slist *longer = curl_slist_append(list, headers[i]);
        if (!longer)
            abort();
        list = longer;
    }
    return list;
}

static CURLcode set_request(struct transfer *transfer, const struct http_request *request) {
    CURL *easy = transfer->easy;
    CURLcode code = curl_easy_setopt(easy, CURLOPT_URL, request->url);
    transfer->headers = copy_headers(request->headers);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "tithi/" TITHI_VERSION);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    if (request->body) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_length);
        code = code ? code : curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, request->body);
    }
    if (request->method)
        code = code ? code : curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, (long)request->once);
    return code;
}

static void set_manners(struct transfer *transfer) {
    CURL *easy = transfer->easy;
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(easy, CURLOPT_PROXY, ""); /* a proxy would resolve names behind the back of `allow` */
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* a name's resolver that hangs is left alone, not waited for */
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
}

static bool is_url(const char *text) {
    CURLU *url = curl_url();
    bool good = url && curl_url_set(url, CURLUPART_URL, text, CURLU_DISALLOW_USER) == CURLUE_OK;
    curl_url_cleanup(url);
    return good;
}

struct transfer *transfer_new(struct http_client *client, http_done *done, void *context) {
    struct transfer *transfer = calloc(1, sizeof *transfer);
    if (!transfer || !(transfer->easy = curl_easy_init()))
        abort();
    transfer->client = client;
    transfer->done = done;
    transfer->context = context;
    transfer->socket = CURL_SOCKET_BAD;
    transfer->next = client->first;
    transfer->previous = &client->first;
    if (client->first)
        client->first->previous = &transfer->next;
    client->first = transfer;
    client->count++;
    set_manners(transfer);
    return transfer;
}

int transfer_start(struct transfer *transfer, CURLcode code) {
    if (code == CURLE_OK && curl_multi_add_handle(transfer->client->multi, transfer->easy) == CURLM_OK)
        return 0;
    transfer_destroy(&transfer);
    return -1;
}

int http_send(struct http_client *client, const struct http_request *request, http_done *done, void *context) {
    if (!is_url(request->url))
        return -1;
    struct transfer *transfer = transfer_new(client, done, context);
    return transfer_start(transfer, set_request(transfer, request));
}

size_t http_in_flight(const struct http_client *client) {
    size_t count = 0;
    for (const struct transfer *transfer = client->first; transfer; transfer = transfer->next)
        count += transfer->done != NULL;
    return count;
}

static const char *find_header(CURL *easy, const char *name) {
    struct curl_header *header;
    return curl_easy_header(easy, name, 0, CURLH_HEADER, -1, &header) == CURLHE_OK ? header->value : NULL;
}

/* Of "public, max-age=3600, must-revalidate"; -1: there is none. */
static int64_t max_age_s(const char *directives) {
    for (const char *at = directives; *at; at += strspn(at, ", \t")) {
        size_t length = strcspn(at, ", \t");
        if (length == 8 && (!strncasecmp(at, "no-store", 8) || !strncasecmp(at, "no-cache", 8)))
            return 0;
        if (length > 8 && !strncasecmp(at, "max-age=", 8)) {
            int64_t seconds = strtol(at + 8, NULL, 10);
            return seconds < 0 ? 0 : seconds < INT32_MAX ? seconds : INT32_MAX;
        }
        at += length;
    }
    return -1;
}

static int64_t freshness_s(CURL *easy) {
    const char *directives = find_header(easy, "Cache-Control"), *age = find_header(easy, "Age");
    int64_t limit_s = directives ? max_age_s(directives) : -1, age_s = age ? strtol(age, NULL, 10) : 0;
    if (limit_s <= 0 || age_s <= 0)
        return limit_s;
    return age_s < limit_s ? limit_s - age_s : 0;
}

static void complete(struct transfer *transfer, CURLcode code) {
    struct http_response response = {.body = buffer_text(&transfer->body), .body_length = transfer->body.length};
    curl_off_t retry_after_s = 0;
    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &response.status);
    curl_easy_getinfo(transfer->easy, CURLINFO_RETRY_AFTER, &retry_after_s);
    response.retry_after_s = retry_after_s;
    response.fresh_s = freshness_s(transfer->easy);
    if (code != CURLE_OK && !transfer->cut) {
        response.status = 0;
        response.error = transfer->refused ? "the address is not allowed" : curl_easy_strerror(code);
    }
    transfer_finish(transfer, &response);
}

/* One that ends takes itself out of the list. */
static void talk(struct http_client *client) {
    for (struct transfer *transfer = client->first, *next; transfer; transfer = next) {
        next = transfer->next;
        if (transfer->socket != CURL_SOCKET_BAD)
            transfer->talk(transfer);
    }
}

void http_step(struct http_client *client) {
    int running, left;
    curl_multi_perform(client->multi, &running);
    for (CURLMsg *message; (message = curl_multi_info_read(client->multi, &left));) {
        struct transfer *transfer = NULL;
        CURLcode code = message->data.result;
        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
        if (transfer->talk && code == CURLE_OK)
            curl_easy_getinfo(transfer->easy, CURLINFO_ACTIVESOCKET, &transfer->socket);
        else
            complete(transfer, code);
    }
    talk(client);
}

static unsigned add_talking(const struct http_client *client, struct curl_waitfd *ret_others) {
    unsigned count = 0;
    for (const struct transfer *transfer = client->first; transfer; transfer = transfer->next)
        if (transfer->socket != CURL_SOCKET_BAD)
            ret_others[count++] = (struct curl_waitfd){.fd = transfer->socket, .events = transfer->events};
    return count;
}

int http_wait(struct http_client *client, struct pollfd *fds, int count, int timeout_ms) {
    struct curl_waitfd others[(size_t)count + client->count + 1];
    int ready = 0;
    for (int i = 0; i < count; i++) /* libcurl's bits are those of poll(2) */
        others[i] = (struct curl_waitfd){.fd = fds[i].fd, .events = fds[i].events};
    unsigned talking = add_talking(client, others + count);
    CURLMcode code = curl_multi_poll(client->multi, others, (unsigned)count + talking, timeout_ms, &ready);
    if (code)
        log_error("the wait for the outside failed: %s", curl_multi_strerror(code));
    for (int i = 0; i < count; i++)
        fds[i].revents = others[i].revents;
    http_step(client);
    return code ? -1 : ready;
}
