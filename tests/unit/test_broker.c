/* The broker's decisions as transcripts: each case is a script of what happens, with what the broker does about it
 * below each line, after ">". A case fails when the transcript of the run differs from the script. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "buffer.h"
#include "core.h"

#define QUEUE_LIMIT 4
#define WORKER_LIMIT 3
#define SERVICE_LIMIT 2 /* booking, and one that a worker registers */

static const struct {
    const char *promise;
    const char *script;
} cases[] = {
    {"a bundle stays together and goes to a worker in one message", "ready w1 booking 10\n"
                                                                    "call c1 booking 1 1000\n"
                                                                    "call c1 booking 2 1000\n"
                                                                    "call c1 booking 3 1000\n"
                                                                    "dispatch\n"
                                                                    "> give w1 c1: 1 2 3\n"
                                                                    "answer w1 c1 2\n"
                                                                    "> to the client\n"
                                                                    "answer w1 c1 1\n"
                                                                    "> to the client\n"},
    {"a worker never holds more than its credit; what is left waits", "ready w1 booking 2\n"
                                                                      "call c1 booking 1 1000\n"
                                                                      "call c1 booking 2 1000\n"
                                                                      "call c1 booking 3 1000\n"
                                                                      "dispatch\n"
                                                                      "> give w1 c1: 1 2\n"
                                                                      "dispatch\n"
                                                                      "answer w1 c1 1\n"
                                                                      "> to the client\n"
                                                                      "dispatch\n"
                                                                      "> give w1 c1: 3\n"},
    {"calls of different clients travel apart, to the least loaded worker", "ready w1 booking 10\n"
                                                                            "ready w2 booking 10\n"
                                                                            "call c1 booking 1 1000\n"
                                                                            "call c1 booking 2 1000\n"
                                                                            "call c2 booking 3 1000\n"
                                                                            "call c1 booking 4 1000\n"
                                                                            "dispatch\n"
                                                                            "> give w1 c1: 1 2\n"
                                                                            "> give w2 c2: 3\n"
                                                                            "> give w2 c1: 4\n"},
    {"of equally loaded workers the one whose turn is longest ago is next", "ready w1 booking 10\n"
                                                                            "ready w2 booking 10\n"
                                                                            "call c1 booking 1 1000\n"
                                                                            "dispatch\n"
                                                                            "> give w1 c1: 1\n"
                                                                            "answer w1 c1 1\n"
                                                                            "> to the client\n"
                                                                            "call c1 booking 2 1000\n"
                                                                            "dispatch\n"
                                                                            "> give w2 c1: 2\n"},
    {"a call waits for a worker while its time lasts", "call c1 booking 1 1000\n"
                                                       "dispatch\n"
                                                       "at 900\n"
                                                       "ready w1 booking 1\n"
                                                       "dispatch\n"
                                                       "> give w1 c1: 1\n"},
    {"a call whose time is over is dropped, never given", "call c1 booking 1 1000\n"
                                                          "call c1 booking 2 5000\n"
                                                          "at 1000\n"
                                                          "ready w1 booking 10\n"
                                                          "dispatch\n"
                                                          "> give w1 c1: 2\n"
                                                          "count booking expired\n"
                                                          "> 1\n"},
    {"calls whose time is over leave the queue although no worker ever comes", "call c1 booking 1 5000\n"
                                                                               "call c1 booking 2 1000\n"
                                                                               "at 1000\n"
                                                                               "tick\n"
                                                                               "depth booking\n"
                                                                               "> 1\n"},
    {"a full queue refuses at once and takes again when there is room", "call c1 booking 1 1000\n"
                                                                        "call c1 booking 2 1000\n"
                                                                        "call c1 booking 3 1000\n"
                                                                        "call c1 booking 4 1000\n"
                                                                        "call c1 booking 5 1000\n"
                                                                        "> overloaded\n"
                                                                        "ready w1 booking 1\n"
                                                                        "dispatch\n"
                                                                        "> give w1 c1: 1\n"
                                                                        "call c1 booking 5 1000\n"},
    {"an unknown service is unavailable; it is known from a worker's READY on", "call c1 echo 1 1000\n"
                                                                                "> unknown\n"
                                                                                "ready w1 echo 1\n"
                                                                                "call c1 echo 1 1000\n"
                                                                                "dispatch\n"
                                                                                "> give w1 c1: 1\n"},
    {"names of services are short and printable, their number is bounded, an unused one makes room",
     "ready w1 mmi.service 1\n"
     "> not welcome\n"
     "ready w1 \x01 1\n"
     "> not welcome\n"
     "ready w1 0123456789012345678901234567890123456789012345678901234567890123X 1\n"
     "> not welcome\n"
     "ready w1 echo 0\n"
     "> not welcome\n"
     "ready w1 echo 1\n"
     "ready w2 other 1\n"
     "> not welcome\n"
     "lost w1\n"
     "> w1 ended: its connection ended\n"
     "ready w2 other 1\n"},
    {"the number of workers is bounded", "ready w1 booking 1\n"
                                         "ready w2 booking 1\n"
                                         "ready w3 booking 1\n"
                                         "ready w4 booking 1\n"
                                         "> not welcome\n"},
    {"the calls of a worker that died go first, in their order", "ready w1 booking 2\n"
                                                                 "call c1 booking 1 9000\n"
                                                                 "call c1 booking 2 9000\n"
                                                                 "call c1 booking 3 9000\n"
                                                                 "dispatch\n"
                                                                 "> give w1 c1: 1 2\n"
                                                                 "lost w1\n"
                                                                 "> w1 ended: its connection ended\n"
                                                                 "ready w2 booking 9\n"
                                                                 "dispatch\n"
                                                                 "> give w2 c1: 1 2 3\n"},
    {"the same for a worker that is not heard of for too long", "ready w1 booking 2\n"
                                                                "call c1 booking 1 90000\n"
                                                                "dispatch\n"
                                                                "> give w1 c1: 1\n"
                                                                "at 5000\n"
                                                                "tick\n"
                                                                "> heartbeat w1\n"
                                                                "at 10000\n"
                                                                "tick\n"
                                                                "> heartbeat w1\n"
                                                                "at 15000\n"
                                                                "tick\n"
                                                                "> heartbeat w1\n"
                                                                "at 15001\n"
                                                                "tick\n"
                                                                "> disconnect w1\n"
                                                                "> w1 ended: nothing was heard of it\n"
                                                                "ready w2 booking 2\n"
                                                                "dispatch\n"
                                                                "> give w2 c1: 1\n"},
    {"a broker that slept itself ends no worker for having been silent", "ready w1 booking 2\n"
                                                                         "at 60000\n"
                                                                         "tick\n"
                                                                         "> heartbeat w1\n"},
    {"an innocent call is not poisoned by its neighbours: on its last life each goes alone to an idle worker",
     "ready w1 booking 9\n"
     "call c1 booking 1 9000\n"
     "call c1 booking 2 9000\n"
     "dispatch\n"
     "> give w1 c1: 1 2\n"
     "lost w1\n"
     "> w1 ended: its connection ended\n"
     "ready w2 booking 9\n"
     "dispatch\n"
     "> give w2 c1: 1 2\n"
     "lost w2\n"
     "> w2 ended: its connection ended\n"
     "ready w3 booking 9\n"
     "call c1 booking 3 9000\n"
     "dispatch\n"
     "> give w3 c1: 1\n"
     "lost w3\n"
     "> w3 ended: its connection ended\n"
     "> refuse c1 1: poisoned\n"
     "ready w4 booking 9\n"
     "dispatch\n"
     "> give w4 c1: 2\n"
     "dispatch\n"
     "answer w4 c1 2\n"
     "> to the client\n"
     "dispatch\n"
     "> give w4 c1: 3\n"
     "count booking poisoned\n"
     "> 1\n"},
    {"while a suspect waits, the least loaded worker is kept free for it and the others go on",
     "ready w1 booking 1\n"
     "call c1 booking 1 9000\n"
     "dispatch\n"
     "> give w1 c1: 1\n"
     "lost w1\n"
     "> w1 ended: its connection ended\n"
     "ready w1 booking 1\n"
     "dispatch\n"
     "> give w1 c1: 1\n"
     "call c2 booking 2 9000\n"
     "call c2 booking 3 9000\n"
     "ready w2 booking 9\n"
     "ready w3 booking 9\n"
     "dispatch\n"
     "> give w2 c2: 2 3\n"
     "call c2 booking 4 9000\n"
     "dispatch\n"
     "> give w3 c2: 4\n"
     "lost w1\n"
     "> w1 ended: its connection ended\n"
     "call c2 booking 5 9000\n"
     "dispatch\n"
     "> give w2 c2: 5\n"
     "answer w3 c2 4\n"
     "> to the client\n"
     "dispatch\n"
     "> give w3 c1: 1\n"},
    {"a draining worker gets nothing new and finishes what it has", "ready w1 booking 9\n"
                                                                    "call c1 booking 1 9000\n"
                                                                    "dispatch\n"
                                                                    "> give w1 c1: 1\n"
                                                                    "drain w1\n"
                                                                    "> w1 draining: it takes nothing new\n"
                                                                    "call c1 booking 2 9000\n"
                                                                    "dispatch\n"
                                                                    "answer w1 c1 1\n"
                                                                    "> to the client\n"
                                                                    "ready w2 booking 9\n"
                                                                    "dispatch\n"
                                                                    "> give w2 c1: 2\n"},
    {"a draining worker that goes with calls in hand is held against none of them",
     "ready w1 booking 9\n"
     "call c1 booking 1 9000\n"
     "dispatch\n"
     "> give w1 c1: 1\n"
     "drain w1\n"
     "> w1 draining: it takes nothing new\n"
     "lost w1\n"
     "> w1 ended: its connection ended\n"
     "deaths c1 1\n"
     "> 0\n"},
    {"the first answer of anybody who was given the call wins; the present holder keeps its credit busy until it is "
     "through",
     "ready w1 booking 1\n"
     "call c1 booking 1 9000\n"
     "call c1 booking 2 9000\n"
     "dispatch\n"
     "> give w1 c1: 1\n"
     "lost w1\n"
     "> w1 ended: its connection ended\n"
     "ready w2 booking 1\n"
     "dispatch\n"
     "> give w2 c1: 1\n"
     "answer w1 c1 1\n"
     "> to the client\n"
     "dispatch\n"
     "answer w2 c1 1\n"
     "> nowhere\n"
     "dispatch\n"
     "> give w2 c1: 2\n"
     "count booking late\n"
     "> 1\n"},
    {"a late answer ends the wait of a call that is back in the queue", "ready w1 booking 1\n"
                                                                        "call c1 booking 1 9000\n"
                                                                        "dispatch\n"
                                                                        "> give w1 c1: 1\n"
                                                                        "lost w1\n"
                                                                        "> w1 ended: its connection ended\n"
                                                                        "answer w1 c1 1\n"
                                                                        "> to the client\n"
                                                                        "ready w2 booking 1\n"
                                                                        "dispatch\n"},
    {"nobody answers a call that it was not given", "ready w1 booking 1\n"
                                                    "ready w2 booking 1\n"
                                                    "call c1 booking 1 9000\n"
                                                    "dispatch\n"
                                                    "> give w1 c1: 1\n"
                                                    "answer w2 c1 1\n"
                                                    "> nowhere\n"
                                                    "answer w1 c2 1\n"
                                                    "> nowhere\n"
                                                    "answer w1 c1 1\n"
                                                    "> to the client\n"
                                                    "answer w1 c1 1\n"
                                                    "> nowhere\n"},
    {"a partial answer leaves the call open", "ready w1 booking 1\n"
                                              "call c1 booking 1 9000\n"
                                              "dispatch\n"
                                              "> give w1 c1: 1\n"
                                              "partial w1 c1 1\n"
                                              "> to the client\n"
                                              "answer w1 c1 1\n"
                                              "> to the client\n"},
    {"an id that is still open at the same client is not taken twice; another client may use it",
     "call c1 booking 1 9000\n"
     "call c1 booking 1 9000\n"
     "> duplicate\n"
     "call c2 booking 1 9000\n"},
    {"a call that is neither answered nor lost gives its credit back at last", "ready w1 booking 1\n"
                                                                               "call c1 booking 1 1000\n"
                                                                               "dispatch\n"
                                                                               "> give w1 c1: 1\n"
                                                                               "at 7000\n"
                                                                               "beat w1\n"
                                                                               "tick\n"
                                                                               "> heartbeat w1\n"
                                                                               "at 14000\n"
                                                                               "beat w1\n"
                                                                               "tick\n"
                                                                               "> heartbeat w1\n"
                                                                               "at 16000\n"
                                                                               "tick\n"
                                                                               "> heartbeat w1\n"
                                                                               "call c1 booking 2 1000\n"
                                                                               "dispatch\n"
                                                                               "> give w1 c1: 2\n"
                                                                               "count booking abandoned\n"
                                                                               "> 1\n"},
    {"whoever is not registered is told to register", "beat w1\n"
                                                      "> disconnect w1\n"
                                                      "ready w1 booking 1\n"
                                                      "beat w1\n"},
    {"a worker that breaks the protocol is ended; its calls go on", "ready w1 booking 1\n"
                                                                    "call c1 booking 1 9000\n"
                                                                    "dispatch\n"
                                                                    "> give w1 c1: 1\n"
                                                                    "reject w1\n"
                                                                    "> disconnect w1\n"
                                                                    "> w1 ended: it broke the protocol\n"
                                                                    "reject w1\n"
                                                                    "ready w2 booking 1\n"
                                                                    "dispatch\n"
                                                                    "> give w2 c1: 1\n"},
    {"a second READY starts anew, without blame", "ready w1 booking 1\n"
                                                  "call c1 booking 1 9000\n"
                                                  "dispatch\n"
                                                  "> give w1 c1: 1\n"
                                                  "ready w1 booking 4\n"
                                                  "> w1 ended: registered anew\n"
                                                  "deaths c1 1\n"
                                                  "> 0\n"
                                                  "dispatch\n"
                                                  "> give w1 c1: 1\n"},
    {"a READY by a connection that another worker was known by ends that one",
     "ready w1 booking 1 7\n"
     "ready w2 booking 1 7\n"
     "> w1 ended: its connection belongs to another worker now\n"
     "lost 7\n"
     "> w2 ended: its connection ended\n"},
    {"a worker that cannot be reached loses nothing", "ready w1 booking 9\n"
                                                      "unreachable w1\n"
                                                      "call c1 booking 1 9000\n"
                                                      "call c1 booking 2 9000\n"
                                                      "dispatch\n"
                                                      "> w1 ended: it cannot be reached\n"
                                                      "deaths c1 1\n"
                                                      "> 0\n"
                                                      "ready w2 booking 9\n"
                                                      "dispatch\n"
                                                      "> give w2 c1: 1 2\n"},
    {"opaque calls travel one by one and are answered in their order", "ready w1 echo 2\n"
                                                                       "opaque c1 echo 1\n"
                                                                       "opaque c1 echo 2\n"
                                                                       "opaque c2 echo 3\n"
                                                                       "dispatch\n"
                                                                       "> give w1 c1: 1\n"
                                                                       "> give w1 c1: 2\n"
                                                                       "reply w1 c2\n"
                                                                       "> nowhere\n"
                                                                       "reply w1 c1\n"
                                                                       "> to the client\n"
                                                                       "dispatch\n"
                                                                       "> give w1 c2: 3\n"
                                                                       "reply w1 c1\n"
                                                                       "> to the client\n"
                                                                       "reply w1 c2\n"
                                                                       "> to the client\n"
                                                                       "reply w1 c2\n"
                                                                       "> nowhere\n"},
    {"a broker that is stopped refuses new calls and finishes what it took", "ready w1 booking 1\n"
                                                                             "call c1 booking 1 9000\n"
                                                                             "call c1 booking 2 9000\n"
                                                                             "dispatch\n"
                                                                             "> give w1 c1: 1\n"
                                                                             "stop\n"
                                                                             "call c1 booking 3 9000\n"
                                                                             "> unavailable\n"
                                                                             "answer w1 c1 1\n"
                                                                             "> to the client\n"
                                                                             "idle\n"
                                                                             "> no\n"
                                                                             "dispatch\n"
                                                                             "> give w1 c1: 2\n"
                                                                             "answer w1 c1 2\n"
                                                                             "> to the client\n"
                                                                             "idle\n"
                                                                             "> yes\n"},
    {"a stopped broker refuses what nobody will serve", "call c1 booking 1 9000\n"
                                                        "stop\n"
                                                        "dispatch\n"
                                                        "> refuse c1 1: unavailable\n"
                                                        "idle\n"
                                                        "> yes\n"},
    {"at the end everything that is open is refused", "ready w1 booking 1\n"
                                                      "call c1 booking 1 9000\n"
                                                      "call c1 booking 2 9000\n"
                                                      "dispatch\n"
                                                      "> give w1 c1: 1\n"
                                                      "refuse all\n"
                                                      "> refuse c1 1: unavailable\n"
                                                      "> refuse c1 2: unavailable\n"
                                                      "idle\n"
                                                      "> yes\n"},
};

