/* Queries over libpq's pipeline: statements are prepared on first use, results come back in the order of the queue, the
 * first failure since the last db_release() is kept and told. No wait is longer than the deadline that the runtime has
 * set: a server that does not answer by then counts as away. */
#include "db.h"

#include <assert.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "db_private.h"
#include "log.h"

enum db_failure db_failure(const struct db *db) {
    return db->failure;
}

const char *db_failure_constraint(const struct db *db) {
    return db->constraint;
}

static void fail(struct db *db, enum db_failure failure) {
    if (db->failure == DB_FINE)
        db->failure = failure;
}

static void owe(struct db *db, enum owed what, const struct statement *statement) {
    if (db->owed_end == db->owed_capacity) {
        db->owed_capacity = db->owed_capacity ? 2 * db->owed_capacity : 16;
        db->owed = realloc(db->owed, db->owed_capacity * sizeof *db->owed);
        if (!db->owed)
            abort();
    }
    db->owed[db->owed_end++] = (struct owed_item){.what = what, .statement = statement};
}

static void keep_result(struct db *db, PGresult *result) {
    if (db->result_count == db->result_capacity) {
        db->result_capacity = db->result_capacity ? 2 * db->result_capacity : 16;
        db->results = realloc(db->results, db->result_capacity * sizeof(PGresult *));
        if (!db->results)
            abort();
    }
    db->results[db->result_count++] = result;
}

static void keep_early(struct db *db, PGresult *result) {
    if (db->early_first == db->early_end)
        db->early_first = db->early_end = 0;
    assert(db->early_end < DB_EARLY_LIMIT);
    db->early[db->early_end++] = result;
}

static void clear_results(struct db *db) {
    db->early_first = db->early_end = 0;
    while (db->result_count)
        PQclear(db->results[--db->result_count]);
}

static void forget_prepared(struct db *db, const struct statement *statement) {
    struct prepared *prepared;
    HASH_FIND_PTR(db->prepared, &statement, prepared);
    if (prepared) {
        HASH_DEL(db->prepared, prepared);
        free(prepared);
    }
}

void db_forget_pipeline(struct db *db) {
    struct prepared *prepared, *next;
    HASH_ITER(hh, db->prepared, prepared, next) {
        HASH_DEL(db->prepared, prepared);
        free(prepared);
    }
    db->owed_first = db->owed_end = 0;
    db->unsynced = false;
}

static void lose(struct db *db, const char *reason) {
    fail(db, DB_AWAY);
    db_lose(db, reason);
}

static int prepare_once(struct db *db, const struct statement *statement) {
    struct prepared *prepared;
    HASH_FIND_PTR(db->prepared, &statement, prepared);
    if (prepared)
        return 0;
    if (!PQsendPrepare(db->connection, statement->name, statement->sql, 0, NULL))
        return -1;
    prepared = malloc(sizeof *prepared);
    if (!prepared)
        abort();
    prepared->statement = statement;
    HASH_ADD_PTR(db->prepared, statement, prepared);
    owe(db, OWED_PREPARE, statement);
    return 0;
}

static int queue(struct db *db, const struct statement *statement, const struct parameters *parameters,
                 enum owed owed) {
    static const struct parameters none = {0};
    const struct parameters *given = parameters ? parameters : &none;
    if (db->state != DB_CONNECTED) {
        fail(db, DB_AWAY);
        return -1;
    }
    if (prepare_once(db, statement) || !PQsendQueryPrepared(db->connection, statement->name, (int)given->count,
                                                            given->values, given->lengths, given->formats, 0)) {
        lose(db, PQerrorMessage(db->connection));
        return -1;
    }
    owe(db, owed, statement);
    db->unsynced = true;
    return 0;
}

int db_queue(struct db *db, const struct statement *statement, const struct parameters *parameters) {
    return queue(db, statement, parameters, OWED_RESULT);
}

int db_queue_early(struct db *db, const struct statement *statement, const struct parameters *parameters) {
    return queue(db, statement, parameters, OWED_EARLY);
}

