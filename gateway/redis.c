/* hiredis on h2o's loop; see redis.h. h2o and hiredis both insist on closing the descriptor, so each has its own (dup)
 * of the same socket. Commands are written at the end of a turn without waiting for the loop to say that the socket is
 * writable. */
#include "redis.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "gateway.h"
#include "log.h"
#include "redis_url.h"
#include "settings.h"

#define RETRY_FIRST_MS 50
#define RETRY_LONGEST_MS 2000
#define GREETING_LIMIT_MS 3000

static struct {
    const char *script;
    char hash[41];
    struct redis_address address;
    redisAsyncContext *context; /* NULL while there is none */
    h2o_socket_t *socket;
    bool connected;
    bool wants_write;
    bool up;
    bool away_logged;
    int64_t started_ms; /* to connect */
    uint64_t retry_ms;
    h2o_timeout_t retry_timeout;
    h2o_timeout_entry_t retry_entry;
} redis;

static void on_readable(h2o_socket_t *socket, const char *problem) {
    (void)socket, (void)problem; /* hiredis finds out by reading */
    redisAsyncHandleRead(redis.context);
}

static void on_writable(h2o_socket_t *socket, const char *problem);

/* The socket takes no more for now: the loop says when it does. */
static void write_when_possible(void) {
    if (redis.socket && redis.wants_write && !h2o_socket_is_writing(redis.socket))
        h2o_socket_notify_write(redis.socket, on_writable);
}

static void on_writable(h2o_socket_t *socket, const char *problem) {
    (void)socket, (void)problem;
    redisAsyncHandleWrite(redis.context);
    write_when_possible();
}

static void start_reading(void *unused) {
    (void)unused;
    if (!h2o_socket_is_reading(redis.socket))
        h2o_socket_read_start(redis.socket, on_readable);
}

static void stop_reading(void *unused) {
    (void)unused;
    h2o_socket_read_stop(redis.socket);
}

static void start_writing(void *unused) {
    (void)unused;
    redis.wants_write = true;
    if (!redis.connected)
        write_when_possible();
}

static void stop_writing(void *unused) {
    (void)unused;
    redis.wants_write = false;
}

static void close_socket(void *unused) {
    (void)unused;
    if (redis.socket)
        h2o_socket_close(redis.socket);
    redis.socket = NULL;
}

static void retry_later(void) {
    redis.context = NULL;
    redis.connected = redis.up = redis.wants_write = false;
    if (h2o_timeout_is_linked(&redis.retry_entry))
        return;
    redis.retry_ms = redis.retry_ms * 2 > RETRY_LONGEST_MS ? RETRY_LONGEST_MS : redis.retry_ms * 2;
    redis.retry_timeout.timeout = redis.retry_ms;
    h2o_timeout_link(gateway.context.loop, &redis.retry_timeout, &redis.retry_entry);
}

static void log_away(const char *why) {
    if (!redis.away_logged)
        log_warn("Redis is away (%s): tokens are honoured by signature, limits count in this process only", why);
    redis.away_logged = true;
}

static void on_disconnect(const redisAsyncContext *context, int status) {
    log_away(status == REDIS_OK ? "connection closed" : context->errstr);
    retry_later();
}

static void on_connect(const redisAsyncContext *context, int status) {
    if (status != REDIS_OK) {
        log_away(context->c.errstr);
        retry_later(); /* hiredis frees the context after this */
        return;
    }
    redis.connected = true;
}

static void on_signed_in(redisAsyncContext *context, void *reply, void *unused) {
    (void)unused;
    const redisReply *answer = reply;
    if (!answer || answer->type != REDIS_REPLY_ERROR)
        return;
    log_away("it refuses our password or database");
    redisAsyncDisconnect(context);
}

