/* Messages out; see wire.h. The first frame of a message decides: it fails where the peer is gone or does not read, and
 * nothing is sent. After it the rest goes, so nothing but the first is checked. */
#include "wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bus.h"
#include "envelope.h"
#include "mp.h"

struct cargo *cargo_new(zmq_msg_t *frames, size_t count) {
    struct cargo *cargo = malloc(sizeof *cargo + count * sizeof *cargo->frames);
    if (!cargo)
        abort();
    cargo->count = count;
    for (size_t i = 0; i < count; i++) {
        zmq_msg_init(&cargo->frames[i]);
        zmq_msg_move(&cargo->frames[i], &frames[i]);
    }
    return cargo;
}

void cargo_destroy(struct cargo **cargo) {
    for (size_t i = 0; i < (*cargo)->count; i++)
        zmq_msg_close(&(*cargo)->frames[i]);
    free(*cargo);
    *cargo = NULL;
}

static int send_start(struct wire *wire, const struct peer *peer, const char *protocol, char command, bool more) {
    if (bus_send_frame(wire->router, peer->identity, peer->length, true))
        return -1;
    if (peer->delimited)
        bus_send_frame(wire->router, "", 0, true);
    bus_send_frame(wire->router, protocol, MDP_NAME_LENGTH, true);
    return bus_send_frame(wire->router, &command, 1, more);
}

static int send_client_start(struct wire *wire, const struct peer *client, char command, const char *service) {
    if (send_start(wire, client, MDP_CLIENT, command, true)) {
        wire->counters->undeliverable++;
        return -1;
    }
    return bus_send_frame(wire->router, service, strlen(service), true);
}

/* The frame goes; what is left of it is empty. */
static void send_moved(struct wire *wire, zmq_msg_t *frame, bool more) {
    while (zmq_msg_send(frame, wire->router, ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0)) < 0 && errno == EINTR)
        ;
}

static void send_shared(struct wire *wire, zmq_msg_t *frame, bool more) {
    zmq_msg_t shared;
    zmq_msg_init(&shared);
    zmq_msg_copy(&shared, frame);
    send_moved(wire, &shared, more);
    zmq_msg_close(&shared);
}

/* A header of its own for each attempt: the first may still be on its way to a worker that died. */
static void send_header(struct wire *wire, zmq_msg_t *header, int64_t left_us) {
    zmq_msg_t patched;
    size_t size = zmq_msg_size(header);
    zmq_msg_init_size(&patched, size);
    memcpy(zmq_msg_data(&patched), zmq_msg_data(header), size);
    int64_t left_ms = left_us / 1000;
    envelope_patch_ttl(zmq_msg_data(&patched), size, left_ms < 1 ? 1 : (uint32_t)left_ms);
    send_moved(wire, &patched, true);
    zmq_msg_close(&patched);
}

void wire_refuse(struct wire *wire, const struct peer *client, const char *service, const struct refused *refused,
                 size_t count) {
    if (!count || send_client_start(wire, client, MDP_CLIENT_FINAL, service))
        return;
    for (size_t i = 0; i < count; i++) {
        const struct refusal *refusal = refused[i].refusal;
        struct answer_header header = {.id = refused[i].id, .refusal = refusal->code};
        msgpack_packer packer;
        buffer_clear(&wire->header);
        buffer_clear(&wire->payload);
        envelope_pack_answer(&header, &wire->header);
        mp_packer_init(&packer, &wire->payload);
        msgpack_pack_map(&packer, refusal->retry_after_s ? 2 : 1);
        mp_pack_text(&packer, "details");
        msgpack_pack_map(&packer, 0);
        if (refusal->retry_after_s) {
            mp_pack_text(&packer, "retry_after_s");
            msgpack_pack_uint32(&packer, refusal->retry_after_s);
        }
        bus_send_frame(wire->router, wire->header.bytes, wire->header.length, true);
        bus_send_frame(wire->router, wire->payload.bytes, wire->payload.length, i + 1 < count);
    }
}

int wire_request(struct wire *wire, const struct peer *worker, struct call *const *calls, size_t count,
                 int64_t now_us) {
    const struct peer *client = calls[0]->key.client;
    if (send_start(wire, worker, MDP_WORKER, MDP_WORKER_REQUEST, true))
        return -1;
    bus_send_frame(wire->router, client->identity, client->length, true);
    bus_send_frame(wire->router, "", 0, true);
    for (size_t i = 0; i < count; i++) {
        struct cargo *cargo = calls[i]->cargo;
        for (size_t k = 0; k < cargo->count; k++) {
            if (k == 0 && !calls[i]->opaque)
                send_header(wire, &cargo->frames[k], calls[i]->deadline_us - now_us);
            else
                send_shared(wire, &cargo->frames[k], i + 1 < count || k + 1 < cargo->count);
        }
    }
    return 0;
}

void wire_command(struct wire *wire, const struct peer *worker, enum mdp_worker_command command) {
    send_start(wire, worker, MDP_WORKER, (char)command, false);
}

void wire_answer(struct wire *wire, const struct peer *client, enum mdp_client_command command, const char *service,
                 zmq_msg_t *const *frames, size_t count) {
    if (!count || send_client_start(wire, client, (char)command, service))
        return;
    for (size_t i = 0; i < count; i++)
        send_moved(wire, frames[i], i + 1 < count);
}

void wire_text(struct wire *wire, const struct peer *client, const char *service, const char *text) {
    if (send_client_start(wire, client, MDP_CLIENT_FINAL, service) == 0)
        bus_send_frame(wire->router, text, strlen(text), false);
}

void wire_free(struct wire *wire) {
    buffer_free(&wire->header);
    buffer_free(&wire->payload);
}
