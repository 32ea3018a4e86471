/* The actor behind the webhooks. A row is in hand from its claim until its outcome is committed: sending (in flight) or
 * ended (to be written down). All database work is one transaction per tick; nothing is sent before the claim is
 * committed. A worker that dies loses its leases, and another one sends the rows again under the same webhook-id. */
#include "deliveries.h"

#include <ctype.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "addresses.h"
#include "clock.h"
#include "http.h"
#include "log.h"
#include "process.h"
#include "rules.h"
#include "settings.h"
#include "store.h"
#include "webhook.h"

#define IN_HAND_LIMIT 256
#define OPERATOR_LIMIT 192   /* the rest is left to facilitators */
#define FACILITATOR_LIMIT 16 /* one slow endpoint must not take all */
#define ATTEMPT_MS 15000
#define RENEW_MS (LEASE_S * 1000 / 3)
#define HEADERS_LIMIT 8

struct delivery {
    LIST_ENTRY(delivery) link;
    int64_t id, owner_id;
    char webhook_id[64];
    unsigned attempts; /* with this one */
    bool ended;
    const char *state; /* this and the following: once ended */
    int64_t wait_ms;
    long status;
    char error[256]; /* "": none */
};

static struct {
    struct http_client *client;
    struct networks allowed;
    bool has_operator_secret;
    struct webhook_secret operator_secret;
    LIST_HEAD(, delivery) in_hand;
    size_t in_hand_count, ended_count;
    bool news;             /* something ended since the last tick began */
    bool giving_up;        /* the process ends */
    int64_t renew_mono_ms; /* when leases are due */
} deliveries;

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

