/* The broker's decisions in a hostile world: a seeded simulation of clients, workers and a network that delays,
 * reorders and drops, in which workers crash, freeze, drain, register twice and talk nonsense. Time is simulated too,
 * so a step costs microseconds. After every step all of the core's state is checked, and what it says is compared with
 * what the simulation itself knows of every call. SIMULATION_SEED=n runs that seed alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <utlist.h>

#include "core.h"

#define SEEDS 30
#define STEPS 10000 /* per seed */
#define WORKERS 6
#define CLIENTS 4
#define RECORDS 100000
#define PACKETS 4096
#define CREDIT_HIGHEST 12
#define QUEUE_LIMIT 40
#define LIVENESS_US 15000000
#define TICK_US 250000

/* What the simulation knows of one call. */
struct record {
    bool taken, answered, refused, released;
    bool kills; /* any worker that works on it */
    unsigned deaths;
    int64_t deadline_us;
};

struct actor {
    char name[24]; /* a new one for each life */
    int life;
    int connection;
    bool alive, frozen, draining;
    const char *service;
    unsigned credit;
    struct {
        int number;
        char client[24];
    } hands[CREDIT_HIGHEST * 4];
    size_t count;
};

enum packet_kind {
    PACKET_READY,
    PACKET_BEAT,
    PACKET_DRAIN,
    PACKET_NONSENSE,
    PACKET_LOST,
    PACKET_ANSWER,
    PACKET_REQUEST,
    PACKET_DISCONNECT
};

struct packet {
    enum packet_kind kind;
    int64_t at_us;
    int slot, life; /* of the worker that it is from, or to */
    char worker[24], client[24];
    int connection;
    const char *service;
    unsigned credit;
    int numbers[CREDIT_HIGHEST];
    size_t count;
};

static struct {
    uint64_t seed, random;
    int64_t now_us, tick_at_us;
    struct core *core;
    struct record records[RECORDS];
    int record_count;
    struct actor workers[WORKERS];
    char clients[CLIENTS][24];
    int client_life;
    int connections;
    struct packet packets[PACKETS];
    size_t packet_count;
    int answering; /* the call whose final answer is being told to the core */
    bool calm;     /* the end of a run: nothing bad happens any more */
} world;

static const char *const service_list[] = {"booking", "event", NULL};

#define MUST(condition)                                                                                                \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            fail_msg("seed %llu: %s", (unsigned long long)world.seed, #condition);                                     \
    } while (0)

static uint64_t random_number(void) {
    world.random ^= world.random >> 12;
    world.random ^= world.random << 25;
    world.random ^= world.random >> 27;
    return world.random * 0x2545f4914f6cdd1dull;
}

static int below(int limit) {
    return (int)(random_number() % (uint64_t)limit);
}

/* Once in `often` times; never when the world is calm. */
static bool mishap(int often) {
    return !world.calm && below(often) == 0;
}

static struct uuid id_of(int number) {
    struct uuid id = {{0}};
    memcpy(id.bytes, &number, sizeof number);
    return id;
}

static int number_of(const struct call *call) {
    int number;
    memcpy(&number, call->key.id.bytes, sizeof number);
    return number;
}

static struct record *record_of(const struct call *call) {
    return &world.records[number_of(call)];
}

static void copy_name(char to[24], const struct peer *peer) {
    snprintf(to, 24, "%.*s", (int)peer->length, (const char *)peer->identity);
}

static struct actor *actor_named(const char *name) {
    for (int i = 0; i < WORKERS; i++)
        if (strcmp(world.workers[i].name, name) == 0)
            return &world.workers[i];
    return NULL; /* a life that is over */
}

/* The network */

static void send_packet(struct packet packet) {
    if (mishap(50) && packet.kind != PACKET_LOST)
        return; /* dropped */
    MUST(world.packet_count < PACKETS);
    packet.at_us = world.now_us + below(mishap(20) ? 3000000 : 20000);
    world.packets[world.packet_count++] = packet;
}

static void send_from(const struct actor *worker, enum packet_kind kind) {
    struct packet packet = {.kind = kind,
                            .slot = (int)(worker - world.workers),
                            .life = worker->life,
                            .connection = worker->connection,
                            .service = worker->service,
                            .credit = worker->credit};
    memcpy(packet.worker, worker->name, sizeof packet.worker);
    send_packet(packet);
}

