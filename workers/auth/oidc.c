/* The two documents of an OpenID provider and how long they are good; see oidc.h. A document is asked for by one
 * request at a time, whoever waits for it. */
#include "oidc.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "format.h"
#include "log.h"
#include "urls.h"

#define WELL_KNOWN "/.well-known/openid-configuration"
#define URL_LIMIT 2000
#define KEPT_SHORTEST_S 60
#define KEPT_LONGEST_S 86400
#define KEPT_DEFAULT_S 3600
#define RETRY_MS 1000
#define SEARCHES 3 /* for unknown keys, at once */
#define SEARCH_MS 60000

struct document {
    struct oidc *oidc;
    const char *(*take)(struct oidc *oidc, json_t *json); /* NULL, or what is wrong: nothing of it was taken */
    const char *name;
    bool asked;
    int64_t asked_mono_ms;
    int64_t good_until_mono_ms;  /* 0: it is not there */
    int64_t quiet_until_mono_ms; /* not asked again before */
    uint64_t answers;            /* attempts that have ended */
    bool failed;                 /* the last one */
};

struct oidc {
    const char *issuer;
    struct http_client *client;
    struct document configuration, key_document;
    struct pool *pool; /* of the configuration's texts */
    struct oidc_endpoints endpoints;
    const char *keys_url;
    struct key_set *keys;
    unsigned searches; /* that may be made now */
    int64_t searched_mono_ms;
};

/* ---- What the documents say */

static const char *read_url(json_t *json, const char *name, struct pool *pool) {
    const char *url = json_string_value(json_object_get(json, name));
    size_t length = url ? strlen(url) : 0;
    bool good = length && length <= URL_LIMIT && format_is_uri(url, length) && !strchr(url, '#') && !url_problem(url);
    return good ? pool_text(pool, url) : NULL;
}

static bool lists(json_t *list, const char *value) {
    json_t *item;
    size_t i;
    json_array_foreach(list, i,
                       item) if (json_is_string(item) && strcmp(json_string_value(item), value) == 0) return true;
    return false;
}

static void keep_configuration(struct oidc *oidc, struct pool *pool, const struct oidc_endpoints *endpoints,
                               const char *keys_url) {
    if (!oidc->keys_url || strcmp(oidc->keys_url, keys_url) != 0)
        oidc->key_document.good_until_mono_ms = 0;
    pool_destroy(&oidc->pool);
    oidc->pool = pool;
    oidc->endpoints = *endpoints;
    oidc->keys_url = keys_url;
}

static const char *take_configuration(struct oidc *oidc, json_t *json) {
    const char *issuer = json_string_value(json_object_get(json, "issuer"));
    json_t *methods = json_object_get(json, "token_endpoint_auth_methods_supported");
    struct pool *pool = pool_new();
    const char *keys_url = read_url(json, "jwks_uri", pool);
    const struct oidc_endpoints endpoints = {
        .authorization = read_url(json, "authorization_endpoint", pool),
        .token = read_url(json, "token_endpoint", pool),
        .secret_in_form = methods && !lists(methods, "client_secret_basic"),
        .names_itself = json_is_true(json_object_get(json, "authorization_response_iss_parameter_supported")),
    };
    const char *problem = NULL;
    if (!issuer || strcmp(issuer, oidc->issuer) != 0)
        problem = "is of another issuer";
    else if (!keys_url || !endpoints.authorization || !endpoints.token)
        problem = "does not name its endpoints by https URLs";
    else if (endpoints.secret_in_form && !lists(methods, "client_secret_post"))
        problem = "has no way to authenticate that is known";
    if (problem)
        pool_destroy(&pool);
    else
        keep_configuration(oidc, pool, &endpoints, keys_url);
    return problem;
}

static const char *take_keys(struct oidc *oidc, json_t *json) {
    struct key_set *keys = key_set_read(json);
    if (!keys)
        return "is no set of keys";
    if (key_set_count(keys) == 0)
        log_warn("%s: none of its keys is an RSA key of 2048 bits or more for RS256", oidc->issuer);
    key_set_destroy(&oidc->keys);
    oidc->keys = keys;
    return NULL;
}

/* ---- Asking for them */

static const char *take(struct document *document, const struct http_response *response) {
    json_t *json;
    if (response->status == 0)
        return response->error;
    if (response->status != 200)
        return "was answered by another status than 200";
    if (response->body_length >= HTTP_BODY_LIMIT)
        return "is too large";
    if (!(json = json_loadb(response->body, response->body_length, JSON_REJECT_DUPLICATES, NULL)))
        return "is no JSON";
    const char *problem = document->take(document->oidc, json);
    json_decref(json);
    return problem;
}

static int64_t kept_s(int64_t fresh_s) {
    if (fresh_s < 0)
        return KEPT_DEFAULT_S;
    return fresh_s < KEPT_SHORTEST_S ? KEPT_SHORTEST_S : fresh_s < KEPT_LONGEST_S ? fresh_s : KEPT_LONGEST_S;
}

