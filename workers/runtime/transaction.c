/* One transaction with its news and its outbox. NOTIFY follows COMMIT as a transaction of its own: inside, its
 * database-wide lock would be held while the commit waits for the disk, one committing worker at a time; and nobody is
 * kept waiting for it. If it gets lost, the crm worker's polling finds the rows. */
#include "columns.h"
#include "internals.h"

static const struct statement begin = {"begin", "BEGIN"};
static const struct statement commit = {"commit", "COMMIT"};
static const struct statement rollback = {"rollback", "ROLLBACK"};
static const struct statement notify = {"outbox_notify", "NOTIFY outbox"};
/* The auth worker sends these; it is not to be woken by each booking. */
static const struct statement notify_account_mail = {"outbox_notify_account_mail", "NOTIFY account_mail"};
/* A conflict target would need the right to read. */
static const struct statement insert_news = {
    "news_insert",
    "INSERT INTO log_entries (owner_id, user_id, event_id, booking_id, type, cause, body, trace) "
    "SELECT owner_id, nullif(user_id, 0), nullif(event_id, 0), nullif(booking_id, 0), type, cause, body, trace "
    "FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::text[], "
    "$8::text[]) AS news(owner_id, user_id, event_id, booking_id, type, cause, body, trace) "
    "ON CONFLICT DO NOTHING"};
static const struct statement insert_outbox = {
    "outbox_insert",
    "INSERT INTO outbox (lane, owner_id, channel, type, cause, body, trace) "
    "SELECT lane, nullif(owner_id, 0), channel, type, cause, body, trace "
    "FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[]) "
    "AS queued(lane, owner_id, channel, type, cause, body, trace) "
    "ON CONFLICT DO NOTHING"};

/* Room for one more item behind `count`. */
static void *grow(void *items, size_t count, size_t *capacity, size_t size) {
    if (count < *capacity)
        return items;
    *capacity = *capacity ? 2 * *capacity : 16;
    items = realloc(items, *capacity * size);
    if (!items)
        abort();
    return items;
}

static const char *copy_trace(struct worker *worker, const char *trace) {
    return pool_text(worker->pool, trace ? trace : "");
}

void worker_outbox(struct worker *worker, const struct outbox_message *message) {
    worker->outbox = grow(worker->outbox, worker->outbox_count, &worker->outbox_capacity, sizeof *worker->outbox);
    worker->outbox[worker->outbox_count++] = (struct outbox_message){
        .channel = pool_text(worker->pool, message->channel),
        .lane = message->lane,
        .owner_id = message->owner_id,
        .type = pool_text(worker->pool, message->type),
        .cause = pool_text(worker->pool, message->cause),
        .body = pool_text(worker->pool, message->body),
        .trace = copy_trace(worker, message->trace),
    };
}

void worker_news(struct worker *worker, const struct news *news) {
    worker->news = grow(worker->news, worker->news_count, &worker->news_capacity, sizeof *worker->news);
    worker->news[worker->news_count++] = (struct news){
        .type = pool_text(worker->pool, news->type),
        .cause = pool_text(worker->pool, news->cause),
        .owner_id = news->owner_id,
        .user_id = news->user_id,
        .event_id = news->event_id,
        .booking_id = news->booking_id,
        .body = pool_text(worker->pool, news->body),
        .trace = copy_trace(worker, news->trace),
    };
}

static int queue_news(struct worker *worker) {
    const struct news *news = worker->news;
    size_t count = worker->news_count;
    struct parameters parameters;
    parameters_init(&parameters, worker->pool);
    COLUMN_INTEGERS(&parameters, news, count, owner_id);
    COLUMN_INTEGERS(&parameters, news, count, user_id);
    COLUMN_INTEGERS(&parameters, news, count, event_id);
    COLUMN_INTEGERS(&parameters, news, count, booking_id);
    COLUMN_TEXTS(&parameters, news, count, type);
    COLUMN_TEXTS(&parameters, news, count, cause);
    COLUMN_TEXTS(&parameters, news, count, body);
    COLUMN_TEXTS(&parameters, news, count, trace);
    return db_queue(worker->db, &insert_news, &parameters);
}

static int queue_outbox(struct worker *worker) {
    const struct outbox_message *rows = worker->outbox;
    size_t count = worker->outbox_count;
    struct parameters parameters;
    parameters_init(&parameters, worker->pool);
    COLUMN_INTEGERS(&parameters, rows, count, lane);
    COLUMN_INTEGERS(&parameters, rows, count, owner_id);
    COLUMN_TEXTS(&parameters, rows, count, channel);
    COLUMN_TEXTS(&parameters, rows, count, type);
    COLUMN_TEXTS(&parameters, rows, count, cause);
    COLUMN_TEXTS(&parameters, rows, count, body);
    COLUMN_TEXTS(&parameters, rows, count, trace);
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
    worker->news_count = worker->outbox_count = 0;
    worker->collected = NULL;
    return db_queue_early(worker->db, &begin, NULL);
}

/* Who queues account mails queues nothing else. NULL: there is nobody to wake. */
static const struct statement *wake_call(const struct worker *worker) {
    if (!worker->news_count && !worker->outbox_count)
        return NULL;
    bool account_mail = worker->outbox_count && strcmp(worker->outbox[0].channel, "account_mail") == 0;
    return account_mail ? &notify_account_mail : &notify;
}

int transaction_queue_close(struct worker *worker) {
    const struct statement *wake = wake_call(worker);
    if ((worker->news_count && queue_news(worker)) || (worker->outbox_count && queue_outbox(worker)) ||
        db_queue(worker->db, &commit, NULL))
        return -1;
    return wake ? db_send_aside(worker->db, wake) : 0;
}

int transaction_receive_close(struct worker *worker) {
    if ((worker->news_count && !db_receive(worker->db)) || (worker->outbox_count && !db_receive(worker->db)))
        return -1;
    PGresult *result = db_receive(worker->db);
    return !result || strcmp(PQcmdStatus(result), "COMMIT") ? -1 : 0;
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
    if (transaction_open(worker) || work(worker, argument) || transaction_write_collected(worker) ||
        db_failure(worker->db) != DB_FINE || transaction_queue_close(worker) || transaction_receive_close(worker)) {
        transaction_abandon(worker);
        return -1;
    }
    return 0;
}