const char *deliveries_check(void) {
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

static bool may_connect(void *context, const struct sockaddr *address) {
    (void)context;
    return address_is_global(address) || networks_contain(&deliveries.allowed, address);
}

int deliveries_start(struct worker *worker) {
    (void)worker;
    LIST_INIT(&deliveries.in_hand);
    networks_parse(settings.webhook_allow_nets, &deliveries.allowed);
    deliveries.has_operator_secret =
        webhook_secret_parse(settings.crm_webhook_secret, &deliveries.operator_secret) == 0;
    deliveries.client = http_client_new(IN_HAND_LIMIT, may_connect, NULL);
    return 0;
}

static void end(struct delivery *delivery, const char *state, int64_t wait_ms, long status, const char *error) {
    delivery->ended = true;
    delivery->state = state;
    delivery->wait_ms = wait_ms;
    delivery->status = status;
    snprintf(delivery->error, sizeof delivery->error, "%s", error);
    deliveries.ended_count++;
    deliveries.news = true;
    if (strcmp(state, "dead") == 0)
        log_warn("webhook %s given up after %u attempts: %s", delivery->webhook_id, delivery->attempts, error);
    else if (error[0])
        log_info("webhook %s failed at attempt %u, again in %lld s: %s", delivery->webhook_id, delivery->attempts,
                 (long long)(wait_ms / 1000), error);
}

static double random_fraction(void) {
    return (double)randombytes_random() / 4294967296.0;
}

static void on_done(void *context, const struct http_response *response) {
    static const char *const states[] = {
        [DELIVERY_DONE] = "delivered", [DELIVERY_AGAIN] = "due", [DELIVERY_DEAD] = "dead"};
    struct delivery *delivery = context;
    if (deliveries.giving_up) { /* not the endpoint's fault: another worker may try at once */
        delivery->attempts--;
        end(delivery, "due", 0, 0, response->error);
        return;
    }
    struct delivery_verdict verdict =
        rule_delivery(delivery->attempts, response->status, response->retry_after_s, random_fraction());
    char error[sizeof delivery->error] = "";
    if (response->status == 0)
        snprintf(error, sizeof error, "%s", response->error);
    else if (verdict.fate != DELIVERY_DONE)
        snprintf(error, sizeof error, "answered %ld", response->status);
    end(delivery, states[verdict.fate], verdict.wait_ms, response->status, error);
}

/* Where a claimed row goes and what signs it. `reason`: why it can't go anywhere. */
struct target {
    const char *url;
    const struct webhook_secret *secret; /* NULL: unsigned */
    struct webhook_secret own;
    const char *bearer; /* "": none */
    const char *reason;
};

static void choose_target(const struct claim *claim, struct target *target) {
    *target = (struct target){.bearer = ""};
    if (claim->owner_id == 0) {
        target->url = settings.crm_webhook_url;
        target->secret = deliveries.has_operator_secret ? &deliveries.operator_secret : NULL;
        target->bearer = settings.crm_bearer_token;
        target->reason = target->url[0] ? NULL : "CRM_WEBHOOK_URL is not set any more";
    } else if (!claim->owner_url) {
        target->reason = "the facilitator has no webhook address any more";
    } else if (!claim->owner_secret || webhook_secret_parse(claim->owner_secret, &target->own) != 0) {
        target->reason = "the facilitator's webhook secret is unusable";
    } else {
        target->url = claim->owner_url;
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
    headers[count++] = pool_printf(pool, "webhook-timestamp: %lld", (long long)now_s);
    if (target->secret)
        headers[count++] = pool_printf(
            pool, "webhook-signature: %s",
            webhook_sign(target->secret, claim->webhook_id, now_s, claim->body, strlen(claim->body), signature));
    headers[count++] = pool_printf(pool, "traceparent: %s", rule_traceparent(claim->trace, random, trace));
    if (target->bearer[0])
        headers[count++] = pool_printf(pool, "Authorization: Bearer %s", target->bearer);
    return headers;
}

static void begin(const struct claim *claim, struct pool *pool) {
    struct delivery *delivery = calloc(1, sizeof *delivery);
    struct target target;
    if (!delivery)
        abort();
    delivery->id = claim->id;
    delivery->owner_id = claim->owner_id;
    delivery->attempts = claim->attempts;
    snprintf(delivery->webhook_id, sizeof delivery->webhook_id, "%s", claim->webhook_id);
    LIST_INSERT_HEAD(&deliveries.in_hand, delivery, link);
    deliveries.in_hand_count++;
    choose_target(claim, &target);
    if (target.reason) {
        end(delivery, "dead", 0, 0, target.reason);
        return;
    }
    const struct http_request request = {.url = target.url,
                                         .headers = make_headers(claim, &target, pool),
                                         .body = claim->body,
                                         .body_length = strlen(claim->body),
                                         .timeout_ms = ATTEMPT_MS};
    delivery->attempts++;
    if (http_send(deliveries.client, &request, on_done, delivery) != 0)
        end(delivery, "dead", 0, 0, "the address is no URL that could be called");
}

static int record_ended(struct worker *worker) {
    struct outcome *outcomes = pool_alloc(worker_pool(worker), deliveries.ended_count * sizeof *outcomes);
    const struct delivery *delivery;
    size_t count = 0;
    LIST_FOREACH(delivery, &deliveries.in_hand, link)
    if (delivery->ended)
        outcomes[count++] = (struct outcome){.id = delivery->id,
                                             .state = delivery->state,
                                             .attempts = delivery->attempts,
                                             .wait_ms = delivery->wait_ms,
                                             .status = delivery->status,
                                             .error = delivery->error[0] ? delivery->error : NULL};
    return count ? store_record(worker, outcomes, count) : 0;
}

static int renew_leases(struct worker *worker) {
    int64_t *ids = pool_alloc(worker_pool(worker), deliveries.in_hand_count * sizeof *ids);
    const struct delivery *delivery;
    size_t count = 0;
    LIST_FOREACH(delivery, &deliveries.in_hand, link)
    if (!delivery->ended)
        ids[count++] = delivery->id;
    return count ? store_renew_leases(worker, ids, count) : 0;
}

struct claims {
    struct claim *items;
    size_t count;
};

static int claim_due(struct worker *worker, struct claims *claims) {
    size_t in_flight = deliveries.in_hand_count - deliveries.ended_count;
    int64_t *busy = pool_alloc(worker_pool(worker), in_flight * sizeof *busy);
    struct claim_limits limits = {.total = IN_HAND_LIMIT - in_flight,
                                  .of_operator = OPERATOR_LIMIT,
                                  .of_facilitator = FACILITATOR_LIMIT,
                                  .busy_owners = busy};
    const struct delivery *delivery;
    LIST_FOREACH(delivery, &deliveries.in_hand, link)
    if (!delivery->ended)
        busy[limits.busy_count++] = delivery->owner_id;
    return limits.total ? store_claim(worker, &limits, &claims->items, &claims->count) : 0;
}

static bool renewal_is_due(void) {
    return clock_mono_ms() >= deliveries.renew_mono_ms;
}

/* The database's part of a tick. */
static int step(struct worker *worker, void *argument) {
    struct claims *claims = argument;
    if (record_ended(worker) != 0 || (renewal_is_due() && renew_leases(worker) != 0))
        return -1;
    return process_stopping() ? 0 : claim_due(worker, claims);
}

static void forget_ended(void) {
    struct delivery *delivery = LIST_FIRST(&deliveries.in_hand), *next;
    for (; delivery; delivery = next) {
        next = LIST_NEXT(delivery, link);
        if (delivery->ended) {
            LIST_REMOVE(delivery, link);
            free(delivery);
            deliveries.in_hand_count--;
        }
    }
    deliveries.ended_count = 0;
}

void deliveries_tick(struct worker *worker) {
    struct claims claims = {0};
    deliveries.news = false;
    if (worker_transaction(worker, step, &claims) != 0)
        return; /* what has ended stays in hand and is written down at the next tick */
    if (renewal_is_due())
        deliveries.renew_mono_ms = clock_mono_ms() + RENEW_MS;
    forget_ended();
    for (size_t i = 0; i < claims.count; i++)
        begin(&claims.items[i], worker_pool(worker));
    http_step(deliveries.client); /* sends before the next wait */
    if (deliveries.news)
        worker_wake(worker);
}

int deliveries_wait(struct worker *worker, struct pollfd *fds, int count, int timeout_ms) {
    if (!deliveries.client)
        return poll(fds, (nfds_t)count, timeout_ms);
    int ready = http_wait(deliveries.client, fds, count, timeout_ms);
    if (deliveries.news)
        worker_wake(worker);
    return ready;
}

bool deliveries_busy(struct worker *worker) {
    (void)worker;
    return deliveries.in_hand_count;
}

void deliveries_stop(struct worker *worker) {
    struct claims none = {0};
    deliveries.giving_up = true;
    http_client_destroy(&deliveries.client);
    if (deliveries.ended_count)
        worker_transaction(worker, step, &none);
    forget_ended();
}
