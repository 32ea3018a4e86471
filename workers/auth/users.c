/* The administration of accounts: finding them, approving, promoting, deactivating. Nobody changes what concerns
 * oneself, and whoever changes another must still be an administrator when the change is committed: so there is always
 * one left. What takes rights away ends sessions and API keys at once; what gives rights waits for the next refresh. */
#include <stdio.h>
#include <string.h>

#include "audit.h"
#include "cursor.h"
#include "links.h"
#include "operations.h"
#include "second_factor.h"
#include "sign_in.h"
#include "users_store.h"

#define LIST_SORT "-id" /* of cursors */
#define EVENT_LIMIT 5
#define DETAIL_SIZE 64

static int queue_list(struct worker *worker, struct list_users_call *call) {
    struct cursor after = {0};
    if (call->request.after && cursor_read(call->request.after, LIST_SORT, call->call.pool, &after) != 0) {
        refuse_field(&call->call, &refusal_bad_cursor, "after", "is not the `next` of a page of this list");
        return 0;
    }
    return user_store_queue_list(worker, &call->request, after.id);
}

static int receive_list(struct worker *worker, struct list_users_call *call) {
    struct list_users_reply *reply = &call->reply;
    bool more;
    if (user_store_receive_list(worker, &call->request, reply, &more) != 0)
        return -1;
    if (more) {
        const struct cursor last = {
            .sort = LIST_SORT, .value = "", .id = reply->users.items[reply->users.count - 1].id};
        SET(*reply, next, cursor_text(&last, call->call.pool));
    }
    return 0;
}

int list_users(struct worker *worker, struct list_users_call *calls, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (queue_list(worker, &calls[i]) != 0)
            return -1;
    for (size_t i = 0; i < count; i++)
        if (!calls[i].call.refusal && receive_list(worker, &calls[i]) != 0)
            return -1;
    return 0;
}

