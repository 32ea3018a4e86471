/* The operations of webhook endpoints: a person's own, each with a secret that is shown when it is made. What becomes
 * of one is a security event, for webhooks carry other people's names and addresses; and whoever has one made, or led
 * elsewhere, is told so by mail. What was sent to them is delivery_handlers.c's. */
#include <inttypes.h>
#include <string.h>

#include "account_mail.h"
#include "audit.h"
#include "endpoint_calls.h"
#include "webhook.h"
#include "webhook_targets.h"

/* False: the call is refused. */
static bool check_everything(struct call *call, bool everything) {
    if (!everything || strcmp(call->header.caller.role, "admin") == 0)
        return true;
    refuse_field(call, &refusal_forbidden, "everything", "is for administrators");
    return false;
}

static const char *new_secret(struct pool *pool) {
    return webhook_secret_new(pool_alloc(pool, WEBHOOK_SECRET_TEXT_SIZE));
}

static const char *new_signing_key(struct pool *pool) {
    return webhook_key_new(pool_alloc(pool, WEBHOOK_KEY_TEXT_SIZE));
}

static bool has_secret(const struct webhook_endpoint *endpoint) {
    return strcmp(endpoint->signature, "ed25519") != 0;
}

/* Never with its address: that may hold a key. */
static struct security_event event_of(const struct call *call, const char *event, int64_t endpoint_id,
                                      const char *what) {
    return audit_of(call, event, 0, pool_printf(call->pool, "webhook endpoint %" PRId64 ": %s", endpoint_id, what));
}

static void tell_owner(struct worker *worker, const struct call *call, const char *kind, const char *url) {
    account_mail_queue(
        worker, &(struct account_mail){
                    .kind = kind, .user_id = call->header.caller.user_id, .url = url, .trace = call->header.trace});
}

