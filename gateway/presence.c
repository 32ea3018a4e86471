/* Presence in Redis; see presence.h. A field's value is "connections since expires", both times by the wall clock:
 * Redis lets no field of a hash expire by itself, so that whoever reads looks at what it says. */
#include "presence.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "redis.h"

#define KEPT_MS (3 * PRESENCE_REPEAT_MS)

static char instance[17]; /* names this process */

struct question {
    presence_heard *heard;
    void *owner;
};

void presence_start(void) {
    unsigned char random[8];
    randombytes_buf(random, sizeof random);
    sodium_bin2hex(instance, sizeof instance, random, sizeof random);
}

void presence_tell(int64_t user_id, size_t connections, int64_t since_ms) {
    if (!redis_is_up())
        return;
    if (!connections) {
        redis_ask(NULL, NULL, "HDEL tithi:present:%" PRId64 " %s", user_id, instance);
        return;
    }
    char value[64];
    snprintf(value, sizeof value, "%zu %" PRId64 " %" PRId64, connections, since_ms, clock_wall_ms() + KEPT_MS);
    redis_ask(NULL, NULL, "HSET tithi:present:%" PRId64 " %s %s", user_id, instance, value);
    redis_ask(NULL, NULL, "PEXPIRE tithi:present:%" PRId64 " %d", user_id, KEPT_MS);
}

static void add(struct online *presence, const char *value) {
    size_t connections;
    int64_t since_ms, expires_ms;
    if (sscanf(value, "%zu %" SCNd64 " %" SCNd64, &connections, &since_ms, &expires_ms) != 3 ||
        expires_ms <= clock_wall_ms())
        return;
    presence->connections += connections;
    if (!presence->since_ms || since_ms < presence->since_ms)
        presence->since_ms = since_ms;
}

static void on_reply(redisAsyncContext *context, void *reply_, void *question_) {
    (void)context;
    const redisReply *reply = reply_;
    struct question question = *(struct question *)question_;
    struct online presence = {.known = reply && reply->type == REDIS_REPLY_ARRAY};
    free(question_);
    for (size_t i = 1; presence.known && i < reply->elements; i += 2)
        add(&presence, reply->element[i]->str);
    question.heard(question.owner, &presence);
}

void presence_ask(int64_t user_id, presence_heard *heard, void *owner) {
    struct question *question = malloc(sizeof *question);
    if (!question)
        abort();
    *question = (struct question){heard, owner};
    redis_ask(on_reply, question, "HGETALL tithi:present:%" PRId64, user_id);
}
