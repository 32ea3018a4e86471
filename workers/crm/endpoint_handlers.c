/* The operations of webhook endpoints: a person's own, each with a secret that is shown when it is made. What was sent
 * to them is delivery_handlers.c's. */
#include <string.h>

#include "endpoint_rules.h"
#include "endpoints_store.h"
#include "settings.h"
#include "webhook.h"
#include "webhooks.h"

static struct endpoint_key key_of(const struct call *call, int64_t endpoint_id) {
    return (struct endpoint_key){.id = endpoint_id, .owner_id = call->header.caller.user_id};
}

/* False: the call is refused. */
static bool check_url(struct call *call, const char *url) {
    const char *problem;
    switch (rule_endpoint_url(url, settings_production(), webhooks_allowed(), &problem)) {
    case URL_GOOD:
        return true;
    case URL_MALFORMED:
        refuse_field(call, &refusal_validation_error, "url", "%s", problem);
        return false;
    case URL_REFUSED:
        refuse_field(call, &refusal_address_refused, "url", "is not reachable for everybody");
        return false;
    }
    return false;
}

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
    struct pool *pool = worker_pool(worker);
    struct endpoint_key *keys = pool_alloc(pool, count * sizeof *keys);
    struct webhook_endpoint *endpoints = pool_alloc(pool, count * sizeof *endpoints);
    for (size_t i = 0; i < count; i++)
        keys[i] = key_of(&calls[i].call, calls[i].request.endpoint_id);
    if (endpoints_store_read(worker, keys, count, endpoints) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        calls[i].reply = endpoints[i];
        if (endpoints[i].id == 0)
            refuse(&calls[i].call, &refusal_endpoint_not_found);
    }
    return 0;
}

/* Those that may be made, and the keys under which they are found then. */
static int create(struct worker *worker, struct create_webhook_endpoint_call *calls, size_t count,
                  const struct new_endpoint *made, const size_t *places, size_t made_count) {
    struct pool *pool = worker_pool(worker);
    int64_t *ids = pool_alloc(pool, made_count * sizeof *ids);
    struct endpoint_key *keys = pool_alloc(pool, count * sizeof *keys);
    struct webhook_endpoint *endpoints = pool_alloc(pool, count * sizeof *endpoints);
    if (endpoints_store_create(worker, made, made_count, ids) != 0)
        return -1;
    for (size_t i = 0; i < made_count; i++)
        keys[i] = (struct endpoint_key){.id = ids[i], .owner_id = made[i].owner_id};
    if (endpoints_store_read(worker, keys, made_count, endpoints) != 0)
        return -1;
    for (size_t i = 0; i < made_count; i++) {
        struct create_webhook_endpoint_call *call = &calls[places[i]];
        call->reply.message = "Webhook endpoint created";
        call->reply.endpoint = endpoints[i];
        if (ids[i] == 0)
            refuse(&call->call, &refusal_too_many_endpoints);
        else if (has_secret(&endpoints[i]))
            SET(call->reply, secret, made[i].secret);
    }
    return 0;
}

int create_webhook_endpoint(struct worker *worker, struct create_webhook_endpoint_call *calls, size_t count) {
    struct pool *pool = worker_pool(worker);
    struct new_endpoint *made = pool_alloc(pool, count * sizeof *made);
    size_t *places = pool_alloc(pool, count * sizeof *places), made_count = 0;
    for (size_t i = 0; i < count; i++) {
        const struct create_webhook_endpoint_request *request = &calls[i].request;
        if (!check_url(&calls[i].call, request->url) || !check_everything(&calls[i].call, request->everything))
            continue;
        places[made_count] = i;
        made[made_count++] = (struct new_endpoint){.owner_id = calls[i].call.header.caller.user_id,
                                                   .request = request,
                                                   .secret = new_secret(pool),
                                                   .signing_key = new_signing_key(pool)};
    }
    return made_count ? create(worker, calls, count, made, places, made_count) : 0;
}

