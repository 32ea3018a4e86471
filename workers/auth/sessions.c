/* Where one is signed in, and how that ends: here, elsewhere, everywhere. What is ended is refused from the next
 * request on, for Redis knows of it before the answer leaves. */
#include <inttypes.h>
#include <string.h>

#include "audit.h"
#include "revocations.h"
#include "sessions_store.h"
#include "sign_in.h"
#include "tokens.h"

/* The sessions that a mailbox of sign-outs ends, each once. */
struct endings {
    struct worker *worker;
    const char **sessions;
    struct security_event *events;
    size_t count;
};

static struct endings endings_new(struct worker *worker, size_t limit) {
    struct endings endings = {.worker = worker};
    endings.sessions = pool_alloc(worker_pool(worker), limit * sizeof *endings.sessions);
    endings.events = pool_alloc(worker_pool(worker), limit * sizeof *endings.events);
    return endings;
}

/* `user_id`: whose it is; 0: the caller's. */
static void add_ending(struct endings *endings, const struct call *call, const char *session, int64_t user_id) {
    for (size_t i = 0; i < endings->count; i++)
        if (strcmp(endings->sessions[i], session) == 0)
            return;
    struct security_event event = audit_of(call, "session_expired", user_id, "logout");
    event.session = session;
    endings->events[endings->count] = event;
    endings->sessions[endings->count++] = session;
}

static int end_all(const struct endings *endings) {
    if (endings->count == 0)
        return 0;
    bool published = revocations_publish(endings->sessions, endings->count);
    if (sessions_store_revoke(endings->worker, endings->sessions, endings->count, "logout", published) != 0)
        return -1;
    return audit_note(endings->worker, endings->events, endings->count);
}

int logout_user(struct worker *worker, struct logout_user_call *calls, size_t count) {
    struct endings endings = endings_new(worker, count);
    for (size_t i = 0; i < count; i++) {
        const char *session = calls[i].call.header.caller.session;
        struct uuid id;
        calls[i].reply.message = "Logged out successfully";
        if (uuid_parse(session, &id) == 0)
            add_ending(&endings, &calls[i].call, session, 0);
        else
            refuse(&calls[i].call, &refusal_invalid_token);
    }
    return end_all(&endings);
}

/* rows[i]: what is known of the refresh token of calls[i]. */
static int find_refresh_tokens(struct worker *worker, const struct close_session_call *calls, size_t count,
                               struct refresh_row *ret_rows) {
    struct pool *pool = worker_pool(worker);
    struct bytes *hashes = pool_alloc(pool, count * sizeof *hashes);
    for (size_t i = 0; i < count; i++) {
        uint8_t *hash = pool_alloc(pool, TOKEN_HASH_SIZE);
        tokens_hash(calls[i].request.has_refresh_cookie ? calls[i].request.refresh_cookie : "", hash);
        hashes[i] = (struct bytes){hash, TOKEN_HASH_SIZE};
    }
    return sessions_store_find_tokens(worker, hashes, count, ret_rows);
}

/* The access token of a browser is over long before its session is: either cookie ends it, a spent one too. */
int close_session(struct worker *worker, struct close_session_call *calls, size_t count) {
    struct refresh_row *rows = pool_alloc(worker_pool(worker), count * sizeof *rows);
    struct endings endings = endings_new(worker, 2 * count);
    if (find_refresh_tokens(worker, calls, count, rows) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        const struct call *call = &calls[i].call;
        struct uuid id;
        calls[i].reply.message = "Logged out successfully";
        if (uuid_parse(call->header.caller.session, &id) == 0)
            add_ending(&endings, call, call->header.caller.session, 0);
        if (rows[i].known && !rows[i].revoked)
            add_ending(&endings, call, rows[i].session, rows[i].account.id);
    }
    return end_all(&endings);
}

int list_sign_ins(struct worker *worker, struct list_sign_ins_call *calls, size_t count) {
    struct pool *pool = worker_pool(worker);
    int64_t *user_ids = pool_alloc(pool, count * sizeof *user_ids);
    struct list_sign_ins_reply *lists = pool_alloc(pool, count * sizeof *lists);
    for (size_t i = 0; i < count; i++)
        user_ids[i] = calls[i].call.header.caller.user_id;
    if (sessions_store_list(worker, user_ids, count, lists) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        for (size_t place = 0; place < lists[i].sessions.count; place++) {
            struct login_session *session = &lists[i].sessions.items[place];
            session->current = strcmp(session->id, calls[i].call.header.caller.session) == 0;
        }
        calls[i].reply = lists[i];
    }
    return 0;
}

/* Somebody else's session is as unknown as one that never was. */
static int end_one(struct worker *worker, struct end_sign_in_call *call) {
    char session[UUID_TEXT_SIZE];
    const char *sessions[] = {session};
    struct uuid id;
    bool found = false;
    if (uuid_parse(call->request.session_id, &id) == 0 &&
        sessions_store_revoke_own(worker, uuid_text(&id, session), call->call.header.caller.user_id, &found) != 0)
        return -1;
    if (!found) {
        refuse(&call->call, &refusal_session_not_found);
        return 0;
    }
    if (revocations_publish(sessions, 1) && sessions_store_mark_published(worker, sessions, 1) != 0)
        return -1;
    call->reply.message = "Session ended";
    const char *detail = pool_printf(call->call.pool, "session %s", session);
    const struct security_event event = audit_of(&call->call, "authn_token_revoked", 0, detail);
    return audit_note(worker, &event, 1);
}

int end_sign_in(struct worker *worker, struct end_sign_in_call *calls, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (end_one(worker, &calls[i]) != 0)
            return -1;
    return 0;
}

int end_sign_ins(struct worker *worker, struct end_sign_ins_call *calls, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct call *call = &calls[i].call;
        const struct caller *caller = &call->header.caller;
        const char *kept = calls[i].request.keep_current ? caller->session : NULL;
        if (sign_in_end_all(worker, caller->user_id, kept, "ended", &calls[i].reply.ended) != 0)
            return -1;
        calls[i].reply.message = "Sessions ended";
        const char *detail = pool_printf(call->pool, "%" PRId64 " sessions", calls[i].reply.ended);
        const struct security_event event = audit_of(call, "authn_token_revoked", 0, detail);
        if (audit_note(worker, &event, 1) != 0)
            return -1;
    }
    return 0;
}

static int end_all_of(struct worker *worker, struct end_sign_ins_of_user_call *call) {
    int64_t user_id = call->request.user_id, ended;
    struct account account;
    if (store_read_accounts(worker, &user_id, 1, &account) != 0)
        return -1;
    if (account.id == 0) {
        refuse(&call->call, &refusal_user_not_found);
        return 0;
    }
    if (sign_in_end_all(worker, user_id, NULL, "admin", &ended) != 0)
        return -1;
    call->reply.message = "Sessions ended";
    const char *detail = pool_printf(call->call.pool, "%" PRId64 " sessions", ended);
    struct security_event events[] = {audit_of(&call->call, "authz_admin", user_id, call->call.header.operation),
                                      audit_of(&call->call, "authn_token_revoked", user_id, detail)};
    for (size_t i = 0; i < sizeof events / sizeof *events; i++)
        events[i].actor_id = call->call.header.caller.user_id;
    return audit_note(worker, events, sizeof events / sizeof *events);
}

int end_sign_ins_of_user(struct worker *worker, struct end_sign_ins_of_user_call *calls, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (end_all_of(worker, &calls[i]) != 0)
            return -1;
    return 0;
}
