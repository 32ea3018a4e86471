/* One's own profile: shown, and changed in what it was given. */
#include "etag.h"
#include "rules.h"
#include "settings.h"
#include "store.h"
#include "webhook.h"

int get_profile(struct worker *worker, struct get_profile_call *calls, size_t count) {
    struct pool *pool = worker_pool(worker);
    int64_t *user_ids = pool_alloc(pool, count * sizeof *user_ids);
    struct profile *profiles = pool_alloc(pool, count * sizeof *profiles);
    for (size_t i = 0; i < count; i++)
        user_ids[i] = calls[i].call.header.caller.user_id;
    if (store_read_profiles(worker, user_ids, count, false, profiles) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        calls[i].reply = profiles[i];
        if (profiles[i].id == 0)
            refuse(&calls[i].call, &refusal_invalid_token);
    }
    return 0;
}

/* One at a time, in the order they came: a second change of the same profile must see the first (If-Match). */
static int update_one(struct worker *worker, struct update_profile_call *call) {
    int64_t user_id = call->call.header.caller.user_id;
    const struct update_profile_request *request = &call->request;
    char secret[WEBHOOK_SECRET_TEXT_SIZE];
    struct profile before;
    bool secret_is_new;
    if (store_read_profiles(worker, &user_id, 1, true, &before) != 0)
        return -1;
    if (before.id == 0)
        refuse(&call->call, &refusal_invalid_token);
    else if (request->has_if_match == PRESENCE_SET &&
             !etag_listed(request->if_match, etag_of(&record_profile, &before, call->call.pool), false))
        refuse(&call->call, &refusal_precondition_failed);
    else if (request->has_crm_webhook_url == PRESENCE_SET &&
             !rule_webhook_address_is_good(request->crm_webhook_url, settings_production()))
        refuse_field(&call->call, &refusal_validation_error, "crm_webhook_url", "must be an https address");
    if (call->call.refusal)
        return 0;
    if (store_update_profile(worker, user_id, request, webhook_secret_new(secret), &secret_is_new) != 0 ||
        store_read_profiles(worker, &user_id, 1, false, &call->reply.user) != 0)
        return -1;
    call->reply.message = "Profile updated successfully";
    if (secret_is_new)
        SET(call->reply, crm_webhook_secret, pool_text(call->call.pool, secret));
    return 0;
}

int update_profile(struct worker *worker, struct update_profile_call *calls, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (update_one(worker, &calls[i]) != 0)
            return -1;
    return 0;
}
