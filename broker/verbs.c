/* The verbs of MDP, a row each; see verbs.h. Every frame comes from outside: each is measured before it is read. */
#include "verbs.h"

#include <stdlib.h>
#include <string.h>

#include "contract.h"
#include "envelope.h"
#include "log.h"
#include "mp.h"

#define MMI_PREFIX "mmi."

/* A message that came: who sent it, and the frames after protocol and command. */
struct incoming {
    struct peer *peer;
    zmq_msg_t *first; /* the first that the peer itself sent: it knows its connection, the routing id's may not */
    zmq_msg_t *frames;
    size_t count;
};

static bool frame_is(zmq_msg_t *frame, const char *text) {
    size_t length = strlen(text);
    return zmq_msg_size(frame) == length && memcmp(zmq_msg_data(frame), text, length) == 0;
}

/* What clients send */

/* Hands the frames to the core as one call. NULL when it is taken, else why not. */
static const struct refusal *submit(struct shell *shell, struct peer *client, struct service *service,
                                    struct core_request *request, zmq_msg_t *frames, size_t count) {
    for (size_t i = 0; i < count; i++)
        request->size += zmq_msg_size(&frames[i]);
    struct cargo *cargo = cargo_new(frames, count);
    request->cargo = cargo;
    enum core_verdict verdict = core_call(shell->core, client, service, request, shell->arrived_us);
    if (verdict == CORE_ACCEPTED)
        return NULL;
    cargo_destroy(&cargo);
    return verdict == CORE_OVERLOADED    ? shell->refusals.overloaded
           : verdict == CORE_UNAVAILABLE ? shell->refusals.unavailable
                                         : NULL;
}

static const struct refusal *submit_pair(struct shell *shell, struct peer *client, struct service *service,
                                         const struct uuid *id, uint32_t ttl_ms, zmq_msg_t *frames) {
    if (!service) {
        shell->counters.unknown_service++;
        return shell->refusals.unavailable;
    }
    struct core_request request = {.id = *id, .ttl_us = (int64_t)(ttl_ms ? ttl_ms : MDP_DEFAULT_TTL_MS) * 1000};
    return submit(shell, client, service, &request, frames, 2);
}

static bool peek(zmq_msg_t *frame, struct uuid *ret_id, uint32_t *ret_ttl_ms) {
    return envelope_peek(zmq_msg_data(frame), zmq_msg_size(frame), ret_id, ret_ttl_ms) == 0;
}

/* (header, payload) pairs. A header that cannot be read loses its call; one without payload, or above the limit of a
 * bundle, has it refused. */
static void handle_bundle(struct shell *shell, struct peer *client, struct service *service, const char *name,
                          zmq_msg_t *frames, size_t count) {
    struct refused refused[BUS_FRAME_COUNT_LIMIT / 2 + 1];
    size_t refused_count = 0;
    for (size_t i = 0; i < count; i += 2) {
        struct uuid id;
        uint32_t ttl_ms;
        if (!peek(&frames[i], &id, &ttl_ms)) {
            shell->counters.malformed++;
            continue;
        }
        const struct refusal *refusal = shell->refusals.bad_request;
        if (i / 2 >= MDP_BUNDLE_LIMIT)
            refusal = shell->refusals.overloaded;
        else if (i + 1 < count)
            refusal = submit_pair(shell, client, service, &id, ttl_ms, &frames[i]);
        if (refusal)
            refused[refused_count++] = (struct refused){id, refusal};
    }
    wire_refuse(&shell->wire, client, name, refused, refused_count);
}

/* A stock body without header, for a service that a stock worker registered. Its id is for this broker's own use. */
static void handle_opaque(struct shell *shell, const struct incoming *in, struct service *service) {
    struct core_request request = {.id = uuid_new(), .ttl_us = (int64_t)MDP_DEFAULT_TTL_MS * 1000, .opaque = true};
    submit(shell, in->peer, service, &request, in->frames + 1, in->count - 1);
}