int get_user(struct worker *worker, struct get_user_call *calls, size_t count) {
    struct pool *pool = worker_pool(worker);
    int64_t *user_ids = pool_alloc(pool, count * sizeof *user_ids);
    struct user_account *accounts = pool_alloc(pool, count * sizeof *accounts);
    for (size_t i = 0; i < count; i++)
        user_ids[i] = calls[i].request.user_id;
    if (user_store_read(worker, user_ids, count, false, accounts) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (accounts[i].id)
            calls[i].reply = accounts[i];
        else
            refuse(&calls[i].call, &refusal_user_not_found);
    return 0;
}

/* Of the two accounts as they are locked now: may this change be made? */
static void judge(struct update_user_call *call, const struct user_account *user, const struct user_account *actor) {
    const struct update_user_request *change = &call->request;
    if (strcmp(actor->role, "admin") != 0 || !actor->is_active)
        refuse(&call->call, &refusal_forbidden);
    else if (user->id == actor->id)
        refuse(&call->call, &refusal_own_role);
    else if (change->has_facilitator_pending == PRESENCE_SET && change->facilitator_pending &&
             !user->facilitator_pending)
        refuse_field(&call->call, &refusal_validation_error, "facilitator_pending", "only the person can ask for it");
}

static int rank(const char *role) {
    return strcmp(role, "admin") == 0 ? 2 : strcmp(role, "facilitator") == 0 ? 1 : 0;
}

/* May the person do less than before, so that what was given out must not be good any longer? */
static bool takes_rights(const struct user_account *before, const struct user_account *after) {
    return rank(after->role) < rank(before->role) || (before->is_active && !after->is_active) ||
           (before->is_verified && !after->is_verified) ||
           (before->second_factor && !after->second_factor && second_factor_is_required(after->role));
}

struct changes {
    const struct call *call;
    int64_t user_id;
    struct security_event events[EVENT_LIMIT];
    size_t count;
};

static void add_change(struct changes *changes, const char *event, const char *detail) {
    changes->events[changes->count++] = audit_of(changes->call, event, changes->user_id, detail);
}

static int note_changes(struct worker *worker, const struct call *call, const struct user_account *before,
                        const struct user_account *after) {
    struct changes changes = {.call = call, .user_id = after->id};
    char roles[DETAIL_SIZE];
    snprintf(roles, sizeof roles, "role %s, was %s", after->role, before->role);
    if (strcmp(before->role, after->role) != 0)
        add_change(&changes, "privilege_permissions_changed", roles);
    else if (before->facilitator_pending && !after->facilitator_pending)
        add_change(&changes, "user_updated", "turned down as facilitator");
    if (before->is_active != after->is_active)
        add_change(&changes, "user_updated", after->is_active ? "activated" : "deactivated");
    if (before->is_verified != after->is_verified)
        add_change(&changes, "user_updated", after->is_verified ? "address verified" : "address not verified");
    if (before->second_factor && !after->second_factor)
        add_change(&changes, "user_updated", "second factor removed");
    return changes.count ? audit_note(worker, changes.events, changes.count) : 0;
}

/* The answer to who has asked to become a facilitator; NULL: this change is none. */
static const char *answer_of(const struct user_account *before, const struct user_account *after) {
    if (!before->facilitator_pending || after->facilitator_pending)
        return NULL;
    return rank(after->role) > rank(before->role) ? "facilitator_approved" : "facilitator_declined";
}

/* A factor that is removed may have been stolen, so its sessions go in any case; keys go only with rights. */
static int end_what_is_over(struct worker *worker, const struct user_account *before,
                            const struct user_account *after) {
    bool less = takes_rights(before, after);
    if ((less || (before->second_factor && !after->second_factor)) &&
        sign_in_end_all(worker, after->id, NULL, "admin", NULL) != 0)
        return -1;
    return less ? sign_in_end_keys(worker, after->id, NULL) : 0;
}

static int apply(struct worker *worker, struct update_user_call *call, const struct user_account *before) {
    struct user_account *after = &call->reply.user;
    bool removed;
    if (call->request.second_factor && second_factor_remove(worker, before->id, &removed) != 0)
        return -1;
    if (before->second_factor && call->request.second_factor)
        links_mail_notice(worker, before->id, "second_factor_removed", call->call.header.trace);
    if (user_store_update(worker, &call->request) != 0 || user_store_read(worker, &before->id, 1, false, after) != 0)
        return -1;
    const char *answer = answer_of(before, after);
    if (answer)
        links_mail_notice(worker, before->id, answer, call->call.header.trace);
    call->reply.message = "User updated successfully";
    return end_what_is_over(worker, before, after) != 0 ? -1 : note_changes(worker, &call->call, before, after);
}

static int update_one(struct worker *worker, struct update_user_call *call) {
    const int64_t user_ids[] = {call->request.user_id, call->call.header.caller.user_id};
    struct user_account accounts[2];
    if (user_store_read(worker, user_ids, 2, false, accounts) != 0)
        return -1;
    if (accounts[0].id == 0 || accounts[0].has_erased_at == PRESENCE_SET)
        refuse(&call->call, &refusal_user_not_found);
    else if (accounts[1].id == 0)
        refuse(&call->call, &refusal_invalid_token);
    else
        judge(call, &accounts[0], &accounts[1]);
    return call->call.refusal ? 0 : apply(worker, call, &accounts[0]);
}

/* All whom the mailbox concerns, in one order: two workers must not wait for each other. */
static int lock_all(struct worker *worker, const struct update_user_call *calls, size_t count) {
    struct pool *pool = worker_pool(worker);
    int64_t *user_ids = pool_alloc(pool, 2 * count * sizeof *user_ids);
    struct user_account *accounts = pool_alloc(pool, 2 * count * sizeof *accounts);
    for (size_t i = 0; i < count; i++) {
        user_ids[2 * i] = calls[i].request.user_id;
        user_ids[2 * i + 1] = calls[i].call.header.caller.user_id;
    }
    return user_store_read(worker, user_ids, 2 * count, true, accounts);
}

int update_user(struct worker *worker, struct update_user_call *calls, size_t count) {
    if (lock_all(worker, calls, count) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (update_one(worker, &calls[i]) != 0)
            return -1;
    return 0;
}
