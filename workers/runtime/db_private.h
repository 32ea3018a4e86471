/* The connection behind struct db: what db.c (queries) and db_connect.c (coming and going of the connection) share, and
 * what the worker's loop calls. Services see only db.h. */
#ifndef TITHI_DB_PRIVATE_H
#define TITHI_DB_PRIVATE_H

#include <uthash.h>

#include "db.h"

enum db_state { DB_APART, DB_CONNECTING, DB_CONNECTED };

/* What the server still owes us, in order. */
enum owed {
    OWED_PREPARE,
    OWED_RESULT,
    OWED_EARLY, /* db_early() hands its result out */
    OWED_ASIDE, /* nobody waits for it */
    OWED_SYNC
};
struct owed_item {
    enum owed what;
    const struct statement *statement;
};

#define DB_EARLY_LIMIT 4 /* at once */

struct prepared {
    const struct statement *statement; /* the key */
    UT_hash_handle hh;
};

struct db {
    const char *url;
    const char *program;     /* application_name */
    struct statement listen; /* sql NULL: nothing to listen to */
    PGconn *connection;      /* NULL while apart */
    enum db_state state;
    PostgresPollingStatusType wants; /* while connecting */
    int64_t attempt_ends_mono_ms;    /* while connecting */
    int64_t retry_mono_ms;           /* while apart: when the next attempt starts */
    int backoff_ms;
    bool away_logged; /* one line per absence */
    bool woken;       /* a notification came */

    struct prepared *prepared; /* on this connection */
    struct owed_item *owed;    /* ring-less FIFO: owed[owed_first .. owed_end) */
    size_t owed_first, owed_end, owed_capacity;
    bool unsynced;      /* queued since the last Sync */
    PGresult **results; /* handed out since the last release */
    size_t result_count, result_capacity;
    PGresult *early[DB_EARLY_LIMIT]; /* among those; db_early() has not been asked for them yet */
    size_t early_first, early_end;

    enum db_failure failure; /* the first one since the last release */
    char constraint[64];
    int64_t deadline_mono_ms;      /* no answer is waited for longer */
    int64_t end_mono_ms;           /* no deadline is later; 0: none is the last */
    void (*while_waiting)(void *); /* called every DB_WAIT_SLICE_MS of a wait */
    void *while_waiting_argument;
};

#define DB_WAIT_SLICE_MS 100
#define DB_BACKOFF_FIRST_MS 50

struct db *db_new(const char *url, const char *program, const char *channel);
void db_destroy(struct db **db);

/* Brings the connection forward: starts attempts when they are due, completes them, notices its loss and notifications.
 */
void db_step(struct db *db);
bool db_connected(const struct db *db);
/* Descriptor and events to poll for, -1 while there is none; and how long at most until the next db_step(). */
int db_poll(const struct db *db, short *ret_events);
int db_timeout_ms(struct db *db);
/* True once after a notification. */
bool db_take_wake(struct db *db);
void db_set_deadline(struct db *db, int64_t mono_ms);
/* From now on no deadline is later than that: the process ends. */
void db_set_end(struct db *db, int64_t mono_ms);

/* Receives what is still owed and forgets the failure; results stay. */
void db_recover(struct db *db);

/* For the runtime, which puts statements of its own in front of a service's, in the same round trip: db_receive()
 * passes over their results. db_early() hands out the next of them, also where a later statement failed; NULL: there is
 * none. */
int db_queue_early(struct db *db, const struct statement *statement, const struct parameters *parameters);
PGresult *db_early(struct db *db);
/* Sends the statement behind what is queued, as a transaction of its own whose end nobody waits for. */
int db_send_aside(struct db *db, const struct statement *statement);

/* Gives the connection up, with the reason for the log; the next attempt is due after the back-off. */
void db_lose(struct db *db, const char *reason);
/* Forgets everything about the pipeline (the connection is gone). */
void db_forget_pipeline(struct db *db);

#endif
