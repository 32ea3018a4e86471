/* One's own profile: shown, and changed in what it was given. Where bookings are announced is part of it, and has
 * operations of its own, which an API key may be good for. */
#include <string.h>

#include "account_mail.h"
#include "audit.h"
#include "etag.h"
#include "settings.h"
#include "store.h"
#include "webhook.h"
#include "webhook_targets.h"

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

/* What UNVERIFIED_MAY_NOT names; the gateway has checked the list, and asks the same of setWebhook. */
static bool webhooks_need_verification(void) {
    static const char wanted[] = "webhooks";
    for (const char *at = settings.unverified_may_not; *(at += strspn(at, ", ")); at += strcspn(at, ", "))
        if (strcspn(at, ", ") == strlen(wanted) && strncmp(at, wanted, strlen(wanted)) == 0)
            return true;
    return false;
}

static bool webhook_changes(const struct profile *before, const struct update_profile_request *request) {
    bool was_set = before->has_crm_webhook_url == PRESENCE_SET, is_set = request->has_crm_webhook_url == PRESENCE_SET;
    if (request->has_crm_webhook_url == PRESENCE_ABSENT)
        return false;
    return is_set != was_set || (is_set && strcmp(request->crm_webhook_url, before->crm_webhook_url) != 0);
}

/* One that stays as it is is left alone, so that a profile may be sent as it was shown. */
static void check_webhook(struct call *call, const struct profile *before,
                          const struct update_profile_request *request) {
    if (!webhook_changes(before, request))
        return;
    if (!before->is_verified && webhooks_need_verification())
        refuse(call, &refusal_email_not_verified);
    else if (request->has_crm_webhook_url == PRESENCE_SET)
        webhook_targets_take(call, "crm_webhook_url", request->crm_webhook_url);
}

/* It is one of the person's endpoints, and who has one made, or led elsewhere, is told so. */
static int note_webhook(struct worker *worker, const struct call *call, const struct profile *before,
                        const struct update_profile_request *request) {
    const struct security_event event = audit_of(call, "user_updated", 0, "address of the webhook changed");
    if (!webhook_changes(before, request))
        return 0;
    if (request->has_crm_webhook_url == PRESENCE_SET)
        account_mail_queue(worker, &(struct account_mail){.kind = before->has_crm_webhook_url == PRESENCE_SET
                                                                      ? "endpoint_changed"
                                                                      : "endpoint_added",
                                                          .user_id = call->header.caller.user_id,
                                                          .url = request->crm_webhook_url,
                                                          .trace = call->header.trace});
    return audit_note(worker, &event, 1);
}

/* One at a time, in the order they came: a second change of the same profile must see the first (If-Match).
 * `ret_secret` is NULL where the webhook's is still the former one. */
static int change(struct worker *worker, struct call *call, const struct update_profile_request *request,
                  struct profile *ret_profile, const char **ret_secret) {
    int64_t user_id = call->header.caller.user_id;
    char secret[WEBHOOK_SECRET_TEXT_SIZE];
    struct profile before;
    bool secret_is_new;
    *ret_secret = NULL;
    if (store_read_profiles(worker, &user_id, 1, true, &before) != 0)
        return -1;
    if (before.id == 0)
        refuse(call, &refusal_invalid_token);
    else if (request->has_if_match == PRESENCE_SET &&
             !etag_listed(request->if_match, etag_of(&record_profile, &before, call->pool), false))
        refuse(call, &refusal_precondition_failed);
    else
        check_webhook(call, &before, request);
    if (call->refusal)
        return 0;
    if (store_update_profile(worker, user_id, request, webhook_secret_new(secret), &secret_is_new) != 0 ||
        store_read_profiles(worker, &user_id, 1, false, ret_profile) != 0)
        return -1;
    if (secret_is_new)
        *ret_secret = pool_text(call->pool, secret);
    return note_webhook(worker, call, &before, request);
}

int update_profile(struct worker *worker, struct update_profile_call *calls, size_t count) {
    const char *secret;
    for (size_t i = 0; i < count; i++) {
        if (change(worker, &calls[i].call, &calls[i].request, &calls[i].reply.user, &secret) != 0)
            return -1;
        calls[i].reply.message = "Profile updated successfully";
        if (secret)
            SET(calls[i].reply, crm_webhook_secret, secret);
    }
    return 0;
}

int get_webhook(struct worker *worker, struct get_webhook_call *calls, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct profile profile;
        if (store_read_profiles(worker, &calls[i].call.header.caller.user_id, 1, false, &profile) != 0)
            return -1;
        if (profile.id == 0)
            refuse(&calls[i].call, &refusal_invalid_token);
        calls[i].reply.has_crm_webhook_url = profile.has_crm_webhook_url;
        calls[i].reply.crm_webhook_url = profile.crm_webhook_url;
    }
    return 0;
}

int set_webhook(struct worker *worker, struct set_webhook_call *calls, size_t count) {
    const char *secret;
    for (size_t i = 0; i < count; i++) {
        const struct update_profile_request request = {
            .has_crm_webhook_url = calls[i].request.has_crm_webhook_url,
            .crm_webhook_url = calls[i].request.crm_webhook_url,
        };
        struct profile profile = {0};
        if (change(worker, &calls[i].call, &request, &profile, &secret) != 0)
            return -1;
        calls[i].reply.message = profile.has_crm_webhook_url == PRESENCE_SET ? "Webhook set" : "Webhook removed";
        calls[i].reply.has_crm_webhook_url = profile.has_crm_webhook_url;
        calls[i].reply.crm_webhook_url = profile.crm_webhook_url;
        if (secret)
            SET(calls[i].reply, crm_webhook_secret, secret);
    }
    return 0;
}
