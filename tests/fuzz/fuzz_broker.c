/* MDP frames at the broker, from several peers, with time going by. Input: messages, each [sender] [frames, time] then
 * per frame [length] bytes. Nothing leaves: the router knows none of the peers and drops what is sent to them. */
#include <string.h>

#include "fuzz.h"
#include "log.h"
#include "shell.h"
#include "verbs.h"

#define SENDERS 5
#define FRAMES_LIMIT 15

static int on_dispatch(void *context, const struct worker *worker, struct call *const *calls, size_t count,
                       int64_t now_us) {
    struct shell *shell = context;
    return wire_request(&shell->wire, worker->peer, calls, count, now_us);
}

static void on_refuse(void *context, const struct call *call, enum core_refusal refusal) {
    struct shell *shell = context;
    struct refused refused = {call->key.id, shell->refusals.unavailable};
    (void)refusal;
    wire_refuse(&shell->wire, call->key.client, call->service->name, &refused, 1);
}

static void on_release(void *context, struct call *call) {
    struct cargo *cargo = call->cargo;
    (void)context;
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

static void on_worker_changed(void *context, const struct worker *worker, enum worker_state now, const char *why) {
    (void)context, (void)worker, (void)now, (void)why;
}

struct input {
    const uint8_t *at, *end;
};

static unsigned take_byte(struct input *input) {
    return input->at < input->end ? *input->at++ : 0;
}

static void take_frame(struct input *input, zmq_msg_t *ret_frame) {
    size_t length = take_byte(input), left = (size_t)(input->end - input->at);
    length = length < left ? length : left;
    zmq_msg_init_size(ret_frame, length);
    memcpy(zmq_msg_data(ret_frame), input->at, length);
    input->at += length;
}

static void take_message(struct shell *shell, struct input *input) {
    zmq_msg_t frames[FRAMES_LIMIT + 1];
    const char sender = (char)('a' + take_byte(input) % SENDERS);
    unsigned shape = take_byte(input);
    size_t count = 1 + (shape & FRAMES_LIMIT);
    zmq_msg_init_size(&frames[0], 1);
    memcpy(zmq_msg_data(&frames[0]), &sender, 1);
    for (size_t i = 1; i < count; i++)
        take_frame(input, &frames[i]);
    shell->now_us += (int64_t)(shape >> 4) * 400000;
    shell->message = (struct bus_message){.frames = frames, .count = count, .capacity = count};
    verbs_handle(shell);
    for (size_t i = 0; i < count; i++)
        zmq_msg_close(&frames[i]);
    core_tick(shell->core, shell->now_us);
    core_dispatch(shell->core, shell->now_us);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static void *router, *monitor;
    if (!router) {
        log_open("fuzz", LOG_LEVEL_ERROR);
        router = zmq_socket(bus_context(), ZMQ_ROUTER);
        monitor = zmq_socket(bus_context(), ZMQ_PAIR);
    }
    struct shell shell = {.router = router, .monitor = monitor};
    const struct core_output output = {&shell,       on_dispatch,   on_refuse,        on_release,
                                       on_heartbeat, on_disconnect, on_worker_changed};
    const struct core_limits limits = {.queue_calls = 16,
                                       .queue_bytes = 65536,
                                       .services = 8,
                                       .workers = 4,
                                       .liveness_us = 2000000,
                                       .heartbeat_us = 1000000};
#define REFUSAL(code) shell.refusals.code = refusal_find(#code);
    SHELL_REFUSALS(REFUSAL)
#undef REFUSAL
    shell.wire = (struct wire){.router = router, .counters = &shell.counters};
    shell.core = core_new(&limits, &output, service_names, 0);
    struct input input = {data, data + size};
    while (input.at < input.end)
        take_message(&shell, &input);
    core_stop(shell.core);
    core_refuse_all(shell.core);
    core_destroy(&shell.core);
    wire_free(&shell.wire);
    return 0;
}
