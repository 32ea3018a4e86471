/* Forms and answers of the code flow; see code_flow.h. */
#include "code_flow.h"

#include <jansson.h>
#include <sodium.h>
#include <string.h>

#include "urls.h"

#define ERROR_LIMIT 64

static const char *base64url(const unsigned char *bytes, size_t length, struct pool *pool) {
    size_t size = sodium_base64_encoded_len(length, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    return sodium_bin2base64(pool_alloc(pool, size), size, bytes, length, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

static const char *challenge_of(const char *verifier, struct pool *pool) {
    unsigned char hash[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(hash, (const unsigned char *)verifier, strlen(verifier));
    return base64url(hash, sizeof hash, pool);
}

const char *code_flow_url(const struct oidc_endpoints *endpoints, const struct code_flow_client *client,
                          const char *state, const char *nonce, const char *verifier, struct pool *pool) {
    struct buffer query = {0};
    form_append(&query, "response_type", "code");
    form_append(&query, "client_id", client->id);
    form_append(&query, "redirect_uri", client->redirect_uri);
    form_append(&query, "scope", "openid email profile");
    form_append(&query, "state", state);
    form_append(&query, "nonce", nonce);
    form_append(&query, "code_challenge", challenge_of(verifier, pool));
    form_append(&query, "code_challenge_method", "S256");
    const char *url = pool_printf(pool, "%s%c%s", endpoints->authorization,
                                  strchr(endpoints->authorization, '?') ? '&' : '?', buffer_text(&query));
    buffer_free(&query);
    return url;
}

/* RFC 6749 §2.3.1: both are encoded as in forms before they are joined. */
static const char *basic_authorization(const struct code_flow_client *client, struct pool *pool) {
    struct buffer pair = {0};
    url_append(&pair, client->id);
    buffer_append_byte(&pair, ':');
    url_append(&pair, client->secret);
    size_t size = sodium_base64_encoded_len(pair.length, sodium_base64_VARIANT_ORIGINAL);
    char *encoded = pool_alloc(pool, size);
    sodium_bin2base64(encoded, size, (const unsigned char *)pair.bytes, pair.length, sodium_base64_VARIANT_ORIGINAL);
    buffer_free(&pair);
    return pool_printf(pool, "Authorization: Basic %s", encoded);
}

int code_flow_redeem(struct http_client *http, const struct oidc_endpoints *endpoints,
                     const struct code_flow_client *client, const char *code, const char *verifier, int64_t timeout_ms,
                     http_done *done, void *context) {
    struct pool *pool = pool_new();
    struct buffer form = {0};
    const char *headers[] = {"Accept: application/json", "Content-Type: application/x-www-form-urlencoded",
                             endpoints->secret_in_form ? NULL : basic_authorization(client, pool), NULL};
    form_append(&form, "grant_type", "authorization_code");
    form_append(&form, "code", code);
    form_append(&form, "redirect_uri", client->redirect_uri);
    form_append(&form, "code_verifier", verifier);
    if (endpoints->secret_in_form) {
        form_append(&form, "client_id", client->id);
        form_append(&form, "client_secret", client->secret);
    }
    const struct http_request request = {.url = endpoints->token,
                                         .headers = headers,
                                         .body = buffer_text(&form),
                                         .body_length = form.length,
                                         .timeout_ms = timeout_ms,
                                         .once = true};
    int result = http_send(http, &request, done, context);
    buffer_free(&form);
    pool_destroy(&pool);
    return result;
}

/* An error code of RFC 6749 §5.2; NULL: there is none. */
static const char *error_code(json_t *json) {
    const char *code = json_string_value(json_object_get(json, "error"));
    return code && strlen(code) <= ERROR_LIMIT && strspn(code, "abcdefghijklmnopqrstuvwxyz_") == strlen(code) ? code
                                                                                                              : NULL;
}

struct code_flow_answer code_flow_read(const struct http_response *response, struct pool *pool) {
    struct code_flow_answer answer = {0};
    json_t *json = json_loadb(response->body, response->body_length, JSON_REJECT_DUPLICATES, NULL);
    const char *token = json_string_value(json_object_get(json, "id_token")), *error = error_code(json);
    if (response->status == 0)
        answer.away = pool_printf(pool, "did not answer: %s", response->error);
    else if (response->status == 200 && token)
        answer.id_token = pool_text(pool, token);
    else if (response->status == 400 && error && strcmp(error, "invalid_grant") == 0)
        answer.refused = "is wrong, expired or was used already";
    else
        answer.away = pool_printf(pool, "answered %ld%s%s", response->status, error ? ": " : " without an id_token",
                                  error ? error : "");
    json_decref(json);
    return answer;
}
