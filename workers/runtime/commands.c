/* Commands run once, however often they are sent: one transaction per group, in which the ids are looked up, the rest
 * is run, and each success is stored with its reply under its id. A repeat gets the stored reply; another request under
 * the same id is refused. Two workers that run the same command at once meet at the primary key, and the later one runs
 * again. A read that came under a key has nothing to be stored but the key itself.
 *
 * Repeats are rare, so where a rollback undoes all that a service does, a group is run as if there were none, in the
 * round trip that also looks the ids up; where one is found, that run is rolled back, and the others run again. */
#include "internals.h"
#include "log.h"
#include "seal.h"

#define KEPT "interval '48 hours'"
#define SEALED_REPLIES "stored replies" /* purpose of seal() */

static const struct statement find = {"commands_find",
                                      "SELECT id, fingerprint, reply FROM commands WHERE id = ANY($1::uuid[])"};
static const struct statement store = {
    "commands_store",
    "INSERT INTO commands (id, fingerprint, reply) SELECT * FROM unnest($1::uuid[], $2::bytea[], $3::bytea[])"};
/* In one order, so that two workers do not wait for each other in a circle. */
static const struct statement claim = {
    "commands_claim", "INSERT INTO commands (id, fingerprint, reply)"
                      " SELECT id, fingerprint, '' FROM unnest($1::uuid[], $2::bytea[]) AS g (id, fingerprint)"
                      " ORDER BY id ON CONFLICT DO NOTHING"};
const struct statement commands_sweep = {
    "commands_sweep",
    "DELETE FROM commands WHERE ctid = ANY(ARRAY(SELECT ctid FROM commands WHERE created_at < now() - " KEPT
    " LIMIT $1::integer))"};

struct batch {
    struct worker *worker;
    const struct handler *handler;
    struct job **jobs; /* all of the group */
    size_t count;
    struct job *by_command; /* the first of each id; others hang on it as twins */
    struct job **fresh;     /* those that the handler gets */
    size_t fresh_count;
};

static void index_jobs(struct batch *batch) {
    for (size_t i = 0; i < batch->count; i++) {
        struct job *job = batch->jobs[i], *first;
        job->settled = job->replayed = false;
        job->twins = NULL;
        HASH_FIND(hh, batch->by_command, &job->command, sizeof job->command, first);
        if (first) {
            job->twins = first->twins;
            first->twins = job;
        } else {
            HASH_ADD(hh, batch->by_command, command, sizeof job->command, job);
        }
    }
}

static void add_ids(struct parameters *parameters, struct pool *pool, struct job *const *jobs, size_t count) {
    struct uuid *ids = pool_alloc(pool, count * sizeof *ids);
    for (size_t i = 0; i < count; i++)
        ids[i] = jobs[i]->command;
    parameter_uuids(parameters, ids, count);
}

static void add_fingerprints(struct parameters *parameters, struct pool *pool, struct job *const *jobs, size_t count) {
    struct bytes *fingerprints = pool_alloc(pool, count * sizeof *fingerprints);
    for (size_t i = 0; i < count; i++)
        fingerprints[i] = (struct bytes){jobs[i]->fingerprint, FINGERPRINT_SIZE};
    parameter_bytes_array(parameters, fingerprints, count);
}

typedef int queue_function(struct db *, const struct statement *, const struct parameters *);

static int queue_find(struct worker *worker, struct job *const *jobs, size_t count, queue_function *queue) {
    struct parameters parameters;
    parameters_init(&parameters, worker->pool);
    add_ids(&parameters, worker->pool, jobs, count);
    return queue(worker->db, &find, &parameters);
}

/* The answer to a repeat: what the first run said. */
static void replay(struct batch *batch, struct job *job, const unsigned char *fingerprint, struct bytes reply) {
    job->settled = job->replayed = true;
    if (memcmp(fingerprint, job->fingerprint, FINGERPRINT_SIZE)) {
        answer_refuse(batch->worker, job, &refusal_idempotency_mismatch);
        return;
    }
    if (batch->handler->operation->secret_reply) {
        reply = unseal(job->pool, SEALED_REPLIES, reply, NULL);
        if (!reply.data) {
            answer_refuse(batch->worker, job, &refusal_idempotency_lost); /* its key is gone */
            return;
        }
    }
    job->refusal = NULL;
    job->payload.data = pool_copy(job->pool, reply.data, reply.length);
    job->payload.length = reply.length;
}

