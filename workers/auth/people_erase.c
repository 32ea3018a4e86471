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

/* What tells of the person stands under their bookings, what was paid for them and where they waited
 * (workers/shared/announce.c). */
#define CAUSES                                                                                                         \
    "ARRAY(SELECT 'booking:' || id FROM bookings WHERE user_id = $1::bigint UNION ALL"                                 \
    " SELECT 'booking:' || id || ':' || turn FROM bookings, generate_series(1, check_ins) AS turn"                     \
    " WHERE user_id = $1::bigint UNION ALL"                                                                            \
    " SELECT 'payment:' || provider_payment_id FROM payments WHERE user_id = $1::bigint UNION ALL"                     \
    " SELECT 'refund:' || refund_id FROM refunds JOIN payments p ON p.id = payment_id WHERE p.user_id = $1::bigint"    \
    " UNION ALL SELECT 'waitlist:' || id FROM waitlist_entries WHERE user_id = $1::bigint)"
#define NAMELESS                                                                                                       \
    "body = (body::jsonb || CASE WHEN body::jsonb ? 'notes' THEN '{\"notes\": null}'::jsonb ELSE '{}'::jsonb END"      \
    " || jsonb_build_object('user', body::jsonb -> 'user'"                                                             \
    "    || jsonb_build_object('name', " NAME ", 'email', " ADDRESS ")))::text"
#define EMAIL "(SELECT email FROM users WHERE id = $1::bigint)"
/* As what tells of their events calls a facilitator; by number, as without one. */
#define CODE "(SELECT facilitator_crm_id FROM users WHERE id = $1::bigint)"
#define CODELESS "body = replace(body, to_json(" CODE ")::text, to_json($1::bigint::text)::text)"
/* In a digest, whatever it was then. */
#define LISTED_NAME "'(\"user_id\"\\s*:\\s*' || $1::bigint || '\\s*,\\s*\"person\"\\s*:\\s*)\"(?:[^\"\\\\]|\\\\.)*\"'"
/* Also what only names one of the person's bookings. */
#define NOTIFICATIONS                                                                                                  \
    PEOPLE_NOTIFICATIONS("$1")                                                                                         \
    " UNION SELECT n.* FROM bookings b JOIN booking_notifications n ON n.booking_id = b.id AND n.user_id IS NULL"      \
    " WHERE b.user_id = $1::bigint"

/* In deliveries, also those that are still due. What is swept meanwhile is found in the archive afterwards; and what a
 * replay brings back meanwhile, which that waits for, is found in the outbox once more. */
#define IN_OUTBOX(name, before, after)                                                                                 \
    {name, before " outbox " after}, {name "_archived", before " outbox_archive " after}, {                            \
        name "_replayed", before " outbox " after                                                                      \
    }

