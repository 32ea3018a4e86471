/* Access tokens as gateway and auth worker share them: the worker issues, the gateway verifies, both through libjwt.
 * libjwt 1.10 checks a signature by whatever algorithm the token names, and no claim at all; so header and claims are
 * read here strictly (RFC 8725) and libjwt is asked for the signature only. Revocation is not known here: see Redis in
 * gateway and auth. */
#include "token.h"

#include <jansson.h>
#include <jwt.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "uuid.h"

#define TOKEN_LENGTH_LIMIT 4096
#define TOKEN_KEY_MINIMUM 32
#define TOKEN_LEEWAY_S 30

/* One dot-separated part as a JSON object, or NULL. */
static json_t *parse_part(const char *part, size_t length) {
    unsigned char bytes[TOKEN_LENGTH_LIMIT];
    size_t used;
    if (sodium_base642bin(bytes, sizeof bytes, part, length, NULL, &used, NULL,
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0)
        return NULL;
    json_t *object = json_loadb((const char *)bytes, used, JSON_REJECT_DUPLICATES, NULL);
    if (object && !json_is_object(object)) {
        json_decref(object);
        object = NULL;
    }
    return object;
}

/* Exactly {"alg": "HS256"} with an optional "typ": "JWT"; extensions that must be understood ("crit") are not. */
static bool header_is_ours(const char *part, size_t length) {
    json_t *header = parse_part(part, length);
    const char *algorithm = json_string_value(json_object_get(header, "alg"));
    json_t *type = json_object_get(header, "typ");
    bool ours = algorithm && strcmp(algorithm, "HS256") == 0 && !json_object_get(header, "crit") &&
                (!type || (json_is_string(type) && strcmp(json_string_value(type), "JWT") == 0));
    json_decref(header);
    return ours;
}

static bool signature_is_good(const char *text, const char *key, size_t key_length) {
    jwt_t *jwt = NULL;
    int outcome = jwt_decode(&jwt, text, (const unsigned char *)key, (int)key_length);
    /* Out of memory makes libjwt 1.10 return 0 with an empty, unverified token: hence the look at `sub`. */
    bool good = outcome == 0 && jwt && jwt_get_alg(jwt) == JWT_ALG_HS256 && jwt_get_grant(jwt, "sub");
    jwt_free(jwt);
    return good;
}

static bool copy_claim(json_t *claims, const char *name, char *ret_text, size_t size) {
    json_t *value = json_object_get(claims, name);
    if (!json_is_string(value) || json_string_length(value) == 0 || json_string_length(value) >= size)
        return false;
    strcpy(ret_text, json_string_value(value));
    return true;
}

static bool copy_uuid_claim(json_t *claims, const char *name, char ret_text[UUID_TEXT_SIZE]) {
    struct uuid id;
    return copy_claim(claims, name, ret_text, UUID_TEXT_SIZE) && uuid_parse(ret_text, &id) == 0;
}

static bool integer_claim(json_t *claims, const char *name, int64_t *ret_value) {
    json_t *value = json_object_get(claims, name);
    if (!json_is_integer(value))
        return false;
    *ret_value = json_integer_value(value);
    return true;
}

static bool subject_claim(json_t *claims, int64_t *ret_user_id) {
    char text[20], *end;
    if (!copy_claim(claims, "sub", text, sizeof text) || text[0] < '1' || text[0] > '9')
        return false;
    *ret_user_id = strtoll(text, &end, 10);
    return *end == '\0';
}

static enum token_problem read_claims(json_t *claims, int64_t now_s, struct token *ret_token) {
    struct token token = {0};
    char use[16];
    int64_t not_before_s = 0;
    json_t *not_before = json_object_get(claims, "nbf");
    if (!subject_claim(claims, &token.user_id) || !integer_claim(claims, "iat", &token.issued_at_s) ||
        !integer_claim(claims, "exp", &token.expires_at_s) || !copy_uuid_claim(claims, "jti", token.id) ||
        !copy_uuid_claim(claims, "sid", token.session) || !copy_claim(claims, "role", token.role, sizeof token.role) ||
        !copy_claim(claims, "use", use, sizeof use) || (not_before && !integer_claim(claims, "nbf", &not_before_s)))
        return TOKEN_MALFORMED;
    /* Tithi names no issuer and no audience: a token that does was made for somebody else (RFC 7519 §4.1.3). */
    if (strcmp(use, "access") != 0 || json_object_get(claims, "iss") || json_object_get(claims, "aud") ||
        token.issued_at_s > now_s + TOKEN_LEEWAY_S || not_before_s > now_s + TOKEN_LEEWAY_S)
        return TOKEN_FORGED;
    if (token.expires_at_s <= now_s)
        return TOKEN_EXPIRED;
    *ret_token = token;
    return TOKEN_GOOD;
}

enum token_problem token_verify(const char *text, size_t length, const char *key, size_t key_length, int64_t now_s,
                                struct token *ret_token) {
    char copy[TOKEN_LENGTH_LIMIT + 1];
    if (length == 0 || length > TOKEN_LENGTH_LIMIT || memchr(text, '\0', length))
        return TOKEN_MALFORMED;
    memcpy(copy, text, length);
    copy[length] = '\0';
    const char *payload = strchr(copy, '.');
    const char *signature = payload ? strchr(payload + 1, '.') : NULL;
    if (!signature || strchr(signature + 1, '.'))
        return TOKEN_MALFORMED;
    json_t *claims = parse_part(payload + 1, (size_t)(signature - payload - 1));
    if (!claims)
        return TOKEN_MALFORMED;
    enum token_problem problem = TOKEN_FORGED;
    if (key_length >= TOKEN_KEY_MINIMUM && header_is_ours(copy, (size_t)(payload - copy)) &&
        signature_is_good(copy, key, key_length))
        problem = read_claims(claims, now_s, ret_token);
    json_decref(claims);
    return problem;
}

char *token_issue(struct token *token, const char *key, size_t key_length, int64_t now_s, int64_t ttl_s) {
    char subject[24], *text = NULL;
    struct uuid id = uuid_new();
    jwt_t *jwt = NULL;
    if (key_length < TOKEN_KEY_MINIMUM || jwt_new(&jwt) != 0)
        return NULL;
    uuid_text(&id, token->id);
    token->issued_at_s = now_s;
    token->expires_at_s = now_s + ttl_s;
    snprintf(subject, sizeof subject, "%lld", (long long)token->user_id);
    if (jwt_add_grant(jwt, "sub", subject) == 0 && jwt_add_grant_int(jwt, "iat", token->issued_at_s) == 0 &&
        jwt_add_grant_int(jwt, "exp", token->expires_at_s) == 0 && jwt_add_grant(jwt, "jti", token->id) == 0 &&
        jwt_add_grant(jwt, "sid", token->session) == 0 && jwt_add_grant(jwt, "use", "access") == 0 &&
        jwt_add_grant(jwt, "role", token->role) == 0 &&
        jwt_set_alg(jwt, JWT_ALG_HS256, (const unsigned char *)key, (int)key_length) == 0)
        text = jwt_encode_str(jwt);
    jwt_free(jwt);
    return text;
}
