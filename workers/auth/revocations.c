/* The auth worker's side of the session state in Redis: a key per ended session or revoked API key, and a marker that
 * says the set is complete. Reading the keys is the gateway's part. */
#include "revocations.h"

#include "log.h"
#include "redis_link.h"
#include "sessions_store.h"
#include "settings.h"

#define KEY_PREFIX "tithi:revoked:"
#define MARKER "tithi:revocations"
#define PATIENCE_MS 500
#define KEPT_AT_LEAST_S 86400 /* ACCESS_TOKEN_TTL may have been longer when the token was made */

static void queue_key(const char *session, int64_t left_s) {
    redis_link_command("SET " KEY_PREFIX "%s 1 EX %lld", session, (long long)left_s);
}

/* Until then the last access token of an ended session is over, and no gateway remembers a revoked key. */
static int64_t kept_s(void) {
    return settings.access_token_ttl_s > KEPT_AT_LEAST_S ? settings.access_token_ttl_s : KEPT_AT_LEAST_S;
}

bool revocations_publish(const char *const *sessions, size_t count) {
    for (size_t i = 0; i < count; i++)
        queue_key(sessions[i], kept_s());
    return redis_link_run(PATIENCE_MS, NULL);
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
    for (size_t i = 0; i < count; i++)
        queue_key(list[i].session, list[i].left_s);
    if (count && (!redis_link_run(PATIENCE_MS, NULL) || mark_published(worker, list, count) != 0))
        return -1;
    if (*emptied) {
        redis_link_command("SET " MARKER " 1");
        if (!redis_link_run(PATIENCE_MS, NULL))
            return -1;
        log_info("told redis of all %zu sessions and keys that ended lately", count);
    }
    return 0;
}

void revocations_tick(struct worker *worker) {
    bool complete = false;
    redis_link_command("GET " MARKER);
    if (!redis_link_run(PATIENCE_MS, &complete))
        return;
    bool emptied = !complete;
    worker_transaction(worker, publish_what_is_missing, &emptied);
}
