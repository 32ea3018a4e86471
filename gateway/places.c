/* Streams of free places; see places.h. A newcomer is served by a read that began after it came. What is shown has an id
 * that follows from its text: a read may see a booking before the log tells of it, so no number of the log's would do. */
#include "places.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "calls.h"
#include "clock.h"
#include "gateway.h"
#include "operations.h"
#include "reply.h"
#include "request.h"
#include "socket_messages.h"
#include "stream.h"
#include "subscriber.h"

#define CHANNEL "tithi:places:%" PRId64
#define INTERVAL_MS 100    /* between two reads of one event */
#define AGAIN_MS 2000      /* after a failure, or while Redis tells nothing */
#define CERTAINTY_MS 30000 /* that Redis told everything is believed for so long */

/* A request that waits to become a watcher. */
struct newcomer {
    struct watched_event *event;
    int64_t state; /* that it knows */
};

struct watcher {
    struct watcher *prev, *next;
    struct watched_event *event;
    struct outlet *outlet;
    int64_t state; /* that it has */
};

struct watched_event {
    struct watched_event *prev, *next;
    int64_t id;
    struct subscription subscription;
    struct watcher *watchers;
    struct request *newcomers;
    struct outgoing_call *reading; /* NULL: not just now */
    int64_t read_us;               /* when that began, last */
    int64_t again_ms;              /* not before, after a failure */
    bool due;                      /* it may have changed */
    struct buffer text;            /* as it was read last */
    int64_t state;                 /* the text's id */
};

static struct {
    struct watched_event *events;
    size_t reads; /* under way */
} places;

size_t places_calls(void) {
    return places.reads;
}

static void release(struct watched_event *event) {
    if (event->watchers || event->newcomers)
        return;
    places.reads -= event->reading != NULL;
    call_forget(&event->reading);
    subscription_end(&event->subscription);
    DL_DELETE(places.events, event);
    buffer_free(&event->text);
    free(event);
}

/* --- watchers */

static void on_gone(void *watcher_) {
    struct watcher *watcher = watcher_;
    struct watched_event *event = watcher->event;
    DL_DELETE(event->watchers, watcher);
    free(watcher);
    release(event);
}

static void show(struct watcher *watcher) {
    static const struct text_span type = {"places", 6};
    const struct watched_event *event = watcher->event;
    if (watcher->state == event->state || !outlet_has_room(watcher->outlet))
        return;
    watcher->state = event->state;
    outlet_send(watcher->outlet, event->state, type, (struct text_span){event->text.bytes, event->text.length});
    outlet_flush(watcher->outlet);
}

/* Had it no room, it goes on with what is so by now. */
static void on_room(void *watcher) {
    show(watcher);
}

static const struct outlet_owner owner = {.on_room = on_room, .on_gone = on_gone};

/* The same on all machines (FNV-1a), and a number that JavaScript can hold. */
static int64_t state_of(const char *text) {
    uint64_t hash = 0xcbf29ce484222325;
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3;
    return (int64_t)(hash >> 11);
}

static void show_all(struct watched_event *event, const char *text) {
    struct watcher *watcher;
    event->state = state_of(text);
    buffer_clear(&event->text);
    buffer_append_text(&event->text, text);
    DL_FOREACH(event->watchers, watcher)
    show(watcher);
}

static void end_all(struct watched_event *event) {
    const struct watcher *watcher;
    DL_FOREACH(event->watchers, watcher)
    outlet_end(watcher->outlet, CLOSE_NORMAL, "no such event");
}

/* --- newcomers */

static void leave(struct request *request) {
    struct watched_event *event = ((struct newcomer *)request->place)->event;
    DL_DELETE(event->newcomers, request);
    release(event);
}

static void take_leave(struct watched_event *event, struct request *request) {
    DL_DELETE(event->newcomers, request);
    request->leave = NULL;
}

static void admit(struct watched_event *event, struct request *request) {
    int64_t state = ((struct newcomer *)request->place)->state;
    take_leave(event, request);
    if (request->head) {
        stream_answer_head(request);
        return;
    }
    struct watcher *watcher = calloc(1, sizeof *watcher);
    if (!watcher)
        abort();
    watcher->event = event;
    watcher->state = state;
    DL_APPEND(event->watchers, watcher);
    watcher->outlet = stream_open(request, OUTLET_PLACES, &owner, watcher);
    show(watcher);
}

