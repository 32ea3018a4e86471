/* A worker's connection to Redis; see redis_link.h. hiredis formats and parses, the waiting is done here: its own is
 * limited per system call, and it would block while it connects. */
#include "redis_link.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "buffer.h"
#include "clock.h"
#include "log.h"
#include "redis_url.h"
#include "settings.h"

#define RETRY_MS 500        /* from one attempt to connect to the next, while Redis is away */
#define ATTEMPT_MS 5000     /* an attempt that is silent for so long is begun anew */
#define AWAY_PATIENCE_MS 10 /* with a new attempt while Redis is away: most are answered at once */
#define SILENCE "it does not answer"

enum answer { ANSWERED, SILENT, BROKEN };

static struct {
    redisContext *context;  /* NULL while there is none */
    int greetings;          /* answers to the sign-in that have not come yet; 0: it is done */
    int64_t begun_mono_ms;  /* the last attempt to connect */
    bool away;              /* and that was logged */
    char reason[160];       /* of the last failure */
    struct buffer commands; /* queued, in Redis's protocol */
    size_t command_count;
} redis;

const char *redis_link_check(void) {
    static struct redis_address address;
    if (settings.redis_url[0] && redis_url_parse(settings.redis_url, &address) != 0)
        return "REDIS_URL is neither redis://[user:password@]host[:port][/db] nor unix:///path[?db=N]";
    return NULL;
}

static void disconnect(const char *reason) {
    snprintf(redis.reason, sizeof redis.reason, "%s", reason);
    redisFree(redis.context);
    redis.context = NULL;
    redis.greetings = 0;
}

void redis_link_close(void) {
    disconnect("");
    buffer_free(&redis.commands);
}

/* BROKEN: the connection is given up. */
static enum answer judge(redisReply *reply, bool *ret_is_text) {
    bool refused = reply->type == REDIS_REPLY_ERROR;
    if (refused)
        disconnect(reply->str);
    else if (ret_is_text)
        *ret_is_text = reply->type == REDIS_REPLY_STRING;
    freeReplyObject(reply);
    return refused ? BROKEN : ANSWERED;
}

/* Sends what there is to send and takes one answer. */
static enum answer take_answer(int patience_ms, bool *ret_is_text) {
    redisContext *context = redis.context;
    for (;;) {
        void *reply = NULL;
        int sent = 0;
        if (redisGetReplyFromReader(context, &reply) != REDIS_OK || (!reply && redisBufferWrite(context, &sent)))
            break;
        if (reply)
            return judge(reply, ret_is_text);
        struct pollfd socket = {.fd = context->fd, .events = sent ? POLLIN : POLLIN | POLLOUT};
        int ready = poll(&socket, 1, patience_ms);
        if (ready == 0)
            return SILENT;
        if (ready > 0 && (socket.revents & ~POLLOUT) && redisBufferRead(context) != REDIS_OK)
            break;
    }
    disconnect(context->errstr);
    return BROKEN;
}

static void append_greetings(const struct redis_address *address) {
    if (address->user[0])
        redis.greetings +=
            redisAppendCommand(redis.context, "AUTH %s %s", address->user, address->password) == REDIS_OK;
    else if (address->password[0])
        redis.greetings += redisAppendCommand(redis.context, "AUTH %s", address->password) == REDIS_OK;
    if (address->database)
        redis.greetings += redisAppendCommand(redis.context, "SELECT %d", address->database) == REDIS_OK;
    redis.greetings += redisAppendCommand(redis.context, "PING") == REDIS_OK;
}

/* 0, or -1: Redis is not there. */
static int begin_attempt(void) {
    struct redis_address address;
    if (redis_url_parse(settings.redis_url, &address) != 0)
        return -1;
    redis.begun_mono_ms = clock_mono_ms();
    redis.context =
        address.path[0] ? redisConnectUnixNonBlock(address.path) : redisConnectNonBlock(address.host, address.port);
    if (!redis.context || redis.context->err) {
        disconnect(redis.context ? redis.context->errstr : "no memory");
        return -1;
    }
    append_greetings(&address);
    return 0;
}

/* An attempt that Redis does not answer goes on in the background. */
static bool greet(int patience_ms) {
    while (redis.greetings) {
        enum answer answer = take_answer(patience_ms, NULL);
        if (answer == SILENT)
            snprintf(redis.reason, sizeof redis.reason, SILENCE);
        if (answer != ANSWERED)
            return false;
        redis.greetings--;
    }
    if (redis.away)
        log_info("redis is back");
    redis.away = false;
    return true;
}

static bool be_connected(int patience_ms) {
    int64_t age_ms = clock_mono_ms() - redis.begun_mono_ms;
    if (redis.context && !redis.greetings)
        return true;
    if (redis.context && age_ms < ATTEMPT_MS)
        return greet(redis.away ? 0 : patience_ms);
    if (redis.away && age_ms < RETRY_MS)
        return false;
    disconnect(SILENCE);
    return begin_attempt() == 0 && greet(redis.away ? AWAY_PATIENCE_MS : patience_ms);
}

void redis_link_command(const char *format, ...) {
    char *command;
    va_list arguments;
    va_start(arguments, format);
    int length = redisvFormatCommand(&command, format, arguments);
    va_end(arguments);
    if (length < 0)
        abort(); /* no memory, or no such format */
    buffer_append(&redis.commands, command, (size_t)length);
    redis.command_count++;
    redisFreeCommand(command);
}

static bool carry_out(int patience_ms, bool *ret_is_text) {
    if (!be_connected(patience_ms))
        return false;
    if (redis.command_count &&
        redisAppendFormattedCommand(redis.context, redis.commands.bytes, redis.commands.length) != REDIS_OK)
        abort(); /* no memory */
    for (size_t i = 0; i < redis.command_count; i++) {
        enum answer answer = take_answer(patience_ms, ret_is_text);
        if (answer == SILENT)
            disconnect(SILENCE); /* what comes later would be taken for other answers */
        if (answer != ANSWERED)
            return false;
    }
    return true;
}

bool redis_link_run(int patience_ms, bool *ret_is_text) {
    bool was_idle = redis.context && !redis.greetings;
    bool done = carry_out(patience_ms, ret_is_text);
    if (!done && was_idle) /* an idle connection may be long dead: that says nothing about Redis */
        done = carry_out(patience_ms, ret_is_text);
    if (!done && !redis.away && settings.redis_url[0]) {
        log_warn("redis is away: %s", redis.reason);
        redis.away = true;
    }
    buffer_clear(&redis.commands);
    redis.command_count = 0;
    return done;
}