static void handle_management(struct shell *shell, const struct incoming *in, const char *name) {
    char *text = NULL;
    const char *answer = "501";
    if (strcmp(name, "mmi.service") == 0) {
        zmq_msg_t *about = &in->frames[in->count - 1];
        const struct service *service =
            in->count > 1 ? core_service_find(shell->core, zmq_msg_data(about), zmq_msg_size(about)) : NULL;
        answer = service && service->worker_count ? "200" : "404";
    } else if (strcmp(name, "mmi.stats") == 0) {
        text = statistics_text(shell->core, &shell->counters, shell->now_us - shell->started_us, shell->now_us);
        answer = text ? text : "501";
    }
    wire_text(&shell->wire, in->peer, name, answer);
    free(text);
}

static void on_client_request(struct shell *shell, const struct incoming *in) {
    char name[CORE_SERVICE_NAME_LIMIT + 1] = "";
    size_t length = zmq_msg_size(&in->frames[0]);
    if (!guard_may_call(shell->guard, in->first)) {
        shell->counters.forbidden++;
        return;
    }
    if (!length || length > CORE_SERVICE_NAME_LIMIT) {
        shell->counters.malformed++;
        return;
    }
    memcpy(name, zmq_msg_data(&in->frames[0]), length);
    if (strncmp(name, MMI_PREFIX, strlen(MMI_PREFIX)) == 0) {
        handle_management(shell, in, name);
        return;
    }
    struct service *service = core_service_find(shell->core, name, length);
    struct uuid id;
    uint32_t ttl_ms;
    if (service && !service->permanent && in->count > 1 && ((in->count - 1) % 2 || !peek(&in->frames[1], &id, &ttl_ms)))
        handle_opaque(shell, in, service);
    else
        handle_bundle(shell, in->peer, service, name, in->frames + 1, in->count - 1);
}

/* What workers send */

/* A credit of 1 where READY names none, as in stock MDP; 0 where it names nonsense. */
static unsigned read_credit(const struct incoming *in) {
    if (in->count < 2)
        return 1;
    struct mp_reader reader;
    struct mp_value value;
    mp_reader_init(&reader, zmq_msg_data(&in->frames[1]), zmq_msg_size(&in->frames[1]));
    if (mp_read(&reader, &value) != MP_INTEGER || value.integer < 1)
        return 0;
    return value.integer < CORE_CREDIT_LIMIT ? (unsigned)value.integer : CORE_CREDIT_LIMIT;
}

static void on_worker_ready(struct shell *shell, const struct incoming *in) {
    void *name = zmq_msg_data(&in->frames[0]);
    size_t length = zmq_msg_size(&in->frames[0]);
    if (!guard_may_serve(shell->guard, in->first, name, length)) {
        shell->counters.forbidden++;
        log_warn("a worker's certificate does not allow it to serve %.*s",
                 (int)(length < CORE_SERVICE_NAME_LIMIT ? length : CORE_SERVICE_NAME_LIMIT), (const char *)name);
        return;
    }
    /* Connection numbers are used again: what the monitor has to say about an older one must be heard first. */
    shell_read_monitor(shell);
    if (!core_ready(shell->core, in->peer, name, length, read_credit(in), zmq_msg_get(in->first, ZMQ_SRCFD),
                    shell->now_us))
        shell->counters.malformed++;
}

/* Sends on those pairs that still count. False where a header cannot be read. */
static bool forward_bundle(struct shell *shell, const struct incoming *in, struct peer *client, bool final) {
    zmq_msg_t *kept[BUS_FRAME_COUNT_LIMIT];
    size_t kept_count = 0;
    const struct service *answered = NULL;
    bool readable = in->count % 2 == 0;
    for (size_t i = 2; i + 1 < in->count && readable; i += 2) {
        struct uuid id;
        uint32_t ttl_ms;
        readable = peek(&in->frames[i], &id, &ttl_ms);
        const struct service *service =
            readable ? core_answer(shell->core, in->peer, client, &id, final, shell->now_us) : NULL;
        if (service) {
            answered = service;
            kept[kept_count++] = &in->frames[i];
            kept[kept_count++] = &in->frames[i + 1];
        }
    }
    if (answered)
        wire_answer(&shell->wire, client, final ? MDP_CLIENT_FINAL : MDP_CLIENT_PARTIAL, answered->name, kept,
                    kept_count);
    return readable;
}