/* Those that came before the read began. */
static bool was_meant(const struct watched_event *event, const struct request *request) {
    return request->started_us <= event->read_us;
}

static void admit_all(struct watched_event *event) {
    struct request *request, *next;
    DL_FOREACH_SAFE(event->newcomers, request, next)
    if (was_meant(event, request))
        admit(event, request);
}

static void refuse_all(struct watched_event *event, const struct refusal *refusal) {
    struct request *request, *next;
    DL_FOREACH_SAFE(event->newcomers, request, next)
    if (was_meant(event, request)) {
        take_leave(event, request);
        reply_refusal(request, refusal, NULL, 0);
    }
}

/* --- reading */

static void take_reply(struct watched_event *event, const struct read_places_reply *reply) {
    if (reply->version == 0) {
        refuse_all(event, &refusal_event_not_found);
        end_all(event);
        return;
    }
    show_all(event, reply->text);
    admit_all(event);
}

static void end_read(struct watched_event *event) {
    event->reading = NULL;
    places.reads--;
}

static void fail_read(struct watched_event *event) {
    event->due = true;
    event->again_ms = clock_mono_ms() + AGAIN_MS;
    refuse_all(event, &refusal_unavailable);
}

static void on_read(void *event_, const struct answer_header *header, struct text_span payload) {
    struct watched_event *event = event_;
    struct read_places_reply reply = {0};
    pool_reset(gateway.scratch);
    struct problems problems = {.pool = gateway.scratch};
    end_read(event);
    if (header->refusal || codec_decode(operation_read_places.reply, payload.bytes, payload.length, gateway.scratch,
                                        &reply, &problems) != 0)
        fail_read(event);
    else
        take_reply(event, &reply);
    release(event);
}

static bool wants_read(const struct watched_event *event, int64_t now_ms) {
    if (event->reading || now_ms - event->read_us / 1000 < INTERVAL_MS)
        return false;
    return event->newcomers || (event->due && now_ms >= event->again_ms);
}

static void read_on(struct watched_event *event, int64_t now_ms) {
    const struct read_places_request asked = {.event_id = event->id};
    if (!wants_read(event, now_ms))
        return;
    event->due = false;
    event->read_us = clock_mono_us();
    event->reading = call_ask(&operation_read_places, &asked, on_read, event);
    places.reads++;
}

/* `message`: the version, which the reply says too. */
static void on_news(struct subscription *subscription, struct text_span message) {
    (void)message;
    struct watched_event *event = H2O_STRUCT_FROM_MEMBER(struct watched_event, subscription, subscription);
    event->due = true;
    read_on(event, clock_mono_ms());
}

static struct watched_event *event_of(int64_t id) {
    char channel[CHANNEL_SIZE];
    snprintf(channel, sizeof channel, CHANNEL, id);
    struct subscription *known = subscription_find(channel);
    if (known)
        return H2O_STRUCT_FROM_MEMBER(struct watched_event, subscription, known);
    struct watched_event *event = calloc(1, sizeof *event);
    if (!event)
        abort();
    event->id = id;
    event->subscription.news = on_news;
    strcpy(event->subscription.channel, channel);
    DL_APPEND(places.events, event);
    subscription_begin(&event->subscription);
    return event;
}

void places_watch(struct request *request, int64_t event_id, int64_t state) {
    struct watched_event *event = event_of(event_id);
    struct newcomer *newcomer = h2o_mem_alloc_pool(&request->h2o->pool, sizeof *newcomer);
    *newcomer = (struct newcomer){event, state};
    request->place = newcomer;
    request->leave = leave;
    DL_APPEND(event->newcomers, request);
    if (event->subscription.hears || !subscriber_is_up())
        read_on(event, clock_mono_ms()); /* else as soon as it hears: no change in between must be missed */
}

static void poll_event(struct watched_event *event, int64_t now_ms) {
    int64_t since_ms = now_ms - event->read_us / 1000;
    if (event->reading && since_ms > operation_read_places.deadline_ms) {
        call_forget(&event->reading);
        end_read(event);
        fail_read(event);
    }
    event->due |= since_ms >= (event->subscription.hears ? CERTAINTY_MS : AGAIN_MS);
    read_on(event, now_ms);
}

void places_poll(int64_t now_ms) {
    struct watched_event *event, *next;
    DL_FOREACH_SAFE(places.events, event, next) {
        poll_event(event, now_ms);
        release(event);
    }
}
