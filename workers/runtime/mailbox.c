/* Takes what the brokers send: frames become jobs, decoded and checked by the contract's table, so that handlers see
 * only good calls. What cannot be run is answered here; what cannot even be answered is dropped. It runs nothing. */
#include <openssl/evp.h>

#include "clock.h"
#include "internals.h"
#include "log.h"
#include "mdp.h"

static bool frame_is(const zmq_msg_t *frame, const char *text) {
    return zmq_msg_size(frame) == strlen(text) && !memcmp(zmq_msg_data((zmq_msg_t *)frame), text, strlen(text));
}

static const struct handler *find_handler(const struct worker *worker, const char *operation) {
    for (size_t i = 0; i < worker->service->handler_count; i++)
        if (!strcmp(worker->service->handlers[i].operation->name, operation))
            return &worker->service->handlers[i];
    return strcmp(ping_handler.operation->name, operation) ? NULL : &ping_handler;
}

static struct job *job_new(struct worker *worker) {
    struct job *job = STAILQ_FIRST(&worker->spare);
    if (job) {
        STAILQ_REMOVE_HEAD(&worker->spare, next);
    } else if (!(job = calloc(1, sizeof *job))) {
        abort();
    } else {
        job->pool = pool_new();
    }
    return job;
}

void job_recycle(struct worker *worker, struct job *job) {
    struct pool *pool = job->pool;
    pool_reset(pool);
    *job = (struct job){.pool = pool};
    STAILQ_INSERT_HEAD(&worker->spare, job, next);
}

/* The same key with another operation or payload is another command. */
static void take_fingerprint(struct job *job, const void *payload, size_t length) {
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    const char *name = job->handler->operation->name;
    if (!context || !EVP_DigestInit_ex(context, EVP_sha256(), NULL) ||
        !EVP_DigestUpdate(context, name, strlen(name) + 1) || !EVP_DigestUpdate(context, payload, length) ||
        !EVP_DigestFinal_ex(context, job->fingerprint, NULL))
        abort();
    EVP_MD_CTX_free(context);
}

/* Reads the request into the job's prepared call. Refusals are left in it. */
static void prepare(struct worker *worker, struct job *job, const struct call_header *header, zmq_msg_t *payload) {
    const struct handler *handler = find_handler(worker, header->operation);
    job->handler = handler;
    job->prepared = pool_alloc(job->pool, handler ? handler->operation->call_size : sizeof *job->prepared);
    struct call *call = job->prepared;
    call->header = *header;
    call->pool = job->pool;
    call->job = job;
    call->details.pool = job->pool;
    call->deadline_mono_ms = worker->arrived_mono_ms + (header->ttl_ms ? header->ttl_ms : MDP_DEFAULT_TTL_MS);
    job->command = uuid_is_nil(&header->command) ? header->id : header->command;
    if (!handler) {
        refuse_field(call, &refusal_validation_error, "op", "is no operation of %s", worker->service->name);
        return;
    }
    char *request = (char *)call + handler->operation->request_offset;
    if (codec_decode(handler->operation->request, zmq_msg_data(payload), zmq_msg_size(payload), job->pool, request,
                     &call->details))
        call->refusal = &refusal_validation_error;
    else if (handler->operation->kind == OPERATION_COMMAND || command_has_key(job))
        take_fingerprint(job, zmq_msg_data(payload), zmq_msg_size(payload));
}

/* A header that only the broker could read is refused: unanswered, the call would keep its credit. */
static int prepare_unreadable(struct job *job, zmq_msg_t *frame) {
    uint32_t ttl_ms;
    job->prepared = pool_alloc(job->pool, sizeof *job->prepared);
    job->prepared->refusal = &refusal_bad_request;
    return envelope_peek(zmq_msg_data(frame), zmq_msg_size(frame), &job->prepared->header.id, &ttl_ms);
}

