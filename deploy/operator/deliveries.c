/* What is delivered (webhooks, mail, refunds), finished or not: looking at it, and trying it again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "operator.h"
#include "replay.h"

#define TIME_OF(column) "to_char(" column " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"

/* $1 state, $2 channel, $3 endpoint, $4 how many. */
#define LIST_SQL                                                                                                       \
    "SELECT webhook_id, channel, CASE WHEN channel = 'webhook' AND lane > 0 THEN lane END AS endpoint, type, state,"   \
    " attempts, last_status, last_error, owner_id, " TIME_OF(                                                          \
        "created_at") " AS created_at,"                                                                                \
                      " CASE WHEN state = 'due' THEN " TIME_OF(                                                        \
                          "next_attempt_at") " END AS next_attempt_at, archived"                                       \
                                             " FROM deliveries WHERE ($1::text IS NULL OR state = $1) AND ($2::text "  \
                                             "IS NULL OR channel = $2)"                                                \
                                             " AND ($3::bigint IS NULL OR (channel = 'webhook' AND lane = $3))"        \
                                             " ORDER BY id DESC LIMIT $4::bigint"

/* $1 webhook_id. */
#define REPLAY_SQL                                                                                                     \
    "WITH chosen AS (SELECT webhook_id, archived FROM deliveries WHERE webhook_id = $1::text), " REPLAY_CHOSEN         \
    " SELECT replayed.* FROM replayed" REPLAY_WAKE

/* $1 channel, $2 endpoint, $3 from, $4 to, $5 dead ones, $6 delivered ones. What was made since then has ended since
 * then: older months of the archive are not looked at. */
#define REPLAY_SPAN_SQL                                                                                                \
    "WITH chosen AS (SELECT webhook_id, archived FROM deliveries"                                                      \
    "  WHERE created_at >= $3::timestamptz AND finished_at >= $3::timestamptz"                                         \
    "  AND created_at < coalesce($4::timestamptz, 'infinity')"                                                         \
    "  AND ((state = 'dead' AND $5::boolean) OR (state = 'delivered' AND $6::boolean))"                                \
    "  AND ($1::text IS NULL OR channel = $1) AND ($2::bigint IS NULL OR (channel = 'webhook' AND lane = "             \
    "$2))), " REPLAY_CHOSEN ", counted AS (SELECT channel, count(*) FROM replayed GROUP BY channel)"                   \
    " SELECT coalesce(sum(count), 0)::bigint AS replayed FROM counted" REPLAY_WAKE

static bool is_one_of(const char *word, const char *const *words) {
    for (; *words; words++)
        if (strcmp(word, *words) == 0)
            return true;
    return false;
}

static bool is_number(const char *text) {
    return *text && strlen(text) < 19 && text[strspn(text, "0123456789")] == '\0';
}

/* Of the options that both commands have. EXIT_SUCCESS, or said what is wrong. */
static int check_filter(const struct options *options) {
    static const char *const channels[] = {"webhook", "mail", "refund", "account_mail", NULL};
    if (options->channel && !is_one_of(options->channel, channels))
        return complain(EX_USAGE, "channels are webhook, mail, account_mail and refund, not '%s'", options->channel);
    if (options->endpoint && !is_number(options->endpoint))
        return complain(EX_USAGE, "--endpoint wants a number, not '%s'", options->endpoint);
    return EXIT_SUCCESS;
}

/* PostgreSQL knows what a time is. EXIT_SUCCESS, or said what is wrong. */
static int check_time(PGconn *database, const char *option, const char *text) {
    PGresult *result = PQexecParams(database, "SELECT $1::timestamptz", 1, NULL, &text, NULL, NULL, 0);
    const char *problem = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    bool is_none = problem && strncmp(problem, "22", 2) == 0; /* of the class of bad data */
    PQclear(result);
    if (!is_none)
        return EXIT_SUCCESS;
    return complain(EX_USAGE, "%s wants a time like 2026-08-01T10:00:00Z, not '%s'", option, text);
}

