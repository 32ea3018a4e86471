/* Decisions of the broker; see core.h. The duties: lose no call, give none whose time is over, give no worker more
 * than its credit, and let one bad call not spoil its neighbours. */
#include "core.h"

#include <stdlib.h>
#include <string.h>

#include <utlist.h>

const int64_t histogram_bounds_us[HISTOGRAM_BUCKETS - 1] = {HISTOGRAM_BOUNDS};

static void *allocate(size_t size) {
    void *memory = calloc(1, size);
    if (!memory)
        abort();
    return memory;
}

static void histogram_add(struct histogram *histogram, int64_t value_us) {
    size_t bucket = 0;
    while (bucket < HISTOGRAM_BUCKETS - 1 && value_us > histogram_bounds_us[bucket])
        bucket++;
    histogram->buckets[bucket]++;
    histogram->count++;
    histogram->sum_us += value_us;
}

/* Peers */

struct peer *core_peer_find(struct core *core, const void *identity, size_t length) {
    struct peer *peer;
    HASH_FIND(hh, core->peers, identity, length, peer);
    return peer;
}

struct peer *core_peer(struct core *core, const void *identity, size_t length) {
    struct peer *peer = core_peer_find(core, identity, length);
    if (!peer) {
        peer = allocate(sizeof *peer + length);
        peer->length = (uint8_t)length;
        memcpy(peer->identity, identity, length);
        HASH_ADD_KEYPTR(hh, core->peers, peer->identity, length, peer);
    }
    peer->references++;
    return peer;
}

void core_peer_release(struct core *core, struct peer *peer) {
    if (--peer->references)
        return;
    HASH_DEL(core->peers, peer);
    free(peer);
}

/* Services */

struct service *core_service_find(struct core *core, const void *name, size_t length) {
    struct service *service;
    HASH_FIND(hh, core->services, name, length, service);
    return service;
}

static bool is_service_name(const char *name, size_t length) {
    for (size_t i = 0; i < length; i++)
        if (name[i] < '!' || name[i] > '~')
            return false;
    return length >= 1 && length <= CORE_SERVICE_NAME_LIMIT && !(length >= 4 && memcmp(name, "mmi.", 4) == 0);
}

/* Makes room by forgetting a service that nobody serves and nobody waits for. */
static bool forget_unused_service(struct core *core) {
    struct service *service, *next;
    HASH_ITER(hh, core->services, service, next) {
        if (!service->permanent && !service->workers && !service->depth) {
            HASH_DEL(core->services, service);
            free(service);
            return true;
        }
    }
    return false;
}

static struct service *add_service(struct core *core, const char *name, size_t length, bool permanent) {
    if (HASH_COUNT(core->services) >= core->limits.services && !forget_unused_service(core))
        return NULL;
    struct service *service = allocate(sizeof *service);
    memcpy(service->name, name, length);
    service->permanent = permanent;
    HASH_ADD_KEYPTR(hh, core->services, service->name, length, service);
    return service;
}

/* Calls: where they wait */

static bool is_suspect(const struct call *call) {
    return call->deaths == MDP_DEATHS_LIMIT - 1;
}

static struct call **waiting_list(struct call *call) {
    return is_suspect(call) ? &call->service->suspects : &call->service->queue;
}

static void wait_last(struct call *call) {
    DL_APPEND(*waiting_list(call), call);
    call->service->depth++;
    call->service->bytes += call->size;
}

static void wait_first(struct call *call) {
    DL_PREPEND(*waiting_list(call), call);
    call->service->depth++;
    call->service->bytes += call->size;
}

static void wait_no_longer(struct call *call) {
    DL_DELETE(*waiting_list(call), call);
    call->service->depth--;
    call->service->bytes -= call->size;
}

static void take(struct worker *worker, struct call *call, int64_t now_us) {
    DL_APPEND(worker->calls, call);
    call->worker = worker;
    call->dispatched_us = now_us;
    worker->held++;
    worker->service->in_flight++;
    if (is_suspect(call))
        worker->alone = true;
}

