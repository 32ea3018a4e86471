/* The SQL of outside identities, and of sign-ins that have gone to their provider. As store.h: texts that come back
 * live in the worker's pool; each returns 0, or -1: the transaction failed. */
#ifndef TITHI_AUTH_IDENTITIES_STORE_H
#define TITHI_AUTH_IDENTITIES_STORE_H

#include <stdbool.h>
#include <stddef.h>

#include "id_token.h"
#include "operations.h"
#include "store.h"
#include "worker.h"

/* A sign-in on its way; all texts are random. In the table stand hashes of `state` and `browser`. */
struct outside_login {
    const char *state, *browser, *nonce, *verifier;
};

int identities_store_add_login(struct worker *worker, const struct outside_login *login);
/* Takes it out: it is good once, whatever comes of it. *ret_found: it was there, of this browser, and not over. Where
 * it is found, nonce and verifier are filled. */
int identities_store_take_login(struct worker *worker, struct outside_login *login, bool *ret_found);

/* An id_token that came by itself. */
struct used_token {
    int64_t user_id; /* whom it signed in; 0: it is new */
    bool is_recent;  /* within the minute in which a lost answer may be asked for again */
};
int identities_store_look_at_token(struct worker *worker, const struct identity *identity, struct used_token *ret_used);
/* -1 also where another transaction has noted it meanwhile. */
int identities_store_note_token(struct worker *worker, const struct identity *identity, int64_t user_id);

struct linked_account {
    struct account account; /* id 0: there is none */
    const char *subject;    /* of the issuer that the account is linked to; NULL: to none */
};

/* Both lock the account until the end of the transaction. */
int identities_store_find(struct worker *worker, const struct identity *identity, struct linked_account *ret_linked);
int identities_store_find_by_email(struct worker *worker, const struct identity *identity,
                                   struct linked_account *ret_linked);
/* A verified one, of the role user. *ret_id 0: the address is taken. */
int identities_store_create_account(struct worker *worker, const struct identity *identity, int64_t *ret_id);
/* *ret_linked false: the identity, or the account's identity of this issuer, is there already. */
int identities_store_link(struct worker *worker, const struct identity *identity, int64_t user_id, bool *ret_linked);
/* *ret_count: how many there were. */
int identities_store_unlink(struct worker *worker, int64_t user_id, int64_t *ret_count);
/* Of user_ids[i]. */
int identities_store_list(struct worker *worker, const int64_t *user_ids, size_t count,
                          struct list_identities_reply *ret_lists);
/* Notes the use, and the picture where there is one; *ret_picture: the account's, or NULL. */
int identities_store_use(struct worker *worker, const struct identity *identity, const char **ret_picture);

#endif