struct stage {
    struct core *core;
    struct buffer transcript;
    int64_t now_us;
    char unreachable[8];
    int open; /* cargoes that the core has */
};

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

#define NAME(peer) (int)(peer)->length, (const char *)(peer)->identity

static int on_dispatch(void *context, const struct worker *worker, struct call *const *calls, size_t count,
                       int64_t now_us) {
    struct stage *stage = context;
    const struct peer *client = calls[0]->key.client;
    if (worker->peer->length == strlen(stage->unreachable) &&
        memcmp(worker->peer->identity, stage->unreachable, worker->peer->length) == 0)
        return -1;
    buffer_printf(&stage->transcript, "> give %.*s %.*s:", NAME(worker->peer), NAME(client));
    for (size_t i = 0; i < count; i++) {
        assert_ptr_equal(calls[i]->key.client, client);
        assert_true(now_us < calls[i]->deadline_us);
        buffer_printf(&stage->transcript, " %d", number_of(calls[i]));
    }
    buffer_append_text(&stage->transcript, "\n");
    return 0;
}

static void on_refuse(void *context, const struct call *call, enum core_refusal refusal) {
    struct stage *stage = context;
    buffer_printf(&stage->transcript, "> refuse %.*s %d: %s\n", NAME(call->key.client), number_of(call),
                  refusal == CORE_REFUSE_POISONED ? "poisoned" : "unavailable");
}

