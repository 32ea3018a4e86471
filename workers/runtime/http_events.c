/* Descriptors and the clock of a multi handle; see http_events.h. A connection that is kept stays in the epoll set
 * between its requests, so that most of them cost no epoll_ctl(2): it leaves with the first event that nobody waits
 * for. Other descriptors of libcurl's (its resolver's) may be closed and come back under the same number without our
 * knowing, so they leave at once. */
#include "http_events.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"

#define EVENTS_AT_ONCE 512 /* the rest has its turn after others have had theirs */

struct watched {
    bool is_connection;
    unsigned char in_set, wanted; /* EPOLLIN, EPOLLOUT */
};

struct http_events {
    CURLM *multi;
    int epoll;
    int64_t due_mono_ms;     /* INT64_MAX: never */
    struct watched *watched; /* by descriptor */
    size_t room;
};

static struct watched *watched_of(struct http_events *events, curl_socket_t socket) {
    size_t number = (size_t)socket;
    if (number >= events->room) {
        size_t room = 2 * number + 64;
        events->watched = realloc(events->watched, room * sizeof *events->watched);
        if (!events->watched)
            abort();
        memset(events->watched + events->room, 0, (room - events->room) * sizeof *events->watched);
        events->room = room;
    }
    return &events->watched[number];
}

/* The kernel forgets descriptors that are closed: what should be in the set may be gone, and the other way round. */
static void control(struct http_events *events, curl_socket_t socket, struct watched *watched, unsigned char wanted) {
    struct epoll_event event = {.events = wanted, .data.fd = socket};
    int failed = 0;
    if (!wanted)
        epoll_ctl(events->epoll, EPOLL_CTL_DEL, socket, NULL);
    else if ((failed = epoll_ctl(events->epoll, EPOLL_CTL_MOD, socket, &event)) && errno == ENOENT)
        failed = epoll_ctl(events->epoll, EPOLL_CTL_ADD, socket, &event);
    if (failed)
        log_error("a socket cannot be waited for: %s", strerror(errno));
    watched->in_set = wanted;
}

static int watch(CURL *easy, curl_socket_t socket, int what, void *argument, void *unused) {
    struct http_events *events = argument;
    struct watched *watched = watched_of(events, socket);
    (void)easy, (void)unused;
    watched->wanted = (unsigned char)((what & CURL_POLL_IN && what != CURL_POLL_REMOVE ? EPOLLIN : 0) |
                                      (what & CURL_POLL_OUT && what != CURL_POLL_REMOVE ? EPOLLOUT : 0));
    if (watched->wanted != watched->in_set && (watched->wanted || !watched->is_connection))
        control(events, socket, watched, watched->wanted);
    return 0;
}

static int set_clock(CURLM *multi, long timeout_ms, void *argument) {
    struct http_events *events = argument;
    (void)multi;
    events->due_mono_ms = timeout_ms < 0 ? INT64_MAX : clock_mono_ms() + timeout_ms;
    return 0;
}

struct http_events *http_events_new(CURLM *multi) {
    struct http_events *events = calloc(1, sizeof *events);
    if (!events || (events->epoll = epoll_create1(EPOLL_CLOEXEC)) < 0)
        abort();
    events->multi = multi;
    events->due_mono_ms = INT64_MAX;
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, watch);
    curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, events);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, set_clock);
    curl_multi_setopt(multi, CURLMOPT_TIMERDATA, events);
    return events;
}

void http_events_destroy(struct http_events **events) {
    close((*events)->epoll);
    free((*events)->watched);
    free(*events);
    *events = NULL;
}

int http_events_fd(const struct http_events *events) {
    return events->epoll;
}

int http_events_timeout_ms(const struct http_events *events, int limit_ms) {
    if (events->due_mono_ms == INT64_MAX)
        return limit_ms;
    int64_t left_ms = events->due_mono_ms - clock_mono_ms();
    return left_ms <= 0 ? 0 : left_ms < limit_ms ? (int)left_ms : limit_ms;
}

void http_events_opened(struct http_events *events, curl_socket_t socket) {
    if (socket != CURL_SOCKET_BAD)
        *watched_of(events, socket) = (struct watched){.is_connection = true};
}

static void act(struct http_events *events, curl_socket_t socket, int what) {
    int running;
    CURLMcode code = curl_multi_socket_action(events->multi, socket, what, &running);
    if (code)
        log_error("the outside fails: %s", curl_multi_strerror(code));
}

static void take(struct http_events *events, const struct epoll_event *event) {
    struct watched *watched = watched_of(events, event->data.fd);
    if (!watched->wanted) {
        control(events, event->data.fd, watched, 0);
        return;
    }
    act(events, event->data.fd,
        (event->events & EPOLLIN ? CURL_CSELECT_IN : 0) | (event->events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
            (event->events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0));
}

void http_events_step(struct http_events *events) {
    struct epoll_event found[EVENTS_AT_ONCE];
    if (events->due_mono_ms <= clock_mono_ms()) {
        events->due_mono_ms = INT64_MAX;
        act(events, CURL_SOCKET_TIMEOUT, 0);
    }
    int count = epoll_wait(events->epoll, found, EVENTS_AT_ONCE, 0);
    for (int i = 0; i < count; i++)
        take(events, &found[i]);
}
