/* The broker's decisions: who gets the next call, when to refuse one, what happens when a worker dies. State and pure
 * functions over it: no sockets, no clock (time comes as an argument, in microseconds of any steady clock), no frames.
 * What must be done about a decision goes out through struct core_output. broker/shell.c is the side that touches the
 * world.
 *
 * A call is in exactly one place: its service's queue, its service's suspects, or the list of the worker that holds it.
 */
#ifndef TITHI_BROKER_CORE_H
#define TITHI_BROKER_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uthash.h>

#include "mdp.h"
#include "uuid.h"

#define CORE_SERVICE_NAME_LIMIT 64
#define CORE_CREDIT_LIMIT 10000u
#define CORE_POISONED_KEPT 16
#define CORE_ANY_CONNECTION (-1) /* a connection that has no number */

/* A client or a worker, by its routing id. Kept while something refers to it. */
struct peer {
    UT_hash_handle hh;
    size_t references;
    struct worker *worker; /* NULL: not registered as one */
    bool delimited;        /* puts an empty frame first, so is answered with one */
    uint8_t length;
    uint8_t identity[];
};

/* Upper bounds of the buckets; one more bucket takes what is above the last. */
#define HISTOGRAM_BOUNDS                                                                                               \
    100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000
#define HISTOGRAM_BUCKETS 17

extern const int64_t histogram_bounds_us[HISTOGRAM_BUCKETS - 1];

struct histogram {
    uint64_t buckets[HISTOGRAM_BUCKETS];
    uint64_t count;
    int64_t sum_us;
};

/* COUNTER(name, what it counts): per service, since the start. */
#define CORE_COUNTERS(COUNTER)                                                                                         \
    COUNTER(received, "calls taken into the queue")                                                                    \
    COUNTER(dispatched, "calls given to workers, repeats included")                                                    \
    COUNTER(answered, "calls answered by workers")                                                                     \
    COUNTER(refused, "calls refused at once: queue full, or stopping")                                                 \
    COUNTER(expired, "calls dropped because their time was over before a worker was free")                             \
    COUNTER(abandoned, "calls that a worker held long past their time without an answer")                              \
    COUNTER(redelivered, "calls taken back from a worker that ended")                                                  \
    COUNTER(poisoned, "calls set aside after they took too many workers with them")                                    \
    COUNTER(late, "answers to calls that were answered, expired or unknown")                                           \
    COUNTER(duplicate, "requests with the id of a call of that client that is still open")

struct counters {
#define COUNTER(name, help) uint64_t name;
    CORE_COUNTERS(COUNTER)
#undef COUNTER
};

struct service {
    UT_hash_handle hh;
    char name[CORE_SERVICE_NAME_LIMIT + 1];
    bool permanent; /* of the contract: known without workers, carries enveloped calls only */

    struct call *queue;    /* first in, first out; calls of ended workers come first */
    struct call *suspects; /* calls with one life left: each goes alone to an idle worker */
    size_t depth;          /* of both */
    size_t bytes;          /* of both */

    struct worker *workers;
    size_t worker_count;
    size_t in_flight;

    struct counters counters;
    struct histogram queue_time;   /* from arrival to the first dispatch */
    struct histogram service_time; /* from dispatch to the answer */
};

enum worker_state { WORKER_ABSENT, WORKER_TAKING, WORKER_DRAINING };

struct worker {
    struct worker *prev, *next; /* in its service */
    struct peer *peer;
    struct service *service;
    enum worker_state state;
    int connection; /* number of its transport connection, or CORE_ANY_CONNECTION */
    unsigned credit;
    unsigned held;      /* calls in its hands; never above credit */
    struct call *calls; /* those, oldest first */
    bool alone;         /* holds a suspect: gets nothing else */
    uint64_t turn;      /* when it was last given something */
    int64_t registered_us, heard_us;
};

struct call_key {
    struct peer *client;
    struct uuid id;
};

struct call {
    UT_hash_handle hh;
    struct call_key key;
    struct call *prev, *next; /* in the queue, the suspects, or the worker's list */
    struct service *service;
    struct worker *worker; /* who holds it; NULL: it waits */
    int64_t received_us, dispatched_us, deadline_us;
    size_t size;
    unsigned deaths;                       /* workers that ended with it in hand */
    struct peer *former[MDP_DEATHS_LIMIT]; /* those that held it and ended: their answers still count */
    bool opaque;                           /* a stock body without header: travels alone, answered in order */
    bool answered;                         /* by a former holder, while the present one still works on it */
    void *cargo;                           /* the caller's */
};