static void on_release(void *context, struct call *call) {
    struct stage *stage = context;
    free(call->cargo);
    stage->open--;
}

static void on_heartbeat(void *context, const struct peer *worker) {
    struct stage *stage = context;
    buffer_printf(&stage->transcript, "> heartbeat %.*s\n", NAME(worker));
}

static void on_disconnect(void *context, const struct peer *worker) {
    struct stage *stage = context;
    buffer_printf(&stage->transcript, "> disconnect %.*s\n", NAME(worker));
}

static void on_worker_changed(void *context, const struct worker *worker, enum worker_state state, const char *why) {
    struct stage *stage = context;
    if (state != WORKER_TAKING)
        buffer_printf(&stage->transcript, "> %.*s %s: %s\n", NAME(worker->peer),
                      state == WORKER_ABSENT ? "ended" : "draining", why);
}

/* One line of a script, in words: words[0] is what happens. */
struct line {
    char words[6][80];
    int count;
};

static int word_number(const struct line *line, int index) {
    return index < line->count ? atoi(line->words[index]) : 0;
}

static struct peer *peer_of(struct stage *stage, const char *name) {
    return core_peer(stage->core, name, strlen(name));
}

/* "w1" is known by connection 1. */
static int connection_of(const char *name) {
    return atoi(name + strcspn(name, "0123456789"));
}

