/* SQL of the erasure of a person: a number is left, under which bookings, payments and the ledger stay, and a name and
 * an address that say just that. What has been written where nothing is ever changed (ledger, state_changes,
 * security_events) names numbers only. Replies of commands are kept for two days, and go by themselves. */
#include "people_store.h"

/* clang-format off */
#define NAME "'Erased'"
#define ADDRESS "'erased-' || $1::bigint || '@erased.invalid'"
/* clang-format on */

/* Who books or makes an event holds the account FOR KEY SHARE, and looks afterwards whether it is active. */
static const struct statement hold = {"erase_hold", "SELECT FROM users WHERE id = $1::bigint FOR UPDATE"};

static const struct statement in_use = {
    "erase_in_use",
    "SELECT EXISTS (SELECT FROM bookings b JOIN events e ON e.id = b.event_id WHERE b.user_id = $1::bigint"
    "  AND b.status IN ('pending', 'confirmed') AND e.start_at > now())"
    " OR EXISTS (SELECT FROM events WHERE facilitator_id = $1::bigint AND start_at > now() AND is_active"
    "  AND cancelled_at IS NULL AND deleted_at IS NULL)"};

/* In this order: the first ones look for what the last one forgets. */
static const struct statement steps[] = {
    {"erase_notifications", "UPDATE booking_notifications SET user_name = " NAME ", user_email = " ADDRESS
                            " WHERE id IN (SELECT id FROM (" PEOPLE_NOTIFICATIONS("$1") ") AS own)"},
    {"erase_mails", "DELETE FROM outbox WHERE channel IN ('mail', 'account_mail')"
                    " AND coalesce(owner_id, 0) IN ($1::bigint, 0) AND (owner_id = $1::bigint"
                    "  OR lower(body::json ->> 'email') = (SELECT lower(email) FROM users WHERE id = $1::bigint))"},
    /* Those that are still due tell of a person that is erased. */
    {"erase_webhooks", "UPDATE outbox SET body = (body::jsonb || jsonb_build_object('notes', NULL, 'user',"
                       "  body::jsonb -> 'user' || jsonb_build_object('name', " NAME ", 'email', " ADDRESS ")))::text"
                       " WHERE channel = 'webhook' AND cause = ANY (ARRAY("
                       "  SELECT 'booking:' || id FROM bookings WHERE user_id = $1::bigint))"},
    {"erase_notes", "UPDATE bookings SET notes = NULL, updated_at = now()"
                    " WHERE user_id = $1::bigint AND notes IS NOT NULL"},
    {"erase_sessions", "UPDATE sessions SET user_agent = NULL, address = NULL WHERE user_id = $1::bigint"},
    {"erase_keys", "UPDATE api_keys SET name = " NAME ", start = '', used_address = NULL WHERE user_id = $1::bigint"},
    {"erase_links", "DELETE FROM one_time_tokens WHERE user_id = $1::bigint"},
    {"erase_factor", "DELETE FROM second_factors WHERE user_id = $1::bigint"},
    {"erase_codes", "DELETE FROM recovery_codes WHERE user_id = $1::bigint"},
    {"erase_identities", "DELETE FROM identities WHERE user_id = $1::bigint"},
    {"erase_credentials", "DELETE FROM credentials WHERE user_id = $1::bigint"},
    {"erase_user", "UPDATE users SET email = " ADDRESS ", name = " NAME ", phone = NULL, role = 'user',"
                   " facilitator_pending = false, is_active = false, is_verified = false, bio = NULL,"
                   " specialization = NULL, facilitator_crm_id = NULL, crm_webhook_url = NULL,"
                   " crm_webhook_secret = NULL, picture_url = NULL, erased_at = now(), updated_at = now()"
                   " WHERE id = $1::bigint"},
};
#define STEP_COUNT (sizeof steps / sizeof *steps)

int erase_hold(struct worker *worker, int64_t user_id) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integer(&parameters, user_id);
    return db_query(worker_db(worker), &hold, &parameters) ? 0 : -1;
}

int erase_is_in_use(struct worker *worker, int64_t user_id, bool *ret_in_use) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integer(&parameters, user_id);
    PGresult *result = db_query(worker_db(worker), &in_use, &parameters);
    if (!result)
        return -1;
    *ret_in_use = db_boolean(result, 0, 0);
    return 0;
}

int erase_person(struct worker *worker, int64_t user_id) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integer(&parameters, user_id);
    for (size_t i = 0; i < STEP_COUNT; i++)
        if (db_queue(worker_db(worker), &steps[i], &parameters) != 0)
            return -1;
    for (size_t i = 0; i < STEP_COUNT; i++)
        if (!db_receive(worker_db(worker)))
            return -1;
    return 0;
}
