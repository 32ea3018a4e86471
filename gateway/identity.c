/* Bearer tokens (RFC 6750); see identity.h. A token that was verified is remembered until it expires or newer ones push
 * it out, so that a busy client costs one lookup instead of a signature. What is kept of it is a keyed hash under a key
 * that never leaves this process: half the memory, and none of it signs anybody in. */
#include "identity.h"

#include <openssl/crypto.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <uthash.h>

#include "clock.h"
#include "cookies.h"
#include "keys.h"
#include "operations.h"
#include "request.h"
#include "settings.h"

#define REMEMBERED_LIMIT 16384
#define USE_NEWS_S 60 /* the auth worker hears of a session's use once in this time */

struct token_hash {
    unsigned char bytes[crypto_shorthash_siphashx24_BYTES];
};

struct remembered {
    UT_hash_handle hh;
    struct token_hash hash;
    struct token token;
    int64_t use_noted_s;
};

static unsigned char hash_key[crypto_shorthash_siphashx24_KEYBYTES];
static struct remembered *verified; /* in order of last use */

static struct token_hash hash_of(struct text_span text) {
    struct token_hash hash;
    crypto_shorthash_siphashx24(hash.bytes, (const unsigned char *)text.bytes, text.length, hash_key);
    return hash;
}

static void forget_token(struct remembered *entry) {
    HASH_DEL(verified, entry);
    free(entry);
}

static struct remembered *remember(const struct token_hash *hash, const struct token *token) {
    if (HASH_COUNT(verified) >= REMEMBERED_LIMIT)
        forget_token(verified);
    struct remembered *entry = malloc(sizeof *entry);
    if (!entry)
        abort();
    *entry = (struct remembered){.hash = *hash, .token = *token};
    HASH_ADD(hh, verified, hash, sizeof entry->hash, entry);
    return entry;
}

/* Found: it becomes the newest. */
static struct remembered *recall(const struct token_hash *hash, int64_t now_s) {
    struct remembered *entry;
    HASH_FIND(hh, verified, hash, sizeof *hash, entry);
    if (!entry)
        return NULL;
    if (entry->token.expires_at_s <= now_s) {
        forget_token(entry);
        return NULL;
    }
    HASH_DEL(verified, entry);
    HASH_ADD(hh, verified, hash, sizeof entry->hash, entry);
    return entry;
}

static void take_token(struct request *request, struct remembered *entry, int64_t now_s) {
    request->token = entry->token;
    request->use_is_news = now_s - entry->use_noted_s >= USE_NEWS_S;
    if (request->use_is_news)
        entry->use_noted_s = now_s;
}

static struct token_keys keys;

void identity_start(void) {
    randombytes_buf(hash_key, sizeof hash_key);
    keys = token_keys_of(settings.jwt_secret_key, settings.jwt_previous_secret_key);
}

static const struct refusal *read_access_token(struct request *request) {
    struct text_span text = request->credentials;
    int64_t now_s = clock_wall_ms() / 1000;
    if (text.length == 0 || text.length > TOKEN_LENGTH_LIMIT)
        return &refusal_invalid_token;
    struct token_hash hash = hash_of(text);
    struct remembered *known = recall(&hash, now_s);
    if (known) {
        take_token(request, known, now_s);
        return NULL;
    }
    if (token_verify(text.bytes, text.length, &keys, now_s, &request->token) != TOKEN_GOOD) {
        request->token = (struct token){0};
        return &refusal_invalid_token;
    }
    take_token(request, remember(&hash, &request->token), now_s);
    return NULL;
}

static const struct refusal *check_service_token(const struct request *request) {
    const char *expected = settings.crm_bearer_token;
    bool same = *expected && request->credentials.length == strlen(expected) &&
                CRYPTO_memcmp(request->credentials.bytes, expected, strlen(expected)) == 0;
    return same ? NULL : &refusal_invalid_token;
}

/* "Bearer" 1*SP token; another scheme leaves empty credentials, which nothing accepts. Returns whether it is Bearer. */
static bool read_authorization(struct request *request) {
    static const char scheme[] = "Bearer";
    const size_t length = sizeof scheme - 1;
    struct text_span value = request_header(request, "authorization");
    request->token_given = value.bytes != NULL;
    if (value.length < length || strncasecmp(value.bytes, scheme, length) != 0)
        return false;
    size_t start = length;
    while (start < value.length && value.bytes[start] == ' ')
        start++;
    while (value.length > start && value.bytes[value.length - 1] == ' ')
        value.length--;
    if (start == length)
        return value.length == length;
    request->credentials = (struct text_span){value.bytes + start, value.length - start};
    return true;
}

