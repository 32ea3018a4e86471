/* The limit of what lies between gateway and worker: ROUTER/ROUTER with an echo behind it, over ipc like a default
 * stack, in three processes. Each message carries so many requests, of two frames each as in docs/protocol.md; nobody
 * looks into them. Prints requests per second and the latency of a message as JSON. Usage: zmq_path IN-FLIGHT
 * PER-MESSAGE BYTES SECONDS FOLDER */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#define HEADER_SIZE 64
#define FRAMES_LIMIT 1024
#define SAMPLES_LIMIT 4000000

static char front_address[256], back_address[256];

static int64_t now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void *open_socket(void *context, int type, const char *address, int is_bound) {
    void *socket = zmq_socket(context, type);
    int none = 0;
    zmq_setsockopt(socket, ZMQ_SNDHWM, &none, sizeof none);
    zmq_setsockopt(socket, ZMQ_RCVHWM, &none, sizeof none);
    zmq_setsockopt(socket, ZMQ_LINGER, &none, sizeof none);
    if (is_bound ? zmq_bind(socket, address) : zmq_connect(socket, address)) {
        fprintf(stderr, "%s: %s\n", address, zmq_strerror(zmq_errno()));
        exit(1);
    }
    return socket;
}

/* All frames of a message, or 0: none waits. */
static int receive(void *socket, zmq_msg_t *frames, int flags) {
    int count = 0;
    do {
        zmq_msg_init(&frames[count]);
        if (zmq_msg_recv(&frames[count], socket, count ? 0 : flags) < 0)
            return 0;
    } while (zmq_msg_more(&frames[count++]) && count < FRAMES_LIMIT);
    return count;
}

static void forward(void *socket, zmq_msg_t *frames, int count) {
    for (int i = 0; i < count; i++)
        zmq_msg_send(&frames[i], socket, i + 1 < count ? ZMQ_SNDMORE : 0);
}

/* Behind the ROUTER in front, before the one behind: client's name, then the requests; the worker has its own name
 * before. */
static void run_broker(void) {
    static zmq_msg_t frames[FRAMES_LIMIT];
    void *context = zmq_ctx_new();
    void *front = open_socket(context, ZMQ_ROUTER, front_address, 1),
         *back = open_socket(context, ZMQ_ROUTER, back_address, 1);
    zmq_pollitem_t items[] = {{front, 0, ZMQ_POLLIN, 0}, {back, 0, ZMQ_POLLIN, 0}};
    for (int count;;) {
        zmq_poll(items, 2, -1);
        while ((count = receive(front, frames, ZMQ_DONTWAIT))) {
            zmq_send(back, "worker", 6, ZMQ_SNDMORE);
            forward(back, frames, count);
        }
        while ((count = receive(back, frames, ZMQ_DONTWAIT))) {
            zmq_msg_close(&frames[0]);
            forward(front, frames + 1, count - 1);
        }
    }
}

static void run_worker(void) {
    static zmq_msg_t frames[FRAMES_LIMIT];
    void *socket = zmq_socket(zmq_ctx_new(), ZMQ_DEALER);
    zmq_setsockopt(socket, ZMQ_ROUTING_ID, "worker", 6);
    zmq_connect(socket, back_address);
    for (int count; (count = receive(socket, frames, 0));)
        forward(socket, frames, count);
}

static pid_t start(void (*process)(void)) {
    pid_t pid = fork();
    if (pid)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    process();
    _exit(1);
}

static int compare(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void ask(void *socket, int per_message, const char *body, size_t bytes) {
    char header[HEADER_SIZE] = {0};
    int64_t now = now_us();
    memcpy(header, &now, sizeof now);
    for (int i = 0; i < per_message; i++) {
        zmq_send(socket, header, sizeof header, ZMQ_SNDMORE);
        zmq_send(socket, body, bytes, i + 1 < per_message ? ZMQ_SNDMORE : 0);
    }
}

static void run_client(int in_flight, int per_message, size_t bytes, double seconds) {
    static zmq_msg_t frames[FRAMES_LIMIT];
    static uint32_t latencies[SAMPLES_LIMIT];
    size_t messages = 0;
    char *body = calloc(1, bytes);
    void *socket = open_socket(zmq_ctx_new(), ZMQ_DEALER, front_address, 0);
    usleep(300000); /* until the worker is known */
    int64_t started = now_us(), ends = started + (int64_t)(seconds * 1e6), now = started;
    for (int i = 0; i < in_flight / per_message; i++)
        ask(socket, per_message, body, bytes);
    while (now < ends && messages < SAMPLES_LIMIT) {
        int64_t sent;
        int count = receive(socket, frames, 0);
        now = now_us();
        memcpy(&sent, zmq_msg_data(&frames[0]), sizeof sent);
        for (int i = 0; i < count; i++)
            zmq_msg_close(&frames[i]);
        latencies[messages++] = (uint32_t)(now - sent);
        ask(socket, per_message, body, bytes);
    }
    qsort(latencies, messages, sizeof *latencies, compare);
    printf("{\"rate\": %.1f, \"p50_ms\": %.3f, \"p99_ms\": %.3f}\n",
           (double)messages * per_message * 1e6 / (double)(now - started), latencies[messages / 2] / 1e3,
           latencies[messages * 99 / 100] / 1e3);
}

int main(int argc, char **argv) {
    int in_flight = argc == 6 ? atoi(argv[1]) : 0, per_message = argc == 6 ? atoi(argv[2]) : 0;
    if (in_flight < 1 || per_message < 1 || per_message > in_flight || 2 * per_message + 2 > FRAMES_LIMIT)
        return fprintf(stderr, "usage: zmq_path IN-FLIGHT PER-MESSAGE BYTES SECONDS FOLDER\n"), 64;
    snprintf(front_address, sizeof front_address, "ipc://%s/front.sock", argv[5]);
    snprintf(back_address, sizeof back_address, "ipc://%s/back.sock", argv[5]);
    pid_t broker = start(run_broker), worker = start(run_worker);
    run_client(in_flight, per_message, (size_t)atol(argv[3]), atof(argv[4]));
    kill(broker, SIGKILL);
    kill(worker, SIGKILL);
    while (wait(NULL) > 0)
        ;
    return 0;
}
