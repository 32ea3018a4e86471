/* Access tokens as gateway and auth worker share them: the worker issues, the gateway verifies, both through libjwt.
 * libjwt 1.10 checks a signature by whatever algorithm the token names, and no claim at all; so header and claims are
 * read here strictly (RFC 8725) and libjwt is asked for the signature only. Revocation is not known here: see Redis in
 * gateway and auth. */
#include "token.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <jwt.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "contract.h"
#include "uuid.h"

#define TOKEN_KEY_MINIMUM 32
#define TOKEN_LEEWAY_S 30
#define LAST_SECOND INT64_C(253402300799) /* of the year 9999 */

const char *token_key_id(const char *key, char ret_id[TOKEN_KEY_ID_SIZE]) {
    unsigned char hash[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(hash, (const unsigned char *)key, strlen(key));
    return sodium_bin2hex(ret_id, TOKEN_KEY_ID_SIZE, hash, (TOKEN_KEY_ID_SIZE - 1) / 2);
}

struct token_keys token_keys_of(const char *current, const char *other) {
    struct token_keys keys = {.current = current, .other = other};
    token_key_id(current, keys.current_id);
    token_key_id(other, keys.other_id);
    return keys;
}

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

/* Exactly {"alg": "HS256"} with an optional "typ": "JWT" and an optional "kid". Nothing else has a meaning here, and
 * what names keys or extensions (jwk, jku, x5u, crit, b64, zip) must not get one. */
static bool header_is_ours(const json_t *header) {
    const char *algorithm = json_string_value(json_object_get(header, "alg"));
    const json_t *type = json_object_get(header, "typ"), *key_id = json_object_get(header, "kid");
    size_t members = 1 + (type != NULL) + (key_id != NULL);
    return algorithm && strcmp(algorithm, "HS256") == 0 && json_object_size(header) == members &&
           (!type || (json_is_string(type) && strcmp(json_string_value(type), "JWT") == 0)) &&
           (!key_id || json_is_string(key_id));
}

static bool signature_is_of(const char *text, const char *key) {
    jwt_t *jwt = NULL;
    int outcome = jwt_decode(&jwt, text, (const unsigned char *)key, (int)strlen(key));
    /* Out of memory makes libjwt 1.10 return 0 with an empty, unverified token: hence the look at `sub`. */
    bool good = outcome == 0 && jwt && jwt_get_alg(jwt) == JWT_ALG_HS256 && jwt_get_grant(jwt, "sub");
    jwt_free(jwt);
    return good;
}

/* `asked_id`: which the header names, or NULL. */
static bool is_signed_by(const char *text, const char *key, const char *key_id, const char *asked_id) {
    return strlen(key) >= TOKEN_KEY_MINIMUM && (!asked_id || strcmp(asked_id, key_id) == 0) &&
           signature_is_of(text, key);
}

static bool is_signed(const char *text, size_t header_length, const struct token_keys *keys) {
    json_t *header = parse_part(text, header_length);
    const char *key_id = json_string_value(json_object_get(header, "kid"));
    bool good = header_is_ours(header) && (is_signed_by(text, keys->current, keys->current_id, key_id) ||
                                           is_signed_by(text, keys->other, keys->other_id, key_id));
    json_decref(header);
    return good;
}

static bool copy_claim(json_t *claims, const char *name, char *ret_text, size_t size) {
    json_t *value = json_object_get(claims, name);
    if (!json_is_string(value) || json_string_length(value) == 0 || json_string_length(value) >= size)
        return false;
    strcpy(ret_text, json_string_value(value));
    return true;
}

/* Spelt as we spell it: sessions are looked up by this text. */
static bool copy_uuid_claim(json_t *claims, const char *name, char ret_text[UUID_TEXT_SIZE]) {
    struct uuid id;
    char own_text[UUID_TEXT_SIZE];
    return copy_claim(claims, name, ret_text, UUID_TEXT_SIZE) && uuid_parse(ret_text, &id) == 0 &&
           strcmp(ret_text, uuid_text(&id, own_text)) == 0;
}

/* A moment that a clock may show, in whole seconds. */
static bool time_claim(json_t *claims, const char *name, int64_t *ret_value) {
    json_t *value = json_object_get(claims, name);
    if (!json_is_integer(value) || json_integer_value(value) < 0 || json_integer_value(value) > LAST_SECOND)
        return false;
    *ret_value = json_integer_value(value);
    return true;
}

static bool optional_time_claim(json_t *claims, const char *name, int64_t *ret_value) {
    return !json_object_get(claims, name) || time_claim(claims, name, ret_value);
}

static bool verified_claim(json_t *claims, bool *ret_verified) {
    json_t *value = json_object_get(claims, "verified");
    *ret_verified = json_is_true(value);
    return !value || json_is_boolean(value);
}

static bool subject_claim(json_t *claims, int64_t *ret_user_id) {
    char text[20], *end;
    if (!copy_claim(claims, "sub", text, sizeof text) || text[0] < '1' || text[0] > '9')
        return false;
    errno = 0;
    *ret_user_id = strtoll(text, &end, 10);
    return *end == '\0' && errno == 0;
}

static enum token_problem read_claims(json_t *claims, int64_t now_s, struct token *ret_token) {
    struct token token = {0};
    char use[16];
    int64_t not_before_s = 0;
    if (!subject_claim(claims, &token.user_id) || !time_claim(claims, "iat", &token.issued_at_s) ||
        !time_claim(claims, "exp", &token.expires_at_s) || !optional_time_claim(claims, "nbf", &not_before_s) ||
        !copy_uuid_claim(claims, "jti", token.id) || !copy_uuid_claim(claims, "sid", token.session) ||
        !copy_claim(claims, "role", token.role, sizeof token.role) || !role_bit(token.role) ||
        !verified_claim(claims, &token.verified) || !copy_claim(claims, "use", use, sizeof use))
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

enum token_problem token_verify(const char *text, size_t length, const struct token_keys *keys, int64_t now_s,
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
    if (is_signed(copy, (size_t)(payload - copy), keys))
        problem = read_claims(claims, now_s, ret_token);
    json_decref(claims);
    return problem;
}

static bool add_claims(jwt_t *jwt, const struct token *token) {
    char subject[24];
    snprintf(subject, sizeof subject, "%" PRId64, token->user_id);
    return jwt_add_grant(jwt, "sub", subject) == 0 && jwt_add_grant_int(jwt, "iat", token->issued_at_s) == 0 &&
           jwt_add_grant_int(jwt, "exp", token->expires_at_s) == 0 && jwt_add_grant(jwt, "jti", token->id) == 0 &&
           jwt_add_grant(jwt, "sid", token->session) == 0 && jwt_add_grant(jwt, "use", "access") == 0 &&
           jwt_add_grant(jwt, "role", token->role) == 0 && jwt_add_grant_bool(jwt, "verified", token->verified) == 0;
}

char *token_issue(struct token *token, const char *key, int64_t now_s, int64_t ttl_s) {
    size_t key_length = strlen(key);
    char key_id[TOKEN_KEY_ID_SIZE], *text = NULL;
    struct uuid id = uuid_new();
    jwt_t *jwt = NULL;
    if (key_length < TOKEN_KEY_MINIMUM || jwt_new(&jwt) != 0)
        return NULL;
    uuid_text(&id, token->id);
    token->issued_at_s = now_s;
    token->expires_at_s = now_s + ttl_s;
    if (add_claims(jwt, token) && jwt_add_header(jwt, "kid", token_key_id(key, key_id)) == 0 &&
        jwt_set_alg(jwt, JWT_ALG_HS256, (const unsigned char *)key, (int)key_length) == 0)
        text = jwt_encode_str(jwt);
    jwt_free(jwt);
    return text;
}
