/* What the outbox delivers (webhooks, mail, refunds): looking at it, and trying it again. */
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "operator.h"

#define LIST_SQL                                                                                                       \
    "SELECT webhook_id, channel, type, state, attempts, last_status, last_error, owner_id,"                            \
    " to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') AS created_at,"                         \
    " CASE WHEN state = 'due' THEN to_char(next_attempt_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') END"  \
    " AS next_attempt_at"                                                                                              \
    " FROM outbox WHERE ($1::text IS NULL OR state = $1) AND ($2::text IS NULL OR channel = $2)"                       \
    " ORDER BY id DESC LIMIT 1000"

/* One that is being tried just now is left to its worker. Who listens for what: workers/runtime/transaction.c; the
 * payment worker for refunds. */
#define REPLAY_SQL                                                                                                     \
    "WITH again AS (UPDATE outbox SET state = 'due', attempts = 0, next_attempt_at = now(), leased_until = NULL,"      \
    " finished_at = NULL WHERE webhook_id = $1 AND (leased_until IS NULL OR leased_until < now())"                     \
    " RETURNING webhook_id, channel, type, state)"                                                                     \
    " SELECT again.* FROM again"                                                                                       \
    " CROSS JOIN LATERAL (SELECT pg_notify(CASE channel WHEN 'refund' THEN 'refunds' "                                 \
    "WHEN 'account_mail' THEN 'account_mail' ELSE 'outbox' END, '')) AS woken"

int command_deliveries(const struct stack *stack, const struct options *options, char **arguments) {
    static const struct column columns[] = {
        {"webhook_id", "WEBHOOK"}, {"channel", "CHANNEL"},
        {"type", "TYPE"},          {"state", "STATE"},
        {"attempts", "ATTEMPTS"},  {"last_status", "STATUS"},
        {"created_at", "CREATED"}, {"next_attempt_at", "NEXT"},
        {"last_error", "ERROR"},   {NULL, NULL},
    };
    const char *state = arguments[0], *channel = options->channel;
    if (state && strcmp(state, "due") != 0 && strcmp(state, "delivered") != 0 && strcmp(state, "dead") != 0)
        return complain(EX_USAGE, "deliveries are due, delivered or dead, not '%s'", state);
    if (channel && strcmp(channel, "webhook") != 0 && strcmp(channel, "mail") != 0 && strcmp(channel, "refund") != 0 &&
        strcmp(channel, "account_mail") != 0)
        return complain(EX_USAGE, "channels are webhook, mail, account_mail and refund, not '%s'", channel);
    PGconn *database = stack_settings(stack) ? NULL : database_open();
    if (!database)
        return EX_UNAVAILABLE;
    PGresult *result = database_query(database, LIST_SQL, 2, (const char *const[]){state, channel});
    if (result)
        print_rows(options, database_rows(result), columns);
    int code = result ? EXIT_SUCCESS : EXIT_FAILURE;
    PQclear(result);
    PQfinish(database);
    return code;
}

int command_replay(const struct stack *stack, const struct options *options, char **arguments) {
    static const struct column columns[] = {
        {"webhook_id", "WEBHOOK"}, {"channel", "CHANNEL"}, {"type", "TYPE"}, {"state", "STATE"}, {NULL, NULL}};
    PGconn *database = stack_settings(stack) ? NULL : database_open();
    if (!database)
        return EX_UNAVAILABLE;
    json_t *rows = json_array();
    int code = EXIT_SUCCESS;
    for (; *arguments; arguments++) {
        PGresult *result = database_query(database, REPLAY_SQL, 1, (const char *const *)arguments);
        if (!result || PQntuples(result) == 0)
            code = result ? complain(EXIT_FAILURE, "there is no delivery %s, or it is being tried just now", *arguments)
                          : EXIT_FAILURE;
        if (result) {
            json_t *found = database_rows(result);
            json_array_extend(rows, found);
            json_decref(found);
        }
        PQclear(result);
    }
    PQfinish(database);
    print_rows(options, rows, columns);
    return code;
}
