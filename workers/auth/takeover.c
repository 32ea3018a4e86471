/* Somebody may have registered with another's address and waited for its owner: nothing that he had is good any more;
 * see takeover.h. */
#include "takeover.h"

#include "sign_in.h"

static const struct statement take_over = {
    "take_over_account", "WITH password AS (DELETE FROM credentials WHERE user_id = $1::bigint),"
                         " factor AS (DELETE FROM second_factors WHERE user_id = $1::bigint),"
                         " codes AS (DELETE FROM recovery_codes WHERE user_id = $1::bigint),"
                         " links AS (DELETE FROM one_time_tokens WHERE user_id = $1::bigint),"
                         " endpoints AS (DELETE FROM webhook_endpoints WHERE owner_id = $1::bigint),"
                         " mails AS ("
                         "  UPDATE outbox SET state = 'dead', finished_at = now(), leased_until = NULL"
                         "  WHERE channel = 'account_mail' AND lane = 0 AND coalesce(owner_id, 0) = $1::bigint"
                         "   AND state = 'due'),"
                         " refusals AS (DELETE FROM mail_refusals WHERE user_id = $1::bigint)"
                         " UPDATE users SET is_verified = true, crm_webhook_url = NULL, crm_webhook_secret = NULL,"
                         "  updated_at = now() WHERE id = $1::bigint"};

int takeover(struct worker *worker, int64_t user_id) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integer(&parameters, user_id);
    if (!db_query(worker_db(worker), &take_over, &parameters) ||
        sign_in_end_all(worker, user_id, NULL, "takeover", NULL) != 0)
        return -1;
    return sign_in_end_keys(worker, user_id, NULL);
}