static void do_ready(struct stage *stage, const struct line *line) {
    struct peer *peer = peer_of(stage, line->words[1]);
    int connection = line->count > 4 ? word_number(line, 4) : connection_of(line->words[1]);
    if (!core_ready(stage->core, peer, line->words[2], strlen(line->words[2]), (unsigned)word_number(line, 3),
                    connection, stage->now_us))
        buffer_append_text(&stage->transcript, "> not welcome\n");
    core_peer_release(stage->core, peer);
}

static void submit(struct stage *stage, const struct line *line, bool opaque) {
    static const char *const verdicts[] = {"", "> overloaded\n", "> unavailable\n", "> duplicate\n"};
    struct service *service = core_service_find(stage->core, line->words[2], strlen(line->words[2]));
    if (!service) {
        buffer_append_text(&stage->transcript, "> unknown\n");
        return;
    }
    struct peer *peer = peer_of(stage, line->words[1]);
    struct core_request request = {.id = id_of(word_number(line, 3)),
                                   .ttl_us = opaque ? 1000000 : (int64_t)word_number(line, 4) * 1000,
                                   .size = 100,
                                   .opaque = opaque,
                                   .cargo = malloc(1)};
    enum core_verdict verdict = core_call(stage->core, peer, service, &request, stage->now_us);
    buffer_append_text(&stage->transcript, verdicts[verdict]);
    if (verdict == CORE_ACCEPTED)
        stage->open++;
    else
        free(request.cargo);
    core_peer_release(stage->core, peer);
}

