/* Bearer tokens (RFC 6750); see identity.h. A token that was verified is remembered until it expires or newer ones push
 * it out, so that a busy client costs one lookup instead of a signature. */
#include "identity.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <uthash.h>

#include "clock.h"
#include "operations.h"
#include "request.h"
#include "settings.h"

#define REMEMBERED_LIMIT 16384
#define TOKEN_LENGTH_LIMIT 2048

struct remembered {
    UT_hash_handle hh;
    struct token token;
    char text[];
};

static struct remembered *verified; /* in order of last use */

static void forget_token(struct remembered *entry) {
    HASH_DEL(verified, entry);
    free(entry);
}

static void remember(const char *text, size_t length, const struct token *token) {
    if (HASH_COUNT(verified) >= REMEMBERED_LIMIT)
        forget_token(verified);
    struct remembered *entry = malloc(sizeof *entry + length);
    if (!entry)
        abort();
    entry->token = *token;
    memcpy(entry->text, text, length);
    HASH_ADD_KEYPTR(hh, verified, entry->text, length, entry);
}

/* Found: it becomes the newest. */
static struct remembered *recall(const char *text, size_t length, int64_t now_s) {
    struct remembered *entry;
    HASH_FIND(hh, verified, text, length, entry);
    if (!entry)
        return NULL;
    if (entry->token.expires_at_s <= now_s) {
        forget_token(entry);
        return NULL;
    }
    HASH_DEL(verified, entry);
    HASH_ADD_KEYPTR(hh, verified, entry->text, length, entry);
    return entry;
}

static const struct refusal *read_access_token(struct request *request) {
    struct text_span text = request->credentials;
    int64_t now_s = clock_wall_ms() / 1000;
    if (text.length == 0 || text.length > TOKEN_LENGTH_LIMIT)
        return &refusal_invalid_token;
    struct remembered *known = recall(text.bytes, text.length, now_s);
    if (known) {
        request->token = known->token;
        return NULL;
    }
    const char *key = settings.jwt_secret_key;
    if (token_verify(text.bytes, text.length, key, strlen(key), now_s, &request->token) != TOKEN_GOOD) {
        request->token = (struct token){0};
        return &refusal_invalid_token;
    }
    remember(text.bytes, text.length, &request->token);
    return NULL;
}

static const struct refusal *check_service_token(const struct request *request) {
    const char *expected = settings.crm_bearer_token;
    bool same = *expected && request->credentials.length == strlen(expected) &&
                CRYPTO_memcmp(request->credentials.bytes, expected, strlen(expected)) == 0;
    return same ? NULL : &refusal_invalid_token;
}

/* "Bearer" 1*SP token; another scheme leaves empty credentials, which nothing accepts. */
static void read_authorization(struct request *request) {
    const h2o_headers_t *headers = &request->h2o->headers;
    ssize_t index = h2o_find_header(headers, H2O_TOKEN_AUTHORIZATION, -1);
    if (index < 0)
        return;
    h2o_iovec_t value = headers->entries[index].value;
    request->token_given = true;
    if (value.len < 7 || strncasecmp(value.base, "Bearer ", 7) != 0)
        return;
    size_t start = 7;
    while (start < value.len && value.base[start] == ' ')
        start++;
    while (value.len > start && value.base[value.len - 1] == ' ')
        value.len--;
    request->credentials = (struct text_span){value.base + start, value.len - start};
}

const struct refusal *identify(struct request *request) {
    enum access access = request->operation->access;
    read_authorization(request);
    if (!request->token_given)
        return access == ACCESS_PUBLIC ? NULL : &refusal_invalid_token;
    switch (access) {
    case ACCESS_REFRESH:
        return request->credentials.length ? NULL : &refusal_invalid_token;
    case ACCESS_SERVICE:
        return check_service_token(request);
    case ACCESS_PUBLIC:
    case ACCESS_TOKEN:
        break;
    }
    return read_access_token(request);
}

static unsigned role_bit(const char *role) {
    static const char *const names[] = {"user", "facilitator", "admin"};
    static const unsigned bits[] = {ROLE_USER, ROLE_FACILITATOR, ROLE_ADMIN};
    for (size_t i = 0; i < sizeof bits / sizeof *bits; i++)
        if (strcmp(role, names[i]) == 0)
            return bits[i];
    return 0;
}

const struct refusal *identity_role_refusal(const struct request *request) {
    const struct operation *operation = request->operation;
    if (!operation->roles || (role_bit(request->token.role) & operation->roles))
        return NULL;
    return operation->role_refusal ? operation->role_refusal : &refusal_forbidden;
}