/* An endpoint as it is before it changes. The address of the profile's is the profile's. */
static bool check_change(struct update_webhook_endpoint_call *call, const struct webhook_endpoint *before) {
    const struct update_webhook_endpoint_request *request = &call->request;
    if (!before->id) {
        refuse(&call->call, &refusal_endpoint_not_found);
        return false;
    }
    if (request->has_url == PRESENCE_SET && strcmp(request->url, before->url) != 0) {
        if (before->from_profile) {
            refuse(&call->call, &refusal_endpoint_of_profile);
            return false;
        }
        if (!check_url(&call->call, request->url))
            return false;
    }
    return check_everything(&call->call, request->has_everything == PRESENCE_SET && request->everything);
}

static struct endpoint_change change_of(const struct update_webhook_endpoint_call *call, struct pool *pool) {
    const struct update_webhook_endpoint_request *request = &call->request;
    return (struct endpoint_change){
        .key = key_of(&call->call, request->endpoint_id), .request = request, .signing_key = new_signing_key(pool)};
}

int update_webhook_endpoint(struct worker *worker, struct update_webhook_endpoint_call *calls, size_t count) {
    struct pool *pool = worker_pool(worker);
    struct endpoint_key *keys = pool_alloc(pool, count * sizeof *keys);
    struct endpoint_change *changes = pool_alloc(pool, count * sizeof *changes);
    struct webhook_endpoint *endpoints = pool_alloc(pool, count * sizeof *endpoints);
    size_t change_count = 0;
    for (size_t i = 0; i < count; i++)
        keys[i] = key_of(&calls[i].call, calls[i].request.endpoint_id);
    if (endpoints_store_read(worker, keys, count, endpoints) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (check_change(&calls[i], &endpoints[i]))
            changes[change_count++] = change_of(&calls[i], pool);
    if (!change_count)
        return 0;
    if (endpoints_store_update(worker, changes, change_count) != 0 ||
        endpoints_store_read(worker, keys, count, endpoints) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        calls[i].reply.message = "Webhook endpoint changed";
        calls[i].reply.endpoint = endpoints[i];
        if (endpoints[i].id == 0 && !calls[i].call.refusal)
            refuse(&calls[i].call, &refusal_endpoint_not_found); /* removed meanwhile */
    }
    return 0;
}

int delete_webhook_endpoint(struct worker *worker, struct delete_webhook_endpoint_call *calls, size_t count) {
    struct pool *pool = worker_pool(worker);
    struct endpoint_key *keys = pool_alloc(pool, count * sizeof *keys);
    struct webhook_endpoint *endpoints = pool_alloc(pool, count * sizeof *endpoints);
    for (size_t i = 0; i < count; i++)
        keys[i] = key_of(&calls[i].call, calls[i].request.endpoint_id);
    if (endpoints_store_read(worker, keys, count, endpoints) != 0 || endpoints_store_delete(worker, keys, count) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        calls[i].reply.message = "Webhook endpoint removed";
        if (endpoints[i].id == 0)
            refuse(&calls[i].call, &refusal_endpoint_not_found);
        else if (endpoints[i].from_profile)
            refuse(&calls[i].call, &refusal_endpoint_of_profile);
    }
    return 0;
}

int rotate_webhook_secret(struct worker *worker, struct rotate_webhook_secret_call *calls, size_t count) {
    struct pool *pool = worker_pool(worker);
    struct endpoint_key *keys = pool_alloc(pool, count * sizeof *keys);
    struct endpoint_rotation *rotations = pool_alloc(pool, count * sizeof *rotations);
    struct webhook_endpoint *endpoints = pool_alloc(pool, count * sizeof *endpoints);
    for (size_t i = 0; i < count; i++) {
        keys[i] = key_of(&calls[i].call, calls[i].request.endpoint_id);
        rotations[i] = (struct endpoint_rotation){.key = keys[i],
                                                  .former_hours = calls[i].request.former_hours,
                                                  .secret = new_secret(pool),
                                                  .signing_key = new_signing_key(pool)};
    }
    if (endpoints_store_rotate(worker, rotations, count) != 0 ||
        endpoints_store_read(worker, keys, count, endpoints) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        calls[i].reply.message = "Webhook secret replaced";
        calls[i].reply.endpoint = endpoints[i];
        if (endpoints[i].id == 0)
            refuse(&calls[i].call, &refusal_endpoint_not_found);
        else if (has_secret(&endpoints[i]))
            SET(calls[i].reply, secret, rotations[i].secret);
    }
    return 0;
}
