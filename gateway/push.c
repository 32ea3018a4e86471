/* Live push, from the request to the connection; see push.h. Who may connect is decided here; people are inboxes.c's,
 * events places.c's, and how a connection speaks socket.c's or stream.c's. */
#include "push.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "csrf.h"
#include "gateway.h"
#include "inboxes.h"
#include "local.h"
#include "log.h"
#include "operations.h"
#include "places.h"
#include "presence.h"
#include "redis.h"
#include "reply.h"
#include "request.h"
#include "session_watch.h"
#include "settings.h"
#include "socket.h"
#include "socket_messages.h"
#include "stream.h"
#include "subscriber.h"
#include "tickets.h"

#define TICK_MS 500
#define CONNECTIONS_PER_PERSON 20 /* at one gateway */
#define WATCHERS_PER_ADDRESS 1000 /* of free places, at one gateway; */
#define WATCHERS_SHARE 2          /* and of MAX_CONNECTIONS the half */

void push_start(void) {
    presence_start();
    subscriber_start();
}

void push_flush(void) {
    redis_flush();
    subscriber_flush();
}

void push_poll(void) {
    static int64_t ticked_ms;
    int64_t now_ms = clock_mono_ms();
    subscriber_poll();
    tickets_poll();
    places_poll(now_ms);
    if (now_ms - ticked_ms < TICK_MS)
        return;
    ticked_ms = now_ms;
    outlets_tick(now_ms);
    session_watch_tick(now_ms);
    inboxes_tick(now_ms);
}

void push_drain(void) {
    outlets_end(CLOSE_GOING_AWAY, "going away");
}

size_t push_calls(void) {
    return inbox_calls() + places_calls();
}

void push_answer_ticket(struct request *request) {
    char text[TICKET_SIZE];
    const struct open_ticket_reply reply = {.ticket = ticket_issue(&request->token, text), .expires_in = TICKET_TTL_S};
    local_reply(request, 201, &reply);
}

/* The request by the contract; its texts live in gateway.scratch. False: it was answered with an error of ours. */
static bool decode(struct request *request, void *ret_asked) {
    pool_reset(gateway.scratch);
    struct problems problems = {.pool = gateway.scratch};
    if (codec_decode(request->operation->request, request->message.bytes, request->message.length, gateway.scratch,
                     ret_asked, &problems) == 0)
        return true;
    log_error("what was packed for %s cannot be read", request->operation->name);
    reply_refusal(request, &refusal_internal_error, NULL, 0);
    return false;
}

static bool has_several(const struct request *request, const char *header) {
    const h2o_headers_t *headers = &request->h2o->headers;
    size_t length = strlen(header);
    ssize_t first = h2o_find_header_by_str(headers, header, length, -1);
    return first >= 0 && h2o_find_header_by_str(headers, header, length, first) >= 0;
}

/* Browsers let any page open a WebSocket, and tell whose page it is (RFC 6455 §10.2), once. */
static const struct refusal *origin_refusal(const struct request *request) {
    const struct csrf_evidence evidence = {
        .origin = request_header(request, "origin"),
        .host = {request->h2o->input.authority.base, request->h2o->input.authority.len},
        .https = request->h2o->input.scheme == &H2O_URL_SCHEME_HTTPS,
    };
    bool foreign = !request->origin && csrf_source_of(&evidence) == CSRF_FOREIGN;
    return foreign || has_several(request, "origin") ? &refusal_origin_refused : NULL;
}

static const struct refusal *room_refusal(int64_t user_id) {
    if (gateway.draining)
        return &refusal_unavailable;
    return inbox_connections(user_id) >= CONNECTIONS_PER_PERSON ? &refusal_too_many_connections : NULL;
}

static const struct refusal *ticket_refusal(const char *text, struct ticket *ret_ticket) {
    if (!text || ticket_read(text, ret_ticket) != 0 || ret_ticket->session_expires_s <= clock_wall_ms() / 1000)
        return &refusal_ticket_invalid;
    return room_refusal(ret_ticket->user_id);
}

/* Others of the person may have come meanwhile. */
static bool is_refused(struct request *request, const struct ticket *ticket, const struct refusal *refusal) {
    if (!refusal)
        refusal = room_refusal(ticket->user_id);
    if (refusal)
        reply_refusal(request, refusal, NULL, 0);
    return refusal != NULL;
}

