/* The actor's loop: waits, takes what came, runs it, beats, ticks. Everything it waits for has its own file: the
 * brokers peers.c and mailbox.c, the database db_connect.c, what is due groups.c. It never blocks but in its one wait
 * and in bounded database round trips. */
#include "worker.h"

#include <errno.h>
#include <sysexits.h>

#include "clock.h"
#include "etag.h"
#include "internals.h"
#include "log.h"
#include "mdp.h"
#include "memory.h"
#include "process.h"
#include "seal.h"
#include "settings.h"

#define WAIT_LIMIT_MS 1000
#define TICK_DATABASE_MS 10000
#define LEAVE_LIMIT_MS 20000 /* for what is in hand; an attempt that takes longer is handed back */
#define STOP_LIMIT_MS 22000  /* for the database, too; sockets then linger for a second, and a stop may take 25 s */
#define LEAVE_QUIET_MS 300   /* calls that were under way when the broker heard DISCONNECT arrive within this */

/* A plan that was made for an empty table stays until the table is analysed, a minute and more; so all plans are made
 * anew this often (docs/decisions.md, 11). */
#define REPLAN_MS 5000
static const struct statement discard_plans = {"discard_plans", "DISCARD PLANS"};

static const struct service *own_service;

struct db *worker_db(struct worker *worker) {
    return worker->db;
}

struct pool *worker_pool(struct worker *worker) {
    return worker->pool;
}

const char *etag_of(const struct record *record, const void *reply, struct pool *pool) {
    struct buffer message = {0};
    codec_encode(record, reply, &message);
    const char *etag = etag_text(message.bytes, message.length, pool_alloc(pool, ETAG_SIZE));
    buffer_free(&message);
    return etag;
}

void worker_wake(struct worker *worker) {
    worker->tick_mono_ms = 0;
}

static bool seals_replies(const struct service *service) {
    for (size_t i = 0; i < service->handler_count; i++)
        if (service->handlers[i].operation->secret_reply)
            return true;
    return false;
}

static const char *check_settings(void) {
    if (!*settings.database_url)
        return "DATABASE_URL is not set";
    PQconninfoOption *parsed = PQconninfoParse(settings.database_url, NULL);
    if (!parsed)
        return "DATABASE_URL is no connection string of PostgreSQL";
    PQconninfoFree(parsed);
    if (seals_replies(own_service) && !*seal_key())
        return "neither JWT_SECRET_KEY nor SEAL_KEY is set";
    return own_service->check ? own_service->check() : NULL;
}

static void poll_brokers(struct worker *worker) {
    for (int i = 0; i < worker->link_count; i++) {
        struct bus_link *link = worker->links[i];
        for (enum bus_change change; (change = bus_poll_monitor(link)) != BUS_SAME;) {
            if (change == BUS_DOWN) {
                log_warn("%s is away", bus_address(link));
                mailbox_forget_link(worker, link);
                deferrals_forget_link(worker, link);
            } else if (!worker->leaving) {
                peer_ready(worker, link);
            }
        }
    }
}

/* libzmq's descriptors signal edges only: what came during the last turn must be asked for. */
static bool mail_waits(const struct worker *worker) {
    for (int i = 0; mailbox_has_room(worker) && i < worker->link_count; i++) {
        int events = 0;
        size_t size = sizeof events;
        zmq_getsockopt(bus_socket(worker->links[i]), ZMQ_EVENTS, &events, &size);
        if (events & ZMQ_POLLIN)
            return true;
    }
    return false;
}

static int until(int64_t due_mono_ms, int limit) {
    int64_t left = due_mono_ms - clock_mono_ms();
    return left < 0 ? 0 : left < limit ? (int)left : limit;
}

static int wait_ms(const struct worker *worker) {
    if (mail_waits(worker))
        return 0;
    int timeout = until(worker->beat_mono_ms, WAIT_LIMIT_MS);
    if (worker->service->tick && db_connected(worker->db))
        timeout = until(worker->tick_mono_ms, timeout);
    int database = db_timeout_ms(worker->db);
    timeout = database < timeout ? database : timeout;
    if (worker->leaving)
        timeout = timeout < LEAVE_QUIET_MS ? timeout : LEAVE_QUIET_MS;
    return groups_timeout_ms(worker, timeout);
}

/* What one piece of work left behind: answers to calls that were deferred, results, a failure, memory. */
static void end_work(struct worker *worker) {
    deferrals_send(worker);
    db_release(worker->db);
    pool_reset(worker->pool);
}

static void wait_for_something(struct worker *worker) {
    struct pollfd fds[2 * worker->link_count + 2];
    int count = 0;
    for (int i = 0; i < worker->link_count; i++) {
        fds[count++] = (struct pollfd){.fd = bus_fd(worker->links[i]), .events = POLLIN};
        fds[count++] = (struct pollfd){.fd = bus_monitor_fd(worker->links[i]), .events = POLLIN};
    }
    short events = 0;
    int database = db_poll(worker->db, &events);
    if (database >= 0)
        fds[count++] = (struct pollfd){.fd = database, .events = events};
    if (!worker->leaving)
        fds[count++] = (struct pollfd){.fd = process_stop_fd(), .events = POLLIN};
    int timeout = wait_ms(worker);
    db_set_deadline(worker->db, clock_mono_ms() + timeout + TICK_DATABASE_MS);
    arrivals_wait(&worker->arrivals, timeout);
    int result = worker->service->wait && worker->started ? worker->service->wait(worker, fds, count, timeout)
                                                          : poll(fds, (nfds_t)count, timeout);
    if (result < 0 && errno != EINTR)
        log_error("the wait failed: %s", strerror(errno));
    end_work(worker);
}

