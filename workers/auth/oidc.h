/* An OpenID provider as a relying party knows it (Discovery 1.0): where it is asked, and its keys. Both documents are
 * read when they are needed first and kept for as long as the provider says, between a minute and a day; what it says
 * is untrusted until it is checked. Nobody waits in here: who gets OIDC_WAITING asks again when something has come. */
#ifndef TITHI_AUTH_OIDC_H
#define TITHI_AUTH_OIDC_H

#include <stdbool.h>
#include <stdint.h>

#include "http.h"
#include "id_token.h"

struct oidc;

enum oidc_state {
    OIDC_READY,
    OIDC_WAITING, /* it is being asked; that ends within OIDC_PATIENCE_MS */
    OIDC_AWAY,    /* it did not answer, or not as it must; told again only after a second */
};

#define OIDC_PATIENCE_MS 3000

/* Texts live until the next call of anything here. */
struct oidc_endpoints {
    const char *authorization, *token;
    bool secret_in_form; /* client_secret_post: the token endpoint does not take client_secret_basic */
    bool names_itself;   /* answers of the authorization endpoint hold `iss` (RFC 9207) */
};

/* `issuer`: as it stands in its documents, and kept, not copied. */
struct oidc *oidc_new(const char *issuer, struct http_client *client);
/* Once the client is gone, or has nothing in flight. */
void oidc_destroy(struct oidc **oidc);

enum oidc_state oidc_find_endpoints(struct oidc *oidc, int64_t now_mono_ms, struct oidc_endpoints *ret_endpoints);

/* The keys, and `key_id` among them if the provider has it: for one that is not known they are read anew, at most three
 * times at once and then once a minute. *sought belongs to the question that is asked repeatedly: 0 at first. */
enum oidc_state oidc_find_keys(struct oidc *oidc, int64_t now_mono_ms, const char *key_id, uint64_t *sought,
                               const struct key_set **ret_keys);

#endif