static void take_back(struct call *call) {
    struct worker *worker = call->worker;
    DL_DELETE(worker->calls, call);
    call->worker = NULL;
    worker->held--;
    worker->service->in_flight--;
    if (!worker->held)
        worker->alone = false;
}

/* The one end of every call, wherever it is. */
static void end_call(struct core *core, struct call *call) {
    if (call->worker)
        take_back(call);
    else
        wait_no_longer(call);
    HASH_DEL(core->calls, call);
    core->output.release(core->output.context, call);
    for (size_t i = 0; i < MDP_DEATHS_LIMIT && call->former[i]; i++)
        core_peer_release(core, call->former[i]);
    core_peer_release(core, call->key.client);
    free(call);
}

static void refuse(struct core *core, struct call *call, enum core_refusal refusal) {
    core->output.refuse(core->output.context, call, refusal);
    end_call(core, call);
}

static void poison(struct core *core, struct call *call) {
    struct poisoned *kept = &core->poisoned[core->poisoned_count++ % CORE_POISONED_KEPT];
    kept->id = call->key.id;
    memcpy(kept->service, call->service->name, sizeof kept->service);
    call->service->counters.poisoned++;
    refuse(core, call, CORE_REFUSE_POISONED);
}

static bool expire(struct core *core, struct call *call, int64_t now_us) {
    if (now_us < call->deadline_us)
        return false;
    call->service->counters.expired++;
    end_call(core, call);
    return true;
}

static struct call *find_call(struct core *core, struct peer *client, const struct uuid *id) {
    struct call_key key = {client, *id};
    struct call *call;
    HASH_FIND(hh, core->calls, &key, sizeof key, call);
    return call;
}

enum core_verdict core_call(struct core *core, struct peer *client, struct service *service,
                            const struct core_request *request, int64_t now_us) {
    if (core->stopping) {
        service->counters.refused++;
        return CORE_UNAVAILABLE;
    }
    if (find_call(core, client, &request->id)) {
        service->counters.duplicate++;
        return CORE_DUPLICATE;
    }
    if (service->depth >= core->limits.queue_calls || service->bytes + request->size > core->limits.queue_bytes) {
        service->counters.refused++;
        return CORE_OVERLOADED;
    }
    struct call *call = allocate(sizeof *call);
    call->key.client = client;
    call->key.id = request->id;
    call->service = service;
    call->received_us = now_us;
    call->deadline_us = now_us + request->ttl_us;
    call->size = request->size;
    call->opaque = request->opaque;
    call->cargo = request->cargo;
    client->references++;
    HASH_ADD(hh, core->calls, key, sizeof call->key, call);
    wait_last(call);
    service->counters.received++;
    return CORE_ACCEPTED;
}

/* Workers */

static void change_state(struct core *core, struct worker *worker, enum worker_state state, const char *why) {
    core->output.worker_changed(core->output.context, worker, state, why);
    worker->state = state;
}

static void remember_former(struct core *core, struct call *call, struct peer *peer) {
    peer->references++;
    for (size_t i = 0; i < MDP_DEATHS_LIMIT; i++) {
        if (!call->former[i]) {
            call->former[i] = peer;
            return;
        }
    }
    core_peer_release(core, call->former[0]);
    memmove(call->former, call->former + 1, sizeof call->former - sizeof *call->former);
    call->former[MDP_DEATHS_LIMIT - 1] = peer;
}

/* Back to the head of the queue, unless it was answered meanwhile or has taken too many with it. */
static void redeliver(struct core *core, struct call *call, bool died) {
    struct worker *worker = call->worker;
    if (call->answered) {
        end_call(core, call);
        return;
    }
    if (died && ++call->deaths >= MDP_DEATHS_LIMIT) {
        poison(core, call);
        return;
    }
    call->service->counters.redelivered++;
    take_back(call);
    remember_former(core, call, worker->peer);
    wait_first(call);
}