int list_webhook_endpoints(struct worker *worker, struct list_webhook_endpoints_call *calls, size_t count) {
    struct pool *pool = worker_pool(worker);
    int64_t *owner_ids = pool_alloc(pool, count * sizeof *owner_ids);
    struct list_webhook_endpoints_reply *lists = pool_alloc(pool, count * sizeof *lists);
    for (size_t i = 0; i < count; i++)
        owner_ids[i] = calls[i].call.header.caller.user_id;
    if (endpoints_store_list(worker, owner_ids, count, lists) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        calls[i].reply = lists[i];
    return 0;
}

int get_webhook_endpoint(struct worker *worker, struct get_webhook_endpoint_call *calls, size_t count) {
    const struct webhook_endpoint *endpoints = ENDPOINTS_FIND(worker, calls, count);
    if (!endpoints)
        return -1;
    for (size_t i = 0; i < count; i++)
        calls[i].reply = endpoints[i];
    return 0;
}

/* Those that may be made, each for the call at its place. */
static int create(struct worker *worker, struct create_webhook_endpoint_call *calls, const struct new_endpoint *made,
                  const size_t *places, size_t count) {
    struct pool *pool = worker_pool(worker);
    int64_t *ids = pool_alloc(pool, count * sizeof *ids);
    struct endpoint_key *keys = pool_alloc(pool, count * sizeof *keys);
    struct webhook_endpoint *endpoints = pool_alloc(pool, count * sizeof *endpoints);
    struct security_event *events = pool_alloc(pool, count * sizeof *events);
    size_t event_count = 0;
    if (endpoints_store_create(worker, made, count, ids) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        keys[i] = (struct endpoint_key){.id = ids[i], .owner_id = made[i].owner_id};
    if (endpoints_store_read(worker, keys, count, endpoints) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        struct create_webhook_endpoint_call *call = &calls[places[i]];
        if (ids[i] == 0) {
            refuse(&call->call, &refusal_too_many_endpoints);
            continue;
        }
        call->reply.message = "Webhook endpoint created";
        call->reply.endpoint = endpoints[i];
        if (has_secret(&endpoints[i]))
            SET(call->reply, secret, made[i].secret);
        events[event_count++] = event_of(&call->call, "sensitive_create", ids[i], "made");
        tell_owner(worker, &call->call, "endpoint_added", call->request.url);
    }
    return audit_note(worker, events, event_count);
}

int create_webhook_endpoint(struct worker *worker, struct create_webhook_endpoint_call *calls, size_t count) {
    struct pool *pool = worker_pool(worker);
    struct new_endpoint *made = pool_alloc(pool, count * sizeof *made);
    size_t *places = pool_alloc(pool, count * sizeof *places), made_count = 0;
    for (size_t i = 0; i < count; i++) {
        const struct create_webhook_endpoint_request *request = &calls[i].request;
        if (!webhook_targets_take(&calls[i].call, "url", request->url) ||
            !check_everything(&calls[i].call, request->everything))
            continue;
        places[made_count] = i;
        made[made_count++] = (struct new_endpoint){.owner_id = calls[i].call.header.caller.user_id,
                                                   .request = request,
                                                   .secret = new_secret(pool),
                                                   .signing_key = new_signing_key(pool)};
    }
    return made_count ? create(worker, calls, made, places, made_count) : 0;
}

/* An endpoint as it is before it changes. The address of the profile's is the profile's. */
static bool check_change(struct update_webhook_endpoint_call *call, const struct webhook_endpoint *before) {
    const struct update_webhook_endpoint_request *request = &call->request;
    if (request->has_url == PRESENCE_SET && strcmp(request->url, before->url) != 0) {
        if (before->from_profile) {
            refuse(&call->call, &refusal_endpoint_of_profile);
            return false;
        }
        if (!webhook_targets_take(&call->call, "url", request->url))
            return false;
    }
    return check_everything(&call->call, request->has_everything == PRESENCE_SET && request->everything);
}

/* Those that may be changed, each for the call at its place. */
static int change(struct worker *worker, struct update_webhook_endpoint_call *calls,
                  const struct endpoint_change *changes, const size_t *places, size_t count) {
    struct pool *pool = worker_pool(worker);
    struct endpoint_changed *changed = pool_alloc(pool, count * sizeof *changed);
    struct security_event *events = pool_alloc(pool, count * sizeof *events);
    size_t event_count = 0;
    if (endpoints_store_update(worker, changes, count, changed) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        const struct call *call = &calls[places[i]].call;
        if (changed[i].what[0])
            events[event_count++] = event_of(call, "sensitive_update", changes[i].key.id, changed[i].what);
        if (changed[i].url)
            tell_owner(worker, call, "endpoint_changed", changed[i].url);
    }
    return audit_note(worker, events, event_count);
}

int update_webhook_endpoint(struct worker *worker, struct update_webhook_endpoint_call *calls, size_t count) {
    struct pool *pool = worker_pool(worker);
    const struct webhook_endpoint *endpoints = ENDPOINTS_FIND(worker, calls, count);
    struct endpoint_change *changes = pool_alloc(pool, count * sizeof *changes);
    size_t *places = pool_alloc(pool, count * sizeof *places), change_count = 0;
    if (!endpoints)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (calls[i].call.refusal || !check_change(&calls[i], &endpoints[i]))
            continue;
        places[change_count] = i;
        changes[change_count++] =
            (struct endpoint_change){.key = endpoint_key_of(&calls[i].call, calls[i].request.endpoint_id),
                                     .request = &calls[i].request,
                                     .signing_key = new_signing_key(pool)};
    }
    if (!change_count)
        return 0;
    if (change(worker, calls, changes, places, change_count) != 0)
        return -1;
    endpoints = ENDPOINTS_FIND(worker, calls, count); /* those that were removed meanwhile are refused */
    if (!endpoints)
        return -1;
    for (size_t i = 0; i < count; i++) {
        calls[i].reply.message = "Webhook endpoint changed";
        calls[i].reply.endpoint = endpoints[i];
    }
    return 0;
}

int delete_webhook_endpoint(struct worker *worker, struct delete_webhook_endpoint_call *calls, size_t count) {
    struct pool *pool = worker_pool(worker);
    const struct webhook_endpoint *endpoints = ENDPOINTS_FIND(worker, calls, count);
    bool *removed = pool_alloc(pool, count * sizeof *removed);
    struct security_event *events = pool_alloc(pool, count * sizeof *events);
    size_t event_count = 0;
    if (!endpoints || endpoints_store_delete(worker, ENDPOINT_KEYS(worker, calls, count), count, removed) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        calls[i].reply.message = "Webhook endpoint removed";
        if (calls[i].call.refusal)
            continue;
        if (removed[i])
            events[event_count++] =
                event_of(&calls[i].call, "sensitive_delete", calls[i].request.endpoint_id, "removed");
        else if (endpoints[i].from_profile)
            refuse(&calls[i].call, &refusal_endpoint_of_profile);
        else
            refuse(&calls[i].call, &refusal_endpoint_not_found); /* removed meanwhile */
    }
    return audit_note(worker, events, event_count);
}

int rotate_webhook_secret(struct worker *worker, struct rotate_webhook_secret_call *calls, size_t count) {
    struct pool *pool = worker_pool(worker);
    struct endpoint_rotation *rotations = pool_alloc(pool, count * sizeof *rotations);
    struct security_event *events = pool_alloc(pool, count * sizeof *events);
    size_t event_count = 0;
    for (size_t i = 0; i < count; i++)
        rotations[i] = (struct endpoint_rotation){.key = endpoint_key_of(&calls[i].call, calls[i].request.endpoint_id),
                                                  .former_hours = calls[i].request.former_hours,
                                                  .secret = new_secret(pool),
                                                  .signing_key = new_signing_key(pool)};
    if (endpoints_store_rotate(worker, rotations, count) != 0)
        return -1;
    const struct webhook_endpoint *endpoints = ENDPOINTS_FIND(worker, calls, count);
    if (!endpoints)
        return -1;
    for (size_t i = 0; i < count; i++) {
        calls[i].reply.message = "Webhook secret replaced";
        calls[i].reply.endpoint = endpoints[i];
        if (calls[i].call.refusal)
            continue;
        if (has_secret(&endpoints[i]))
            SET(calls[i].reply, secret, rotations[i].secret);
        events[event_count++] = event_of(&calls[i].call, "sensitive_update", endpoints[i].id, "new secret");
    }
    return audit_note(worker, events, event_count);
}
