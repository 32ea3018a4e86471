/* Runs what the mailbox holds: calls of one operation form a group, in the order of their arrival, and go to their
 * handler as one array. A failed group is run again, or one by one, so that one bad call cannot take others with it;
 * while the database is away its calls wait here until shortly before their deadline. */
#include <inttypes.h>
#include <stdarg.h>

#include "clock.h"
#include "internals.h"
#include "log.h"

#define RUN_LIMIT 5           /* runs of a group that meets conflicts */
#define ANSWER_RESERVE_MS 300 /* left of a deadline for a refusal's way back */

void refuse(struct call *call, const struct refusal *refusal) {
    call->refusal = refusal;
}

void refuse_field(struct call *call, const struct refusal *refusal, const char *field, const char *format, ...) {
    va_list arguments;
    char reason[512];
    va_start(arguments, format);
    vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    call->refusal = refusal;
    problem_add(&call->details, field, "%s", reason);
}

char *groups_copy_calls(struct worker *worker, const struct handler *handler, struct job **jobs, size_t count) {
    size_t call_size = handler->operation->call_size;
    char *calls = pool_alloc(worker->pool, count * call_size);
    for (size_t i = 0; i < count; i++)
        memcpy(calls + i * call_size, jobs[i]->prepared, call_size);
    return calls;
}

static enum db_failure run_reads(struct worker *worker, const struct handler *handler, struct job **jobs,
                                 size_t count) {
    size_t call_size = handler->operation->call_size, admitted_count = 0;
    struct job **admitted = pool_alloc(worker->pool, count * sizeof *admitted);
    bool failed = commands_claim_keys(worker, jobs, count) != 0;
    for (size_t i = 0; i < count && !failed; i++)
        if (!jobs[i]->answered)
            admitted[admitted_count++] = jobs[i];
    char *calls = groups_copy_calls(worker, handler, admitted, admitted_count);
    failed = failed || (admitted_count && handler->run(worker, calls, admitted_count) != 0);
    enum db_failure failure = db_failure(worker->db);
    if (failed && failure == DB_FINE)
        failure = DB_REJECTED;
    for (size_t i = 0; i < admitted_count && failure == DB_FINE; i++) {
        if (admitted[i]->deferred)
            continue;
        answer_settle(worker, admitted[i], (struct call *)(calls + i * call_size));
        admitted[i]->answered = true;
    }
    db_release(worker->db);
    return failure;
}

static void refuse_group(struct worker *worker, struct job **jobs, size_t count, const struct refusal *refusal) {
    for (size_t i = 0; i < count; i++) {
        answer_refuse(worker, jobs[i], refusal);
        jobs[i]->answered = true;
    }
}

static int64_t latest_deadline(struct job **jobs, size_t count) {
    int64_t latest = 0;
    for (size_t i = 0; i < count; i++)
        if (jobs[i]->prepared->deadline_mono_ms > latest)
            latest = jobs[i]->prepared->deadline_mono_ms;
    return latest;
}

/* Lets the database take so long that a refusal can still be in time; where that is past already, until the deadline
 * itself. */
static void set_deadline(struct worker *worker, struct job **jobs, size_t count) {
    int64_t deadline = latest_deadline(jobs, count);
    if (clock_mono_ms() < deadline - ANSWER_RESERVE_MS)
        deadline -= ANSWER_RESERVE_MS;
    db_set_deadline(worker->db, deadline);
    for (size_t i = 0; i < count; i++)
        jobs[i]->tried = true;
}

/* Deferred ones are not run again. Returns how many others there are: they stand in front. */
static size_t put_deferred_last(struct job **jobs, size_t count) {
    size_t others = 0;
    for (size_t i = 0; i < count; i++)
        if (!jobs[i]->deferred) {
            struct job *job = jobs[i];
            jobs[i] = jobs[others];
            jobs[others++] = job;
        }
    return others;
}

/* Afterwards all are answered or deferred, unless the database went away. */
static void run_group(struct worker *worker, const struct handler *handler, struct job **jobs, size_t count) {
    for (int run = 0; run < RUN_LIMIT; run++) {
        db_release(worker->db);
        set_deadline(worker, jobs, count);
        enum db_failure failure = handler->operation->kind == OPERATION_COMMAND
                                      ? commands_run(worker, handler, jobs, count)
                                      : run_reads(worker, handler, jobs, count);
        if (failure == DB_FINE || failure == DB_AWAY)
            return;
        bool alone = count == 1;
        if (!(count = put_deferred_last(jobs, count)))
            return;
        if (failure == DB_REJECTED) {
            if (alone)
                refuse_group(worker, jobs, count, &refusal_internal_error);
            for (size_t i = 0; !alone && i < count; i++)
                run_group(worker, handler, &jobs[i], 1);
            return;
        }
    }
    refuse_group(worker, jobs, count, &refusal_unavailable);
}

