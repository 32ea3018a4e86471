/* Ends what a person has open, sessions and API keys, for every reason there is; see sign_in.h. Redis hears of it
 * before the answer leaves, or later from revocations_tick(). */
#include "revocations.h"
#include "sessions_store.h"
#include "sign_in.h"

static int publish(struct worker *worker, const char *const *sessions, size_t count) {
    if (count == 0 || !revocations_publish(sessions, count))
        return 0;
    return sessions_store_mark_published(worker, sessions, count);
}

int sign_in_end_all(struct worker *worker, int64_t user_id, const char *kept, const char *reason, int64_t *ret_ended) {
    const char **sessions;
    size_t count;
    int64_t ended;
    if (sessions_store_revoke_all(worker, user_id, kept, reason, &sessions, &count, &ended) != 0 ||
        publish(worker, sessions, count) != 0)
        return -1;
    if (ret_ended)
        *ret_ended = ended;
    return 0;
}

int sign_in_end_keys(struct worker *worker, int64_t user_id, int64_t *ret_ended) {
    const char **sessions;
    size_t count;
    if (sessions_store_revoke_keys(worker, user_id, &sessions, &count) != 0 || publish(worker, sessions, count) != 0)
        return -1;
    if (ret_ended)
        *ret_ended = (int64_t)count;
    return 0;
}
