/* How the connection to PostgreSQL comes, goes and comes back, without ever blocking the worker's loop: attempts run
 * through PQconnectPoll() and are repeated with a short back-off. Queries are db.c's. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "clock.h"
#include "db_private.h"
#include "log.h"

#define BACKOFF_LIMIT_MS 1000
#define ATTEMPT_MS_PER_HOST 2000
#define PARAMETER_LIMIT 64
#define IDLE_MS 1000 /* the descriptor tells everything sooner */

/* For all workers; what only one role needs stands in schemas/roles.sql. Plans are made once, not per call (a mailbox
 * of one call must not cost a planning), and a plan that was made while a table was empty must not scan it when it has
 * grown; no statement, lock or abandoned transaction outlasts a call; texts of times do not depend on the server's
 * configuration. */
static const char session_options[] = "-c plan_cache_mode=force_generic_plan -c jit=off -c enable_seqscan=off -c "
                                      "statement_timeout=8000 -c lock_timeout=4000 "
                                      "-c idle_in_transaction_session_timeout=15000 -c TimeZone=UTC -c DateStyle=ISO ";

struct default_parameter {
    const char *keyword;
    const char *value; /* NULL: the program's name */
};

/* A peer that vanished without a word is noticed within seconds, connecting included. */
static const struct default_parameter default_parameters[] = {
    {"client_encoding", "UTF8"},  {"tcp_user_timeout", "5000"}, {"keepalives_idle", "5"},
    {"keepalives_interval", "2"}, {"keepalives_count", "3"},    {"application_name", NULL},
};

struct db *db_new(const char *url, const char *program, const char *channel) {
    struct db *db = calloc(1, sizeof *db);
    if (!db)
        abort();
    db->url = url;
    db->program = program;
    if (channel && asprintf((char **)&db->listen.sql, "LISTEN %s", channel) < 0)
        abort();
    db->listen.name = "listen";
    db->backoff_ms = DB_BACKOFF_FIRST_MS;
    return db;
}

void db_destroy(struct db **db) {
    if (!*db)
        return;
    db_release(*db);
    db_forget_pipeline(*db);
    PQfinish((*db)->connection);
    free((char *)(*db)->listen.sql);
    free((*db)->owed);
    free((*db)->results);
    free(*db);
    *db = NULL;
}

bool db_connected(const struct db *db) {
    return db->state == DB_CONNECTED;
}

void db_lose(struct db *db, const char *reason) {
    if (!db->away_logged)
        log_warn("the database is away: %s", reason);
    db->away_logged = true;
    db_forget_pipeline(db);
    PQfinish(db->connection);
    db->connection = NULL;
    db->state = DB_APART;
    db->retry_mono_ms = clock_mono_ms() + db->backoff_ms;
    db->backoff_ms = db->backoff_ms * 2 < BACKOFF_LIMIT_MS ? db->backoff_ms * 2 : BACKOFF_LIMIT_MS;
}

static void log_notice(void *argument, const char *message) {
    (void)argument;
    log_debug("database: %s", message);
}

static int count_hosts(const PQconninfoOption *option) {
    int hosts = 1;
    if ((!strcmp(option->keyword, "host") || !strcmp(option->keyword, "hostaddr")) && option->val)
        for (const char *at = option->val; *at; at++)
            hosts += *at == ',';
    return hosts;
}

/* What the URL says wins over the defaults; its own options come behind ours, so they win too. */
static PGconn *start_connection(struct db *db, int *ret_hosts) {
    PQconninfoOption *given = PQconninfoParse(db->url, NULL);
    if (!given)
        return NULL;
    const char *keywords[PARAMETER_LIMIT + 1] = {0}, *values[PARAMETER_LIMIT + 1] = {0};
    struct buffer options = {0};
    size_t count = 0;
    for (size_t i = 0; i < sizeof default_parameters / sizeof *default_parameters; i++, count++) {
        keywords[count] = default_parameters[i].keyword;
        values[count] = default_parameters[i].value ? default_parameters[i].value : db->program;
    }
    buffer_append_text(&options, session_options);
    for (const PQconninfoOption *option = given; option->keyword && count < PARAMETER_LIMIT - 1; option++) {
        if (!option->val)
            continue;
        int hosts = count_hosts(option);
        *ret_hosts = hosts > *ret_hosts ? hosts : *ret_hosts;
        if (!strcmp(option->keyword, "options")) {
            buffer_append_text(&options, option->val);
            continue;
        }
        keywords[count] = option->keyword;
        values[count++] = option->val;
    }
    keywords[count] = "options";
    values[count] = buffer_text(&options);
    PGconn *connection = PQconnectStartParams(keywords, values, 0);
    buffer_free(&options);
    PQconninfoFree(given);
    return connection;
}

