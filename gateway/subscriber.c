/* hiredis on h2o's loop in subscribe mode; see subscriber.h. Its asynchronous layer is not used: it forgets a channel
 * that is subscribed anew while the end of an earlier subscription is on its way. */
#include "subscriber.h"

#include <hiredis/hiredis.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "gateway.h"
#include "log.h"
#include "redis_url.h"
#include "settings.h"

#define RETRY_FIRST_MS 100
#define RETRY_LONGEST_MS 2000
#define GREETING_LIMIT_MS 3000
#define PING_MS 1000
#define SILENCE_LIMIT_MS 3000
#define CHANNELS_PER_COMMAND 500

static struct {
    struct redis_address address;
    redisContext *context; /* NULL while there is none */
    h2o_socket_t *socket;  /* of a descriptor of its own: h2o and hiredis both close theirs */
    bool up;
    bool away_logged;
    int64_t begun_ms; /* to connect */
    int64_t heard_ms, pinged_ms;
    int64_t retry_ms, retry_at_ms;
    struct subscription *all;
    struct buffer command;
} subscriber;

static void drop(const char *why) {
    struct subscription *subscription, *next;
    if (!subscriber.away_logged)
        log_warn("Redis tells no news (%s): they are asked for every other second", why);
    subscriber.away_logged = true;
    if (subscriber.socket)
        h2o_socket_close(subscriber.socket);
    redisFree(subscriber.context);
    subscriber.socket = NULL;
    subscriber.context = NULL;
    subscriber.up = false;
    subscriber.retry_ms = subscriber.retry_ms * 2 > RETRY_LONGEST_MS ? RETRY_LONGEST_MS : subscriber.retry_ms * 2;
    subscriber.retry_at_ms = clock_mono_ms() + subscriber.retry_ms;
    HASH_ITER(hh, subscriber.all, subscription, next)
    subscription->hears = false;
}

static void on_writable(h2o_socket_t *socket, const char *problem) {
    (void)socket, (void)problem; /* hiredis finds out by writing */
    subscriber_flush();
}

void subscriber_flush(void) {
    int done = 0;
    if (!subscriber.context || h2o_socket_is_writing(subscriber.socket))
        return;
    if (redisBufferWrite(subscriber.context, &done) != REDIS_OK)
        drop(subscriber.context->errstr);
    else if (!done)
        h2o_socket_notify_write(subscriber.socket, on_writable);
}

static void append_part(struct buffer *command, const char *text) {
    buffer_printf(command, "$%zu\r\n%s\r\n", strlen(text), text);
}

static void send_command(struct buffer *command) {
    redisAppendFormattedCommand(subscriber.context, command->bytes, command->length);
    gateway_flush_soon();
}

static void send_about(const char *verb, const char *channel) {
    struct buffer *command = &subscriber.command;
    buffer_clear(command);
    buffer_printf(command, "*2\r\n");
    append_part(command, verb);
    append_part(command, channel);
    send_command(command);
}

static void subscribe_all(void) {
    struct buffer *command = &subscriber.command;
    size_t left = HASH_COUNT(subscriber.all);
    struct subscription *next = subscriber.all;
    while (left) {
        size_t count = left < CHANNELS_PER_COMMAND ? left : CHANNELS_PER_COMMAND;
        buffer_clear(command);
        buffer_printf(command, "*%zu\r\n", count + 1);
        append_part(command, "SUBSCRIBE");
        for (size_t i = 0; i < count; i++, next = next->hh.next)
            append_part(command, next->channel);
        send_command(command);
        left -= count;
    }
}

static void on_greeted(void) {
    if (subscriber.up)
        return;
    subscriber.up = true;
    subscriber.retry_ms = RETRY_FIRST_MS;
    if (subscriber.away_logged)
        log_info("Redis tells news again");
    subscriber.away_logged = false;
    subscribe_all();
}

static bool is_text(const redisReply *reply, const char *text) {
    return reply->type == REDIS_REPLY_STRING && strcmp(reply->str, text) == 0;
}

