/* Where one is signed in, and how that ends: here, elsewhere, everywhere. What is ended is refused from the next
 * request on, for Redis knows of it before the answer leaves. */
#include <inttypes.h>
#include <string.h>

#include "audit.h"
#include "revocations.h"
#include "sessions_store.h"
#include "sign_in.h"

int logout_user(struct worker *worker, struct logout_user_call *calls, size_t count) {
    struct pool *pool = worker_pool(worker);
    const char **sessions = pool_alloc(pool, count * sizeof *sessions);
    struct security_event *events = pool_alloc(pool, count * sizeof *events);
    size_t session_count = 0;
    for (size_t i = 0; i < count; i++) {
        struct uuid id;
        calls[i].reply.message = "Logged out successfully";
        if (uuid_parse(calls[i].call.header.caller.session, &id) != 0) {
            refuse(&calls[i].call, &refusal_invalid_token);
            continue;
        }
        events[session_count] = audit_of(&calls[i].call, "session_expired", 0, "logout");
        sessions[session_count++] = calls[i].call.header.caller.session;
    }
    if (session_count == 0)
        return 0;
    bool published = revocations_publish(worker, sessions, session_count);
    if (sessions_store_revoke(worker, sessions, session_count, "logout", published) != 0)
        return -1;
    return audit_note(worker, events, session_count);
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
    if (revocations_publish(worker, sessions, 1) && sessions_store_mark_published(worker, sessions, 1) != 0)
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