static void on_document(void *context, const struct http_response *response) {
    struct document *document = context;
    const char *problem = take(document, response);
    document->asked = false;
    document->answers++;
    document->failed = problem;
    if (problem) {
        document->quiet_until_mono_ms = clock_mono_ms() + RETRY_MS;
        log_warn("%s: its %s %s%s", document->oidc->issuer, document->name,
                 response->status ? "" : "could not be read: ", problem);
    } else {
        document->good_until_mono_ms = document->asked_mono_ms + 1000 * kept_s(response->fresh_s);
    }
}

static void ask(struct document *document, int64_t now_mono_ms, const char *url) {
    static const char *const headers[] = {"Accept: application/json", NULL};
    const struct http_request request = {.url = url, .headers = headers, .timeout_ms = OIDC_PATIENCE_MS};
    document->asked = true;
    document->asked_mono_ms = now_mono_ms;
    if (http_send(document->oidc->client, &request, on_document, document) != 0)
        on_document(document, &(struct http_response){.error = "has an address that is none"});
}

static enum oidc_state tend(struct document *document, int64_t now_mono_ms, const char *url) {
    if (now_mono_ms < document->good_until_mono_ms)
        return OIDC_READY;
    if (!document->asked && now_mono_ms < document->quiet_until_mono_ms)
        return OIDC_AWAY;
    if (!document->asked)
        ask(document, now_mono_ms, url);
    return document->asked ? OIDC_WAITING : OIDC_AWAY;
}

/* ---- For those who ask */

struct oidc *oidc_new(const char *issuer, struct http_client *client) {
    struct oidc *oidc = calloc(1, sizeof *oidc);
    if (!oidc)
        abort();
    oidc->issuer = issuer;
    oidc->client = client;
    oidc->pool = pool_new();
    oidc->searches = SEARCHES;
    oidc->configuration = (struct document){.oidc = oidc, .take = take_configuration, .name = "configuration"};
    oidc->key_document = (struct document){.oidc = oidc, .take = take_keys, .name = "key set"};
    return oidc;
}

void oidc_destroy(struct oidc **oidc) {
    if (!*oidc)
        return;
    key_set_destroy(&(*oidc)->keys);
    pool_destroy(&(*oidc)->pool);
    free(*oidc);
    *oidc = NULL;
}

static enum oidc_state tend_configuration(struct oidc *oidc, int64_t now_mono_ms) {
    struct buffer url = {0};
    size_t length = strlen(oidc->issuer);
    buffer_append(&url, oidc->issuer, oidc->issuer[length - 1] == '/' ? length - 1 : length);
    buffer_append_text(&url, WELL_KNOWN);
    enum oidc_state state = tend(&oidc->configuration, now_mono_ms, buffer_text(&url));
    buffer_free(&url);
    return state;
}

enum oidc_state oidc_find_endpoints(struct oidc *oidc, int64_t now_mono_ms, struct oidc_endpoints *ret_endpoints) {
    enum oidc_state state = tend_configuration(oidc, now_mono_ms);
    if (state == OIDC_READY)
        *ret_endpoints = oidc->endpoints;
    return state;
}

/* Anybody can name keys that do not exist: a bucket bounds what that makes us ask. */
static bool may_search(struct oidc *oidc, int64_t now_mono_ms) {
    if (oidc->searches < SEARCHES && now_mono_ms - oidc->searched_mono_ms >= SEARCH_MS) {
        int64_t more = (now_mono_ms - oidc->searched_mono_ms) / SEARCH_MS;
        oidc->searches = more < SEARCHES - oidc->searches ? oidc->searches + (unsigned)more : SEARCHES;
        oidc->searched_mono_ms += more * SEARCH_MS;
    }
    if (oidc->searches == SEARCHES)
        oidc->searched_mono_ms = now_mono_ms;
    return oidc->searches && oidc->searches--;
}

static enum oidc_state search(struct oidc *oidc, int64_t now_mono_ms, uint64_t sought) {
    struct document *document = &oidc->key_document;
    if (document->answers >= sought)
        return document->failed ? OIDC_AWAY : OIDC_READY;
    if (!document->asked && may_search(oidc, now_mono_ms))
        ask(document, now_mono_ms, oidc->keys_url);
    else if (!document->asked)
        return OIDC_READY;
    return document->asked ? OIDC_WAITING : OIDC_AWAY;
}

/* What was read before the question came does not count: the key may be new. */
enum oidc_state oidc_find_keys(struct oidc *oidc, int64_t now_mono_ms, const char *key_id, uint64_t *sought,
                               const struct key_set **ret_keys) {
    if (*sought == 0)
        *sought = oidc->key_document.answers + 1;
    enum oidc_state state = tend_configuration(oidc, now_mono_ms);
    if (state == OIDC_READY)
        state = tend(&oidc->key_document, now_mono_ms, oidc->keys_url);
    if (state == OIDC_READY && !key_set_has(oidc->keys, key_id))
        state = search(oidc, now_mono_ms, *sought);
    if (state == OIDC_READY)
        *ret_keys = oidc->keys;
    return state;
}