static void replay_found(struct batch *batch, const PGresult *result) {
    for (int row = 0; row < PQntuples(result); row++) {
        struct uuid id;
        struct job *job = NULL;
        struct bytes fingerprint = db_bytes(result, row, 1, batch->worker->pool);
        if (uuid_parse(db_text(result, row, 0), &id) == 0 && fingerprint.length == FINGERPRINT_SIZE)
            HASH_FIND(hh, batch->by_command, &id, sizeof id, job);
        for (; job; job = job->twins)
            replay(batch, job, fingerprint.data, db_bytes(result, row, 2, batch->worker->pool));
    }
}

static size_t count_replayed(const struct batch *batch) {
    size_t count = 0;
    for (size_t i = 0; i < batch->count; i++)
        count += batch->jobs[i]->replayed;
    return count;
}

static int run_fresh(struct batch *batch) {
    size_t call_size = batch->handler->operation->call_size;
    batch->fresh_count = 0;
    for (struct job *job = batch->by_command; job; job = job->hh.next)
        if (!job->replayed)
            batch->fresh[batch->fresh_count++] = job;
    if (!batch->fresh_count)
        return 0;
    char *calls = groups_copy_calls(batch->worker, batch->handler, batch->fresh, batch->fresh_count);
    if (batch->handler->run(batch->worker, calls, batch->fresh_count) || transaction_write_collected(batch->worker) ||
        db_failure(batch->worker->db) != DB_FINE)
        return -1;
    for (size_t i = 0; i < batch->fresh_count; i++)
        answer_settle(batch->worker, batch->fresh[i], (struct call *)(calls + i * call_size));
    return 0;
}

static int queue_store(struct batch *batch, struct job **jobs, size_t count) {
    struct pool *pool = batch->worker->pool;
    struct bytes *replies = pool_alloc(pool, count * sizeof *replies);
    for (size_t i = 0; i < count; i++)
        replies[i] =
            batch->handler->operation->secret_reply ? seal(pool, SEALED_REPLIES, jobs[i]->payload) : jobs[i]->payload;
    struct parameters parameters;
    parameters_init(&parameters, pool);
    add_ids(&parameters, pool, jobs, count);
    add_fingerprints(&parameters, pool, jobs, count);
    parameter_bytes_array(&parameters, replies, count);
    return db_queue(batch->worker->db, &store, &parameters);
}

/* Stores the successes and commits in one round trip. A refusal may come from another worker's run of the very same
 * command, which committed in between (its own booking is then "already booked"): so refused ids are looked up once
 * more, and such a call gets the reply of that run. */
static int close_batch(struct batch *batch) {
    struct worker *worker = batch->worker;
    struct job **refused = pool_alloc(worker->pool, batch->fresh_count * sizeof *refused), **done = batch->fresh;
    size_t refused_count = 0, done_count = 0;
    for (size_t i = 0; i < batch->fresh_count; i++)
        if (batch->fresh[i]->refusal)
            refused[refused_count++] = batch->fresh[i];
        else
            done[done_count++] = batch->fresh[i];
    if ((done_count && queue_store(batch, done, done_count)) ||
        (refused_count && queue_find(worker, refused, refused_count, db_queue)) || transaction_queue_close(worker))
        return -1;
    if (done_count && !db_receive(worker->db))
        return -1;
    if (refused_count) {
        PGresult *found = db_receive(worker->db);
        if (!found)
            return -1;
        replay_found(batch, found);
    }
    return transaction_receive_close(worker);
}

/* Looks the ids up and runs what has not been replayed. 0: done so far. 1: there are more repeats, now replayed; what
 * was run must be rolled back. -1: failed. */
