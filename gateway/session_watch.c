/* Asks Redis for the marks of ended sessions; see session_watch.h. While Redis is away sessions live on, as they do for
 * all other requests. */
#include "session_watch.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "buffer.h"
#include "clock.h"
#include "gateway.h"
#include "outlet.h"
#include "redis.h"
#include "socket_messages.h"

#define KEY_PREFIX "tithi:revoked:"
#define SESSIONS_PER_QUESTION 500
#define ANSWER_LIMIT_MS 1000

struct question {
    size_t count;
    char sessions[SESSIONS_PER_QUESTION][UUID_TEXT_SIZE];
};

static struct {
    struct watched_session *all;
    size_t unanswered; /* questions */
    int64_t asked_ms;
} watch;

void session_watch_begin(struct watched_session *watched) {
    DL_APPEND(watch.all, watched);
}

void session_watch_end(struct watched_session *watched) {
    DL_DELETE(watch.all, watched);
}

static void end_session(const char *session) {
    const struct watched_session *watched;
    DL_FOREACH(watch.all, watched)
    if (strcmp(watched->session, session) == 0)
        outlet_end(watched->outlet, CLOSE_POLICY, "session ended");
}

static void on_marks(redisAsyncContext *context, void *reply_, void *question_) {
    (void)context;
    const redisReply *reply = reply_;
    struct question *question = question_;
    bool answered = reply && reply->type == REDIS_REPLY_ARRAY && reply->elements == question->count;
    watch.unanswered--;
    for (size_t i = 0; answered && i < question->count; i++)
        if (reply->element[i]->type != REDIS_REPLY_NIL)
            end_session(question->sessions[i]);
    free(question);
}

static void ask(struct question *question) {
    static struct buffer command;
    buffer_clear(&command);
    buffer_printf(&command, "*%zu\r\n$4\r\nMGET\r\n", question->count + 1);
    for (size_t i = 0; i < question->count; i++)
        buffer_printf(&command, "$%zu\r\n" KEY_PREFIX "%s\r\n", strlen(KEY_PREFIX) + strlen(question->sessions[i]),
                      question->sessions[i]);
    watch.unanswered++;
    redis_send(command.bytes, command.length, on_marks, question);
    gateway_flush_soon();
}

static void ask_about_all(void) {
    struct question *question = NULL;
    const struct watched_session *watched;
    DL_FOREACH(watch.all, watched) {
        if (!question && !(question = calloc(1, sizeof *question)))
            abort();
        strcpy(question->sessions[question->count++], watched->session);
        if (question->count < SESSIONS_PER_QUESTION && watched->next)
            continue;
        ask(question);
        question = NULL;
    }
}

static void end_expired(int64_t now_s) {
    const struct watched_session *watched;
    DL_FOREACH(watch.all, watched)
    if (watched->expires_s <= now_s)
        outlet_end(watched->outlet, CLOSE_POLICY, "session ended");
}

void session_watch_tick(int64_t now_ms) {
    end_expired(clock_wall_ms() / 1000);
    if (watch.unanswered) {
        if (now_ms - watch.asked_ms > ANSWER_LIMIT_MS)
            redis_drop("no answer in time");
    } else if (redis_is_up()) {
        watch.asked_ms = now_ms;
        ask_about_all();
    }
}