/* The shell hears of the end of a connection before it hears of the next one with that number. */
static void drop_losses(int connection) {
    for (size_t i = 0; i < world.packet_count;) {
        if (world.packets[i].kind == PACKET_LOST && world.packets[i].connection == connection)
            world.packets[i] = world.packets[--world.packet_count];
        else
            i++;
    }
}

/* What the core does */

static int on_dispatch(void *context, const struct worker *worker, struct call *const *calls, size_t count,
                       int64_t now_us) {
    struct packet packet = {.kind = PACKET_REQUEST, .count = count};
    (void)context;
    copy_name(packet.worker, worker->peer);
    copy_name(packet.client, calls[0]->key.client);
    struct actor *actor = actor_named(packet.worker);
    MUST(worker->state == WORKER_TAKING);
    MUST(count >= 1 && worker->held + count <= worker->credit);
    MUST(!worker->alone);
    for (size_t i = 0; i < count; i++) {
        const struct record *record = record_of(calls[i]);
        MUST(calls[i]->key.client == calls[0]->key.client);
        MUST(calls[i]->worker == NULL);
        MUST(now_us < calls[i]->deadline_us); /* no call is given when its time is over */
        MUST(record->taken && !record->answered && !record->refused && !record->released);
        MUST(record->deaths < MDP_DEATHS_LIMIT);
        if (record->deaths == MDP_DEATHS_LIMIT - 1)
            MUST(count == 1 && worker->held == 0); /* a suspect goes alone */
        packet.numbers[i] = number_of(calls[i]);
    }
    if (!actor || !actor->alive)
        return below(2) ? -1 : 0; /* its socket may still take it */
    if (mishap(300))
        return -1;
    packet.slot = (int)(actor - world.workers);
    packet.life = actor->life;
    send_packet(packet);
    return 0;
}

static void on_refuse(void *context, const struct call *call, enum core_refusal refusal) {
    struct record *record = record_of(call);
    (void)context;
    MUST(!record->refused && !record->answered);
    MUST(refusal == CORE_REFUSE_POISONED && record->deaths == MDP_DEATHS_LIMIT);
    record->refused = true;
}

static void on_release(void *context, struct call *call) {
    struct record *record = call->cargo;
    (void)context;
    MUST(record == record_of(call));
    MUST(record->taken && !record->released);
    /* Nothing is lost: a call ends answered, refused, or over. */
    MUST(record->answered || record->refused || world.now_us >= record->deadline_us ||
         number_of(call) == world.answering);
    record->released = true;
}

static void on_heartbeat(void *context, const struct peer *worker) {
    (void)context;
    (void)worker;
}

static void on_disconnect(void *context, const struct peer *worker) {
    char name[24];
    (void)context;
    copy_name(name, worker);
    const struct actor *actor = actor_named(name);
    if (actor && actor->alive)
        send_from(actor, PACKET_DISCONNECT);
}

/* Keeps the simulation's own count of who took whom with it. */
static void on_worker_changed(void *context, const struct worker *worker, enum worker_state state, const char *why) {
    const struct call *call;
    (void)context;
    if (state != WORKER_ABSENT || worker->state != WORKER_TAKING || strcmp(why, "registered anew") == 0 ||
        strcmp(why, "the broker ends") == 0)
        return;
    DL_FOREACH(worker->calls, call) {
        if (!call->answered)
            record_of(call)->deaths++;
    }
}

/* Packets that reach the broker */

static void reach_ready(struct packet *packet, struct peer *peer) {
    core_ready(world.core, peer, packet->service, strlen(packet->service), packet->credit, packet->connection,
               world.now_us);
}

static void reach_beat(struct packet *packet, struct peer *peer) {
    (void)packet;
    core_heartbeat(world.core, peer, world.now_us);
}

static void reach_drain(struct packet *packet, struct peer *peer) {
    (void)packet;
    core_drain(world.core, peer, world.now_us);
}

static void reach_nonsense(struct packet *packet, struct peer *peer) {
    (void)packet;
    core_reject(world.core, peer);
}

