/* PostgreSQL as the workers use it: one connection, prepared statements that are named once, parameters built in the
 * call's pool, and libpq's pipeline so that one mailbox costs one or two round trips. Results live until db_release().
 */
#ifndef TITHI_DB_H
#define TITHI_DB_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pool.h"
#include "uuid.h"

struct db;

/* Prepared on first use on each connection. `sql` uses $1…; types follow from casts in the SQL. */
struct statement {
    const char *name;
    const char *sql;
};

#define DB_PARAMETER_LIMIT 32

struct parameters {
    struct pool *pool;
    size_t count;
    const char *values[DB_PARAMETER_LIMIT]; /* NULL is SQL NULL */
    int lengths[DB_PARAMETER_LIMIT];        /* of those in binary */
    int formats[DB_PARAMETER_LIMIT];        /* 0: text, 1: binary */
};

void parameters_init(struct parameters *parameters, struct pool *pool);
void parameter_text(struct parameters *parameters, const char *text_or_null);
void parameter_integer(struct parameters *parameters, int64_t value);
void parameter_number(struct parameters *parameters, double value);
void parameter_boolean(struct parameters *parameters, bool value);
void parameter_null(struct parameters *parameters);
void parameter_bytes(struct parameters *parameters, const void *bytes, size_t length); /* bytea, "\x…" */
/* Arrays are bigint[], text[], bytea[] and uuid[], and nothing else: where the SQL needs other elements it casts twice
 * ($1::text[]::timestamptz[]). A NULL text is SQL NULL. */
void parameter_integers(struct parameters *parameters, const int64_t *values, size_t count);
void parameter_texts(struct parameters *parameters, const char *const *values, size_t count);
struct bytes {
    const void *data; /* NULL is SQL NULL */
    size_t length;
};
void parameter_bytes_array(struct parameters *parameters, const struct bytes *values, size_t count);
void parameter_uuids(struct parameters *parameters, const struct uuid *values, size_t count);

/* One round trip. NULL on failure: logged, and db_failure() tells the kind. The result stays valid until db_release().
 */
PGresult *db_query(struct db *db, const struct statement *statement, const struct parameters *parameters);
/* Pipelined: queue any number, then receive in the same order; the first db_receive() flushes with one Sync. */
int db_queue(struct db *db, const struct statement *statement, const struct parameters *parameters);
PGresult *db_receive(struct db *db);
/* Ends a piece of work: frees its results and forgets its failure (until then everything after a failure fails, too).
 * The runtime calls it after each group, tick and wait; a service needs it only between independent pieces. */
void db_release(struct db *db);

enum db_failure {
    DB_FINE,
    DB_AWAY,     /* no connection: try again when it is back */
    DB_CONFLICT, /* serialization, deadlock, or another run of the same command: try the batch again */
    DB_REJECTED, /* a constraint or a data error: the batch holds something that the store should have refused */
};
enum db_failure db_failure(const struct db *db);
const char *db_failure_constraint(const struct db *db); /* name of the violated constraint, "" if none */

/* Reading results; NULL columns give "", 0, false. */
bool db_is_null(const PGresult *result, int row, int column);
const char *db_text(const PGresult *result, int row, int column); /* NULL for SQL NULL; valid until db_release() */
int64_t db_integer(const PGresult *result, int row, int column);
double db_number(const PGresult *result, int row, int column);
bool db_boolean(const PGresult *result, int row, int column);                          /* 't' */
struct bytes db_bytes(const PGresult *result, int row, int column, struct pool *pool); /* bytea, copied into the pool */

#endif