/* 0, or -1: the service cannot start. */
static int start_once(struct worker *worker) {
    if (worker->started || !db_connected(worker->db))
        return 0;
    db_set_deadline(worker->db, clock_mono_ms() + TICK_DATABASE_MS);
    int result = worker->service->start ? worker->service->start(worker) : 0;
    end_work(worker);
    worker->started = result == 0;
    return db_connected(worker->db) ? result : 0; /* else it is tried again when the database is back */
}

static void tend_database(struct worker *worker, int64_t now) {
    if (now >= worker->replan_mono_ms) {
        worker->replan_mono_ms = now + REPLAN_MS;
        db_query(worker->db, &discard_plans, NULL);
    }
    if (now >= worker->sweep_mono_ms)
        worker->sweep_mono_ms = now + sweeps_run(worker);
    end_work(worker);
}

static void tick(struct worker *worker) {
    int64_t now = clock_mono_ms();
    bool woken = db_take_wake(worker->db);
    memory_tidy(now);
    if (!worker->started || !db_connected(worker->db))
        return;
    db_set_deadline(worker->db, now + TICK_DATABASE_MS);
    if (worker->service->tick && (woken || now >= worker->tick_mono_ms)) {
        worker->tick_mono_ms = now + worker->service->tick_ms;
        worker->service->tick(worker);
        end_work(worker);
    }
    if (db_connected(worker->db))
        tend_database(worker, now);
}

static void begin_leaving(struct worker *worker) {
    int64_t now = clock_mono_ms();
    log_info("leaving: %zu calls in hand", worker->waiting_count + worker->deferred_count);
    worker->leaving = true;
    worker->leave_by_mono_ms = now + LEAVE_LIMIT_MS;
    db_set_end(worker->db, now + STOP_LIMIT_MS);
    worker->last_taken_mono_ms = now;
    peers_leave(worker);
}

static bool is_busy(struct worker *worker) {
    return worker->waiting_count || worker->deferred_count ||
           (worker->started && worker->service->busy && worker->service->busy(worker));
}

static bool has_left(struct worker *worker) {
    if (!worker->leaving)
        return false;
    int64_t now = clock_mono_ms();
    return now >= worker->leave_by_mono_ms || (now >= worker->last_taken_mono_ms + LEAVE_QUIET_MS && !is_busy(worker));
}

static int run(struct worker *worker) {
    while (!has_left(worker)) {
        wait_for_something(worker);
        if (process_stopping() && !worker->leaving)
            begin_leaving(worker);
        poll_brokers(worker);
        mailbox_take(worker);
        db_step(worker->db);
        if (start_once(worker))
            return -1;
        groups_run(worker);
        peers_beat(worker);
        tick(worker);
    }
    return 0;
}

/* In the middle of a slow answer of the database: brokers and callers must not take this worker for dead, and the time
 * of a stop runs. */
static void attend(void *argument) {
    struct worker *worker = argument;
    if (process_stopping() && !worker->leaving)
        begin_leaving(worker);
    peers_beat(worker);
    mailbox_take(worker);
    groups_refuse_late(worker);
}

int worker_main(int argc, char **argv, const struct service *service) {
    char program[64];
    own_service = service;
    snprintf(program, sizeof program, "tithi-%s", service->name);
    process_start(argc, argv, program, service->purpose, check_settings, NULL);

    struct worker worker = {.service = service, .pool = pool_new(), .arrivals = arrivals_begin(clock_mono_ms())};
    STAILQ_INIT(&worker.waiting);
    LIST_INIT(&worker.deferred);
    STAILQ_INIT(&worker.finished);
    STAILQ_INIT(&worker.spare);
    worker.link_count = bus_connect_all(&worker.links);
    if (worker.link_count < 0)
        return EX_CONFIG;
    worker.db = db_new(settings.database_url, process_name(), service->wake_channel);
    worker.db->while_waiting = attend;
    worker.db->while_waiting_argument = &worker;
    int result = run(&worker);
    worker.db->while_waiting = NULL; /* nothing is taken any more */
    if (worker.started && service->stop) {
        db_set_deadline(worker.db, clock_mono_ms() + TICK_DATABASE_MS);
        service->stop(&worker);
    }
    deferrals_refuse_all(&worker);
    bus_close_all(&worker.links, worker.link_count);
    mailbox_forget_all(&worker);
    db_destroy(&worker.db);
    bus_message_free(&worker.message);
    buffer_free(&worker.scratch);
    free(worker.outbox);
    free(worker.news);
    pool_destroy(&worker.pool);
    log_info("stopped");
    return result ? EX_SOFTWARE : EX_OK;
}
