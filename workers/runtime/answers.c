/* Answers: how a call's end becomes a message, and how messages leave, bundled by the client that waits for them. What
 * a broker that has gone was owed is dropped: the gateway sends the call again, and commands are replayed. */
#include "internals.h"
#include "log.h"
#include "mdp.h"
#include "mp.h"

static bool told_before(const struct problem *first, const struct problem *problem) {
    for (; first != problem; first = first->next)
        if (!strcmp(first->field, problem->field))
            return true;
    return false;
}

/* {"details": {field: reason}, "retry_after_s": n}; of two reasons for one field the first counts. */
static void pack_refusal(const struct call *call, struct buffer *ret_payload) {
    uint32_t details = 0;
    for (const struct problem *problem = call->details.first; problem; problem = problem->next)
        details += !told_before(call->details.first, problem);
    msgpack_packer packer;
    mp_packer_init(&packer, ret_payload);
    msgpack_pack_map(&packer, (details > 0) + (call->retry_after_s > 0));
    if (details) {
        mp_pack_text(&packer, "details");
        msgpack_pack_map(&packer, details);
        for (const struct problem *problem = call->details.first; problem; problem = problem->next) {
            if (told_before(call->details.first, problem))
                continue;
            mp_pack_text(&packer, problem->field);
            mp_pack_text(&packer, problem->reason);
        }
    }
    if (call->retry_after_s) {
        mp_pack_text(&packer, "retry_after_s");
        msgpack_pack_uint32(&packer, call->retry_after_s);
    }
}

static void settle(struct worker *worker, struct job *job, const struct refusal *refusal) {
    if (refusal && refusal->status >= 500)
        log_line(LOG_LEVEL_WARN, job->prepared->header.request_id, "%s refused: %s", job->prepared->header.operation,
                 refusal->code);
    job->refusal = refusal;
    job->payload.data = pool_copy(job->pool, worker->scratch.bytes, worker->scratch.length);
    job->payload.length = worker->scratch.length;
    job->settled = true;
}

void answer_settle(struct worker *worker, struct job *job, const struct call *call) {
    buffer_clear(&worker->scratch);
    if (call->refusal) {
        pack_refusal(call, &worker->scratch);
    } else if (call->unchanged) {
        msgpack_packer packer;
        mp_packer_init(&packer, &worker->scratch);
        msgpack_pack_map(&packer, 0);
    } else {
        const struct operation *operation = job->handler->operation;
        codec_encode(operation->reply, (const char *)call + operation->reply_offset, &worker->scratch);
        if (worker->scratch.length > BUS_FRAME_SIZE_LIMIT) {
            log_line(LOG_LEVEL_ERROR, call->header.request_id, "a reply of %s has %zu bytes: it fits no frame",
                     operation->name, worker->scratch.length);
            answer_refuse(worker, job, &refusal_internal_error);
            return;
        }
    }
    settle(worker, job, call->refusal);
    if (!call->refusal) {
        job->version = call->version;
        job->unchanged = call->unchanged;
    }
}

void answer_refuse(struct worker *worker, struct job *job, const struct refusal *refusal) {
    const struct call nothing = {.retry_after_s = refusal->retry_after_s};
    buffer_clear(&worker->scratch);
    pack_refusal(&nothing, &worker->scratch);
    settle(worker, job, refusal);
}

static bool same_client(const struct job *a, const struct job *b) {
    return a->link == b->link && a->client_length == b->client_length &&
           !memcmp(a->client, b->client, a->client_length);
}

/* Moves the first answer and those that go the same way, MDP_BUNDLE_LIMIT at most. */
static size_t take_bundle(struct job_list *answered, struct job **ret_bundle) {
    struct job_list others = STAILQ_HEAD_INITIALIZER(others);
    size_t count = 0;
    while (!STAILQ_EMPTY(answered)) {
        struct job *job = STAILQ_FIRST(answered);
        STAILQ_REMOVE_HEAD(answered, next);
        if (!count || (count < MDP_BUNDLE_LIMIT && same_client(job, ret_bundle[0])))
            ret_bundle[count++] = job;
        else
            STAILQ_INSERT_TAIL(&others, job, next);
    }
    STAILQ_CONCAT(answered, &others);
    return count;
}

static int send_head(void *socket, const struct job *job) {
    const char command = MDP_WORKER_FINAL;
    return bus_send_frame(socket, MDP_WORKER, MDP_NAME_LENGTH, true) || bus_send_frame(socket, &command, 1, true) ||
           bus_send_frame(socket, job->client, job->client_length, true) || bus_send_frame(socket, "", 0, true);
}

static int send_answer(struct worker *worker, void *socket, const struct job *job, bool more) {
    const struct answer_header header = {.id = job->prepared->header.id,
                                         .refusal = job->refusal ? job->refusal->code : NULL,
                                         .version = job->version,
                                         .unchanged = job->unchanged};
    buffer_clear(&worker->scratch);
    envelope_pack_answer(&header, &worker->scratch);
    return bus_send_frame(socket, worker->scratch.bytes, worker->scratch.length, true) ||
           bus_send_frame(socket, job->payload.data, job->payload.length, more);
}

static void send_bundle(struct worker *worker, struct job **bundle, size_t count) {
    struct bus_link *link = bundle[0]->link;
    if (!bus_is_up(link) || send_head(bus_socket(link), bundle[0])) {
        log_info("%zu answers dropped: %s is away", count, bus_address(link));
        return;
    }
    for (size_t i = 0; i < count; i++)
        if (send_answer(worker, bus_socket(link), bundle[i], i + 1 < count)) {
            log_warn("%zu answers dropped: %s went away", count - i, bus_address(link));
            return;
        }
}

void answers_send(struct worker *worker, struct job_list *answered) {
    struct job *bundle[MDP_BUNDLE_LIMIT];
    while (!STAILQ_EMPTY(answered)) {
        size_t count = take_bundle(answered, bundle);
        send_bundle(worker, bundle, count);
        for (size_t i = 0; i < count; i++)
            job_recycle(worker, bundle[i]);
    }
}
