/* The authorization code flow (OpenID Connect Core 1.0 §3.1) with PKCE (RFC 7636): the two requests of it that a
 * relying party makes, one through the browser and one by itself. */
#ifndef TITHI_AUTH_CODE_FLOW_H
#define TITHI_AUTH_CODE_FLOW_H

#include <stdint.h>

#include "http.h"
#include "oidc.h"
#include "pool.h"

struct code_flow_client {
    const char *id, *secret;
    const char *redirect_uri;
};

/* Where the browser goes. */
const char *code_flow_url(const struct oidc_endpoints *endpoints, const struct code_flow_client *client,
                          const char *state, const char *nonce, const char *verifier, struct pool *pool);

/* Asks what the code stands for, once: codes are good once. -1: it cannot be asked, and `done` is not called. */
int code_flow_redeem(struct http_client *http, const struct oidc_endpoints *endpoints,
                     const struct code_flow_client *client, const char *code, const char *verifier, int64_t timeout_ms,
                     http_done *done, void *context);

/* Exactly one is there. */
struct code_flow_answer {
    const char *id_token; /* not verified */
    const char *refused;  /* the code is not good: why */
    const char *away;     /* the provider does not answer as it must: what it does */
};

struct code_flow_answer code_flow_read(const struct http_response *response, struct pool *pool);

#endif
