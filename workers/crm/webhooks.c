/* The sender of the channel "webhook": Standard Webhooks, signed and timed per attempt, to addresses that everybody
 * could reach or the operator allows. What an answer means is rules.c's. */
#include "webhooks.h"

#include <ctype.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "endpoints.h"
#include "endpoints_store.h"
#include "rules.h"
#include "settings.h"
#include "urls.h"
#include "webhook.h"
#include "webhook_targets.h"

#define HEADERS_LIMIT 8
#define SECRETS_LIMIT 4 /* present and former, of both kinds */

static struct {
    struct http_client *client;
    bool has_operator_secret;
    struct webhook_secret operator_secret;
} webhooks;

static bool is_header_text(const char *text) {
    for (; *text; text++)
        if (!isgraph((unsigned char)*text))
            return false;
    return true;
}

static const char *check_url(void) {
    static char sentence[96];
    const char *problem = settings.crm_webhook_url[0] ? webhook_url_problem(settings.crm_webhook_url, true) : NULL;
    snprintf(sentence, sizeof sentence, "CRM_WEBHOOK_URL %s", problem ? problem : "");
    return problem ? sentence : NULL;
}

const char *webhooks_check(void) {
    struct webhook_secret secret;
    if (settings.crm_webhook_secret[0] && webhook_secret_parse(settings.crm_webhook_secret, &secret) != 0)
        return "CRM_WEBHOOK_SECRET is not whsec_ and base64 of 24 to 64 bytes";
    if (settings_production() && settings.crm_webhook_url[0] && !settings.crm_webhook_secret[0])
        return "CRM_WEBHOOK_SECRET is not set: production does not send unsigned webhooks";
    if (!is_header_text(settings.crm_bearer_token))
        return "CRM_BEARER_TOKEN holds characters that no header can carry";
    const char *problem = webhook_targets_check();
    return problem ? problem : check_url();
}

bool webhooks_may_connect(void *context, const struct sockaddr *address) {
    (void)context;
    return webhook_targets_contain(address);
}

void webhooks_start(struct http_client *client) {
    webhooks.client = client;
    webhooks.has_operator_secret = webhook_secret_parse(settings.crm_webhook_secret, &webhooks.operator_secret) == 0;
}

/* One under way. */
struct attempt {
    struct delivery *delivery;
    int64_t endpoint_id; /* 0: the operator's address */
    char url[];
};

static struct attempt *attempt_new(const struct claim *claim, const char *url) {
    size_t size = strlen(url) + 1;
    struct attempt *attempt = malloc(sizeof *attempt + size);
    if (!attempt)
        abort();
    attempt->delivery = claim->delivery;
    attempt->endpoint_id = claim->lane;
    memcpy(attempt->url, url, size);
    return attempt;
}

static void on_done(void *context, const struct http_response *response) {
    struct attempt *attempt = context;
    char error[32];
    struct delivery_result result = {.verdict = rule_webhook(response->status),
                                     .status = response->status,
                                     .retry_after_s = response->retry_after_s,
                                     .error = response->error};
    if (response->status && result.verdict != DELIVERY_DONE) {
        snprintf(error, sizeof error, "answered %ld", response->status);
        result.error = error;
    }
    if (response->status && response->body_length)
        result.response = response->body;
    if (response->status == WEBHOOK_GONE && attempt->endpoint_id)
        endpoints_note_gone(attempt->endpoint_id, attempt->url);
    delivery_end(attempt->delivery, &result);
    free(attempt);
}

/* Where a claimed row goes and what signs it. `reason`: why it can't go anywhere. */
struct target {
    const char *url;
    int64_t timeout_ms;
    struct webhook_secret secrets[SECRETS_LIMIT];
    size_t secret_count; /* 0: unsigned */
    const char *bearer;  /* "": none */
    const char *reason;
};

/* Only of what is nobody's: a facilitator's row without an endpoint is none of the operator's. */
static void choose_operator(const struct claim *claim, struct target *target) {
    target->url = settings.crm_webhook_url;
    target->timeout_ms = DELIVERY_ATTEMPT_MS;
    target->bearer = settings.crm_bearer_token;
    if (webhooks.has_operator_secret)
        target->secrets[target->secret_count++] = webhooks.operator_secret;
    if (claim->owner_id)
        target->reason = "it names no webhook endpoint";
    else if (!target->url[0])
        target->reason = "CRM_WEBHOOK_URL is not set any more";
}

typedef int parse_secret(const char *text, struct webhook_secret *ret_secret);

static void add_secrets(struct target *target, const char *const texts[2], parse_secret *parse) {
    for (int i = 0; i < 2 && texts[i]; i++)
        if (parse(texts[i], &target->secrets[target->secret_count]) == 0)
            target->secret_count++;
}

static void choose_endpoint(const struct claim *claim, const struct endpoint_target *endpoint, struct target *target) {
    if (!endpoint->url) {
        target->reason = "the webhook endpoint is not there any more";
    } else if (endpoint->disabled) {
        target->reason = "the webhook endpoint is disabled";
    } else if (!rule_may_hear(endpoint->hears, endpoint->owner_id, claim->about_owner_id)) {
        target->reason = "the endpoint's owner may not hear of it any more";
    } else {
        target->url = endpoint->url;
        target->timeout_ms = endpoint->timeout_s * 1000;
        add_secrets(target, endpoint->secrets, webhook_secret_parse);
        add_secrets(target, endpoint->signing_keys, webhook_key_parse);
        if (!target->secret_count)
            target->reason = "the endpoint's secret is unusable";
    }
}

