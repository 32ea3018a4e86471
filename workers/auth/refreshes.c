/* Refresh tokens are good once. A spent one that comes again means that somebody holds a copy: the whole session ends
 * (RFC 9700 §4.14.2). Role, name and verified state are those of the present. */
#include <string.h>

#include "audit.h"
#include "revocations.h"
#include "rules.h"
#include "second_factor.h"
#include "tokens.h"

/* What one mailbox of refresh tokens comes to. Arrays are by the place of the call, unless they have a count. */
struct refreshes {
    struct worker *worker;
    struct refresh_token_call *calls;
    size_t count;
    struct bytes *hashes;
    struct refresh_row *rows;
    bool *factor_is_active;
    struct bytes *spent;
    struct new_session *sessions;
    size_t good_count;
    const char **reused; /* sessions that end */
    size_t reused_count;
    struct security_event *events;
    size_t event_count;
};

static void note(struct refreshes *refreshes, size_t at, const char *name) {
    const struct refresh_row *row = &refreshes->rows[at];
    struct security_event *event = &refreshes->events[refreshes->event_count++];
    *event = audit_of(&refreshes->calls[at].call, name, row->account.id, "refresh");
    event->session = row->session;
}

static bool spent_earlier(const struct refreshes *refreshes, size_t at) {
    for (size_t i = 0; i < refreshes->good_count; i++)
        if (memcmp(refreshes->spent[i].data, refreshes->hashes[at].data, TOKEN_HASH_SIZE) == 0)
            return true;
    return false;
}

/* A broker may have given one call to two workers, and this one waited for the other's lock: that is no reuse, and the
 * other worker's answer counts. */
static int refuse_reuse(struct refreshes *refreshes, size_t at) {
    struct call *call = &refreshes->calls[at].call;
    const struct uuid *command = uuid_is_nil(&call->header.command) ? &call->header.id : &call->header.command;
    bool ran;
    if (sessions_store_command_ran(refreshes->worker, command, &ran) != 0)
        return -1;
    if (ran) {
        refuse(call, &refusal_idempotency_in_flight);
        return 0;
    }
    note(refreshes, at, "authn_token_reuse");
    refreshes->reused[refreshes->reused_count++] = refreshes->rows[at].session;
    refuse(call, &refusal_refresh_token_spent);
    return 0;
}

static int renew(struct refreshes *refreshes, size_t at) {
    struct refresh_token_call *call = &refreshes->calls[at];
    const struct refresh_row *row = &refreshes->rows[at];
    const struct token_order order = {.call = &call->call,
                                      .account = &row->account,
                                      .session = row->session,
                                      .left_s = row->left_s,
                                      .factor_is_due = !refreshes->factor_is_active[at] &&
                                                       second_factor_is_required(row->account.role)};
    if (tokens_make(&order, &call->reply, &refreshes->sessions[refreshes->good_count]) != 0)
        return -1;
    refreshes->spent[refreshes->good_count++] = refreshes->hashes[at];
    note(refreshes, at, "session_renewed");
    return 0;
}

static int refresh_one(struct refreshes *refreshes, size_t at) {
    const struct refresh_row *row = &refreshes->rows[at];
    const struct refresh_state state = {.known = row->known,
                                        .spent = row->spent || spent_earlier(refreshes, at),
                                        .revoked = row->revoked,
                                        .expired = row->expired || row->left_s <= 0,
                                        .inactive = !row->account.is_active};
    switch (rule_refresh(state)) {
    case REFRESH_GOOD:
        return renew(refreshes, at);
    case REFRESH_REUSED:
        return refuse_reuse(refreshes, at);
    case REFRESH_INACTIVE:
        refuse(&refreshes->calls[at].call, &refusal_account_inactive);
        return 0;
    case REFRESH_INVALID:
        break;
    }
    refuse(&refreshes->calls[at].call, &refusal_invalid_token);
    if (row->known)
        note(refreshes, at, "session_use_after_expire");
    return 0;
}

static int look_at_tokens(struct refreshes *refreshes) {
    struct pool *pool = worker_pool(refreshes->worker);
    int64_t *user_ids = pool_alloc(pool, refreshes->count * sizeof *user_ids);
    for (size_t i = 0; i < refreshes->count; i++) {
        uint8_t *hash = pool_alloc(pool, TOKEN_HASH_SIZE);
        tokens_hash(refreshes->calls[i].request.refresh_token, hash);
        refreshes->hashes[i] = (struct bytes){hash, TOKEN_HASH_SIZE};
    }
    if (sessions_store_find_tokens(refreshes->worker, refreshes->hashes, refreshes->count, refreshes->rows) != 0)
        return -1;
    for (size_t i = 0; i < refreshes->count; i++)
        user_ids[i] = refreshes->rows[i].account.id;
    return second_factors_are_active(refreshes->worker, user_ids, refreshes->count, refreshes->factor_is_active);
}

static int write_all(struct refreshes *refreshes) {
    struct worker *worker = refreshes->worker;
    if (refreshes->good_count &&
        sessions_store_rotate(worker, refreshes->spent, refreshes->sessions, refreshes->good_count) != 0)
        return -1;
    if (refreshes->event_count && audit_note(worker, refreshes->events, refreshes->event_count) != 0)
        return -1;
    if (refreshes->reused_count == 0)
        return 0;
    bool published = revocations_publish(refreshes->reused, refreshes->reused_count);
    return sessions_store_revoke(worker, refreshes->reused, refreshes->reused_count, "reuse", published);
}

int refresh_token(struct worker *worker, struct refresh_token_call *calls, size_t count) {
    struct pool *pool = worker_pool(worker);
    struct refreshes refreshes = {.worker = worker,
                                  .calls = calls,
                                  .count = count,
                                  .hashes = pool_alloc(pool, count * sizeof *refreshes.hashes),
                                  .rows = pool_alloc(pool, count * sizeof *refreshes.rows),
                                  .factor_is_active = pool_alloc(pool, count * sizeof *refreshes.factor_is_active),
                                  .spent = pool_alloc(pool, count * sizeof *refreshes.spent),
                                  .sessions = pool_alloc(pool, count * sizeof *refreshes.sessions),
                                  .reused = pool_alloc(pool, count * sizeof *refreshes.reused),
                                  .events = pool_alloc(pool, count * sizeof *refreshes.events)};
    if (look_at_tokens(&refreshes) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (refresh_one(&refreshes, i) != 0)
            return -1;
    return write_all(&refreshes);
}
