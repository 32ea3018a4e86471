/* The sender of the channel "webhook": Standard Webhooks, signed and timed per attempt, to addresses that everybody
 * could reach or the operator allows. What an answer means is rules.c's. */
#include "webhooks.h"

#include <ctype.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "addresses.h"
#include "clock.h"
#include "rules.h"
#include "settings.h"
#include "store.h"
#include "webhook.h"

#define HEADERS_LIMIT 8

static struct {
    struct http_client *client;
    struct networks allowed;
    bool has_operator_secret;
    struct webhook_secret operator_secret;
} webhooks;

static bool is_header_text(const char *text) {
    for (; *text; text++)
        if (!isgraph((unsigned char)*text))
            return false;
    return true;
}

static bool names_user(const char *url) {
    const char *authority = strstr(url, "://");
    return authority && memchr(authority + 3, '@', strcspn(authority + 3, "/?#"));
}

const char *webhooks_check(void) {
    struct webhook_secret secret;
    static struct networks networks;
    if (networks_parse(settings.webhook_allow_nets, &networks) != 0)
        return "WEBHOOK_ALLOW_NETS is no comma-separated list of CIDRs";
    if (settings.crm_webhook_secret[0] && webhook_secret_parse(settings.crm_webhook_secret, &secret) != 0)
        return "CRM_WEBHOOK_SECRET is not whsec_ and base64 of 24 to 64 bytes";
    if (names_user(settings.crm_webhook_url))
        return "CRM_WEBHOOK_URL must not hold a user or password: there is CRM_BEARER_TOKEN";
    if (settings_production() && settings.crm_webhook_url[0] && !settings.crm_webhook_secret[0])
        return "CRM_WEBHOOK_SECRET is not set: production does not send unsigned webhooks";
    if (!is_header_text(settings.crm_bearer_token))
        return "CRM_BEARER_TOKEN holds characters that no header can carry";
    return NULL;
}

bool webhooks_may_connect(void *context, const struct sockaddr *address) {
    (void)context;
    return address_is_global(address) || networks_contain(&webhooks.allowed, address);
}

void webhooks_start(struct http_client *client) {
    webhooks.client = client;
    networks_parse(settings.webhook_allow_nets, &webhooks.allowed);
    webhooks.has_operator_secret = webhook_secret_parse(settings.crm_webhook_secret, &webhooks.operator_secret) == 0;
}

static void on_done(void *context, const struct http_response *response) {
    struct delivery_result result = {.verdict = rule_webhook(response->status),
                                     .status = response->status,
                                     .retry_after_s = response->retry_after_s,
                                     .error = response->error};
    char error[32];
    if (response->status && result.verdict != DELIVERY_DONE) {
        snprintf(error, sizeof error, "answered %ld", response->status);
        result.error = error;
    }
    delivery_end(context, &result);
}

/* Where a claimed row goes and what signs it. `reason`: why it can't go anywhere. */
struct target {
    const char *url;
    const struct webhook_secret *secret; /* NULL: unsigned */
    struct webhook_secret own;
    const char *bearer; /* "": none */
    const char *reason;
};

static void choose_target(const struct claim *claim, const struct owner_addresses *owners, struct target *target) {
    *target = (struct target){.bearer = ""};
    if (claim->owner_id == 0) {
        target->url = settings.crm_webhook_url;
        target->secret = webhooks.has_operator_secret ? &webhooks.operator_secret : NULL;
        target->bearer = settings.crm_bearer_token;
        target->reason = target->url[0] ? NULL : "CRM_WEBHOOK_URL is not set any more";
        return;
    }
    const struct owner_address *owner = store_find_address(owners, claim->owner_id);
    if (!owner || !owner->url) {
        target->reason = "the facilitator has no webhook address any more";
    } else if (!owner->secret || webhook_secret_parse(owner->secret, &target->own) != 0) {
        target->reason = "the facilitator's webhook secret is unusable";
    } else {
        target->url = owner->url;
        target->secret = &target->own;
    }
}

/* The headers of one attempt, in the pool. */
static const char *const *make_headers(const struct claim *claim, const struct target *target, struct pool *pool) {
    const char **headers = pool_alloc(pool, HEADERS_LIMIT * sizeof *headers);
    char signature[WEBHOOK_SIGNATURE_SIZE], trace[TRACEPARENT_SIZE];
    uint8_t random[24];
    int64_t now_s = clock_wall_ms() / 1000;
    size_t count = 0;
    randombytes_buf(random, sizeof random);
    headers[count++] = "Content-Type: application/json";
    headers[count++] = pool_printf(pool, "webhook-id: %s", claim->webhook_id);
    headers[count++] = pool_printf(pool, "webhook-timestamp: %" PRId64, now_s);
    if (target->secret)
        headers[count++] = pool_printf(
            pool, "webhook-signature: %s",
            webhook_sign(target->secret, claim->webhook_id, now_s, claim->body, strlen(claim->body), signature));
    headers[count++] = pool_printf(pool, "traceparent: %s", rule_traceparent(claim->trace, random, trace));
    if (target->bearer[0])
        headers[count++] = pool_printf(pool, "Authorization: Bearer %s", target->bearer);
    return headers;
}

static void begin_one(const struct claim *claim, const struct owner_addresses *owners, struct pool *pool) {
    struct target target;
    choose_target(claim, owners, &target);
    if (!target.reason) {
        const struct http_request request = {.url = target.url,
                                             .headers = make_headers(claim, &target, pool),
                                             .body = claim->body,
                                             .body_length = strlen(claim->body),
                                             .timeout_ms = DELIVERY_ATTEMPT_MS};
        if (http_send(webhooks.client, &request, on_done, claim->delivery) == 0)
            return;
    }
    delivery_end(claim->delivery,
                 &(struct delivery_result){.verdict = target.reason ? DELIVERY_UNSENDABLE : DELIVERY_DEAD,
                                           .error = target.reason ? target.reason
                                                                  : "the address is no URL that could be called"});
}

void webhooks_begin(struct worker *worker, const struct claim *claims, size_t count) {
    struct pool *pool = worker_pool(worker);
    struct owner_addresses owners = {0};
    int64_t *ids = pool_alloc(pool, count * sizeof *ids);
    size_t id_count = 0;
    for (size_t i = 0; i < count; i++)
        if (claims[i].owner_id)
            ids[id_count++] = claims[i].owner_id;
    bool failed = id_count && store_read_addresses(worker, ids, id_count, &owners) != 0;
    for (size_t i = 0; i < count; i++)
        if (failed)
            delivery_end(claims[i].delivery, &(struct delivery_result){.verdict = DELIVERY_INTERRUPTED,
                                                                       .error = "its address could not be read"});
        else
            begin_one(&claims[i], &owners, pool);
}
