/* The broker's loop; see shell.h. Each turn: what the monitor says, all messages that wait (up to a bound), then one
 * dispatch, so that calls which came together leave together. Frames: docs/protocol.md. Nothing that a peer sends ends
 * the process. */
#include "shell.h"

#include <czmq.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

#include "clock.h"
#include "contract.h"
#include "log.h"
#include "memory.h"
#include "process.h"
#include "settings.h"
#include "verbs.h"

#define MESSAGES_PER_TURN 256
#define CALLS_PER_TURN 1024 /* more would fill the queues before anybody is given anything */
#define TICK_US 250000
#define FORGET_CERTIFICATES_US 5000000
#define STOP_LIMIT_US 20000000
#define CLOSE_LINGER_MS 1000
#define SERVICE_LIMIT 256
#define WORKER_LIMIT 4096
#define QUEUE_BYTES_LIMIT (256u * 1024 * 1024) /* per service */

/* What the core decides */

static int on_dispatch(void *context, const struct worker *worker, struct call *const *calls, size_t count,
                       int64_t now_us) {
    struct shell *shell = context;
    return wire_request(&shell->wire, worker->peer, calls, count, now_us);
}

static void on_refuse(void *context, const struct call *call, enum core_refusal refusal) {
    struct shell *shell = context;
    bool poisoned = refusal == CORE_REFUSE_POISONED;
    struct refused refused = {call->key.id, poisoned ? shell->refusals.poisoned_call : shell->refusals.unavailable};
    if (poisoned) {
        char id[UUID_TEXT_SIZE];
        log_error("call %s of service %s set aside: it took %d workers with it", uuid_text(&call->key.id, id),
                  call->service->name, MDP_DEATHS_LIMIT);
    }
    if (!call->opaque)
        wire_refuse(&shell->wire, call->key.client, call->service->name, &refused, 1);
}

static void on_release(void *context, struct call *call) {
    (void)context;
    struct cargo *cargo = call->cargo;
    cargo_destroy(&cargo);
}

static void on_heartbeat(void *context, const struct peer *worker) {
    struct shell *shell = context;
    wire_command(&shell->wire, worker, MDP_WORKER_HEARTBEAT);
}

static void on_disconnect(void *context, const struct peer *worker) {
    struct shell *shell = context;
    wire_command(&shell->wire, worker, MDP_WORKER_DISCONNECT);
}

static void on_worker_changed(void *context, const struct worker *worker, enum worker_state state, const char *why) {
    static const char *const states[] = {"ended", "taking calls", "draining"};
    (void)context;
    char id[2 * UINT8_MAX + 1];
    for (size_t i = 0; i < worker->peer->length; i++)
        snprintf(id + 2 * i, 3, "%02x", worker->peer->identity[i]);
    log_info("worker %s of %s is %s: %s (credit %u, in flight %u)", id, worker->service->name, states[state], why,
             worker->credit, worker->held);
}

/* The loop */

/* An event: two frames, the first is its number (16 bits) and value (32 bits). */
void shell_read_monitor(struct shell *shell) {
    for (;;) {
        unsigned char bytes[256];
        uint16_t event;
        int32_t value;
        if (zmq_recv(shell->monitor, bytes, sizeof bytes, ZMQ_DONTWAIT) < (int)(sizeof event + sizeof value))
            return;
        memcpy(&event, bytes, sizeof event);
        memcpy(&value, bytes + sizeof event, sizeof value);
        zmq_recv(shell->monitor, bytes, sizeof bytes, 0);
        if (event == ZMQ_EVENT_DISCONNECTED)
            core_connection_lost(shell->core, value);
        else
            shell->counters.unauthenticated++;
    }
}

static void tick(struct shell *shell) {
    core_tick(shell->core, shell->now_us);
    shell->tick_at_us = shell->now_us + TICK_US;
    memory_tidy(shell->now_us / 1000);
    if (shell->now_us >= shell->forget_at_us) {
        guard_forget(shell->guard);
        shell->forget_at_us = shell->now_us + FORGET_CERTIFICATES_US;
    }
}

static void turn(struct shell *shell) {
    shell->now_us = clock_mono_us();
    int64_t now_ms = shell->now_us / 1000;
    shell->arrived_us = shell->now_us - (now_ms - arrivals_look(&shell->arrivals, now_ms)) * 1000;
    shell_read_monitor(shell);
    size_t enough = HASH_COUNT(shell->core->calls) + CALLS_PER_TURN;
    for (int i = 0; i < MESSAGES_PER_TURN && HASH_COUNT(shell->core->calls) < enough; i++) {
        if (bus_receive(shell->router, &shell->message) != 1)
            break;
        verbs_handle(shell);
    }
    if (shell->now_us >= shell->tick_at_us)
        tick(shell);
    core_dispatch(shell->core, shell->now_us);
}

static void wait_for_news(struct shell *shell) {
    zmq_pollitem_t items[] = {
        {shell->router, 0, ZMQ_POLLIN, 0},
        {shell->monitor, 0, ZMQ_POLLIN, 0},
        {NULL, process_stop_fd(), ZMQ_POLLIN, 0},
    };
    int64_t left_us = shell->tick_at_us - clock_mono_us();
    long timeout_ms = left_us > 0 ? (long)(left_us / 1000 + 1) : 0;
    arrivals_wait(&shell->arrivals, timeout_ms);
    zmq_poll(items, shell->stop_at_us ? 2 : 3, timeout_ms);
}

