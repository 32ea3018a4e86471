/* One transaction with its outbox. NOTIFY runs behind COMMIT in the same round trip, as a transaction of its own:
 * inside, its database-wide lock would be held while the commit waits for the disk, one committing worker at a time. If
 * it gets lost, the webhook worker's polling finds the row. */
#include "internals.h"
#include "log.h"

static const struct statement begin = {"begin", "BEGIN"};
static const struct statement commit = {"commit", "COMMIT"};
static const struct statement rollback = {"rollback", "ROLLBACK"};
static const struct statement notify = {"outbox_notify", "NOTIFY outbox"};
/* The auth worker sends these; it is not to be woken by each booking's webhook. */
static const struct statement notify_account_mail = {"outbox_notify_account_mail", "NOTIFY account_mail"};
static const struct statement insert_outbox = {
    "outbox_insert", "INSERT INTO outbox (channel, owner_id, type, cause, body, trace) "
                     "SELECT channel, nullif(owner_id, 0), type, cause, body, trace "
                     "FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[]) "
                     "AS queued(owner_id, channel, type, cause, body, trace) "
                     "ON CONFLICT DO NOTHING"};

void worker_outbox(struct worker *worker, const struct outbox_message *message) {
    if (worker->outbox_count == worker->outbox_capacity) {
        worker->outbox_capacity = worker->outbox_capacity ? 2 * worker->outbox_capacity : 16;
        worker->outbox = realloc(worker->outbox, worker->outbox_capacity * sizeof *worker->outbox);
        if (!worker->outbox)
            abort();
    }
    worker->outbox[worker->outbox_count++] = (struct outbox_message){
        .channel = pool_text(worker->pool, message->channel),
        .owner_id = message->owner_id,
        .type = pool_text(worker->pool, message->type),
        .cause = pool_text(worker->pool, message->cause),
        .body = pool_text(worker->pool, message->body),
        .trace = pool_text(worker->pool, message->trace ? message->trace : ""),
    };
}

#define OUTBOX_TEXTS 5

static int queue_outbox(struct worker *worker) {
    size_t count = worker->outbox_count;
    int64_t *owners = pool_alloc(worker->pool, count * sizeof *owners);
    const char **texts = pool_alloc(worker->pool, OUTBOX_TEXTS * count * sizeof *texts);
    for (size_t i = 0; i < count; i++) {
        const struct outbox_message *row = &worker->outbox[i];
        const char *const columns[OUTBOX_TEXTS] = {row->channel, row->type, row->cause, row->body, row->trace};
        owners[i] = row->owner_id;
        for (size_t column = 0; column < OUTBOX_TEXTS; column++)
            texts[column * count + i] = columns[column];
    }
    struct parameters parameters;
    parameters_init(&parameters, worker->pool);
    parameter_integers(&parameters, owners, count);
    for (size_t column = 0; column < OUTBOX_TEXTS; column++)
        parameter_texts(&parameters, texts + column * count, count);
    return db_queue(worker->db, &insert_outbox, &parameters);
}

void *worker_collect(struct worker *worker, int (*write)(struct worker *, void *collected), size_t size) {
    if (!worker->collected)
        worker->collected = pool_alloc(worker->pool, size);
    worker->write_collected = write;
    return worker->collected;
}

void *worker_collected(const struct worker *worker) {
    return worker->collected;
}

int transaction_write_collected(struct worker *worker) {
    return worker->collected ? worker->write_collected(worker, worker->collected) : 0;
}

int transaction_open(struct worker *worker) {
    worker->outbox_count = 0;
    worker->collected = NULL;
    return db_queue(worker->db, &begin, NULL);
}

/* Who queues account mails queues nothing else. */
static const struct statement *wake_call(const struct worker *worker) {
    return strcmp(worker->outbox[0].channel, "account_mail") == 0 ? &notify_account_mail : &notify;
}

int transaction_queue_close(struct worker *worker) {
    if (worker->outbox_count && queue_outbox(worker))
        return -1;
    if (db_queue(worker->db, &commit, NULL))
        return -1;
    return worker->outbox_count ? db_queue(worker->db, wake_call(worker), NULL) : 0;
}

int transaction_receive_close(struct worker *worker) {
    if (worker->outbox_count && !db_receive(worker->db))
        return -1;
    PGresult *result = db_receive(worker->db);
    if (!result || strcmp(PQcmdStatus(result), "COMMIT"))
        return -1;
    if (worker->outbox_count && !db_receive(worker->db))
        log_warn("an outbox row was written but not announced");
    return 0;
}

enum db_failure transaction_abandon(struct worker *worker) {
    enum db_failure failure = db_failure(worker->db);
    db_recover(worker->db);
    if (db_connected(worker->db)) {
        db_query(worker->db, &rollback, NULL);
        db_recover(worker->db);
    }
    return failure == DB_FINE ? DB_REJECTED : failure;
}

int worker_transaction(struct worker *worker, int (*work)(struct worker *, void *argument), void *argument) {
    db_recover(worker->db);
    if (transaction_open(worker) || !db_receive(worker->db) || work(worker, argument) ||
        transaction_write_collected(worker) || db_failure(worker->db) != DB_FINE || transaction_queue_close(worker) ||
        transaction_receive_close(worker)) {
        transaction_abandon(worker);
        return -1;
    }
    return 0;
}
