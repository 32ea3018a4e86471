/* The inside of the worker runtime, shared by its files and by nobody else. A call in hand is a `struct job`: the
 * mailbox makes it, a group runs it, its answer leaves, and it goes back to the spare ones with its memory. */
#ifndef TITHI_WORKER_INTERNALS_H
#define TITHI_WORKER_INTERNALS_H

#include <sys/queue.h>
#include <uthash.h>

#include "arrivals.h"
#include "buffer.h"
#include "bus.h"
#include "db_private.h"
#include "operations.h"
#include "worker.h"

#define FINGERPRINT_SIZE 32

struct job {
    STAILQ_ENTRY(job) next;
    struct bus_link *link; /* the broker that gave it; NULL: it went away while the call was deferred */
    const char *client;    /* the address its answer goes to */
    size_t client_length;
    struct pool *pool; /* of all that belongs to it */
    const struct handler *handler;
    struct call *prepared; /* the operation's whole struct NAME_call as decoded; runs work on copies */
    struct uuid command;
    unsigned char fingerprint[FINGERPRINT_SIZE]; /* of operation and payload: commands, and reads under a key */
    struct job *twins;                           /* other calls of the same command in the same group */
    UT_hash_handle hh;                           /* by command, while the group runs */

    LIST_ENTRY(job) among_deferred;
    bool deferred;                 /* its handler will finish it some time */
    bool tried;                    /* it was run, but the database did not let it end */
    bool settled;                  /* refusal and payload are the answer */
    bool replayed;                 /* by an earlier run of the command */
    bool answered;                 /* the answer may leave: what it tells is committed */
    const struct refusal *refusal; /* NULL: success */
    struct bytes payload;
    const char *version; /* goes into the answer's header, with: */
    bool unchanged;
};
STAILQ_HEAD(job_list, job);

struct worker {
    const struct service *service;
    struct bus_link **links;
    int link_count;
    struct db *db;
    struct pool *pool;          /* of the current mailbox or tick */
    struct buffer scratch;      /* what is being encoded */
    struct bus_message message; /* what is being received */
    struct job_list waiting;    /* taken, not run yet */
    size_t waiting_count;
    LIST_HEAD(, job) deferred; /* to be finished by the service */
    size_t deferred_count;     /* of those whose broker still waits */
    struct job_list finished;  /* were deferred; their answers leave when the piece of work ends */
    struct job_list spare;
    struct outbox_message *outbox; /* of the running transaction */
    size_t outbox_count, outbox_capacity;
    struct news *news; /* of the running transaction */
    size_t news_count, news_capacity;
    void *collected; /* of the running transaction; NULL: nothing */
    int (*write_collected)(struct worker *, void *collected);
    bool started;               /* the service's start() has run */
    bool leaving;               /* the brokers have been told to give nothing more */
    int64_t leave_by_mono_ms;   /* while leaving: no longer than that */
    int64_t last_taken_mono_ms; /* when the last call came */
    struct arrivals arrivals;
    int64_t arrived_mono_ms; /* when what is taken now has come, at the earliest */
    int64_t beat_mono_ms, tick_mono_ms, replan_mono_ms, sweep_mono_ms; /* when the next is due */
};

/* mailbox.c: what the brokers send becomes jobs in `waiting` (or an answer, where it cannot be run). */
void mailbox_take(struct worker *worker);
bool mailbox_has_room(const struct worker *worker);
void mailbox_forget_link(struct worker *worker, const struct bus_link *link);
void mailbox_forget_all(struct worker *worker);

/* groups.c: runs what waits, operation by operation. Calls whose database is away stay. */
void groups_run(struct worker *worker);
/* For the middle of a long wait: refuses what cannot be run in time any more. */
void groups_refuse_late(struct worker *worker);
/* Milliseconds until a waiting call must be refused; `limit` at most. */
int groups_timeout_ms(const struct worker *worker, int limit);
/* An array of the operation's call structs, fresh from the jobs' prepared ones. */
char *groups_copy_calls(struct worker *worker, const struct handler *handler, struct job **jobs, size_t count);

/* deferrals.c: sends the answers of what was finished. */
void deferrals_send(struct worker *worker);
/* The broker has gone: nobody waits for the answers of what it gave. */
void deferrals_forget_link(struct worker *worker, const struct bus_link *link);
/* The process ends: what nobody finished is refused. */
void deferrals_refuse_all(struct worker *worker);

/* commands.c: one run of a group of commands in one transaction. Jobs are answered only where it returns DB_FINE. */
enum db_failure commands_run(struct worker *worker, const struct handler *handler, struct job **jobs, size_t count);
extern const struct statement commands_sweep;
/* Came it under an Idempotency-Key? Then its command is not the call itself. */
bool command_has_key(const struct job *job);
/* Reads: keeps the keys that some came under, in one round trip. Those under a key of another request are refused and
 * answered. 0, or -1: the database failed. */
int commands_claim_keys(struct worker *worker, struct job *const *jobs, size_t count);

/* sweeps.c: deletes a batch of the commands that nobody repeats any more, and of what the service sweeps; returns the
 * milliseconds until the next. */
int sweeps_run(struct worker *worker);

/* transaction.c: BEGIN is queued early (db_early() hands its result out); closing writes news and outbox, commits and
 * notifies. */
int transaction_open(struct worker *worker);
/* Writes what was collected (worker_collect()), once the transaction's work is done. 0, or -1. */
int transaction_write_collected(struct worker *worker);
/* Queues the news, the outbox rows and COMMIT behind what is queued already. */
int transaction_queue_close(struct worker *worker);
/* Receives what transaction_queue_close() queued. 0: committed. */
int transaction_receive_close(struct worker *worker);
/* Rolls back and forgets the failure; returns it (DB_REJECTED where the database had none: then the handler failed). */
enum db_failure transaction_abandon(struct worker *worker);

/* answers.c */
void answer_settle(struct worker *worker, struct job *job, const struct call *call);
void answer_refuse(struct worker *worker, struct job *job, const struct refusal *refusal);
/* Sends the answers, bundled by client, and gives the jobs back. */
void answers_send(struct worker *worker, struct job_list *answered);
void job_recycle(struct worker *worker, struct job *job);

/* peers.c: what a worker says to its brokers, besides answers. */
void peer_ready(struct worker *worker, struct bus_link *link);
void peers_beat(struct worker *worker);
void peers_leave(struct worker *worker);

/* ping.c */
extern const struct handler ping_handler;

#endif