static int open_batch(struct batch *batch) {
    struct worker *worker = batch->worker;
    if (transaction_open(worker) || queue_find(worker, batch->jobs, batch->count, db_queue_early))
        return -1;
    bool at_once = worker->service->rolls_back;
    int result = at_once ? run_fresh(batch) : 0;
    const PGresult *begun = db_early(worker->db), *found = begun ? db_early(worker->db) : NULL;
    if (!found)
        return -1;
    size_t replayed = count_replayed(batch);
    replay_found(batch, found);
    if (!at_once)
        return run_fresh(batch);
    return count_replayed(batch) > replayed ? 1 : result;
}

static void settle_twins(struct batch *batch) {
    for (struct job *first = batch->by_command; first; first = first->hh.next)
        for (struct job *twin = first->twins; twin; twin = twin->twins) {
            if (twin->replayed)
                continue;
            if (memcmp(twin->fingerprint, first->fingerprint, FINGERPRINT_SIZE)) {
                answer_refuse(batch->worker, twin, &refusal_idempotency_mismatch);
                continue;
            }
            twin->refusal = first->refusal;
            twin->payload.data = pool_copy(twin->pool, first->payload.data, first->payload.length);
            twin->payload.length = first->payload.length;
        }
}

enum db_failure commands_run(struct worker *worker, const struct handler *handler, struct job **jobs, size_t count) {
    struct batch batch = {.worker = worker, .handler = handler, .jobs = jobs, .count = count};
    batch.fresh = pool_alloc(worker->pool, count * sizeof *batch.fresh);
    enum db_failure failure = DB_FINE;
    index_jobs(&batch);
    int opened = open_batch(&batch);
    while (opened > 0) {
        transaction_abandon(worker);
        opened = open_batch(&batch);
    }
    if (opened || close_batch(&batch)) {
        failure = transaction_abandon(worker);
    } else {
        settle_twins(&batch);
        for (size_t i = 0; i < count; i++)
            jobs[i]->answered = true;
    }
    db_release(worker->db);
    HASH_CLEAR(hh, batch.by_command);
    return failure;
}

/* ---- Reads under a key */

bool command_has_key(const struct job *job) {
    return memcmp(&job->command, &job->prepared->header.id, sizeof job->command);
}

/* A statement of its own sees also what another worker has claimed meanwhile. */
static PGresult *claim_keys(struct worker *worker, struct job *const *keyed, size_t count) {
    struct parameters parameters;
    parameters_init(&parameters, worker->pool);
    add_ids(&parameters, worker->pool, keyed, count);
    add_fingerprints(&parameters, worker->pool, keyed, count);
    if (db_queue(worker->db, &claim, &parameters) || queue_find(worker, keyed, count, db_queue) ||
        !db_receive(worker->db))
        return NULL;
    return db_receive(worker->db);
}

static void refuse_misused(struct worker *worker, const PGresult *found, struct job *const *keyed, size_t count) {
    for (int row = 0; row < PQntuples(found); row++) {
        struct uuid id;
        struct bytes fingerprint = db_bytes(found, row, 1, worker->pool);
        if (uuid_parse(db_text(found, row, 0), &id) || fingerprint.length != FINGERPRINT_SIZE)
            continue;
        for (size_t i = 0; i < count; i++)
            if (!memcmp(&keyed[i]->command, &id, sizeof id) &&
                memcmp(keyed[i]->fingerprint, fingerprint.data, FINGERPRINT_SIZE)) {
                answer_refuse(worker, keyed[i], &refusal_idempotency_mismatch);
                keyed[i]->answered = true;
            }
    }
}

int commands_claim_keys(struct worker *worker, struct job *const *jobs, size_t count) {
    struct job **keyed = pool_alloc(worker->pool, count * sizeof *keyed);
    size_t keyed_count = 0;
    for (size_t i = 0; i < count; i++)
        if (command_has_key(jobs[i]))
            keyed[keyed_count++] = jobs[i];
    if (!keyed_count)
        return 0;
    PGresult *found = claim_keys(worker, keyed, keyed_count);
    if (found)
        refuse_misused(worker, found, keyed, keyed_count);
    return found ? 0 : -1;
}