/* The one end of every worker. `died`: what it held may be the cause. */
static void end_worker(struct core *core, struct worker *worker, bool died, const char *why) {
    change_state(core, worker, WORKER_ABSENT, why);
    while (worker->calls)
        redeliver(core, worker->calls->prev, died); /* the last first, so that they keep their order at the head */
    DL_DELETE(worker->service->workers, worker);
    worker->service->worker_count--;
    core->worker_count--;
    worker->peer->worker = NULL;
    core_peer_release(core, worker->peer);
    free(worker);
}

/* One that was draining had said that it goes: that it is gone is held against no call. */
static void lose_worker(struct core *core, struct worker *worker, const char *why) {
    end_worker(core, worker, worker->state == WORKER_TAKING, why);
}

static void end_workers_of(struct core *core, int connection, const char *why) {
    struct service *service, *next;
    struct worker *worker, *later;
    HASH_ITER(hh, core->services, service, next) {
        DL_FOREACH_SAFE(service->workers, worker, later) {
            if (worker->connection == connection)
                lose_worker(core, worker, why);
        }
    }
}

void core_connection_lost(struct core *core, int connection) {
    end_workers_of(core, connection, "its connection ended");
}

bool core_ready(struct core *core, struct peer *peer, const void *name, size_t length, unsigned credit, int connection,
                int64_t now_us) {
    if (peer->worker)
        end_worker(core, peer->worker, false, "registered anew");
    if (connection != CORE_ANY_CONNECTION)
        end_workers_of(core, connection, "its connection belongs to another worker now");
    struct service *service = core_service_find(core, name, length);
    if (!service && is_service_name(name, length))
        service = add_service(core, name, length, false);
    if (!service || !credit || core->worker_count >= core->limits.workers)
        return false;
    struct worker *worker = allocate(sizeof *worker);
    worker->peer = peer;
    worker->service = service;
    worker->connection = connection;
    worker->credit = credit < CORE_CREDIT_LIMIT ? credit : CORE_CREDIT_LIMIT;
    worker->registered_us = worker->heard_us = now_us;
    peer->worker = worker;
    peer->references++;
    DL_APPEND(service->workers, worker);
    service->worker_count++;
    core->worker_count++;
    change_state(core, worker, WORKER_TAKING, "registered");
    return true;
}

static struct worker *heard_from(struct core *core, struct peer *peer, int64_t now_us) {
    if (peer->worker)
        peer->worker->heard_us = now_us;
    else
        core->output.disconnect(core->output.context, peer);
    return peer->worker;
}

void core_heartbeat(struct core *core, struct peer *peer, int64_t now_us) {
    heard_from(core, peer, now_us);
}

void core_drain(struct core *core, struct peer *peer, int64_t now_us) {
    struct worker *worker = peer->worker;
    if (!worker)
        return;
    worker->heard_us = now_us;
    if (worker->state == WORKER_TAKING)
        change_state(core, worker, WORKER_DRAINING, "it takes nothing new");
}

void core_reject(struct core *core, struct peer *peer) {
    if (!peer->worker)
        return;
    core->output.disconnect(core->output.context, peer);
    lose_worker(core, peer->worker, "it broke the protocol");
}

/* Answers */

static bool was_given(const struct call *call, const struct peer *peer) {
    if (call->worker && call->worker->peer == peer)
        return true;
    for (size_t i = 0; i < MDP_DEATHS_LIMIT; i++)
        if (call->former[i] == peer)
            return true;
    return false;
}

static struct service *answer(struct core *core, struct peer *from, struct call *call, bool final, int64_t now_us) {
    struct service *service = call->service;
    bool holder = call->worker && call->worker->peer == from;
    if (call->answered) {
        service->counters.late++;
        if (holder && final)
            end_call(core, call);
        return NULL;
    }
    if (!final)
        return service;
    service->counters.answered++;
    if (call->worker)
        histogram_add(&service->service_time, now_us - call->dispatched_us);
    if (call->worker && !holder)
        call->answered = true; /* keeps its place in the present holder's credit until that one is through */
    else
        end_call(core, call);
    return service;
}

