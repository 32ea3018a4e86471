/* The auth worker's side of the session state in Redis: a key per ended session or revoked API key, and a marker that
 * says the set is complete. The connection is blocking with short time-outs and made when it is needed; a Redis that is
 * away or hangs takes at most a tenth of the worker's time. Reading the keys is the gateway's part. */
#include "revocations.h"

#include <hiredis/hiredis.h>
#include <string.h>
#include <sys/time.h>

#include "clock.h"
#include "log.h"
#include "redis_url.h"
#include "sessions_store.h"
#include "settings.h"

#define KEY_PREFIX "tithi:revoked:"
#define MARKER "tithi:revocations"
#define CONNECT_TIMEOUT_MS 200
#define ANSWER_TIMEOUT_MS 500
#define KEPT_AT_LEAST_S 86400 /* ACCESS_TOKEN_TTL may have been longer when the token was made */
#define RETRY_MS 1000         /* at least so long after a failure */
#define RETRY_FACTOR 10       /* and at least so many times what the attempt cost */

static struct {
    redisContext *connection; /* NULL while there is none */
    int64_t begun_mono_ms;    /* when it was last turned to */
    int64_t retry_mono_ms;    /* no attempt before */
    bool away_logged;
} redis;

static void give_up(const char *reason) {
    if (!redis.away_logged)
        log_warn("redis is away: %s", reason);
    redis.away_logged = true;
    int64_t now = clock_mono_ms(), rest_ms = RETRY_FACTOR * (now - redis.begun_mono_ms);
    redis.retry_mono_ms = now + (rest_ms > RETRY_MS ? rest_ms : RETRY_MS);
    revocations_close();
}

void revocations_close(void) {
    redisFree(redis.connection);
    redis.connection = NULL;
}

/* Takes one answer. False: the connection is given up. `ret_is_text` (may be NULL): was it a string? */
static bool take_reply(bool *ret_is_text) {
    redisReply *reply = NULL;
    if (redisGetReply(redis.connection, (void **)&reply) != REDIS_OK) {
        give_up(redis.connection->errstr);
        return false;
    }
    bool refused = reply->type == REDIS_REPLY_ERROR;
    if (refused)
        give_up(reply->str);
    else if (ret_is_text)
        *ret_is_text = reply->type == REDIS_REPLY_STRING;
    freeReplyObject(reply);
    return !refused;
}

static bool sign_in(const struct redis_address *address) {
    int asked = 0;
    if (address->user[0])
        asked += redisAppendCommand(redis.connection, "AUTH %s %s", address->user, address->password) == REDIS_OK;
    else if (address->password[0])
        asked += redisAppendCommand(redis.connection, "AUTH %s", address->password) == REDIS_OK;
    if (address->database)
        asked += redisAppendCommand(redis.connection, "SELECT %d", address->database) == REDIS_OK;
    while (asked--)
        if (!take_reply(NULL))
            return false;
    return true;
}

static bool connect_if_needed(void) {
    struct redis_address address;
    const struct timeval connect_timeout = {.tv_usec = CONNECT_TIMEOUT_MS * 1000};
    const struct timeval answer_timeout = {.tv_usec = ANSWER_TIMEOUT_MS * 1000};
    redis.begun_mono_ms = clock_mono_ms();
    if (redis.connection)
        return true;
    if (redis.begun_mono_ms < redis.retry_mono_ms || redis_url_parse(settings.redis_url, &address) != 0)
        return false;
    redis.connection = address.path[0] ? redisConnectUnixWithTimeout(address.path, connect_timeout)
                                       : redisConnectWithTimeout(address.host, address.port, connect_timeout);
    if (!redis.connection || redis.connection->err || redisSetTimeout(redis.connection, answer_timeout) != REDIS_OK) {
        give_up(redis.connection ? redis.connection->errstr : "no memory");
        return false;
    }
    if (!sign_in(&address))
        return false;
    if (redis.away_logged)
        log_info("redis is back");
    redis.away_logged = false;
    return true;
}

static bool write_all(const struct revocation *list, size_t count) {
    for (size_t i = 0; i < count; i++)
        redisAppendCommand(redis.connection, "SET " KEY_PREFIX "%s 1 EX %lld", list[i].session,
                           (long long)list[i].left_s);
    while (count--)
        if (!take_reply(NULL))
            return false;
    return true;
}

/* Until then the last access token of an ended session is over, and no gateway remembers a revoked key. */
static int64_t kept_s(void) {
    return settings.access_token_ttl_s > KEPT_AT_LEAST_S ? settings.access_token_ttl_s : KEPT_AT_LEAST_S;
}

bool revocations_publish(struct worker *worker, const char *const *sessions, size_t count) {
    struct revocation *list = pool_alloc(worker_pool(worker), count * sizeof *list);
    for (size_t i = 0; i < count; i++)
        list[i] = (struct revocation){sessions[i], kept_s()};
    bool was_idle = redis.connection;
    if (connect_if_needed() && write_all(list, count))
        return true;
    if (!was_idle)
        return false;
    redis.retry_mono_ms = 0; /* an idle connection may be long dead: that says nothing about Redis */
    return connect_if_needed() && write_all(list, count);
}

static int mark_published(struct worker *worker, const struct revocation *list, size_t count) {
    const char **sessions = pool_alloc(worker_pool(worker), count * sizeof *sessions);
    for (size_t i = 0; i < count; i++)
        sessions[i] = list[i].session;
    return sessions_store_mark_published(worker, sessions, count);
}

/* Runs in a transaction; `argument` says whether Redis was emptied. */
static int publish_what_is_missing(struct worker *worker, void *argument) {
    const bool *emptied = argument;
    struct revocation *list;
    size_t count;
    if (sessions_store_list_revocations(worker, *emptied, kept_s(), &list, &count) != 0)
        return -1;
    if (count && (!write_all(list, count) || mark_published(worker, list, count) != 0))
        return -1;
    if (*emptied) {
        if (redisAppendCommand(redis.connection, "SET " MARKER " 1") != REDIS_OK || !take_reply(NULL))
            return -1;
        log_info("told redis of all %zu sessions and keys that ended lately", count);
    }
    return 0;
}

static bool read_marker(bool *ret_complete) {
    return connect_if_needed() && redisAppendCommand(redis.connection, "GET " MARKER) == REDIS_OK &&
           take_reply(ret_complete);
}

void revocations_tick(struct worker *worker) {
    bool complete = false, was_idle = redis.connection, known = read_marker(&complete);
    if (!known && was_idle) {
        redis.retry_mono_ms = 0; /* see revocations_publish() */
        known = read_marker(&complete);
    }
    if (!known)
        return;
    bool emptied = !complete;
    worker_transaction(worker, publish_what_is_missing, &emptied);
}
