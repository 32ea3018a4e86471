/* Rows that are over: tokens, sessions, links, sign-ins that never came back, throttles that are forgotten. */
#include "sweeps.h"

/* Refresh tokens first: a session goes when none of its family is left, so that no batch deletes more than it counts.
 */
const struct statement sweeps[] = {
    {"sweep_refresh_tokens", "DELETE FROM refresh_tokens WHERE hash = ANY (ARRAY("
                             "  SELECT hash FROM refresh_tokens WHERE expires_at < now() - interval '30 days'"
                             "  LIMIT $1::integer FOR UPDATE SKIP LOCKED))"},
    {"sweep_sessions", "DELETE FROM sessions WHERE id = ANY (ARRAY("
                       "  SELECT id FROM sessions WHERE expires_at < now() - interval '30 days'"
                       "   AND NOT EXISTS (SELECT FROM refresh_tokens WHERE session_id = sessions.id)"
                       "  LIMIT $1::integer FOR UPDATE SKIP LOCKED))"},
    {"sweep_one_time_tokens", "DELETE FROM one_time_tokens WHERE hash = ANY (ARRAY("
                              "  SELECT hash FROM one_time_tokens WHERE expires_at < now() - interval '1 day'"
                              "  LIMIT $1::integer FOR UPDATE SKIP LOCKED))"},
    {"sweep_api_keys", "DELETE FROM api_keys WHERE id = ANY (ARRAY("
                       "  SELECT id FROM api_keys WHERE expires_at < now() - interval '90 days'"
                       "  LIMIT $1::integer FOR UPDATE SKIP LOCKED))"},
    {"sweep_revoked_api_keys", "DELETE FROM api_keys WHERE id = ANY (ARRAY("
                               "  SELECT id FROM api_keys WHERE revoked_at < now() - interval '30 days'"
                               "  LIMIT $1::integer FOR UPDATE SKIP LOCKED))"},
    {"sweep_id_tokens", "DELETE FROM id_tokens_used WHERE hash = ANY (ARRAY("
                        "  SELECT hash FROM id_tokens_used WHERE expires_at < now() - interval '1 hour'"
                        "  LIMIT $1::integer FOR UPDATE SKIP LOCKED))"},
    {"sweep_oidc_logins", "DELETE FROM oidc_logins WHERE state_hash = ANY (ARRAY("
                          "  SELECT state_hash FROM oidc_logins WHERE expires_at < now()"
                          "  LIMIT $1::integer FOR UPDATE SKIP LOCKED))"},
    {"sweep_throttles", "DELETE FROM sign_in_throttles WHERE key = ANY (ARRAY("
                        "  SELECT key FROM sign_in_throttles WHERE failed_at < now() - interval '1 day'"
                        "  LIMIT $1::integer FOR UPDATE SKIP LOCKED))"},
    /* Whom a mail was for: nobody needs to know once it is sent. */
    {"sweep_mails", "UPDATE outbox SET body = '{}' WHERE id = ANY (ARRAY("
                    "  SELECT id FROM outbox WHERE channel = 'account_mail' AND state = 'delivered' AND body <> '{}'"
                    "  LIMIT $1::integer FOR UPDATE SKIP LOCKED))"},
};
const size_t sweep_count = sizeof sweeps / sizeof *sweeps;