struct core_request {
    struct uuid id;
    int64_t ttl_us;
    size_t size; /* bytes */
    bool opaque;
    void *cargo;
};

enum core_verdict { CORE_ACCEPTED, CORE_OVERLOADED, CORE_UNAVAILABLE, CORE_DUPLICATE };
enum core_refusal { CORE_REFUSE_POISONED, CORE_REFUSE_UNAVAILABLE };

/* What decisions lead to. None of these may call back into the core. */
struct core_output {
    void *context;
    /* Sends `calls`, all of one client, as one message. 0, or -1: the worker cannot be reached. */
    int (*dispatch)(void *context, const struct worker *worker, struct call *const *calls, size_t count,
                    int64_t now_us);
    void (*refuse)(void *context, const struct call *call, enum core_refusal refusal);
    /* The call ends: its cargo is given back. */
    void (*release)(void *context, struct call *call);
    void (*heartbeat)(void *context, const struct peer *worker);
    void (*disconnect)(void *context, const struct peer *worker);
    /* Its state is about to become `now`. */
    void (*worker_changed)(void *context, const struct worker *worker, enum worker_state now, const char *why);
};

struct core_limits {
    size_t queue_calls, queue_bytes; /* per service */
    size_t services, workers;
    int64_t liveness_us, heartbeat_us;
};

struct poisoned {
    struct uuid id;
    char service[CORE_SERVICE_NAME_LIMIT + 1];
};

struct core {
    struct core_limits limits;
    struct core_output output;
    struct service *services;
    struct peer *peers;
    struct call *calls;
    size_t worker_count;
    bool stopping;
    uint64_t turn;
    int64_t ticked_us, heartbeat_at_us;
    struct poisoned
        poisoned[CORE_POISONED_KEPT]; /* a ring: the newest is at (poisoned_count - 1) % CORE_POISONED_KEPT */
    uint64_t poisoned_count;
};

struct core *core_new(const struct core_limits *limits, const struct core_output *output, const char *const *services,
                      int64_t now_us);
void core_destroy(struct core **core);

/* The peer of that routing id (1 to 255 bytes), made where it is new. Give it back with core_peer_release(). */
struct peer *core_peer(struct core *core, const void *identity, size_t length);
struct peer *core_peer_find(struct core *core, const void *identity, size_t length); /* NULL: none; not counted */
void core_peer_release(struct core *core, struct peer *peer);

struct service *core_service_find(struct core *core, const void *name, size_t length); /* NULL: unknown */

/* One call of a client. The cargo is the core's only when CORE_ACCEPTED. */
enum core_verdict core_call(struct core *core, struct peer *client, struct service *service,
                            const struct core_request *request, int64_t now_us);

/* The answer to one call. Returns the service when it is to be sent on to the client, NULL when it counts for nothing.
 * The first answer of anybody who was given the call wins. A partial answer (`final` false) leaves the call open. */
struct service *core_answer(struct core *core, struct peer *from, struct peer *client, const struct uuid *id,
                            bool final, int64_t now_us);
/* The same for the oldest opaque call of that client in `from`'s hands. */
struct service *core_answer_opaque(struct core *core, struct peer *from, struct peer *client, bool final,
                                   int64_t now_us);

/* Registers a worker. False where it cannot be: no service name, no credit, too many. It then hears nothing, because a
 * worker answers DISCONNECT with READY at once; it does hear DISCONNECT when it next sends a heartbeat. */
bool core_ready(struct core *core, struct peer *peer, const void *service, size_t length, unsigned credit,
                int connection, int64_t now_us);
/* Of a worker that is not registered, these are answered with DISCONNECT: it should register. */
void core_heartbeat(struct core *core, struct peer *peer, int64_t now_us);
void core_drain(struct core *core, struct peer *peer, int64_t now_us);
/* It broke the protocol: a registered worker is told DISCONNECT and ended as if it had died. */
void core_reject(struct core *core, struct peer *peer);
/* The transport says that this connection ended. */
void core_connection_lost(struct core *core, int connection);

/* Gives waiting calls to workers. Once per turn, after all that arrived was told. */
void core_dispatch(struct core *core, int64_t now_us);
/* Liveness, heartbeats, calls whose time is over. A few times per second. */
void core_tick(struct core *core, int64_t now_us);

/* From now on new calls are refused; what was taken is finished. */
void core_stop(struct core *core);
bool core_is_idle(const struct core *core);
/* Refuses everything that still waits or runs. */
void core_refuse_all(struct core *core);

#endif