static void take_call(struct worker *worker, struct bus_link *link, zmq_msg_t *client, zmq_msg_t *frames,
                      struct job_list *answered) {
    struct call_header header;
    struct job *job = job_new(worker);
    job->link = link;
    job->client_length = zmq_msg_size(client);
    job->client = pool_copy(job->pool, zmq_msg_data(client), job->client_length);
    if (envelope_read_call(zmq_msg_data(&frames[0]), zmq_msg_size(&frames[0]), job->pool, &header) == 0) {
        prepare(worker, job, &header, &frames[1]);
    } else if (prepare_unreadable(job, &frames[0])) {
        log_warn("dropped a call without id from %s", bus_address(link));
        job_recycle(worker, job);
        return;
    }
    if (job->prepared->refusal) {
        answer_settle(worker, job, job->prepared);
        job->answered = true;
        STAILQ_INSERT_TAIL(answered, job, next);
        return;
    }
    STAILQ_INSERT_TAIL(&worker->waiting, job, next);
    worker->waiting_count++;
}

/* "MDPW02", command, and for a REQUEST: client, "", (header, payload)+. A leading empty frame is a foreign broker's. */
static void take_message(struct worker *worker, struct bus_link *link, struct job_list *answered) {
    zmq_msg_t *frames = worker->message.frames;
    size_t count = worker->message.count;
    if (count && !zmq_msg_size(frames)) {
        frames++;
        count--;
    }
    if (count < 2 || !frame_is(&frames[0], MDP_WORKER) || zmq_msg_size(&frames[1]) != 1) {
        log_warn("dropped a message from %s that is not Majordomo 0.2", bus_address(link));
        return;
    }
    switch (*(const char *)zmq_msg_data(&frames[1])) {
    case MDP_WORKER_HEARTBEAT:
        return;
    case MDP_WORKER_DISCONNECT: /* "I do not know you" */
        if (!worker->leaving)
            peer_ready(worker, link);
        return;
    case MDP_WORKER_REQUEST:
        if (count < 6 || count % 2) {
            log_warn("dropped a request with %zu frames from %s", count, bus_address(link));
            return;
        }
        worker->last_taken_mono_ms = clock_mono_ms();
        for (size_t i = 4; i + 1 < count; i += 2)
            take_call(worker, link, &frames[2], &frames[i], answered);
        return;
    default:
        log_warn("dropped a message of kind %d from %s", *(const char *)zmq_msg_data(&frames[1]), bus_address(link));
    }
}

bool mailbox_has_room(const struct worker *worker) {
    return worker->waiting_count + worker->deferred_count <
           (size_t)worker->service->credit * (size_t)worker->link_count;
}

void mailbox_take(struct worker *worker) {
    struct job_list answered = STAILQ_HEAD_INITIALIZER(answered);
    worker->arrived_mono_ms = arrivals_look(&worker->arrivals, clock_mono_ms());
    for (int i = 0; i < worker->link_count; i++)
        while (mailbox_has_room(worker) && bus_receive(bus_socket(worker->links[i]), &worker->message) > 0)
            take_message(worker, worker->links[i], &answered);
    answers_send(worker, &answered);
}

void mailbox_forget_link(struct worker *worker, const struct bus_link *link) {
    struct job_list kept = STAILQ_HEAD_INITIALIZER(kept);
    while (!STAILQ_EMPTY(&worker->waiting)) {
        struct job *job = STAILQ_FIRST(&worker->waiting);
        STAILQ_REMOVE_HEAD(&worker->waiting, next);
        if (job->link == link) {
            job_recycle(worker, job);
            worker->waiting_count--;
        } else {
            STAILQ_INSERT_TAIL(&kept, job, next);
        }
    }
    STAILQ_CONCAT(&worker->waiting, &kept);
}

void mailbox_forget_all(struct worker *worker) {
    STAILQ_CONCAT(&worker->spare, &worker->waiting);
    worker->waiting_count = 0;
    while (!STAILQ_EMPTY(&worker->spare)) {
        struct job *job = STAILQ_FIRST(&worker->spare);
        STAILQ_REMOVE_HEAD(&worker->spare, next);
        pool_destroy(&job->pool);
        free(job);
    }
}
