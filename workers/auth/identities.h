/* What becomes of accounts when somebody comes with an identity that an OpenID provider has proven. People are known by
 * issuer and subject; an address only leads to an account that is there already, and only because the issuer has
 * verified it. */
#ifndef TITHI_AUTH_IDENTITIES_H
#define TITHI_AUTH_IDENTITIES_H

#include "id_token.h"
#include "sign_in.h"

/* Finds the account, links it or makes it, in the caller's transaction; then sign_in_open(), of whose struct the
 * account is filled here. Where the call is refused already, only that is noted. `by_token`: the token came by itself,
 * so it is good once, and for the same account again within a minute. Refuses with identity_conflict, identity_refused
 * or account_inactive, or as sign_in_open() does. *ret_picture: the account's, or NULL. 0, or -1: the transaction
 * failed, perhaps because the same identity came twice at once; another try finds what the other one left. */
int identities_sign_in(struct worker *worker, struct sign_in *sign_in, const struct identity *identity, bool by_token,
                       struct signed_in *ret_signed_in, const char **ret_picture);

/* Unlinks all identities of this account, and notes it where there were some. 0, or -1. */
int identities_unlink(struct worker *worker, const struct call *call, int64_t user_id);

#endif
