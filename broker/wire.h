/* Messages out: what the broker sends to workers and clients, frame by frame (docs/protocol.md). */
#ifndef TITHI_BROKER_WIRE_H
#define TITHI_BROKER_WIRE_H

#include <zmq.h>

#include "buffer.h"
#include "contract.h"
#include "core.h"
#include "statistics.h"

/* The frames of one call, kept until it ends: the call may have to be given to another worker. */
struct cargo {
    size_t count;
    zmq_msg_t frames[];
};

struct wire {
    void *router;
    struct traffic_counters *counters;
    struct buffer header, payload; /* scratch */
};

struct refused {
    struct uuid id;
    const struct refusal *refusal;
};

/* Moves the frames into a new cargo. */
struct cargo *cargo_new(zmq_msg_t *frames, size_t count);
void cargo_destroy(struct cargo **cargo);

/* Calls of one client, as one message, each with the time that is left to it. 0, or -1: the worker cannot be reached.
 */
int wire_request(struct wire *wire, const struct peer *worker, struct call *const *calls, size_t count, int64_t now_us);
/* HEARTBEAT or DISCONNECT. */
void wire_command(struct wire *wire, const struct peer *worker, enum mdp_worker_command command);
/* A worker's frames, which are moved on. */
void wire_answer(struct wire *wire, const struct peer *client, enum mdp_client_command command, const char *service,
                 zmq_msg_t *const *frames, size_t count);
void wire_text(struct wire *wire, const struct peer *client, const char *service, const char *text);
void wire_refuse(struct wire *wire, const struct peer *client, const char *service, const struct refused *refused,
                 size_t count);
void wire_free(struct wire *wire);

#endif
