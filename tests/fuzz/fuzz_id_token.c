/* id_tokens and sets of keys. Input: a byte that says what follows: a token as somebody sends it; header, newline and
 * claims, which are signed by the issuer's key; or a JWKS. What is taken for good must be fit for our tables, and
 * nobody but the issuer makes such a token. */
#include <string.h>

#include "format.h"
#include "fuzz.h"
#include "id_token.h"
#include "signer.h"

#define NOW_S 1700000000

static EVP_PKEY *key;
static struct key_set *keys;

static struct key_set *read_keys(const char *text, size_t length) {
    json_t *json = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
    struct key_set *set = json ? key_set_read(json) : NULL;
    json_decref(json);
    return set;
}

static void start(void) {
    key = EVP_RSA_gen(2048);
    char *jwk = jwk_of(key, "k1", "");
    struct buffer text = {0};
    buffer_printf(&text, "{\"keys\":[%s]}", jwk);
    keys = read_keys(text.bytes, text.length);
    PROMISE(keys && key_set_count(keys) == 1);
    buffer_free(&text);
    free(jwk);
}

static void check_identity(const struct identity *identity) {
    PROMISE(strcmp(identity->issuer, "https://issuer.example") == 0);
    PROMISE(strlen(identity->subject) >= 1 && strlen(identity->subject) <= 255);
    PROMISE(format_is_email(identity->email, strlen(identity->email)));
    PROMISE(format_is_line(identity->name, strlen(identity->name)));
    PROMISE(format_text_length(identity->name, strlen(identity->name)) <= 200);
    PROMISE(!identity->picture || strncmp(identity->picture, "https://", 8) == 0);
}

static void check_token(const char *token, bool by_issuer, struct pool *pool) {
    const struct id_token_wanted wanted = {.issuer = "https://issuer.example", .client_id = "client-1", .now_s = NOW_S};
    const char *key_id = NULL;
    struct identity identity;
    const char *form = id_token_key_id(token, pool, &key_id);
    const char *problem = id_token_verify(token, keys, &wanted, pool, &identity);
    PROMISE(!form == !!key_id);
    PROMISE(!form || problem);
    PROMISE(problem || by_issuer);
    if (!problem)
        check_identity(&identity);
}

static void check_signed(const char *text, size_t length, struct pool *pool) {
    const char *line = memchr(text, '\n', length);
    if (!line)
        return;
    const char *header = pool_copy(pool, text, (size_t)(line - text));
    const char *claims = pool_copy(pool, line + 1, (size_t)(text + length - line - 1));
    char *token = sign_jws(key, EVP_sha256(), 0, header, claims);
    check_token(token, true, pool);
    free(token);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!size)
        return 0;
    if (!keys)
        start();
    struct pool *pool = pool_new();
    const char *text = (const char *)data + 1;
    if (data[0] % 4 == 0) {
        check_token(pool_copy(pool, text, size - 1), false, pool);
    } else if (data[0] % 4 == 1) {
        struct key_set *set = read_keys(text, size - 1);
        if (set)
            key_set_has(set, "k1");
        key_set_destroy(&set);
    } else {
        check_signed(text, size - 1, pool);
    }
    pool_destroy(&pool);
    return 0;
}