static void reach_lost(struct packet *packet, struct peer *peer) {
    (void)peer;
    core_connection_lost(world.core, packet->connection);
}

static void reach_answer(struct packet *packet, struct peer *peer) {
    struct peer *client = core_peer(world.core, packet->client, strlen(packet->client));
    for (size_t i = 0; i < packet->count; i++) {
        struct uuid id = id_of(packet->numbers[i]);
        struct record *record = &world.records[packet->numbers[i]];
        bool final = !mishap(20), released = record->released;
        world.answering = final ? packet->numbers[i] : -1;
        bool counts = core_answer(world.core, peer, client, &id, final, world.now_us);
        world.answering = -1;
        if (counts && final) {
            MUST(!record->answered && !record->refused); /* a client hears one final answer */
            record->answered = true;
        }
        MUST(released == record->released || record->answered);
    }
    core_peer_release(world.core, client);
}

/* Packets that reach a worker */

static void reach_request(struct packet *packet, struct actor *worker) {
    for (size_t i = 0; i < packet->count; i++) {
        MUST(worker->count < sizeof worker->hands / sizeof *worker->hands);
        worker->hands[worker->count].number = packet->numbers[i];
        memcpy(worker->hands[worker->count++].client, packet->client, sizeof packet->client);
    }
}

static void reach_disconnect(struct packet *packet, struct actor *worker) {
    (void)packet;
    if (!worker->draining)
        send_from(worker, PACKET_READY);
}

static void deliver(struct packet packet) {
    static const struct {
        void (*broker)(struct packet *packet, struct peer *peer);
        void (*worker)(struct packet *packet, struct actor *worker);
    } ways[] = {
        [PACKET_READY] = {reach_ready, NULL},     [PACKET_BEAT] = {reach_beat, NULL},
        [PACKET_DRAIN] = {reach_drain, NULL},     [PACKET_NONSENSE] = {reach_nonsense, NULL},
        [PACKET_LOST] = {reach_lost, NULL},       [PACKET_ANSWER] = {reach_answer, NULL},
        [PACKET_REQUEST] = {NULL, reach_request}, [PACKET_DISCONNECT] = {NULL, reach_disconnect},
    };
    struct actor *worker = &world.workers[packet.slot];
    if (ways[packet.kind].worker) {
        if (worker->alive && worker->life == packet.life)
            ways[packet.kind].worker(&packet, worker);
        return;
    }
    struct peer *peer = core_peer(world.core, packet.worker, strlen(packet.worker));
    ways[packet.kind].broker(&packet, peer);
    core_peer_release(world.core, peer);
}

/* Whatever is due, in no order. */
static void deliver_due(void) {
    for (size_t i = 0; i < world.packet_count;) {
        size_t chosen = i + (size_t)below((int)(world.packet_count - i));
        struct packet packet = world.packets[chosen];
        if (packet.at_us > world.now_us) {
            world.packets[chosen] = world.packets[i];
            world.packets[i++] = packet;
            continue;
        }
        world.packets[chosen] = world.packets[--world.packet_count];
        deliver(packet);
    }
}

/* Workers */

static void crash(struct actor *worker) {
    worker->alive = false;
    if (!mishap(3)) /* else only its silence tells */
        send_from(worker, PACKET_LOST);
}

static void begin_life(struct actor *worker) {
    bool same_connection = worker->connection && mishap(4);
    worker->life++;
    snprintf(worker->name, sizeof worker->name, "w%d-%d", (int)(worker - world.workers), worker->life);
    if (same_connection)
        drop_losses(worker->connection);
    else
        worker->connection = ++world.connections;
    worker->alive = true;
    worker->frozen = worker->draining = false;
    worker->service = service_list[below(2)];
    worker->credit = (unsigned)(1 + below(CREDIT_HIGHEST));
    worker->count = 0;
    send_from(worker, PACKET_READY);
}