static void begin_stop(struct shell *shell) {
    log_info("stopping: new calls are refused, %zu open ones are finished", (size_t)HASH_COUNT(shell->core->calls));
    core_stop(shell->core);
    shell->stop_at_us = clock_mono_us() + STOP_LIMIT_US;
}

static void serve(struct shell *shell) {
    for (;;) {
        wait_for_news(shell);
        if (process_stopping() && !shell->stop_at_us)
            begin_stop(shell);
        turn(shell);
        if (shell->stop_at_us && (core_is_idle(shell->core) || shell->now_us >= shell->stop_at_us))
            return;
    }
}

static int open_monitor(struct shell *shell, void *context) {
    static const char address[] = "inproc://broker-monitor";
    if (zmq_socket_monitor(shell->router, address,
                           ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
                               ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL))
        return -1;
    shell->monitor = zmq_socket(context, ZMQ_PAIR);
    return shell->monitor ? zmq_connect(shell->monitor, address) : -1;
}

/* The socket file of ipc is the lock: only this account may open it. */
static int bind_router(struct shell *shell, const char *address) {
    mode_t before = umask(0177);
    int result = zmq_bind(shell->router, address);
    int failure = errno;
    umask(before);
    if (result)
        log_error("cannot listen on %s: %s", address, zmq_strerror(failure));
    return result;
}

/* The folder of an ipc socket, for this account only where it has to be made. */
static void make_socket_folder(const char *address) {
    char folder[4096];
    snprintf(folder, sizeof folder, "%s", address + strlen("ipc://"));
    char *slash = strrchr(folder, '/');
    if (!slash || slash == folder)
        return;
    *slash = '\0';
    mkdir(folder, 0700);
}

static int open_sockets(struct shell *shell, const char *address) {
    bool tcp = strncmp(address, "tcp://", 6) == 0;
    zsys_handler_set(NULL);      /* process.c has the signals */
    void *context = zsys_init(); /* czmq's own context: that is where its ZAP actor answers */
    if (!context || (tcp && !(shell->guard = guard_open(settings.broker_curve_dir))))
        return -1;
    if (!tcp)
        make_socket_folder(address);
    int mandatory = 1;
    shell->router = zmq_socket(context, ZMQ_ROUTER);
    if (!shell->router || bus_set_options(shell->router, true, address))
        return -1;
    zmq_setsockopt(shell->router, ZMQ_ROUTER_MANDATORY, &mandatory, sizeof mandatory);
    return open_monitor(shell, context) || bind_router(shell, address) ? -1 : 0;
}

static void close_socket(void *socket, int linger_ms) {
    if (!socket)
        return;
    zmq_setsockopt(socket, ZMQ_LINGER, &linger_ms, sizeof linger_ms);
    zmq_close(socket);
}

static void close_sockets(struct shell *shell) {
    if (shell->router)
        zmq_socket_monitor(shell->router, NULL, 0);
    close_socket(shell->monitor, 0);
    close_socket(shell->router, CLOSE_LINGER_MS);
    guard_close(&shell->guard);
    bus_message_free(&shell->message);
    wire_free(&shell->wire);
    zsys_shutdown();
}

static bool find_refusals(struct shell *shell) {
#define REFUSAL(code) shell->refusals.code = refusal_find(#code);
    SHELL_REFUSALS(REFUSAL)
#undef REFUSAL
#define REFUSAL(code) &&shell->refusals.code
    return true SHELL_REFUSALS(REFUSAL);
#undef REFUSAL
}

int shell_run(const char *address) {
    struct shell shell = {.started_us = clock_mono_us()};
    shell.arrivals = arrivals_begin(shell.started_us / 1000);
    const struct core_limits limits = {
        .queue_calls = (size_t)settings.broker_queue_limit,
        .queue_bytes = QUEUE_BYTES_LIMIT,
        .services = SERVICE_LIMIT,
        .workers = WORKER_LIMIT,
        .liveness_us = (int64_t)MDP_LIVENESS_MS * 1000,
        .heartbeat_us = (int64_t)MDP_HEARTBEAT_MS * 1000,
    };
    const struct core_output output = {&shell,       on_dispatch,   on_refuse,        on_release,
                                       on_heartbeat, on_disconnect, on_worker_changed};
    int exit_code = EX_CONFIG;
    if (!find_refusals(&shell)) {
        log_error("schemas/errors.yaml lacks a refusal of the broker");
        return EX_SOFTWARE;
    }
    if (open_sockets(&shell, address) == 0) {
        shell.wire = (struct wire){.router = shell.router, .counters = &shell.counters};
        shell.core = core_new(&limits, &output, service_names, shell.started_us);
        log_info("listening on %s", address);
        serve(&shell);
        core_refuse_all(shell.core);
        core_destroy(&shell.core);
        log_info("stopped");
        exit_code = EXIT_SUCCESS;
    }
    close_sockets(&shell);
    return exit_code;
}
