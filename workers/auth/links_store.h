/* The rows of one-time links and challenges, and of whom mails about accounts go to. As store.h: texts that come back
 * live in the worker's pool; each returns 0, or -1: the group failed. */
#ifndef TITHI_AUTH_LINKS_STORE_H
#define TITHI_AUTH_LINKS_STORE_H

#include <sodium.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker.h"

#define LINK_HASH_SIZE crypto_hash_sha256_BYTES

struct new_link {
    uint8_t hash[LINK_HASH_SIZE];
    const char *purpose; /* "verify", "reset", "email_change", "second_factor" */
    int64_t user_id;
    const char *email;      /* the address that it proves; NULL: none */
    const char *webhook_id; /* the row of the outbox that asked for it; NULL: it is asked for now */
    int64_t ttl_s;          /* from now on */
};

int links_store_add(struct worker *worker, const struct new_link *links, size_t count);

struct used_link {
    int64_t user_id; /* 0: there is no such link, or it is over, used or void */
    const char *purpose;
    const char *email;     /* that it proves */
    const char *old_email; /* of the account until now */
    const char *name;
    bool was_verified; /* the account's address */
};

/* Uses a link with one of these purposes, and locks its account until the end of the transaction. Links are void with
 * the account's former address (but for a change of it), and, if they were asked for before the password was changed,
 * with the former password; a verified address harms nobody. */
int links_store_use(struct worker *worker, const uint8_t hash[LINK_HASH_SIZE], const char *const *purposes,
                    size_t purpose_count, struct used_link *ret_link);
/* The link that this transaction has used is as good as before. */
int links_store_give_back(struct worker *worker, const uint8_t hash[LINK_HASH_SIZE]);
/* Whose challenges are these? ret_user_ids[i] 0: none that is known. */
int links_store_find_challenged(struct worker *worker, const struct bytes *hashes, size_t count, int64_t *ret_user_ids);
/* Of this person's changes of address, all but that to `email` are given up: links and mails that wait. */
int links_store_drop_changes(struct worker *worker, int64_t user_id, const char *email);
/* What was mailed to this person is void, used or not. */
int links_store_forget(struct worker *worker, int64_t user_id);

/* Counts an attempt at a challenge, which has so many. *ret_user_id 0: none is left, or there is no such challenge. */
int links_store_try(struct worker *worker, const uint8_t hash[LINK_HASH_SIZE], int64_t limit, int64_t *ret_user_id);
int links_store_end(struct worker *worker, const uint8_t hash[LINK_HASH_SIZE]);

int links_store_verify(struct worker *worker, int64_t user_id);
/* *ret_taken false: somebody else has that address. */
int links_store_take_email(struct worker *worker, int64_t user_id, const char *email, bool *ret_taken);

struct person {
    int64_t id; /* 0: nobody */
    const char *email, *name;
    const char *language, *zone; /* of mails */
    bool is_verified;
    bool is_reachable;   /* active, and not erased */
    bool is_out_of_date; /* the password was changed after the mail was asked for */
};

/* Whom a mail is about. */
struct subject {
    const char *webhook_id;
    int64_t user_id;              /* 0: only the address matters */
    const char *email;            /* NULL: only the account matters */
    struct person person, holder; /* filled: the account with that id, and the one with that address */
};

/* Locks them until the end of the transaction. */
int links_store_read(struct worker *worker, struct subject *subjects, size_t count);

#endif
