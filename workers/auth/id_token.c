/* Checks id_tokens. libcjose holds keys and checks signatures; it takes any algorithm that a token names, duplicate
 * members, unknown `crit` and keys of any size, and knows no claims. All that is decided here, strictly (RFC 8725),
 * before anything reaches it, or after. */
#include "id_token.h"

#include <cjose/cjose.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "format.h"

#define LEEWAY_S 60 /* for clocks */
#define LAST_MOMENT_S INT64_C(253402300799)
#define SUBJECT_LIMIT 255
#define KEY_ID_LIMIT 255
#define NAME_LIMIT 200 /* characters */
#define PICTURE_LIMIT 2000
#define KEY_BITS_MINIMUM 2048
#define KEY_BITS_LIMIT 8192 /* a larger one costs time, and has no use */

/* Google may leave the scheme out of `iss`: https://developers.google.com/identity/openid-connect/openid-connect */
#define GOOGLE "https://accounts.google.com"
#define GOOGLE_BARE "accounts.google.com"

struct key {
    char *id;
    cjose_jwk_t *jwk;
};

struct key_set {
    size_t count;
    struct key keys[];
};

/* NULL: not there, or no text. */
static const char *text_of(json_t *object, const char *name) {
    return json_string_value(json_object_get(object, name));
}

static bool is_text(json_t *object, const char *name, const char *value) {
    const char *text = text_of(object, name);
    return text && strcmp(text, value) == 0;
}

static bool is_absent_or(json_t *object, const char *name, const char *value) {
    return !json_object_get(object, name) || is_text(object, name, value);
}