struct service *core_answer(struct core *core, struct peer *from, struct peer *client, const struct uuid *id,
                            bool final, int64_t now_us) {
    struct call *call = find_call(core, client, id);
    if (from->worker)
        from->worker->heard_us = now_us;
    if (call && was_given(call, from))
        return answer(core, from, call, final, now_us);
    if (from->worker)
        from->worker->service->counters.late++;
    return NULL;
}

struct service *core_answer_opaque(struct core *core, struct peer *from, struct peer *client, bool final,
                                   int64_t now_us) {
    struct call *call;
    if (!from->worker)
        return NULL;
    from->worker->heard_us = now_us;
    DL_FOREACH(from->worker->calls, call) {
        if (call->opaque && call->key.client == client)
            return answer(core, from, call, final, now_us);
    }
    from->worker->service->counters.late++;
    return NULL;
}

/* Dispatch */

/* The one with the fewest calls in hand; of equals the one whose turn is longest ago. */
static struct worker *least_loaded(const struct service *service, const struct worker *except) {
    struct worker *best = NULL, *worker;
    DL_FOREACH(service->workers, worker) {
        if (worker == except || worker->state != WORKER_TAKING || worker->alone || worker->held >= worker->credit)
            continue;
        if (!best || worker->held < best->held || (worker->held == best->held && worker->turn < best->turn))
            best = worker;
    }
    return best;
}

/* Calls of one client that stand together at the head of the queue: a bundle. Those whose time is over fall out. */
static size_t next_bundle(struct core *core, struct service *service, size_t limit, struct call **ret_calls,
                          int64_t now_us) {
    size_t count = 0;
    struct call *call, *next;
    DL_FOREACH_SAFE(service->queue, call, next) {
        if (expire(core, call, now_us))
            continue;
        if (count && (call->key.client != ret_calls[0]->key.client || call->opaque))
            break;
        ret_calls[count++] = call;
        if (count == limit || call->opaque)
            break;
    }
    return count;
}

static void give(struct core *core, struct worker *worker, struct call **calls, size_t count, int64_t now_us) {
    if (core->output.dispatch(core->output.context, worker, calls, count, now_us)) {
        lose_worker(core, worker, "it cannot be reached");
        return;
    }
    struct service *service = worker->service;
    worker->turn = ++core->turn;
    service->counters.dispatched += count;
    for (size_t i = 0; i < count; i++) {
        if (!calls[i]->dispatched_us)
            histogram_add(&service->queue_time, now_us - calls[i]->received_us);
        wait_no_longer(calls[i]);
        take(worker, calls[i], now_us);
    }
}

/* Each suspect goes alone to a worker that holds nothing, so that only the guilty one can take a worker with it. While
 * none is idle the least loaded one is kept free of new calls until it is: returns that one, NULL when no suspect
 * waits. */
static struct worker *dispatch_suspects(struct core *core, struct service *service, int64_t now_us) {
    while (service->suspects) {
        struct call *call = service->suspects;
        if (expire(core, call, now_us))
            continue;
        struct worker *worker = least_loaded(service, NULL);
        if (!worker || worker->held)
            return worker;
        give(core, worker, &call, 1, now_us);
    }
    return NULL;
}

static void dispatch_service(struct core *core, struct service *service, int64_t now_us) {
    struct worker *reserved = dispatch_suspects(core, service, now_us), *worker;
    while (service->queue && (worker = least_loaded(service, reserved))) {
        struct call *calls[MDP_BUNDLE_LIMIT];
        size_t room = worker->credit - worker->held;
        size_t count = next_bundle(core, service, room < MDP_BUNDLE_LIMIT ? room : MDP_BUNDLE_LIMIT, calls, now_us);
        if (count)
            give(core, worker, calls, count, now_us);
    }
}

