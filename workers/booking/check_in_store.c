/* See check_in_store.h. */
#include "check_in_store.h"

#include <string.h>

#include "booking_columns.h"

static const struct statement lock = {
    "lock_visits", "SELECT id FROM bookings WHERE id = ANY ($1::bigint[]) ORDER BY id FOR NO KEY UPDATE"};
static const struct statement read_visits = {
    "read_visits",
    "SELECT i.position, " BOOKING_COLUMNS ", extract(epoch FROM e.start_at)::bigint,"
    " extract(epoch FROM coalesce(e.end_at, e.start_at))::bigint, floor(extract(epoch FROM now()))::bigint, b.check_ins"
    " FROM unnest($1::bigint[]) WITH ORDINALITY AS i (id, position) JOIN bookings b ON b.id = i.id" PARTIES MONEY};
static const struct statement note = {
    "note_check_ins", "UPDATE bookings SET checked_in_at = now(), check_ins = check_ins + 1, updated_at = now()"
                      " WHERE id = ANY ($1::bigint[])"};
static const struct statement undo = {
    "undo_check_ins", "UPDATE bookings SET checked_in_at = NULL, updated_at = now() WHERE id = ANY ($1::bigint[])"};

static int queue(struct worker *worker, const struct statement *statement, const int64_t *ids, size_t count) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integers(&parameters, ids, count);
    return db_queue(worker_db(worker), statement, &parameters);
}

static int receive_visits(struct worker *worker, size_t count, struct visit *ret_visits) {
    PGresult *result = db_receive(worker_db(worker));
    if (!result)
        return -1;
    int first = 1, more = first + BOOKING_COLUMN_COUNT;
    memset(ret_visits, 0, count * sizeof *ret_visits);
    for (int row = 0; row < PQntuples(result); row++) {
        struct visit *visit = &ret_visits[db_integer(result, row, 0) - 1];
        visit->row = booking_row_at(result, row, first, worker_pool(worker));
        visit->hours = (struct event_hours){.start_s = db_integer(result, row, more),
                                            .end_s = db_integer(result, row, more + 1),
                                            .now_s = db_integer(result, row, more + 2)};
        visit->check_ins = db_integer(result, row, more + 3);
        tickets_show(&visit->row.booking, worker_pool(worker));
    }
    return 0;
}

int check_in_store_read(struct worker *worker, const int64_t *ids, size_t count, struct visit *ret_visits) {
    return queue(worker, &read_visits, ids, count) ? -1 : receive_visits(worker, count, ret_visits);
}

int check_in_store_lock(struct worker *worker, const int64_t *ids, size_t count, struct visit *ret_visits) {
    if (queue(worker, &lock, ids, count) || queue(worker, &read_visits, ids, count) || !db_receive(worker_db(worker)))
        return -1;
    return receive_visits(worker, count, ret_visits);
}

int check_in_store_note(struct worker *worker, const int64_t *ids, size_t count) {
    return queue(worker, &note, ids, count) || !db_receive(worker_db(worker)) ? -1 : 0;
}

int check_in_store_undo(struct worker *worker, const int64_t *ids, size_t count) {
    return queue(worker, &undo, ids, count) || !db_receive(worker_db(worker)) ? -1 : 0;
}
