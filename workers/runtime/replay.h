/* SQL of the replay, for who replays: the operator's command and the crm worker. To be put behind
 * "WITH chosen AS (SELECT webhook_id, archived FROM deliveries WHERE …), ", before a SELECT from `replayed`
 * (webhook_id, channel, type, state), the rows that are due again as if they were new; the archived ones have come back
 * into the outbox. Left as they are: what is being tried just now, and archived rows whose cause was queued anew.
 * REPLAY_WAKE behind "FROM replayed" tells whoever is to send them. */
#ifndef TITHI_REPLAY_H
#define TITHI_REPLAY_H

#define REPLAY_KEPT                                                                                                    \
    "id, webhook_id, channel, lane, owner_id, entry_id, type, cause, body, trace, last_status, last_error, created_at"

#define REPLAY_CHOSEN                                                                                                  \
    "back AS ("                                                                                                        \
    "  DELETE FROM outbox_archive AS a"                                                                                \
    "  WHERE a.webhook_id = ANY (ARRAY(SELECT webhook_id FROM chosen WHERE archived)) AND NOT EXISTS ("                \
    "    SELECT FROM outbox AS o WHERE o.channel = a.channel AND o.lane = a.lane AND o.type = a.type"                  \
    "    AND o.cause = a.cause AND coalesce(o.owner_id, 0) = coalesce(a.owner_id, 0))"                                 \
    "  RETURNING a.*),"                                                                                                \
    " put AS (INSERT INTO outbox (" REPLAY_KEPT ") SELECT " REPLAY_KEPT " FROM back"                                   \
    "  RETURNING webhook_id, channel, type, state),"                                                                   \
    " again AS ("                                                                                                      \
    "  UPDATE outbox SET state = 'due', attempts = 0, next_attempt_at = now(), asleep = false, held = false, "         \
    "leased_until = NULL,"                                                                                             \
    "   finished_at = NULL"                                                                                            \
    "  WHERE webhook_id = ANY (ARRAY(SELECT webhook_id FROM chosen WHERE NOT archived))"                               \
    "   AND (leased_until IS NULL OR leased_until < now())"                                                            \
    "  RETURNING webhook_id, channel, type, state),"                                                                   \
    " replayed AS (SELECT * FROM put UNION ALL SELECT * FROM again)"

/* Who listens for what: workers/runtime/transaction.c; the payment worker for refunds. */
#define REPLAY_WAKE                                                                                                    \
    " CROSS JOIN LATERAL (SELECT pg_notify(CASE channel WHEN 'refund' THEN 'refunds' "                                 \
    "WHEN 'account_mail' THEN 'account_mail' ELSE 'outbox' END, '')) AS woken"

#endif