static void open_socket(struct request *request, const struct ticket *ticket, const struct refusal *refusal) {
    struct open_socket_request asked = {0};
    if (is_refused(request, ticket, refusal) || !decode(request, &asked))
        return;
    struct reader *reader = reader_new(ticket);
    reader_begin(reader, socket_open(request, &inbox_owner, reader),
                 asked.has_after == PRESENCE_SET ? asked.after : INBOX_UNKNOWN);
}

void push_answer_socket(struct request *request) {
    struct open_socket_request asked = {0};
    struct ticket ticket;
    if (!decode(request, &asked))
        return;
    const struct refusal *refusal = origin_refusal(request);
    if (!refusal)
        refusal = socket_refusal(request);
    if (!refusal)
        refusal = ticket_refusal(asked.ticket, &ticket);
    if (refusal)
        reply_refusal(request, refusal, NULL, 0);
    else
        ticket_redeem(request, &ticket, open_socket);
}

static void open_stream(struct request *request, const struct ticket *ticket, const struct refusal *refusal) {
    struct open_stream_request asked = {0};
    if (is_refused(request, ticket, refusal) || !decode(request, &asked))
        return;
    struct reader *reader = reader_new(ticket);
    struct outlet *outlet = stream_open(request, OUTLET_STREAM, &inbox_owner, reader);
    if (asked.has_last_event_id == PRESENCE_SET) {
        reader_begin(reader, outlet, asked.last_event_id);
        reader_acknowledge(reader, asked.last_event_id);
    } else {
        reader_begin(reader, outlet, asked.has_after == PRESENCE_SET ? asked.after : INBOX_UNKNOWN);
    }
}

void push_answer_stream(struct request *request) {
    struct open_stream_request asked = {0};
    struct ticket ticket;
    if (!decode(request, &asked))
        return;
    const struct refusal *refusal = origin_refusal(request);
    if (!refusal)
        refusal = ticket_refusal(asked.ticket, &ticket);
    if (refusal)
        reply_refusal(request, refusal, NULL, 0);
    else if (request->head)
        stream_answer_head(request); /* the ticket stays good */
    else
        ticket_redeem(request, &ticket, open_stream);
}

static const struct refusal *places_refusal(const struct request *request) {
    if (gateway.draining)
        return &refusal_unavailable;
    if (outlets_count(OUTLET_PLACES) >= (size_t)settings.max_connections / WATCHERS_SHARE)
        return &refusal_overloaded;
    if (outlets_of(request->limit_scope, OUTLET_PLACES) >= WATCHERS_PER_ADDRESS)
        return &refusal_too_many_connections;
    return NULL;
}

void push_answer_places(struct request *request) {
    struct stream_places_request asked = {0};
    const struct refusal *refusal = places_refusal(request);
    if (refusal) {
        reply_refusal(request, refusal, NULL, 0);
        return;
    }
    if (!decode(request, &asked))
        return;
    places_watch(request, asked.event_id,
                 asked.has_last_event_id == PRESENCE_SET ? asked.last_event_id : PLACES_UNKNOWN);
}

/* One that waits for Redis; it may leave before. */
struct status_question {
    struct request *request;
};

static void leave_question(struct request *request) {
    ((struct status_question *)request->place)->request = NULL;
}

static void on_presence(void *question_, const struct online *presence) {
    struct status_question *question = question_;
    struct request *request = question->request;
    free(question);
    if (!request)
        return;
    char since[CLOCK_TEXT_SIZE];
    struct get_push_status_reply reply = {.connections = (int64_t)presence->connections};
    request->leave = NULL;
    if (presence->known)
        SET(reply, online, presence->connections > 0);
    if (presence->connections)
        SET_TEXT(reply, since, clock_text(presence->since_ms, since));
    local_reply(request, 200, &reply);
}

void push_answer_status(struct request *request) {
    struct status_question *question = malloc(sizeof *question);
    if (!question)
        abort();
    question->request = request;
    request->place = question;
    request->leave = leave_question;
    presence_ask(request->token.user_id, on_presence, question);
}