/* Answers some of what it holds, of one client, in one message. */
static void work(struct actor *worker) {
    struct packet packet = {.kind = PACKET_ANSWER, .slot = (int)(worker - world.workers), .life = worker->life};
    memcpy(packet.worker, worker->name, sizeof packet.worker);
    for (size_t i = 0; i < worker->count && packet.count < CREDIT_HIGHEST;) {
        const char *client = worker->hands[i].client;
        if (packet.count && strcmp(packet.client, client) != 0) {
            i++;
            continue;
        }
        if (!world.calm && world.records[worker->hands[i].number].kills) {
            crash(worker);
            return;
        }
        memcpy(packet.client, client, sizeof packet.client);
        packet.numbers[packet.count++] = worker->hands[i].number;
        worker->hands[i] = worker->hands[--worker->count];
    }
    if (packet.count)
        send_packet(packet);
}

static void act(struct actor *worker) {
    if (!worker->alive) {
        if (world.calm || below(30) == 0)
            begin_life(worker);
        return;
    }
    if (worker->frozen) {
        worker->frozen = !world.calm && below(400) != 0;
        return;
    }
    if (mishap(400))
        crash(worker);
    else if (mishap(500))
        worker->frozen = true;
    else if (mishap(600))
        send_from(worker, PACKET_NONSENSE);
    else if (mishap(500))
        send_from(worker, PACKET_READY);
    else if (mishap(500) || (worker->draining && worker->count == 0)) {
        if (worker->draining)
            crash(worker);
        else
            send_from(worker, PACKET_DRAIN);
        worker->draining = true;
    } else if (below(2))
        work(worker);
    else if (below(4) == 0)
        send_from(worker, PACKET_BEAT);
}

/* Clients */

static void new_client(int slot) {
    snprintf(world.clients[slot], sizeof world.clients[slot], "c%d", ++world.client_life);
}

static void send_calls(void) {
    int slot = below(CLIENTS), count = 1 + below(8);
    struct service *service = core_service_find(world.core, service_list[below(2)], 5);
    if (mishap(100))
        new_client(slot); /* the former one is gone; its calls go on */
    if (!service)
        service = core_service_find(world.core, "booking", 7);
    struct peer *client = core_peer(world.core, world.clients[slot], strlen(world.clients[slot]));
    for (int i = 0; i < count && world.record_count < RECORDS; i++) {
        int number = world.record_count++;
        struct record *record = &world.records[number];
        int64_t ttl_us = 1000 * (int64_t)(1 + below(mishap(4) ? 100 : 20000));
        *record = (struct record){.kills = mishap(300), .deadline_us = world.now_us + ttl_us};
        struct core_request request = {.id = id_of(number), .ttl_us = ttl_us, .size = 10, .cargo = record};
        bool room = service->depth < QUEUE_LIMIT;
        enum core_verdict verdict = core_call(world.core, client, service, &request, world.now_us);
        MUST(verdict == (room ? CORE_ACCEPTED : CORE_OVERLOADED));
        record->taken = verdict == CORE_ACCEPTED;
        if (record->taken && mishap(50))
            MUST(core_call(world.core, client, service, &request, world.now_us) == CORE_DUPLICATE);
    }
    core_peer_release(world.core, client);
}

/* What must hold at all times */

static size_t check_waiting(const struct service *service, const struct call *list, bool suspects, size_t *bytes) {
    size_t count = 0;
    const struct call *call;
    DL_FOREACH(list, call) {
        MUST(call->service == service && !call->worker && !call->answered);
        MUST((call->deaths == MDP_DEATHS_LIMIT - 1) == suspects);
        MUST(call->deaths == record_of(call)->deaths);
        *bytes += call->size;
        count++;
    }
    return count;
}

static size_t check_worker(const struct worker *worker) {
    size_t count = 0;
    bool suspect = false;
    const struct call *call;
    DL_FOREACH(worker->calls, call) {
        MUST(call->worker == worker && call->service == worker->service);
        suspect |= call->deaths == MDP_DEATHS_LIMIT - 1;
        count++;
    }
    MUST(worker->held == count && count <= worker->credit);
    MUST(worker->alone == suspect && (!suspect || count == 1));
    MUST(worker->peer->worker == worker && worker->state != WORKER_ABSENT);
    return count;
}