/* Takes the first waiting call and all of its operation, `limit` at most. */
static size_t take_group(struct worker *worker, struct job **ret_jobs, size_t limit) {
    struct job_list others = STAILQ_HEAD_INITIALIZER(others);
    size_t count = 0;
    while (limit && !STAILQ_EMPTY(&worker->waiting)) {
        struct job *job = STAILQ_FIRST(&worker->waiting);
        STAILQ_REMOVE_HEAD(&worker->waiting, next);
        if (count < limit && (!count || job->handler == ret_jobs[0]->handler))
            ret_jobs[count++] = job;
        else
            STAILQ_INSERT_TAIL(&others, job, next);
    }
    STAILQ_CONCAT(&worker->waiting, &others);
    return count;
}

/* Nobody waits for the answer of an expired call: it is told so only to give back the credit. Returns how many may run.
 */
static size_t drop_expired(struct worker *worker, struct job **jobs, size_t count, bool away) {
    int64_t now = clock_mono_ms();
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        int64_t deadline = jobs[i]->prepared->deadline_mono_ms;
        struct job *job = jobs[i];
        if (now >= deadline)
            refuse_group(worker, &job, 1, &refusal_deadline_exceeded);
        else if ((away || job->tried) && now >= deadline - ANSWER_RESERVE_MS)
            refuse_group(worker, &job, 1, &refusal_unavailable);
        else {
            jobs[i] = jobs[kept]; /* the order of those that run is kept */
            jobs[kept++] = job;
        }
    }
    return kept;
}

/* Answered ones leave at once: one slow group must not hold back the answers of others. Returns how many. Deferred ones
 * are the service's. */
static size_t sort_out(struct worker *worker, struct job **jobs, size_t count, struct job_list *later) {
    struct job_list answered = STAILQ_HEAD_INITIALIZER(answered);
    size_t answered_count = 0;
    for (size_t i = 0; i < count; i++)
        if (jobs[i]->answered) {
            STAILQ_INSERT_TAIL(&answered, jobs[i], next);
            answered_count++;
        } else if (!jobs[i]->deferred) {
            STAILQ_INSERT_TAIL(later, jobs[i], next);
        }
    worker->waiting_count -= answered_count;
    answers_send(worker, &answered);
    return answered_count;
}

void groups_run(struct worker *worker) {
    struct job_list later = STAILQ_HEAD_INITIALIZER(later);
    size_t taken = worker->waiting_count, left = taken; /* who comes meanwhile is for the next mailbox */
    size_t groups = 0, answered = 0;
    int64_t started_us = clock_mono_us();
    if (!taken)
        return;
    struct job **jobs = pool_alloc(worker->pool, taken * sizeof *jobs);
    for (size_t count; (count = take_group(worker, jobs, left)); left -= count, groups++) {
        const struct handler *handler = jobs[0]->handler;
        bool away = handler != &ping_handler && !(db_connected(worker->db) && worker->started);
        size_t runnable = drop_expired(worker, jobs, count, away);
        if (runnable && !away)
            run_group(worker, handler, jobs, runnable);
        answered += sort_out(worker, jobs, count, &later);
        peers_beat(worker);
    }
    STAILQ_CONCAT(&later, &worker->waiting);
    STAILQ_CONCAT(&worker->waiting, &later);
    deferrals_send(worker);
    pool_reset(worker->pool);
    if (answered)
        log_debug("mailbox: %zu calls in %zu groups, %zu answered, %" PRId64 " us", taken, groups, answered,
                  clock_mono_us() - started_us);
}

void groups_refuse_late(struct worker *worker) {
    struct job_list all = STAILQ_HEAD_INITIALIZER(all), later = STAILQ_HEAD_INITIALIZER(later);
    STAILQ_CONCAT(&all, &worker->waiting);
    while (!STAILQ_EMPTY(&all)) {
        struct job *job = STAILQ_FIRST(&all);
        STAILQ_REMOVE_HEAD(&all, next);
        drop_expired(worker, &job, 1, true);
        sort_out(worker, &job, 1, &later);
    }
    STAILQ_CONCAT(&worker->waiting, &later);
}

int groups_timeout_ms(const struct worker *worker, int limit) {
    int64_t now = clock_mono_ms(), soonest = now + limit;
    const struct job *job;
    STAILQ_FOREACH(job, &worker->waiting, next) {
        int64_t due = job->prepared->deadline_mono_ms - ANSWER_RESERVE_MS;
        soonest = due < soonest ? due : soonest;
    }
    return soonest > now ? (int)(soonest - now) : 0;
}