/* One allocation, its address included. */
static struct target *copy_target(const struct target *target) {
    size_t size = target->url ? strlen(target->url) + 1 : 0;
    struct target *copy = malloc(sizeof *copy + size);
    if (!copy)
        abort();
    *copy = *target;
    if (size)
        copy->url = memcpy(copy + 1, target->url, size);
    return copy;
}

static int by_id(const void *one, const void *other) {
    int64_t a = *(const int64_t *)one, b = *(const int64_t *)other;
    return (a > b) - (a < b);
}

/* The endpoints among the lanes, each once, in order. */
static size_t endpoints_of(const struct claim *claims, size_t count, int64_t *ret_ids) {
    size_t different = 0;
    for (size_t i = 0; i < count; i++)
        ret_ids[i] = claims[i].lane;
    qsort(ret_ids, count, sizeof *ret_ids, by_id);
    for (size_t i = 0; i < count; i++)
        if (ret_ids[i] && (!different || ret_ids[different - 1] != ret_ids[i]))
            ret_ids[different++] = ret_ids[i];
    return different;
}

void webhooks_prepare(struct worker *worker, struct claim *claims, size_t count) {
    struct pool *pool = worker_pool(worker);
    struct endpoint_target *endpoints = pool_alloc(pool, count * sizeof *endpoints);
    int64_t *ids = pool_alloc(pool, count * sizeof *ids);
    size_t different = endpoints_of(claims, count, ids);
    if (!different || endpoints_store_read_targets(worker, ids, different, endpoints) != 0)
        return;
    for (size_t i = 0; i < count; i++) {
        const int64_t *id = bsearch(&claims[i].lane, ids, different, sizeof *ids, by_id);
        struct target target = {.bearer = ""};
        if (!id) /* the operator's */
            continue;
        choose_endpoint(&claims[i], &endpoints[id - ids], &target);
        claims[i].prepared = copy_target(&target);
    }
}

/* The headers of one attempt, in the pool. */
static const char *const *make_headers(const struct claim *claim, const struct target *target, const uint8_t random[24],
                                       struct pool *pool) {
    const char **headers = pool_alloc(pool, HEADERS_LIMIT * sizeof *headers);
    char signatures[SECRETS_LIMIT * WEBHOOK_SIGNATURE_SIZE], trace[TRACEPARENT_SIZE];
    int64_t now_s = clock_wall_ms() / 1000;
    size_t count = 0;
    headers[count++] = "Content-Type: application/json";
    headers[count++] = pool_printf(pool, "webhook-id: %s", claim->webhook_id);
    headers[count++] = pool_printf(pool, "webhook-timestamp: %" PRId64, now_s);
    if (target->secret_count)
        headers[count++] = pool_printf(pool, "webhook-signature: %s",
                                       webhook_sign(target->secrets, target->secret_count, claim->webhook_id, now_s,
                                                    claim->body, strlen(claim->body), signatures));
    headers[count++] = pool_printf(pool, "traceparent: %s", rule_traceparent(claim->trace, random, trace));
    if (target->bearer[0])
        headers[count++] = pool_printf(pool, "Authorization: Bearer %s", target->bearer);
    return headers;
}

/* NULL: it is on its way; else why it can't be. */
static const char *send_to(const struct claim *claim, const struct target *target, const uint8_t random[24],
                           struct pool *pool) {
    const struct http_request request = {.url = target->url,
                                         .headers = make_headers(claim, target, random, pool),
                                         .body = claim->body,
                                         .body_length = strlen(claim->body),
                                         .timeout_ms = target->timeout_ms};
    struct attempt *attempt = attempt_new(claim, target->url);
    if (http_send(webhooks.client, &request, on_done, attempt) == 0)
        return NULL;
    free(attempt);
    return "the address is no URL that could be called";
}

static void begin_one(const struct claim *claim, const uint8_t random[24], struct pool *pool) {
    struct target operator= {.bearer = ""};
    const struct target *target = claim->lane ? claim->prepared : &operator;
    if (!claim->lane)
        choose_operator(claim, &operator);
    if (!target) {
        delivery_end(claim->delivery, &(struct delivery_result){.verdict = DELIVERY_INTERRUPTED,
                                                                .error = "its address could not be read"});
        return;
    }
    const char *reason = target->reason ? target->reason : send_to(claim, target, random, pool);
    if (reason)
        delivery_end(claim->delivery, &(struct delivery_result){.verdict = DELIVERY_UNSENDABLE, .error = reason});
}

void webhooks_begin(struct worker *worker, const struct claim *claims, size_t count) {
    struct pool *pool = worker_pool(worker);
    uint8_t(*random)[24] = pool_alloc(pool, count * sizeof *random);
    randombytes_buf(random, count * sizeof *random);
    for (size_t i = 0; i < count; i++)
        begin_one(&claims[i], random[i], pool);
}
