/* Rows that are over: they leave the outbox for its archive, and after a while the archive and the log for good. */
#include "sweeps.h"

/* Refunds that could not be paid back stay until they are: money is owed. Mails about accounts wait until the auth
 * worker has made them forget whom they went to. A row that is replayed at this moment is locked, so it is passed over.
 */
const struct statement sweeps[] = {
    {"sweep_partitions", "SELECT keep_partitions('90 days') WHERE $1::integer IS NOT NULL"},
    {"sweep_finished", "WITH gone AS (DELETE FROM outbox WHERE id = ANY (ARRAY("
                       "  SELECT id FROM outbox WHERE state <> 'due' AND finished_at < now() - interval '1 hour'"
                       "   AND NOT (channel = 'refund' AND state = 'dead')"
                       "   AND NOT (channel = 'account_mail' AND state = 'delivered' AND body <> '{}')"
                       "  ORDER BY finished_at LIMIT $1::integer FOR UPDATE SKIP LOCKED)) RETURNING *)"
                       " INSERT INTO outbox_archive SELECT * FROM gone"},
    {"sweep_log", "DELETE FROM log_entries WHERE id = ANY (ARRAY("
                  "  SELECT id FROM log_entries WHERE created_at < now() - interval '90 days' AND position IS NOT NULL"
                  "  ORDER BY created_at LIMIT $1::integer FOR UPDATE SKIP LOCKED))"},
};
const size_t sweep_count = sizeof sweeps / sizeof *sweeps;
