/* Access tokens: JWT, HS256 only (RFC 7519, RFC 8725), through libjwt with every check that libjwt 1.10 leaves out.
 * What is not exactly as token_issue() writes it is refused, but for claims that nobody knows. */
#ifndef TITHI_TOKEN_H
#define TITHI_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOKEN_LENGTH_LIMIT 2048
#define TOKEN_KEY_ID_SIZE 9

struct token {
    int64_t user_id; /* sub */
    char role[16];
    char session[37]; /* sid: UUID text */
    char id[37];      /* jti */
    bool verified;    /* "verified": the address was; false where the token does not say */
    int64_t issued_at_s, expires_at_s;
};

/* One signs; a second one is believed besides while keys are rotated. The header's `kid` tells them apart; a token
 * without one may be of either. A key of less than 32 bytes signs and verifies nothing. Made by token_keys_of(), once:
 * the ids take a hash each. */
struct token_keys {
    const char *current;
    const char *other; /* "": none */
    char current_id[TOKEN_KEY_ID_SIZE], other_id[TOKEN_KEY_ID_SIZE];
};

enum token_problem { TOKEN_GOOD, TOKEN_MALFORMED, TOKEN_FORGED, TOKEN_EXPIRED };

/* What stands as `kid` in the tokens of this key: the first 8 hex digits of its SHA-256. Returns `ret_id`. */
const char *token_key_id(const char *key, char ret_id[TOKEN_KEY_ID_SIZE]);
/* The texts must live as long. */
struct token_keys token_keys_of(const char *current, const char *other);
/* `use` is "access": a token of another use is TOKEN_FORGED. `now_s`: wall clock; leeway 30 s for nbf/iat only. */
enum token_problem token_verify(const char *text, size_t length, const struct token_keys *keys, int64_t now_s,
                                struct token *ret_token);
/* malloc()ed, or NULL. Fills id and times from `ttl_s`. */
char *token_issue(struct token *token, const char *key, int64_t now_s, int64_t ttl_s);

#endif
