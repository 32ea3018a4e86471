/* All SQL of inboxes and of the places that streams show. Texts that come back live in the worker's pool. Each returns
 * 0, or -1: the transaction failed. */
#ifndef TITHI_CRM_INBOX_STORE_H
#define TITHI_CRM_INBOX_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "operations.h"
#include "worker.h"

/* What entries of the log have changed for gateways. */
struct inbox_change {
    bool of_places;
    int64_t id;     /* of the event, else of the person */
    int64_t number; /* the version of its places, else the newest seq */
};

/* A message about each entry, for its owner: numbered on from their newest, in the order of positions. Persons are
 * locked in the order of their ids. */
int inbox_store_spread(struct worker *worker, const int64_t *entries, size_t count, struct inbox_change **ret_changes,
                       size_t *ret_change_count);

struct inbox_wanted {
    int64_t user_id;
    enum presence has_unread;
    bool unread;
    int64_t before_seq;
    int64_t limit;
};

#define INBOX_SORT "-seq" /* of the list's cursor, whose id is a seq */

/* Newest first. */
int inbox_store_list(struct worker *worker, const struct inbox_wanted *wanted, size_t count,
                     struct list_inbox_reply **ret_replies);

struct inbox_marking {
    int64_t user_id;
    int64_t up_to; /* 0: those of `seqs` only */
    const int64_t *seqs;
    size_t seq_count;
    bool read;
};

/* In the order given. ret_unread_counts[i]: after that marking. */
int inbox_store_mark(struct worker *worker, const struct inbox_marking *markings, size_t count,
                     int64_t *ret_unread_counts);

/* For the calls of these messages: who asks, for what, and the answer are in there. */
int inbox_store_read(struct worker *worker, struct read_inbox_call *calls, size_t count);
int inbox_store_acknowledge(struct worker *worker, struct acknowledge_inbox_call *calls, size_t count);
int inbox_store_read_places(struct worker *worker, struct read_places_call *calls, size_t count);

#endif