static bool is_served(const struct service *service) {
    const struct worker *worker;
    DL_FOREACH(service->workers, worker) {
        if (worker->state == WORKER_TAKING)
            return true;
    }
    return false;
}

static void refuse_waiting(struct core *core, struct service *service) {
    while (service->suspects)
        refuse(core, service->suspects, CORE_REFUSE_UNAVAILABLE);
    while (service->queue)
        refuse(core, service->queue, CORE_REFUSE_UNAVAILABLE);
}

void core_dispatch(struct core *core, int64_t now_us) {
    struct service *service, *next;
    HASH_ITER(hh, core->services, service, next) {
        if (service->depth && service->workers)
            dispatch_service(core, service, now_us);
        if (core->stopping && !is_served(service))
            refuse_waiting(core, service);
    }
}

/* Time */

static void expire_waiting(struct core *core, struct service *service, int64_t now_us) {
    struct call *call, *next;
    DL_FOREACH_SAFE(service->suspects, call, next)
    expire(core, call, now_us);
    DL_FOREACH_SAFE(service->queue, call, next)
    expire(core, call, now_us);
}

/* A call that its holder neither answers nor dies of gives the credit back at last. */
static void abandon_overdue(struct core *core, struct worker *worker, int64_t now_us) {
    struct call *call, *next;
    DL_FOREACH_SAFE(worker->calls, call, next) {
        if (now_us < call->deadline_us + core->limits.liveness_us)
            continue;
        call->service->counters.abandoned++;
        end_call(core, call);
    }
}

static void check_worker(struct core *core, struct worker *worker, bool heartbeat, int64_t now_us) {
    if (now_us - worker->heard_us > core->limits.liveness_us) {
        core->output.disconnect(core->output.context, worker->peer);
        lose_worker(core, worker, "nothing was heard of it");
        return;
    }
    abandon_overdue(core, worker, now_us);
    if (heartbeat)
        core->output.heartbeat(core->output.context, worker->peer);
}

void core_tick(struct core *core, int64_t now_us) {
    /* Who was itself asleep cannot say who was silent. */
    bool slept = now_us - core->ticked_us > core->limits.liveness_us / 2;
    bool heartbeat = now_us >= core->heartbeat_at_us;
    struct service *service, *next;
    struct worker *worker, *later;
    HASH_ITER(hh, core->services, service, next) {
        DL_FOREACH_SAFE(service->workers, worker, later) {
            if (slept)
                worker->heard_us = now_us;
            check_worker(core, worker, heartbeat, now_us);
        }
        expire_waiting(core, service, now_us);
    }
    if (heartbeat)
        core->heartbeat_at_us = now_us + core->limits.heartbeat_us;
    core->ticked_us = now_us;
}

/* Beginning and end */

void core_stop(struct core *core) {
    core->stopping = true;
}

bool core_is_idle(const struct core *core) {
    return !core->calls;
}

void core_refuse_all(struct core *core) {
    struct call *call, *next;
    HASH_ITER(hh, core->calls, call, next) {
        if (call->answered)
            end_call(core, call);
        else
            refuse(core, call, CORE_REFUSE_UNAVAILABLE);
    }
}

struct core *core_new(const struct core_limits *limits, const struct core_output *output, const char *const *services,
                      int64_t now_us) {
    struct core *core = allocate(sizeof *core);
    core->limits = *limits;
    core->output = *output;
    core->ticked_us = core->heartbeat_at_us = now_us;
    for (; *services; services++)
        add_service(core, *services, strlen(*services), true);
    return core;
}

void core_destroy(struct core **core_pointer) {
    struct core *core = *core_pointer;
    struct call *call, *next_call;
    struct service *service, *next_service;
    HASH_ITER(hh, core->calls, call, next_call)
    end_call(core, call);
    HASH_ITER(hh, core->services, service, next_service) {
        while (service->workers)
            end_worker(core, service->workers, false, "the broker ends");
        HASH_DEL(core->services, service);
        free(service);
    }
    free(core);
    *core_pointer = NULL;
}