/* ["message", channel, text], ["subscribe", channel, count]; and answers to UNSUBSCRIBE and PING, which say nothing. */
static void take_push(const redisReply *reply) {
    if (reply->elements != 3 || reply->element[1]->type != REDIS_REPLY_STRING)
        return;
    struct subscription *subscription = subscription_find(reply->element[1]->str);
    const redisReply *text = reply->element[2];
    if (!subscription)
        return;
    if (is_text(reply->element[0], "subscribe")) {
        subscription->hears = true;
        subscription->news(subscription, (struct text_span){NULL, 0});
    } else if (is_text(reply->element[0], "message") && text->type == REDIS_REPLY_STRING) {
        subscription->news(subscription, (struct text_span){text->str, (size_t)text->len});
    }
}

static void take_replies(void) {
    void *next;
    while (redisGetReplyFromReader(subscriber.context, &next) == REDIS_OK && next) {
        redisReply *reply = next;
        subscriber.heard_ms = clock_mono_ms();
        if (reply->type == REDIS_REPLY_ERROR) {
            drop(reply->str);
            freeReplyObject(reply);
            return;
        }
        on_greeted();
        if (reply->type == REDIS_REPLY_ARRAY)
            take_push(reply);
        freeReplyObject(reply);
    }
    if (subscriber.context->err)
        drop(subscriber.context->errstr);
}

static void on_readable(h2o_socket_t *socket, const char *problem) {
    (void)socket, (void)problem; /* hiredis finds out by reading */
    if (redisBufferRead(subscriber.context) != REDIS_OK)
        drop(subscriber.context->errstr);
    else
        take_replies();
}

static void ping(int64_t now_ms) {
    subscriber.pinged_ms = now_ms;
    redisAppendCommand(subscriber.context, "PING");
    gateway_flush_soon();
}

static void connect_now(int64_t now_ms) {
    const struct redis_address *address = &subscriber.address;
    subscriber.context =
        *address->path ? redisConnectUnixNonBlock(address->path) : redisConnectNonBlock(address->host, address->port);
    int own = subscriber.context && !subscriber.context->err ? dup(subscriber.context->fd) : -1;
    if (own < 0) {
        drop(subscriber.context && subscriber.context->err ? subscriber.context->errstr : "no descriptor left");
        return;
    }
    subscriber.begun_ms = now_ms;
    subscriber.socket = h2o_evloop_socket_create(gateway.context.loop, own, H2O_SOCKET_FLAG_DONT_READ);
    h2o_socket_read_start(subscriber.socket, on_readable);
    if (*address->user)
        redisAppendCommand(subscriber.context, "AUTH %s %s", address->user, address->password);
    else if (*address->password)
        redisAppendCommand(subscriber.context, "AUTH %s", address->password);
    ping(now_ms);
}

void subscriber_start(void) {
    subscriber.retry_ms = RETRY_FIRST_MS;
    if (redis_url_parse(settings.redis_url, &subscriber.address) == 0)
        connect_now(clock_mono_ms());
    else
        subscriber.retry_at_ms = INT64_MAX; /* there is none */
}

void subscriber_poll(void) {
    int64_t now_ms = clock_mono_ms();
    if (!subscriber.context) {
        if (now_ms >= subscriber.retry_at_ms)
            connect_now(now_ms);
    } else if (!subscriber.up) {
        if (now_ms - subscriber.begun_ms > GREETING_LIMIT_MS)
            drop("it does not answer");
    } else if (now_ms - subscriber.heard_ms > SILENCE_LIMIT_MS) {
        drop("it is silent");
    } else if (now_ms - subscriber.pinged_ms > PING_MS) {
        ping(now_ms);
    }
}

bool subscriber_is_up(void) {
    return subscriber.up;
}

void subscription_begin(struct subscription *subscription) {
    subscription->hears = false;
    HASH_ADD_STR(subscriber.all, channel, subscription);
    if (subscriber.up)
        send_about("SUBSCRIBE", subscription->channel);
}

void subscription_end(struct subscription *subscription) {
    HASH_DEL(subscriber.all, subscription);
    if (subscriber.up)
        send_about("UNSUBSCRIBE", subscription->channel);
}

struct subscription *subscription_find(const char *channel) {
    struct subscription *subscription;
    HASH_FIND_STR(subscriber.all, channel, subscription);
    return subscription;
}