static void do_call(struct stage *stage, const struct line *line) {
    submit(stage, line, false);
}

static void do_opaque(struct stage *stage, const struct line *line) {
    submit(stage, line, true);
}

static void answer(struct stage *stage, const struct line *line, bool final) {
    struct peer *from = peer_of(stage, line->words[1]), *client = peer_of(stage, line->words[2]);
    struct uuid id = id_of(word_number(line, 3));
    bool counts = strcmp(line->words[0], "reply") == 0
                      ? core_answer_opaque(stage->core, from, client, final, stage->now_us)
                      : core_answer(stage->core, from, client, &id, final, stage->now_us);
    buffer_append_text(&stage->transcript, counts ? "> to the client\n" : "> nowhere\n");
    core_peer_release(stage->core, client);
    core_peer_release(stage->core, from);
}

static void do_answer(struct stage *stage, const struct line *line) {
    answer(stage, line, true);
}

static void do_partial(struct stage *stage, const struct line *line) {
    answer(stage, line, false);
}

static void do_lost(struct stage *stage, const struct line *line) {
    core_connection_lost(stage->core, connection_of(line->words[1]));
}

static void do_drain(struct stage *stage, const struct line *line) {
    struct peer *peer = peer_of(stage, line->words[1]);
    core_drain(stage->core, peer, stage->now_us);
    core_peer_release(stage->core, peer);
}

