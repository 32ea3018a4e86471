/* The actor that every worker is. It attaches to all brokers, takes every call that waits (up to its credit), decodes
 * and validates them, groups them by operation and hands each handler its calls as an array; answers leave after
 * COMMIT.
 *
 * Commands run in one transaction per group. The runtime looks up which command ids have run before (they get their
 * stored reply), calls the handler for the rest, stores each success with its reply in `commands`, adds what happened
 * and the outbox rows, and commits. A failed group is run again one by one, so that one bad call cannot take others
 * with it; while PostgreSQL is away calls wait for it until shortly before their deadline and are then refused with
 * `unavailable`. */
#ifndef TITHI_WORKER_H
#define TITHI_WORKER_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "call.h"
#include "codec.h"
#include "contract.h"
#include "db.h"
#include "envelope.h"

struct worker;

/* Ends the call with a refusal (a value, not a failure: the rest of the group goes on and commits). */
void refuse(struct call *call, const struct refusal *refusal);
/* The same with details {field: reason}. May be called several times. */
void refuse_field(struct call *call, const struct refusal *refusal, const char *field, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* A read that waits for the outside (a provider's answer) is answered later. In its handler, call_defer() takes the
 * call out of its group: whatever becomes of the group, the handler does not get it again, and what it leaves in its
 * own struct no longer counts. Returns the call's struct NAME_call anew, as it is now, in memory (and with a pool) that
 * lives until call_finish(). Only for operations of kind read: a command's answer leaves with its transaction.
 *
 * The promise is the caller's: every deferred call is finished exactly once. The runtime answers nothing in its place;
 * an unfinished call keeps its credit with the broker, and a stop waits for it (for 20 s at most). So whoever defers
 * has an end of its own, in good time before `deadline_mono_ms`. What is still deferred after the service's stop() is
 * answered with `unavailable`, and must not be touched any more. */
void *call_defer(struct worker *worker, struct call *call);
/* Answers a deferred call: its refusal where it has one, else its reply. May be called from ticks, waits and handlers,
 * the call's own included. Past the deadline the caller is told just that, and nobody where the broker went away
 * meanwhile. The struct is gone afterwards. */
void call_finish(struct worker *worker, struct call *call);

/* 0; or -1: the group failed (database away or error), nothing of it counts. `calls` is an array of the operation's
 * struct NAME_call, `count` >= 1. Generated per operation: a handler that is missing does not link. */
typedef int handler_function(struct worker *worker, void *calls, size_t count);

struct handler {
    const struct operation *operation;
    handler_function *run;
};

struct service {
    const char *name;               /* "booking" */
    const char *purpose;            /* for --help */
    const struct handler *handlers; /* generated: handlers_booking */
    size_t handler_count;
    unsigned credit; /* calls taken at once */
    /* A rollback undoes all that its commands do (nothing goes to Redis or elsewhere): then they run in the round trip
     * that looks for repeats, and not only after it. */
    bool rolls_back;
    const char *(*check)(void);    /* of the settings; may be NULL */
    int (*start)(struct worker *); /* once, with the database connected; may be NULL */
    int tick_ms;                   /* 0: no ticks */
    void (*tick)(
        struct worker *);     /* between mailboxes, outside any transaction, only while the database is connected */
    const char *wake_channel; /* a NOTIFY on it makes the next tick due at once; may be NULL */
    bool (*busy)(struct worker *); /* holds a stopping process back, for 20 s at most; may be NULL */
    void (*stop)(struct worker *); /* may be NULL */
    /* Delete rows that nobody needs any more; $1: how many at most. Run slowly, a batch at a time. */
    const struct statement *sweeps;
    size_t sweep_count;
    /* For workers that also wait for the outside: waits like poll(2) on these and on its own descriptors. NULL:
     * poll(2). */
    int (*wait)(struct worker *, struct pollfd *fds, int count, int timeout_ms);
};

int worker_main(int argc, char **argv, const struct service *service);

struct db *worker_db(struct worker *worker);
struct pool *worker_pool(struct worker *worker); /* of the current mailbox or tick */

/* What must happen after a commit. One row per (channel, lane, owner, type, cause): another of the same is dropped. */
struct outbox_message {
    const char *channel; /* "mail" (whose body is JSON for workers/crm/mails.c), "account_mail" */
    int64_t lane;        /* webhook: the endpoint; 0: the channel's one address */
    int64_t owner_id;    /* whose it is; 0: the operator's */
    const char *type;    /* "mail.late_refund" */
    const char *cause;   /* "booking:17" */
    const char *body;    /* JSON text; a webhook's is sent as it is */
    const char *trace;   /* traceparent of the causing call; NULL or "": none */
};

/* Queues an outbox row for the running transaction: it is written with the commands' replies, and NOTIFY outbox
 * follows. Texts are copied. */
void worker_outbox(struct worker *worker, const struct outbox_message *message);

/* Something that happened, for the log (docs/architecture.md). One entry per (cause, type): another of the same is
 * dropped. Ids 0: none. */
struct news {
    const char *type;  /* "booking.created" */
    const char *cause; /* "booking:17" */
    int64_t owner_id;  /* the facilitator whose it is */
    int64_t user_id;   /* the person whom it concerns */
    int64_t event_id, booking_id;
    const char *body;  /* JSON, as webhooks carry it */
    const char *trace; /* traceparent of the causing call; NULL or "": none */
};

/* Queues an entry of the log for the running transaction: those of one transaction are written together, in the order
 * in which they were queued, and NOTIFY outbox follows. Texts are copied. */
void worker_news(struct worker *worker, const struct news *news);

/* What is collected during the running transaction and written once, last of all before its outbox: so that rows which
 * many transactions change are locked for short, and in one order. The first call makes it, zeroed, in the worker's
 * pool; later ones return the same. One kind of it per service. `write` returns 0, or -1: the transaction failed. */
void *worker_collect(struct worker *worker, int (*write)(struct worker *, void *collected), size_t size);
/* NULL: nothing was collected yet. */
void *worker_collected(const struct worker *worker);

/* Runs `work` in a transaction outside any call (ticks): BEGIN, work, news, outbox, COMMIT. 0 or -1 (rolled back,
 * logged). */
int worker_transaction(struct worker *worker, int (*work)(struct worker *, void *argument), void *argument);

/* Makes the next tick due at once: for a `wait` hook in which something came. */
void worker_wake(struct worker *worker);

/* ETag value (quoted) that the gateway gives a reply whose message has these bytes: for If-Match. */
const char *etag_of(const struct record *record, const void *reply, struct pool *pool);

#endif
