/* Deletes rows that nobody needs any more: a batch of each kind now and then, so small that no call waits for it. */
#include "internals.h"

#define ROWS 1000
#define PAUSE_MS 60000
#define BACKLOG_PAUSE_MS 1000

/* True where more may be left. */
static bool sweep(struct worker *worker, const struct statement *statement) {
    struct parameters parameters;
    parameters_init(&parameters, worker->pool);
    parameter_integer(&parameters, ROWS);
    PGresult *result = db_query(worker->db, statement, &parameters);
    bool backlog = result && atoi(PQcmdTuples(result)) == ROWS;
    db_release(worker->db);
    return backlog;
}

int sweeps_run(struct worker *worker) {
    bool backlog = sweep(worker, &commands_sweep);
    for (size_t i = 0; i < worker->service->sweep_count; i++)
        backlog |= sweep(worker, &worker->service->sweeps[i]);
    return backlog ? BACKLOG_PAUSE_MS : PAUSE_MS;
}