/* A stock worker's answer without header, to its oldest opaque call of that client. */
static void forward_opaque(struct shell *shell, const struct incoming *in, struct peer *client, bool final) {
    const struct service *service = core_answer_opaque(shell->core, in->peer, client, final, shell->now_us);
    zmq_msg_t *kept[BUS_FRAME_COUNT_LIMIT];
    for (size_t i = 2; i < in->count; i++)
        kept[i - 2] = &in->frames[i];
    if (service)
        wire_answer(&shell->wire, client, final ? MDP_CLIENT_FINAL : MDP_CLIENT_PARTIAL, service->name, kept,
                    in->count - 2);
}

/* False where the body is none that this worker may send. */
static bool forward_body(struct shell *shell, const struct incoming *in, struct peer *client, bool final) {
    struct uuid id;
    uint32_t ttl_ms;
    if (zmq_msg_size(&in->frames[1]))
        return false;
    if (peek(&in->frames[2], &id, &ttl_ms) || !in->peer->worker || in->peer->worker->service->permanent)
        return forward_bundle(shell, in, client, final);
    forward_opaque(shell, in, client, final);
    return true;
}

static void handle_answer(struct shell *shell, const struct incoming *in, bool final) {
    core_heartbeat(shell->core, in->peer, shell->now_us); /* a stranger is told to register */
    zmq_msg_t *address = &in->frames[0];
    struct peer *client = core_peer_find(shell->core, zmq_msg_data(address), zmq_msg_size(address));
    if (!client) {
        shell->counters.undeliverable++;
        return;
    }
    client->references++;
    if (!forward_body(shell, in, client, final)) {
        shell->counters.malformed++;
        core_reject(shell->core, in->peer);
    }
    core_peer_release(shell->core, client);
}

static void on_worker_partial(struct shell *shell, const struct incoming *in) {
    handle_answer(shell, in, false);
}

static void on_worker_final(struct shell *shell, const struct incoming *in) {
    handle_answer(shell, in, true);
}

static void on_worker_heartbeat(struct shell *shell, const struct incoming *in) {
    core_heartbeat(shell->core, in->peer, shell->now_us);
}

static void on_worker_disconnect(struct shell *shell, const struct incoming *in) {
    core_drain(shell->core, in->peer, shell->now_us);
}

/* One message */

static const struct {
    const char *protocol;
    char command;
    size_t frames; /* at least, after the command */
    void (*handle)(struct shell *shell, const struct incoming *in);
} verbs[] = {
    {MDP_CLIENT, MDP_CLIENT_REQUEST, 1, on_client_request},
    {MDP_WORKER, MDP_WORKER_READY, 1, on_worker_ready},
    {MDP_WORKER, MDP_WORKER_PARTIAL, 3, on_worker_partial},
    {MDP_WORKER, MDP_WORKER_FINAL, 3, on_worker_final},
    {MDP_WORKER, MDP_WORKER_HEARTBEAT, 0, on_worker_heartbeat},
    {MDP_WORKER, MDP_WORKER_DISCONNECT, 0, on_worker_disconnect},
};

void verbs_handle(struct shell *shell) {
    zmq_msg_t *frames = shell->message.frames;
    size_t count = shell->message.count, at = 1;
    if (count < 2) {
        shell->counters.malformed++;
        return;
    }
    struct peer *peer = core_peer(shell->core, zmq_msg_data(&frames[0]), zmq_msg_size(&frames[0]));
    peer->delimited = zmq_msg_size(&frames[1]) == 0;
    at += peer->delimited;
    bool handled = false;
    if (count >= at + 2 && zmq_msg_size(&frames[at + 1]) == 1) {
        struct incoming in = {peer, &frames[1], frames + at + 2, count - at - 2};
        char command = *(char *)zmq_msg_data(&frames[at + 1]);
        for (size_t i = 0; i < sizeof verbs / sizeof *verbs && !handled; i++) {
            handled =
                verbs[i].command == command && in.count >= verbs[i].frames && frame_is(&frames[at], verbs[i].protocol);
            if (handled)
                verbs[i].handle(shell, &in);
        }
    }
    if (!handled) {
        shell->counters.malformed++;
        core_reject(shell->core, peer);
    }
    core_peer_release(shell->core, peer);
}
