/* The two tokens of a session: the access token says who it is and is believed by its signature; the refresh token is
 * random, known here by its hash only, and good for one exchange. */
#ifndef TITHI_AUTH_TOKENS_H
#define TITHI_AUTH_TOKENS_H

#include <stdbool.h>
#include <stdint.h>

#include "operations.h"
#include "sessions_store.h"
#include "store.h"

struct token_order {
    struct call *call;
    const struct account *account;
    const char *session;
    int64_t left_s;     /* of the session: no token is good for longer */
    bool factor_is_due; /* the role needs a second factor that is not there: the rights are those of a user */
};

/* Makes both, as the answer to a sign-in, and the row that makes the refresh token good (without device). 0, or -1. */
int tokens_make(const struct token_order *order, struct signed_in *ret_answer, struct new_session *ret_row);

void tokens_hash(const char *token, uint8_t ret_hash[TOKEN_HASH_SIZE]);

#endif
