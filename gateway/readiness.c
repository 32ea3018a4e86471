/* /readyz; see readiness.h. Services are asked by a `ping` through the broker, as any call goes; each tells whether it
 * reaches PostgreSQL. Redis is not needed: without it the gateway is degraded. */
#include "readiness.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "calls.h"
#include "clock.h"
#include "gateway.h"
#include "local.h"
#include "operations.h"
#include "redis.h"
#include "reply.h"
#include "request.h"

#define KEPT_MS 1000

/* One member of the reply per service: the contract names them. */
static const struct {
    const char *service;
    size_t offset;
} members[] = {
    {"auth", offsetof(struct readiness_dependencies, auth)},
    {"event", offsetof(struct readiness_dependencies, event)},
    {"booking", offsetof(struct readiness_dependencies, booking)},
    {"payment", offsetof(struct readiness_dependencies, payment)},
    {"crm", offsetof(struct readiness_dependencies, crm)},
};
#define MEMBER_COUNT (sizeof members / sizeof *members)

struct question {
    struct outgoing_call *call; /* NULL: answered, or not asked */
    bool answered;
    bool reaches_database;
};

static struct {
    struct question questions[MEMBER_COUNT];
    size_t open; /* questions without an answer */
    bool asking;
    int64_t known_ms; /* when the answers came; 0: never */
    struct request *waiting;
    h2o_timeout_t limit;
    h2o_timeout_entry_t timer;
} readiness;

static const char *word(bool good) {
    return good ? "ok" : "away";
}

static struct readiness describe(void) {
    size_t answered = 0, reaching = 0;
    struct readiness reply = {0};
    for (size_t i = 0; i < MEMBER_COUNT; i++) {
        const struct question *question = &readiness.questions[i];
        *(const char **)((char *)&reply.dependencies + members[i].offset) = word(question->answered);
        answered += question->answered;
        reaching += question->reaches_database;
    }
    bool broker = calls_any_broker_is_up(), redis = redis_is_up();
    bool database = answered > 0 && reaching == answered;
    reply.dependencies.broker = word(broker);
    reply.dependencies.redis = word(redis);
    reply.dependencies.database = word(database);
    if (gateway.draining)
        reply.status = "draining";
    else if (!broker || answered < MEMBER_COUNT || !database)
        reply.status = "unavailable";
    else
        reply.status = redis ? "ok" : "degraded";
    return reply;
}

static void answer(struct request *request) {
    struct readiness reply = describe();
    bool serving = strcmp(reply.status, "ok") == 0 || strcmp(reply.status, "degraded") == 0;
    local_reply(request, serving ? 200 : 503, &reply);
}

static void answer_all(void) {
    struct request *request, *next;
    readiness.asking = false;
    readiness.known_ms = clock_mono_ms();
    h2o_timeout_unlink(&readiness.timer);
    for (size_t i = 0; i < MEMBER_COUNT; i++)
        call_forget(&readiness.questions[i].call);
    DL_FOREACH_SAFE(readiness.waiting, request, next) {
        request_leave(request);
        answer(request);
    }
}

static void on_limit(h2o_timeout_entry_t *entry) {
    (void)entry;
    answer_all();
}

static void on_ping_answered(void *owner, const struct answer_header *header, struct text_span payload) {
    struct question *question = owner;
    question->call = NULL;
    pool_reset(gateway.scratch);
    const char *database = codec_find_text(payload.bytes, payload.length, "database", gateway.scratch);
    question->answered = !header->refusal;
    question->reaches_database = question->answered && database && strcmp(database, "ok") == 0;
    if (--readiness.open == 0)
        answer_all();
}

static void ask(struct question *question, const char *service) {
    static const char empty_map = (char)0x80;
    struct uuid id = uuid_new();
    char trace[TRACE_SIZE];
    trace_continue(NULL, 0, &id, trace);
    struct call_header header = {
        .id = id,
        .operation = operation_ping.name,
        .ttl_ms = operation_ping.deadline_ms,
        .command = id,
        .caller = {.role = "", .session = "", .address = ""},
        .request_id = "",
        .trace = trace,
    };
    *question = (struct question){0};
    question->call = call_start(service, &header, (struct text_span){&empty_map, 1}, on_ping_answered, question);
    readiness.open += question->call != NULL;
}

static void ask_all(void) {
    readiness.open = 0;
    readiness.asking = true;
    if (!calls_any_broker_is_up()) {
        memset(readiness.questions, 0, sizeof readiness.questions);
        answer_all();
        return;
    }
    for (size_t i = 0; i < MEMBER_COUNT; i++)
        ask(&readiness.questions[i], members[i].service);
    h2o_timeout_link(gateway.context.loop, &readiness.limit, &readiness.timer);
}

static void leave(struct request *request) {
    DL_DELETE(readiness.waiting, request);
}

void readiness_start(void) {
    h2o_timeout_init(gateway.context.loop, &readiness.limit, operation_ping.deadline_ms);
    readiness.timer.cb = on_limit;
}

void readiness_answer(struct request *request) {
    bool fresh = readiness.known_ms && clock_mono_ms() - readiness.known_ms < KEPT_MS;
    if (gateway.draining || (fresh && !readiness.asking)) {
        answer(request);
        return;
    }
    DL_APPEND(readiness.waiting, request);
    request->leave = leave;
    if (!readiness.asking)
        ask_all();
}