int command_deliveries(const struct stack *stack, const struct options *options, char **arguments) {
    static const struct column columns[] = {
        {"webhook_id", "WEBHOOK"},
        {"channel", "CHANNEL"},
        {"endpoint", "ENDPOINT"},
        {"type", "TYPE"},
        {"state", "STATE"},
        {"attempts", "ATTEMPTS"},
        {"last_status", "STATUS"},
        {"created_at", "CREATED"},
        {"next_attempt_at", "NEXT"},
        {"last_error", "ERROR"},
        {NULL, NULL},
    };
    static const char *const states[] = {"due", "delivered", "dead", NULL};
    const char *state = arguments[0], *limit = options->limit ? options->limit : "1000";
    if (state && !is_one_of(state, states))
        return complain(EX_USAGE, "deliveries are due, delivered or dead, not '%s'", state);
    if (!is_number(limit) || strspn(limit, "0") == strlen(limit))
        return complain(EX_USAGE, "--limit wants a number from 1 on, not '%s'", limit);
    if (check_filter(options) != EXIT_SUCCESS)
        return EX_USAGE;
    PGconn *database = stack_settings(stack) ? NULL : database_open();
    if (!database)
        return EX_UNAVAILABLE;
    PGresult *result =
        database_query(database, LIST_SQL, 4, (const char *const[]){state, options->channel, options->endpoint, limit});
    if (result)
        print_rows(options, database_rows(result), columns);
    int code = result ? EXIT_SUCCESS : EXIT_FAILURE;
    PQclear(result);
    PQfinish(database);
    return code;
}

static int replay_those(PGconn *database, const struct options *options, char **webhook_ids) {
    static const struct column columns[] = {
        {"webhook_id", "WEBHOOK"}, {"channel", "CHANNEL"}, {"type", "TYPE"}, {"state", "STATE"}, {NULL, NULL}};
    json_t *rows = json_array();
    int code = EXIT_SUCCESS;
    for (; *webhook_ids; webhook_ids++) {
        PGresult *result = database_query(database, REPLAY_SQL, 1, (const char *const *)webhook_ids);
        if (!result || PQntuples(result) == 0)
            code = result
                       ? complain(EXIT_FAILURE, "there is no delivery %s, or it is being tried just now", *webhook_ids)
                       : EXIT_FAILURE;
        if (result) {
            json_t *found = database_rows(result);
            json_array_extend(rows, found);
            json_decref(found);
        }
        PQclear(result);
    }
    print_rows(options, rows, columns);
    return code;
}

static int replay_span(PGconn *database, const struct options *options) {
    const char *const values[] = {options->channel,
                                  options->endpoint,
                                  options->from,
                                  options->to,
                                  options->dead ? "true" : "false",
                                  options->delivered ? "true" : "false"};
    if (check_time(database, "--from", options->from) != EXIT_SUCCESS ||
        (options->to && check_time(database, "--to", options->to) != EXIT_SUCCESS))
        return EX_USAGE;
    PGresult *result = database_query(database, REPLAY_SPAN_SQL, 6, values);
    if (!result)
        return EXIT_FAILURE;
    json_t *rows = database_rows(result), *row = json_array_get(rows, 0);
    json_int_t count = json_integer_value(json_object_get(row, "replayed"));
    if (options->json)
        print_json(row);
    else
        printf("%" JSON_INTEGER_FORMAT " %s due again\n", count, count == 1 ? "delivery is" : "deliveries are");
    json_decref(rows);
    PQclear(result);
    return EXIT_SUCCESS;
}

int command_replay(const struct stack *stack, const struct options *options, char **arguments) {
    bool by_span = options->dead || options->delivered;
    if (options->dead && options->delivered)
        return complain(EX_USAGE, "--dead and --delivered exclude each other");
    if (by_span == (arguments[0] != NULL))
        return complain(EX_USAGE, "name deliveries, or say --dead or --delivered and --from when");
    if (by_span && !options->from)
        return complain(EX_USAGE, "--from is missing: since when they were made");
    if (check_filter(options) != EXIT_SUCCESS)
        return EX_USAGE;
    PGconn *database = stack_settings(stack) ? NULL : database_open();
    if (!database)
        return EX_UNAVAILABLE;
    int code = by_span ? replay_span(database, options) : replay_those(database, options, arguments);
    PQfinish(database);
    return code;
}
