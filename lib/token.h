/* Access tokens: JWT, HS256 only (RFC 7519, RFC 8725), through libjwt with every check that libjwt 1.10 leaves out. */
#ifndef TITHI_TOKEN_H
#define TITHI_TOKEN_H

#include <stddef.h>
#include <stdint.h>

struct token {
    int64_t user_id; /* sub */
    char role[16];
    char session[37]; /* sid: UUID text */
    char id[37];      /* jti */
    int64_t issued_at_s, expires_at_s;
};

enum token_problem { TOKEN_GOOD, TOKEN_MALFORMED, TOKEN_FORGED, TOKEN_EXPIRED };

/* `use` is "access": a token of another use is TOKEN_FORGED. `now_s`: wall clock; leeway 30 s for nbf/iat only. */
enum token_problem token_verify(const char *text, size_t length, const char *key, size_t key_length, int64_t now_s,
                                struct token *ret_token);
/* malloc()ed, or NULL. Fills id and times from `ttl_s`. */
char *token_issue(struct token *token, const char *key, size_t key_length, int64_t now_s, int64_t ttl_s);

#endif