static void do_beat(struct stage *stage, const struct line *line) {
    struct peer *peer = peer_of(stage, line->words[1]);
    core_heartbeat(stage->core, peer, stage->now_us);
    core_peer_release(stage->core, peer);
}

static void do_reject(struct stage *stage, const struct line *line) {
    struct peer *peer = peer_of(stage, line->words[1]);
    core_reject(stage->core, peer);
    core_peer_release(stage->core, peer);
}

static void do_unreachable(struct stage *stage, const struct line *line) {
    snprintf(stage->unreachable, sizeof stage->unreachable, "%.7s", line->words[1]);
}

static void do_at(struct stage *stage, const struct line *line) {
    stage->now_us = (int64_t)word_number(line, 1) * 1000;
}

static void do_tick(struct stage *stage, const struct line *line) {
    (void)line;
    core_tick(stage->core, stage->now_us);
}

static void do_dispatch(struct stage *stage, const struct line *line) {
    (void)line;
    core_dispatch(stage->core, stage->now_us);
}

static void do_stop(struct stage *stage, const struct line *line) {
    (void)line;
    core_stop(stage->core);
}

static void do_refuse(struct stage *stage, const struct line *line) {
    (void)line;
    core_refuse_all(stage->core);
}

static void do_idle(struct stage *stage, const struct line *line) {
    (void)line;
    buffer_printf(&stage->transcript, "> %s\n", core_is_idle(stage->core) ? "yes" : "no");
}