/* Waits until PQgetResult() would not block. 0, or -1: the connection is given up. */
static int await_input(struct db *db) {
    while (PQisBusy(db->connection)) {
        int unsent = PQflush(db->connection);
        int64_t left_ms = db->deadline_mono_ms - clock_mono_ms();
        if (unsent < 0 || left_ms <= 0) {
            lose(db, unsent < 0 ? PQerrorMessage(db->connection) : "no answer to a statement in time");
            return -1;
        }
        struct pollfd fd = {.fd = PQsocket(db->connection), .events = unsent ? POLLIN | POLLOUT : POLLIN};
        if (poll(&fd, 1, left_ms < DB_WAIT_SLICE_MS ? (int)left_ms : DB_WAIT_SLICE_MS) == 0 && db->while_waiting)
            db->while_waiting(db->while_waiting_argument);
        if (fd.revents & ~POLLOUT && !PQconsumeInput(db->connection)) {
            lose(db, PQerrorMessage(db->connection));
            return -1;
        }
    }
    return 0;
}

/* One result of what is owed next; NULL: the connection is given up. */
static PGresult *next_result(struct db *db) {
    for (int pass = 0; pass < 2; pass++) { /* the NULL that ends the previous statement's results may come first */
        if (await_input(db))
            return NULL;
        PGresult *result = PQgetResult(db->connection);
        if (result)
            return result;
    }
    lose(db, PQstatus(db->connection) == CONNECTION_OK ? "the pipeline lost its step" : PQerrorMessage(db->connection));
    return NULL;
}

/* SQLSTATE classes are in appendix A of PostgreSQL's manual. */
static enum db_failure classify(const PGresult *result, const char *state, const char *constraint) {
    static const char *const away[] = {"08", "25006", "53", "57P01", "57P02", "57P03", "57P05", "58", NULL};
    static const char *const conflicts[] = {"40001", "40P01", "55P03", "57014", NULL};
    for (size_t i = 0; away[i]; i++)
        if (!strncmp(state, away[i], strlen(away[i])))
            return DB_AWAY;
    for (size_t i = 0; conflicts[i]; i++)
        if (!strcmp(state, conflicts[i]))
            return DB_CONFLICT;
    if (!strcmp(state, "23505") && !strcmp(constraint, "commands_pkey"))
        return DB_CONFLICT;
    /* A migration changed a table under a plan of ours: new connection, new plans. */
    const char *source = PQresultErrorField(result, PG_DIAG_SOURCE_FUNCTION);
    if (!strcmp(state, "0A000") && source && !strcmp(source, "RevalidateCachedQuery"))
        return DB_AWAY;
    return DB_REJECTED;
}

/* The primary message only: its detail may quote values of rows. */
static void note_error(struct db *db, const struct statement *statement, const PGresult *result) {
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *constraint = PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    if (!state || db->failure != DB_FINE)
        return;
    db->failure = classify(result, state, constraint ? constraint : "");
    snprintf(db->constraint, sizeof db->constraint, "%s", constraint ? constraint : "");
    if (db->failure != DB_AWAY)
        log_line(db->failure == DB_CONFLICT ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, NULL, "statement %s failed: %s: %s",
                 statement ? statement->name : "at the end", state, message ? message : "");
}

/* Takes what is owed next. The result of a statement, or NULL for anything else and for failures. */
static PGresult *take_owed(struct db *db) {
    struct owed_item item = db->owed[db->owed_first];
    PGresult *result = next_result(db);
    if (!result)
        return NULL;
    ExecStatusType status = PQresultStatus(result);
    if (item.what != OWED_SYNC || status == PGRES_PIPELINE_SYNC) /* an error of the implicit commit precedes its Sync */
        if (++db->owed_first == db->owed_end)
            db->owed_first = db->owed_end = 0;
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) {
        db->backoff_ms = DB_BACKOFF_FIRST_MS;
        if (item.what == OWED_RESULT || item.what == OWED_EARLY)
            keep_result(db, result);
        if (item.what == OWED_EARLY)
            keep_early(db, result);
        if (item.what == OWED_RESULT)
            return result;
        if (item.what == OWED_EARLY)
            return NULL;
    } else if (item.what == OWED_ASIDE) {
        log_warn("statement %s failed: %s", item.statement->name, PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
    } else if (status != PGRES_PIPELINE_SYNC) {
        if (item.what == OWED_PREPARE)
            forget_prepared(db, item.statement);
        note_error(db, item.statement, result);
    }
    PQclear(result);
    if (db->failure == DB_AWAY || PQstatus(db->connection) == CONNECTION_BAD)
        lose(db, PQerrorMessage(db->connection));
    return NULL;
}