/* Strictly: what is too much, bits or characters, is no base64url. libcjose takes some of it, and aborts at other. */
static bool decode(const char *text, size_t length, unsigned char *ret_bytes, size_t size, size_t *ret_used) {
    return sodium_base642bin(ret_bytes, size, text, length, NULL, ret_used, NULL,
                             sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0;
}

/* ---- Keys */

static bool may_sign(json_t *key) {
    const char *id = text_of(key, "kid");
    return id && *id && strlen(id) <= KEY_ID_LIMIT && is_text(key, "kty", "RSA") && is_absent_or(key, "use", "sig") &&
           is_absent_or(key, "alg", "RS256") && is_text(key, "e", "AQAB"); /* 65537, as everybody has it */
}

/* NULL: it is no key that we take. */
static cjose_jwk_t *import(json_t *key) {
    static unsigned char exponent[] = {1, 0, 1};
    unsigned char modulus[KEY_BITS_LIMIT / 8];
    const char *text = text_of(key, "n");
    size_t length;
    cjose_err error;
    if (!may_sign(key) || !text || !decode(text, strlen(text), modulus, sizeof modulus, &length) ||
        length < KEY_BITS_MINIMUM / 8 || modulus[0] < 0x80) /* so that bytes times eight are its bits */
        return NULL;
    const cjose_jwk_rsa_keyspec spec = {.e = exponent, .elen = sizeof exponent, .n = modulus, .nlen = length};
    return cjose_jwk_create_RSA_spec(&spec, &error);
}

struct key_set *key_set_read(json_t *document) {
    json_t *list = json_object_get(document, "keys"), *key;
    size_t i;
    if (!json_is_array(list))
        return NULL;
    struct key_set *set = calloc(1, sizeof *set + json_array_size(list) * sizeof *set->keys);
    if (!set)
        abort();
    json_array_foreach(list, i, key) {
        cjose_jwk_t *jwk = import(key);
        if (jwk)
            set->keys[set->count++] = (struct key){.id = strdup(text_of(key, "kid")), .jwk = jwk};
    }
    return set;
}

void key_set_destroy(struct key_set **keys) {
    for (size_t i = 0; *keys && i < (*keys)->count; i++) {
        free((*keys)->keys[i].id);
        cjose_jwk_release((*keys)->keys[i].jwk);
    }
    free(*keys);
    *keys = NULL;
}

size_t key_set_count(const struct key_set *keys) {
    return keys->count;
}

static const cjose_jwk_t *find_key(const struct key_set *keys, const char *key_id) {
    for (size_t i = 0; i < keys->count; i++)
        if (strcmp(keys->keys[i].id, key_id) == 0)
            return keys->keys[i].jwk;
    return NULL;
}

bool key_set_has(const struct key_set *keys, const char *key_id) {
    return find_key(keys, key_id);
}

/* ---- Form and header */

/* One part between dots as a JSON object, or NULL. */
static json_t *read_part(const char *part, size_t length) {
    unsigned char bytes[ID_TOKEN_LENGTH_LIMIT];
    size_t used;
    if (!decode(part, length, bytes, sizeof bytes, &used))
        return NULL;
    json_t *object = json_loadb((const char *)bytes, used, JSON_REJECT_DUPLICATES, NULL);
    if (object && !json_is_object(object)) {
        json_decref(object);
        object = NULL;
    }
    return object;
}

struct parts {
    size_t length, header_length, claims_length;
    const char *claims;
};

static bool split(const char *token, struct parts *ret_parts) {
    const char *first = strchr(token, '.'), *second = first ? strchr(first + 1, '.') : NULL;
    size_t length = strnlen(token, ID_TOKEN_LENGTH_LIMIT + 1);
    unsigned char signature[ID_TOKEN_LENGTH_LIMIT];
    size_t used;
    if (length > ID_TOKEN_LENGTH_LIMIT || !second ||
        !decode(second + 1, length - (size_t)(second + 1 - token), signature, sizeof signature, &used) || used == 0)
        return false;
    *ret_parts = (struct parts){.length = length,
                                .header_length = (size_t)(first - token),
                                .claims = first + 1,
                                .claims_length = (size_t)(second - first - 1)};
    return true;
}

/* A token that says of itself that it is something else, like an access token (RFC 9068), is no id_token. */
static const char *header_problem(json_t *header) {
    const char *type = text_of(header, "typ"), *key_id = text_of(header, "kid");
    if (!is_text(header, "alg", "RS256"))
        return "is not signed by RS256";
    if (json_object_get(header, "crit"))
        return "asks for an extension that is not known";
    if (json_object_get(header, "typ") && (!type || strcasecmp(type, "JWT") != 0))
        return "is of another type";
    return key_id && *key_id && strlen(key_id) <= KEY_ID_LIMIT ? NULL : "does not name its key";
}

const char *id_token_key_id(const char *token, struct pool *pool, const char **ret_key_id) {
    struct parts parts;
    json_t *header = split(token, &parts) ? read_part(token, parts.header_length) : NULL;
    const char *problem = header ? header_problem(header) : "is no signed token";
    if (!problem)
        *ret_key_id = pool_text(pool, text_of(header, "kid"));
    json_decref(header);
    return problem;
}

static bool signature_is_good(const char *token, size_t length, const cjose_jwk_t *key) {
    cjose_err error;
    cjose_jws_t *jws = cjose_jws_import(token, length, &error);
    bool good = jws && cjose_jws_verify(jws, key, &error);
    cjose_jws_release(jws);
    return good;
}

/* ---- Claims */

/* For us, and for nobody else: another audience could use it here (Core §3.1.3.7, 3). */
static bool audience_is(json_t *audience, const char *client_id) {
    if (json_is_array(audience) && json_array_size(audience) == 1)
        audience = json_array_get(audience, 0);
    return json_is_string(audience) && strcmp(json_string_value(audience), client_id) == 0;
}

static bool issuer_is(json_t *claims, const char *issuer) {
    return is_text(claims, "iss", issuer) || (strcmp(issuer, GOOGLE) == 0 && is_text(claims, "iss", GOOGLE_BARE));
}

static const char *time_problem(json_t *claims, int64_t now_s) {
    json_t *expiry = json_object_get(claims, "exp"), *issued = json_object_get(claims, "iat");
    json_t *not_before = json_object_get(claims, "nbf");
    double now = (double)now_s;
    if (!json_is_number(expiry) || !json_is_number(issued) || (not_before && !json_is_number(not_before)))
        return "does not say when it is good";
    if (json_number_value(expiry) + LEEWAY_S <= now)
        return "has expired";
    if (json_number_value(issued) - LEEWAY_S > now || (not_before && json_number_value(not_before) - LEEWAY_S > now))
        return "is not good yet";
    return NULL;
}

static bool subject_is_good(const char *subject) {
    size_t length = subject ? strlen(subject) : 0;
    for (size_t i = 0; i < length; i++)
        if (subject[i] < ' ' || subject[i] > '~')
            return false;
    return length >= 1 && length <= SUBJECT_LIMIT;
}

static const char *email_problem(json_t *claims) {
    const char *email = text_of(claims, "email");
    if (!email || !format_is_email(email, strlen(email)))
        return "holds no e-mail address";
    return json_is_true(json_object_get(claims, "email_verified")) || is_text(claims, "email_verified", "true")
               ? NULL
               : "holds an e-mail address that is not verified";
}

static const char *claims_problem(json_t *claims, const struct id_token_wanted *wanted) {
    if (!issuer_is(claims, wanted->issuer))
        return "is of another issuer";
    if (!audience_is(json_object_get(claims, "aud"), wanted->client_id) ||
        !is_absent_or(claims, "azp", wanted->client_id))
        return "is for another client";
    const char *problem = time_problem(claims, wanted->now_s);
    if (problem)
        return problem;
    if (wanted->nonce && !is_text(claims, "nonce", wanted->nonce))
        return "does not hold the nonce";
    return subject_is_good(text_of(claims, "sub")) ? email_problem(claims) : "does not say whom it is about";
}

/* ---- What is taken over */

/* One line: whatever cannot be seen becomes a single blank. NULL: nothing is left. */
static const char *clean_name(const char *text, struct pool *pool) {
    size_t length = text ? strlen(text) : 0, used = 0, characters = 0;
    char *name = pool_alloc(pool, length + 1);
    for (size_t i = 0, size; i < length && characters < NAME_LIMIT; i += size) {
        size = format_code_point_size(text + i, length - i);
        bool seen = format_is_line(text + i, size);
        if (!size)
            break;
        if (!seen && (used == 0 || name[used - 1] == ' '))
            continue;
        memcpy(name + used, seen ? text + i : " ", seen ? size : 1);
        used += seen ? size : 1;
        characters++;
    }
    while (used && name[used - 1] == ' ')
        used--;
    name[used] = '\0';
    return used ? name : NULL;
}

static const char *read_name(json_t *claims, const char *email, struct pool *pool) {
    const char *name = clean_name(text_of(claims, "name"), pool);
    return name ? name : pool_copy(pool, email, strcspn(email, "@"));
}

static const char *read_picture(json_t *claims, struct pool *pool) {
    const char *url = text_of(claims, "picture");
    bool good =
        url && strlen(url) <= PICTURE_LIMIT && strncmp(url, "https://", 8) == 0 && format_is_uri(url, strlen(url));
    return good ? pool_text(pool, url) : NULL;
}

static int64_t read_expiry(json_t *claims) {
    double expiry = json_number_value(json_object_get(claims, "exp")) + LEEWAY_S;
    return expiry < (double)LAST_MOMENT_S ? (int64_t)expiry : LAST_MOMENT_S;
}

static struct identity read_identity(json_t *claims, const char *issuer, struct pool *pool) {
    const char *email = pool_text(pool, text_of(claims, "email"));
    return (struct identity){.issuer = issuer,
                             .subject = pool_text(pool, text_of(claims, "sub")),
                             .email = email,
                             .name = read_name(claims, email, pool),
                             .picture = read_picture(claims, pool),
                             .expires_at_s = read_expiry(claims)};
}

const char *id_token_verify(const char *token, const struct key_set *keys, const struct id_token_wanted *wanted,
                            struct pool *pool, struct identity *ret_identity) {
    const char *key_id;
    struct parts parts;
    const char *problem = id_token_key_id(token, pool, &key_id);
    if (problem)
        return problem;
    split(token, &parts);
    const cjose_jwk_t *key = find_key(keys, key_id);
    if (!key)
        return "is signed by a key that is not known";
    if (!signature_is_good(token, parts.length, key))
        return "has a wrong signature";
    json_t *claims = read_part(parts.claims, parts.claims_length);
    problem = claims ? claims_problem(claims, wanted) : "holds no claims";
    if (!problem) {
        *ret_identity = read_identity(claims, wanted->issuer, pool);
        crypto_hash_sha256(ret_identity->token_hash, (const unsigned char *)token,
                           (size_t)(strrchr(token, '.') - token));
    }
    json_decref(claims);
    return problem;
}