static size_t check_service(const struct service *service) {
    size_t bytes = 0, in_flight = 0, workers = 0;
    size_t waiting = check_waiting(service, service->queue, false, &bytes);
    waiting += check_waiting(service, service->suspects, true, &bytes);
    const struct worker *worker;
    DL_FOREACH(service->workers, worker) {
        in_flight += check_worker(worker);
        workers++;
    }
    MUST(service->depth == waiting && service->bytes == bytes);
    MUST(service->in_flight == in_flight && service->worker_count == workers);
    return waiting + in_flight;
}

static void check_world(void) {
    size_t calls = 0, references = 0, counted = 0;
    for (const struct service *service = world.core->services; service; service = service->hh.next)
        calls += check_service(service);
    MUST(HASH_COUNT(world.core->calls) == calls); /* each call is in one place */
    for (const struct call *call = world.core->calls; call; call = call->hh.next) {
        references++;
        for (size_t i = 0; i < MDP_DEATHS_LIMIT; i++)
            references += call->former[i] != NULL;
    }
    references += world.core->worker_count;
    for (const struct peer *peer = world.core->peers; peer; peer = peer->hh.next)
        counted += peer->references;
    MUST(references == counted); /* nobody is remembered for nothing */
}

/* After a dispatch no call waits while a worker could take it. */
static void check_nobody_idles(void) {
    for (const struct service *service = world.core->services; service; service = service->hh.next) {
        int free_workers = 0;
        const struct worker *worker;
        DL_FOREACH(service->workers, worker) {
            free_workers += worker->state == WORKER_TAKING && !worker->alone && worker->held < worker->credit;
        }
        if (service->queue)
            MUST(free_workers <= (service->suspects ? 1 : 0)); /* one may be kept free for a suspect */
    }
}

static void step(void) {
    world.now_us += below(mishap(500) ? 4000000 : 10000);
    if (!world.calm && below(3) == 0)
        send_calls();
    for (int i = 0; i < WORKERS; i++)
        act(&world.workers[i]);
    deliver_due();
    if (world.now_us >= world.tick_at_us) {
        core_tick(world.core, world.now_us);
        world.tick_at_us = world.now_us + TICK_US;
    }
    check_world();
    if (world.calm || below(4)) {
        core_dispatch(world.core, world.now_us);
        check_nobody_idles();
        check_world();
    }
}

static void add_counters(struct counters *total) {
    for (const struct service *service = world.core->services; service; service = service->hh.next) {
#define COUNTER(name, help) total->name += service->counters.name;
        CORE_COUNTERS(COUNTER)
#undef COUNTER
    }
}

static void run_seed(uint64_t seed, struct counters *total) {
    const struct core_limits limits = {QUEUE_LIMIT, 1000000, 8, 64, LIVENESS_US, 1000000};
    const struct core_output output = {NULL,         on_dispatch,   on_refuse,        on_release,
                                       on_heartbeat, on_disconnect, on_worker_changed};
    memset(&world, 0, sizeof world);
    world.seed = seed;
    world.answering = -1;
    world.random = seed * 0x9e3779b97f4a7c15ull;
    world.core = core_new(&limits, &output, service_list, world.now_us);
    for (int i = 0; i < CLIENTS; i++)
        new_client(i);
    for (int i = 0; i < STEPS; i++)
        step();
    world.calm = true;
    for (int i = 0; i < STEPS && !core_is_idle(world.core); i++)
        step();
    MUST(core_is_idle(world.core)); /* whatever happened, everything ends */
    for (int i = 0; i < world.record_count; i++)
        MUST(world.records[i].released == world.records[i].taken);
    add_counters(total);
    core_destroy(&world.core);
}

static void nothing_is_lost_or_done_twice(void **state) {
    (void)state;
    const char *only = getenv("SIMULATION_SEED");
    struct counters total = {0};
    if (only) {
        run_seed(strtoull(only, NULL, 10), &total);
        return;
    }
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        run_seed(seed, &total);
#define COUNTER(name, help)                                                                                            \
    print_message("%8llu %s\n", (unsigned long long)total.name, help);                                                 \
    assert_true(total.name > 0); /* all of it did happen */
    CORE_COUNTERS(COUNTER)
#undef COUNTER
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_is_lost_or_done_twice)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