static void do_depth(struct stage *stage, const struct line *line) {
    const struct service *service = core_service_find(stage->core, line->words[1], strlen(line->words[1]));
    buffer_printf(&stage->transcript, "> %zu\n", service->depth);
}

static void do_count(struct stage *stage, const struct line *line) {
    const struct service *service = core_service_find(stage->core, line->words[1], strlen(line->words[1]));
#define COUNTER(name, help)                                                                                            \
    if (strcmp(line->words[2], #name) == 0)                                                                            \
        buffer_printf(&stage->transcript, "> %d\n", (int)service->counters.name);
    CORE_COUNTERS(COUNTER)
#undef COUNTER
}

static void do_deaths(struct stage *stage, const struct line *line) {
    for (const struct call *call = stage->core->calls; call; call = call->hh.next)
        if (number_of(call) == word_number(line, 2))
            buffer_printf(&stage->transcript, "> %u\n", call->deaths);
}

static const struct {
    const char *word;
    void (*run)(struct stage *stage, const struct line *line);
} verbs[] = {
    {"ready", do_ready},
    {"call", do_call},
    {"opaque", do_opaque},
    {"answer", do_answer},
    {"partial", do_partial},
    {"reply", do_answer},
    {"lost", do_lost},
    {"drain", do_drain},
    {"beat", do_beat},
    {"reject", do_reject},
    {"unreachable", do_unreachable},
    {"at", do_at},
    {"tick", do_tick},
    {"dispatch", do_dispatch},
    {"stop", do_stop},
    {"refuse", do_refuse},
    {"idle", do_idle},
    {"depth", do_depth},
    {"count", do_count},
    {"deaths", do_deaths},
};

static void run_line(struct stage *stage, const char *text, size_t length) {
    char copy[128];
    struct line line = {.count = 0};
    snprintf(copy, sizeof copy, "%.*s", (int)length, text);
    buffer_printf(&stage->transcript, "%s\n", copy);
    line.count = sscanf(copy, "%79s %79s %79s %79s %79s", line.words[0], line.words[1], line.words[2], line.words[3],
                        line.words[4]);
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (strcmp(verbs[i].word, line.words[0]) == 0) {
            verbs[i].run(stage, &line);
            return;
        }
    }
    fail_msg("the script says %s", line.words[0]);
}

static void run_script(const char *promise, const char *script) {
    static const char *const services[] = {"booking", NULL};
    struct stage stage = {.now_us = 0};
    const struct core_limits limits = {QUEUE_LIMIT, 100000, SERVICE_LIMIT, WORKER_LIMIT, 15000000, 1000000};
    const struct core_output output = {&stage,       on_dispatch,   on_refuse,        on_release,
                                       on_heartbeat, on_disconnect, on_worker_changed};
    stage.core = core_new(&limits, &output, services, stage.now_us);
    for (const char *at = script; *at;) {
        size_t length = strcspn(at, "\n");
        if (*at != '>')
            run_line(&stage, at, length);
        at += length + 1;
    }
    if (strcmp(buffer_text(&stage.transcript), script) != 0)
        fail_msg("%s:\n%s", promise, stage.transcript.bytes);
    core_destroy(&stage.core);
    assert_int_equal(stage.open, 0); /* every cargo was given back */
    buffer_free(&stage.transcript);
}

static void decisions_are_those_of_the_table(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        run_script(cases[i].promise, cases[i].script);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(decisions_are_those_of_the_table)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