static bool owes(const struct db *db, enum owed what) {
    return db->owed_first < db->owed_end && db->owed[db->owed_first].what == what;
}

static int sync(struct db *db) {
    if (!db->unsynced)
        return 0;
    if (!PQpipelineSync(db->connection)) {
        lose(db, PQerrorMessage(db->connection));
        return -1;
    }
    owe(db, OWED_SYNC, NULL);
    db->unsynced = false;
    return 0;
}

/* Takes all that comes before the next result that somebody asks for. */
static void take_others(struct db *db, enum owed asked) {
    while (db->owed_first < db->owed_end && !owes(db, asked) && !owes(db, OWED_RESULT))
        take_owed(db);
}

PGresult *db_receive(struct db *db) {
    if (db->state != DB_CONNECTED || sync(db)) {
        fail(db, DB_AWAY);
        return NULL;
    }
    take_others(db, OWED_RESULT);
    PGresult *result = owes(db, OWED_RESULT) ? take_owed(db) : NULL;
    while (owes(db, OWED_SYNC))
        take_owed(db);
    return db->failure == DB_FINE ? result : NULL;
}

PGresult *db_early(struct db *db) {
    if (db->early_first == db->early_end && db->state == DB_CONNECTED && sync(db) == 0) {
        take_others(db, OWED_EARLY);
        if (owes(db, OWED_EARLY))
            take_owed(db);
    }
    return db->early_first < db->early_end ? db->early[db->early_first++] : NULL;
}

/* What goes before is answered at its own Sync, without waiting for this. */
int db_send_aside(struct db *db, const struct statement *statement) {
    return sync(db) || queue(db, statement, NULL, OWED_ASIDE) || sync(db) ? -1 : 0;
}

PGresult *db_query(struct db *db, const struct statement *statement, const struct parameters *parameters) {
    return db_queue(db, statement, parameters) ? NULL : db_receive(db);
}

void db_release(struct db *db) {
    db_recover(db);
    clear_results(db);
}

void db_recover(struct db *db) {
    if (db->state == DB_CONNECTED && sync(db) == 0)
        while (db->owed_first < db->owed_end && !owes(db, OWED_ASIDE))
            take_owed(db);
    db->failure = DB_FINE;
    db->constraint[0] = '\0';
}

bool db_is_null(const PGresult *result, int row, int column) {
    return PQgetisnull(result, row, column);
}

const char *db_text(const PGresult *result, int row, int column) {
    return PQgetisnull(result, row, column) ? NULL : PQgetvalue(result, row, column);
}

int64_t db_integer(const PGresult *result, int row, int column) {
    return strtoll(PQgetvalue(result, row, column), NULL, 10);
}

double db_number(const PGresult *result, int row, int column) {
    return strtod(PQgetvalue(result, row, column), NULL);
}

bool db_boolean(const PGresult *result, int row, int column) {
    return PQgetvalue(result, row, column)[0] == 't';
}

struct bytes db_bytes(const PGresult *result, int row, int column, struct pool *pool) {
    struct bytes bytes = {0};
    if (PQgetisnull(result, row, column))
        return bytes;
    unsigned char *decoded = PQunescapeBytea((const unsigned char *)PQgetvalue(result, row, column), &bytes.length);
    if (!decoded)
        abort();
    bytes.data = pool_copy(pool, (const char *)decoded, bytes.length);
    PQfreemem(decoded);
    return bytes;
}