/* In this order: the first ones look for what the last one forgets, and the log is what deliveries are made from. */
static const struct statement steps[] = {
    {"erase_lock_waited_for",
     "SELECT FROM events WHERE id = ANY (ARRAY(SELECT event_id FROM waitlist_entries WHERE user_id = $1::bigint"
     "  AND state IN ('waiting', 'offered'))) ORDER BY id FOR NO KEY UPDATE"},
    {"erase_log", "UPDATE log_entries SET " NAMELESS " WHERE user_id = $1::bigint"},
    IN_OUTBOX("erase_webhooks", "UPDATE", "SET " NAMELESS " WHERE channel = 'webhook' AND cause = ANY (" CAUSES ")"),
    {"erase_answers",
     "UPDATE delivery_attempts SET response = NULL WHERE response IS NOT NULL AND webhook_id = ANY ("
     "ARRAY(SELECT webhook_id FROM deliveries WHERE channel = 'webhook' AND cause = ANY (" CAUSES ")))"},
    IN_OUTBOX("erase_mails", "DELETE FROM",
              "WHERE channel IN ('mail', 'account_mail') AND lane = 0 AND coalesce(owner_id, 0) IN ($1::bigint, 0)"
              " AND (owner_id = $1::bigint OR lower(body::json ->> 'email') = lower(" EMAIL "))"),
    IN_OUTBOX("erase_reports", "DELETE FROM",
              "WHERE channel = 'mail' AND lane = 0 AND type = 'mail.crm_notification'"
              " AND (strpos(lower(body), lower(to_json(" EMAIL ")::text)) > 0"
              "  OR cause IN (SELECT 'notification:' || id FROM (" NOTIFICATIONS ") AS own))"),
    IN_OUTBOX("erase_digests", "UPDATE",
              "SET body = regexp_replace(body, " LISTED_NAME ", '\\1' || to_json(" NAME "::text)::text, 'g')"
              " WHERE channel = 'mail' AND lane = 0 AND type = 'mail.digest' AND coalesce(owner_id, 0) = ANY (ARRAY("
              "  SELECT e.facilitator_id FROM bookings b JOIN events e ON e.id = b.event_id"
              "  WHERE b.user_id = $1::bigint))"),
    IN_OUTBOX("erase_host_webhooks", "UPDATE",
              "SET " CODELESS " WHERE channel = 'webhook' AND cause = ANY (ARRAY("
              "  SELECT cause FROM log_entries WHERE owner_id = $1::bigint AND strpos(body, to_json(" CODE
              ")::text) > 0))"),
    {"erase_host_log",
     "UPDATE log_entries SET " CODELESS " WHERE owner_id = $1::bigint AND strpos(body, to_json(" CODE ")::text) > 0"},
    IN_OUTBOX(
        "erase_host_mails", "UPDATE",
        "SET body = jsonb_set(body::jsonb, '{values,facilitator}', to_jsonb(" NAME "::text))::text"
        " WHERE channel = 'mail' AND lane = 0 AND type = 'mail.booking_confirmed' AND (coalesce(owner_id, 0), cause)"
        " IN (SELECT b.user_id, 'booking:' || b.id FROM bookings b JOIN events e ON e.id = b.event_id"
        "  WHERE e.facilitator_id = $1::bigint)"),
    {"erase_notifications", "UPDATE booking_notifications SET user_name = " NAME ", user_email = " ADDRESS
                            " WHERE id IN (SELECT id FROM (" NOTIFICATIONS ") AS own)"},
    {"erase_waits", "WITH gone AS (DELETE FROM waitlist_entries WHERE user_id = $1::bigint RETURNING event_id, state)"
                    " UPDATE events e SET waiting = e.waiting - n.waiting, offered = e.offered - n.offered"
                    " FROM (SELECT event_id, count(*) FILTER (WHERE state = 'waiting') AS waiting,"
                    "   count(*) FILTER (WHERE state = 'offered') AS offered"
                    "  FROM gone WHERE state IN ('waiting', 'offered') GROUP BY event_id) n WHERE e.id = n.event_id"},
    {"erase_messages", "DELETE FROM inbox_messages WHERE user_id = $1::bigint"},
    {"erase_inbox", "DELETE FROM inboxes WHERE user_id = $1::bigint"},
    {"erase_mail_refusals", "DELETE FROM mail_refusals WHERE user_id = $1::bigint"},
    {"erase_mail_key", "DELETE FROM mail_keys WHERE user_id = $1::bigint"},
    {"erase_digest", "DELETE FROM digests WHERE user_id = $1::bigint"},
    {"erase_notes", "UPDATE bookings SET notes = NULL, updated_at = now()"
                    " WHERE user_id = $1::bigint AND notes IS NOT NULL"},
    {"erase_reviews", "UPDATE reviews SET text = NULL WHERE user_id = $1::bigint AND text IS NOT NULL"},
    {"erase_sessions", "UPDATE sessions SET user_agent = NULL, address = NULL WHERE user_id = $1::bigint"},
    {"erase_keys", "UPDATE api_keys SET name = " NAME ", start = '', used_address = NULL WHERE user_id = $1::bigint"},
    {"erase_links", "DELETE FROM one_time_tokens WHERE user_id = $1::bigint"},
    {"erase_factor", "DELETE FROM second_factors WHERE user_id = $1::bigint"},
    {"erase_codes", "DELETE FROM recovery_codes WHERE user_id = $1::bigint"},
    {"erase_identities", "DELETE FROM identities WHERE user_id = $1::bigint"},
    {"erase_endpoints", "DELETE FROM webhook_endpoints WHERE owner_id = $1::bigint"},
    {"erase_credentials", "DELETE FROM credentials WHERE user_id = $1::bigint"},
    {"erase_user", "UPDATE users SET email = " ADDRESS ", name = " NAME ", phone = NULL, role = 'user',"
                   " facilitator_pending = false, is_active = false, is_verified = false, bio = NULL,"
                   " specialization = NULL, facilitator_crm_id = NULL, crm_webhook_url = NULL,"
                   " crm_webhook_secret = NULL, picture_url = NULL, language = 'en', time_zone = 'UTC',"
                   " erased_at = now(), updated_at = now()"
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