static void on_script_loaded(redisAsyncContext *context, void *reply, void *unused) {
    (void)unused;
    const redisReply *answer = reply;
    if (!answer)
        return;
    if (answer->type != REDIS_REPLY_STRING || (size_t)answer->len >= sizeof redis.hash) {
        log_away("it does not take our script");
        redisAsyncDisconnect(context);
        return;
    }
    memcpy(redis.hash, answer->str, (size_t)answer->len + 1);
    redis.up = true;
    redis.retry_ms = RETRY_FIRST_MS;
    if (redis.away_logged)
        log_info("Redis is back");
    redis.away_logged = false;
}

static void greet(redisAsyncContext *context) {
    const struct redis_address *address = &redis.address;
    if (*address->user)
        redisAsyncCommand(context, on_signed_in, NULL, "AUTH %s %s", address->user, address->password);
    else if (*address->password)
        redisAsyncCommand(context, on_signed_in, NULL, "AUTH %s", address->password);
    if (address->database)
        redisAsyncCommand(context, on_signed_in, NULL, "SELECT %d", address->database);
    redisAsyncCommand(context, on_script_loaded, NULL, "SCRIPT LOAD %s", redis.script);
}

static void connect_now(h2o_timeout_entry_t *entry) {
    (void)entry;
    const struct redis_address *address = &redis.address;
    redisAsyncContext *context =
        *address->path ? redisAsyncConnectUnix(address->path) : redisAsyncConnect(address->host, address->port);
    int own = context && !context->err ? dup(context->c.fd) : -1;
    if (own < 0) {
        log_away(context && context->err ? context->errstr : "no descriptor left");
        if (context)
            redisAsyncFree(context);
        retry_later();
        return;
    }
    redis.context = context;
    redis.started_ms = clock_mono_ms();
    redis.socket = h2o_evloop_socket_create(gateway.context.loop, own, H2O_SOCKET_FLAG_DONT_READ);
    context->ev.addRead = start_reading;
    context->ev.delRead = stop_reading;
    context->ev.addWrite = start_writing;
    context->ev.delWrite = stop_writing;
    context->ev.cleanup = close_socket;
    context->ev.data = &redis;
    redisAsyncSetConnectCallback(context, on_connect);
    redisAsyncSetDisconnectCallback(context, on_disconnect);
    greet(context);
}

void redis_start(const char *script) {
    redis.script = script;
    redis.retry_ms = RETRY_FIRST_MS;
    h2o_timeout_init(gateway.context.loop, &redis.retry_timeout, RETRY_FIRST_MS);
    redis.retry_entry.cb = connect_now;
    if (redis_url_parse(settings.redis_url, &redis.address) == 0)
        connect_now(NULL);
}

bool redis_is_up(void) {
    return redis.up;
}

const char *redis_script_hash(void) {
    return redis.hash;
}

void redis_send(const char *command, size_t length, redisCallbackFn *callback, void *owner) {
    if (!redis.up || redisAsyncFormattedCommand(redis.context, callback, owner, command, length) != REDIS_OK)
        callback(redis.context, NULL, owner);
}

static void on_unheeded(redisAsyncContext *context, void *reply, void *owner) {
    (void)context, (void)reply, (void)owner;
}

void redis_ask(redisCallbackFn *callback, void *owner, const char *format, ...) {
    char *command;
    va_list arguments;
    va_start(arguments, format);
    int length = redisvFormatCommand(&command, format, arguments);
    va_end(arguments);
    if (length < 0)
        abort(); /* no memory */
    redis_send(command, (size_t)length, callback ? callback : on_unheeded, owner);
    redisFreeCommand(command);
    gateway_flush_soon();
}

void redis_flush(void) {
    if (!redis.context || !redis.connected || !redis.wants_write)
        return;
    redisAsyncHandleWrite(redis.context);
    write_when_possible();
}

void redis_drop(const char *why) {
    if (!redis.context)
        return;
    log_away(why);
    redisAsyncFree(redis.context);
    if (redis.context)
        retry_later(); /* it was not connected yet: then hiredis reports no end */
}

void redis_poll(void) {
    if (redis.context && !redis.up && clock_mono_ms() - redis.started_ms > GREETING_LIMIT_MS)
        redis_drop("it does not answer");
}