/* The access token's, or the refresh token's where a browser's session is refreshed. */
static void read_cookie(struct request *request) {
    enum access access = request->operation->access;
    if (access == ACCESS_SERVICE || (access == ACCESS_REFRESH && !request->route->cookies))
        return;
    struct text_span value = request_cookie(request, access == ACCESS_REFRESH ? COOKIE_REFRESH : COOKIE_SESSION);
    if (!value.bytes)
        return;
    request->credentials = value;
    request->token_given = request->by_cookie = true;
}

bool identity_forget_cookie(struct request *request) {
    if (!request->by_cookie || request->operation->access != ACCESS_PUBLIC)
        return false;
    request->token_given = request->by_cookie = false;
    request->credentials = (struct text_span){NULL, 0};
    request->token = (struct token){0};
    return true;
}

static const struct refusal *identify_by_token(struct request *request) {
    const struct refusal *refusal = read_access_token(request);
    return refusal && identity_forget_cookie(request) ? NULL : refusal;
}

const struct refusal *identify(struct request *request) {
    enum access access = request->operation->access;
    if (access == ACCESS_ANONYMOUS)
        return NULL;
    if (!read_authorization(request))
        read_cookie(request); /* what a proxy wants to know (Basic) is none of ours */
    if (!request->token_given)
        return access == ACCESS_PUBLIC ? NULL : &refusal_invalid_token;
    switch (access) {
    case ACCESS_REFRESH:
        return request->credentials.length ? NULL : &refusal_invalid_token;
    case ACCESS_SERVICE:
        return check_service_token(request);
    case ACCESS_ANONYMOUS:
    case ACCESS_PUBLIC:
    case ACCESS_TOKEN:
        break;
    }
    request->shows_key = !request->by_cookie && keys_is_key(request->credentials);
    return request->shows_key ? NULL : identify_by_token(request);
}

static unsigned withheld_scopes; /* of who has not verified the address; 1 << SCOPE_READ … */

int identity_read_withheld(const char *list) {
    withheld_scopes = 0;
    for (const char *at = list + strspn(list, ", "); *at; at += strspn(at, ", ")) {
        size_t length = strcspn(at, ", ");
        unsigned scope = keys_scope_bit(at, length);
        if (!scope)
            return -1;
        withheld_scopes |= scope;
        at += length;
    }
    return 0;
}

static const struct refusal *scope_refusal(const struct request *request, const char **ret_details) {
    static const char *const details[] = {
        [SCOPE_READ] = "{\"scope\":\"read\"}",
        [SCOPE_BOOK] = "{\"scope\":\"book\"}",
        [SCOPE_EVENTS] = "{\"scope\":\"events\"}",
        [SCOPE_WEBHOOKS] = "{\"scope\":\"webhooks\"}",
    };
    const struct operation *operation = request->operation;
    bool open = operation->access == ACCESS_PUBLIC && operation->kind == OPERATION_READ;
    if (!request->key || open || (request->key->scopes & 1u << operation->scope))
        return NULL;
    *ret_details = details[operation->scope];
    return &refusal_scope_missing;
}

static const struct refusal *role_refusal(const struct request *request) {
    const struct operation *operation = request->operation;
    if (!operation->roles || (role_bit(request->token.role) & operation->roles))
        return NULL;
    return operation->role_refusal ? operation->role_refusal : &refusal_forbidden;
}

/* What anybody may, those may too. */
static const struct refusal *verification_refusal(const struct request *request) {
    const struct operation *operation = request->operation;
    bool withheld = operation->access == ACCESS_TOKEN && (withheld_scopes & 1u << operation->scope);
    return withheld && !request->token.verified ? &refusal_email_not_verified : NULL;
}

const struct refusal *identity_rights_refusal(const struct request *request, const char **ret_details) {
    *ret_details = NULL;
    const struct refusal *refusal = scope_refusal(request, ret_details);
    if (!refusal)
        refusal = role_refusal(request);
    return refusal ? refusal : verification_refusal(request);
}
