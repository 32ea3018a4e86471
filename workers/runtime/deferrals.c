/* Calls that are answered later, because their handler waits for the outside. A deferred job belongs to the service
 * until call_finish(); here it is counted, so that a stop waits for it, and forgotten by the broker's side when that
 * goes. */
#include "clock.h"
#include "internals.h"
#include "log.h"

void *call_defer(struct worker *worker, struct call *call) {
    struct job *job = call->job;
    const struct operation *operation = job->handler->operation;
    if (operation->kind != OPERATION_READ || job->deferred) {
        log_error("%s cannot be deferred", operation->name);
        abort();
    }
    struct call *deferred = pool_alloc(job->pool, operation->call_size);
    memcpy(deferred, call, operation->call_size);
    job->deferred = true;
    LIST_INSERT_HEAD(&worker->deferred, job, among_deferred);
    worker->deferred_count++;
    worker->waiting_count--;
    return deferred;
}

/* From here on the job is the runtime's again. It is not recycled before the piece of work ends: its group may still
 * hold it. */
static void take_back(struct worker *worker, struct job *job) {
    LIST_REMOVE(job, among_deferred);
    STAILQ_INSERT_TAIL(&worker->finished, job, next);
    if (job->link)
        worker->deferred_count--;
}

void call_finish(struct worker *worker, struct call *call) {
    struct job *job = call->job;
    take_back(worker, job);
    if (clock_mono_ms() >= call->deadline_mono_ms)
        answer_refuse(worker, job, &refusal_deadline_exceeded);
    else
        answer_settle(worker, job, call);
}

void deferrals_send(struct worker *worker) {
    struct job_list answered = STAILQ_HEAD_INITIALIZER(answered);
    while (!STAILQ_EMPTY(&worker->finished)) {
        struct job *job = STAILQ_FIRST(&worker->finished);
        STAILQ_REMOVE_HEAD(&worker->finished, next);
        if (job->link)
            STAILQ_INSERT_TAIL(&answered, job, next);
        else
            job_recycle(worker, job);
    }
    answers_send(worker, &answered);
}

void deferrals_forget_link(struct worker *worker, const struct bus_link *link) {
    struct job *job;
    LIST_FOREACH(job, &worker->deferred, among_deferred)
    if (job->link == link) {
        job->link = NULL;
        worker->deferred_count--;
    }
}

void deferrals_refuse_all(struct worker *worker) {
    for (struct job *job; (job = LIST_FIRST(&worker->deferred));) {
        take_back(worker, job);
        answer_refuse(worker, job, &refusal_unavailable);
    }
    deferrals_send(worker);
}