static void start_attempt(struct db *db) {
    int hosts = 1;
    db->connection = start_connection(db, &hosts);
    if (!db->connection || PQstatus(db->connection) == CONNECTION_BAD) {
        db_lose(db, db->connection ? PQerrorMessage(db->connection) : "out of memory");
        return;
    }
    PQsetNoticeProcessor(db->connection, log_notice, NULL);
    db->state = DB_CONNECTING;
    db->wants = PGRES_POLLING_WRITING;
    db->attempt_ends_mono_ms = clock_mono_ms() + (int64_t)hosts * ATTEMPT_MS_PER_HOST;
}

/* A notification may have been missed while there was no connection, so the first tick on each is due at once. */
static void start_listening(struct db *db) {
    if (!db->listen.sql)
        return;
    db_query(db, &db->listen, NULL);
    db_release(db);
    db->woken = true;
}

static void complete_attempt(struct db *db) {
    if (!PQenterPipelineMode(db->connection) || PQsetnonblocking(db->connection, 1)) {
        db_lose(db, PQerrorMessage(db->connection));
        return;
    }
    db->state = DB_CONNECTED;
    log_info("the database is connected");
    db->away_logged = false;
    db_set_deadline(db, clock_mono_ms() + ATTEMPT_MS_PER_HOST);
    start_listening(db);
}

static void continue_attempt(struct db *db) {
    struct pollfd fd = {.fd = PQsocket(db->connection),
                        .events = db->wants == PGRES_POLLING_READING ? POLLIN : POLLOUT};
    while (poll(&fd, 1, 0) > 0) {
        db->wants = PQconnectPoll(db->connection);
        if (db->wants == PGRES_POLLING_OK) {
            complete_attempt(db);
            return;
        }
        if (db->wants == PGRES_POLLING_FAILED) {
            db_lose(db, PQerrorMessage(db->connection));
            return;
        }
        fd.fd = PQsocket(db->connection); /* the next host may have another */
        fd.events = db->wants == PGRES_POLLING_READING ? POLLIN : POLLOUT;
    }
    if (clock_mono_ms() >= db->attempt_ends_mono_ms)
        db_lose(db, "no answer to the attempt to connect");
}

static void note_notifications(struct db *db) {
    for (PGnotify *notification; (notification = PQnotifies(db->connection)); PQfreemem(notification))
        db->woken = true;
}

static void take_notifications(struct db *db) {
    if (PQconsumeInput(db->connection))
        note_notifications(db);
    else
        db_lose(db, PQerrorMessage(db->connection));
}

void db_step(struct db *db) {
    if (db->state == DB_APART && clock_mono_ms() >= db->retry_mono_ms)
        start_attempt(db);
    if (db->state == DB_CONNECTING)
        continue_attempt(db);
    else if (db->state == DB_CONNECTED)
        take_notifications(db);
}

int db_poll(const struct db *db, short *ret_events) {
    if (db->state == DB_APART)
        return -1;
    *ret_events = db->state == DB_CONNECTED || db->wants == PGRES_POLLING_READING ? POLLIN : POLLOUT;
    return PQsocket(db->connection);
}

int db_timeout_ms(struct db *db) {
    if (db->state == DB_CONNECTED) {
        note_notifications(db); /* that came with a statement's answer: no descriptor tells of them any more */
        return db->woken ? 0 : IDLE_MS;
    }
    int64_t due = db->state == DB_APART ? db->retry_mono_ms : db->attempt_ends_mono_ms;
    int64_t left = due - clock_mono_ms();
    return left < 0 ? 0 : left < IDLE_MS ? (int)left : IDLE_MS;
}

bool db_take_wake(struct db *db) {
    bool woken = db->woken;
    db->woken = false;
    return woken;
}

void db_set_deadline(struct db *db, int64_t mono_ms) {
    db->deadline_mono_ms = db->end_mono_ms && mono_ms > db->end_mono_ms ? db->end_mono_ms : mono_ms;
}

void db_set_end(struct db *db, int64_t mono_ms) {
    db->end_mono_ms = mono_ms;
    db_set_deadline(db, db->deadline_mono_ms);
}
