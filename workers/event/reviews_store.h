/* All SQL about reviews and the people who publish events. Functions return 0, or -1 where the database failed. Texts
 * in what they return live as long as the worker's pool or until db_release(). */
#ifndef TITHI_EVENT_REVIEWS_STORE_H
#define TITHI_EVENT_REVIEWS_STORE_H

#include "operations.h"
#include "rules.h"
#include "worker.h"

/* Of that person at that event. */
struct review_key {
    int64_t event_id, user_id;
};

/* Holds the people and then locks the events, so that whatever a review depends on stays as it is until the end of the
 * transaction, and tells it: ret_standings[i] is that of keys[i]. */
int reviews_stand(struct worker *worker, const struct review_key *keys, size_t count,
                  struct review_standing *ret_standings);
/* Reviews are stored in a row: queued, any number, and received in the same order with one round trip. */
int reviews_queue_put(struct worker *worker, const struct review_key *key, int64_t rating, const char *text);
int reviews_receive_put(struct worker *worker, struct put_review_reply *ret_reply);

/* ret_gone[i]: there was one, and it is gone. */
int reviews_remove(struct worker *worker, const struct review_key *keys, size_t count, bool *ret_gone);
int reviews_remove_by_id(struct worker *worker, const int64_t *ids, size_t count, bool *ret_gone);

/* Lists are queued and received like that, too; `before`: the review behind which the page begins, 0 for the first
 * page. *ret_found false: there is no such event. */
int reviews_queue_list(struct worker *worker, const struct review_key *key, int64_t before, int64_t limit);
int reviews_receive_list(struct worker *worker, int64_t limit, struct list_reviews_reply *ret_reply, bool *ret_found);

/* ret_replies[i].id 0: that is nobody who publishes events. */
int facilitators_read(struct worker *worker, const int64_t *ids, size_t count,
                      struct get_facilitator_reply *ret_replies);

int event_types_read(struct worker *worker, struct list_event_types_reply *ret_reply);

#endif
