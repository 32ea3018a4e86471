/* Brings the database to the newest schema: roles.sql, then every migrations/NNNN_name.sql that has not run yet, each
 * in a transaction of its own. Forward only. What ran is remembered with a checksum: a file that was changed afterwards
 * is refused, since nobody can know what the database really looks like then. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "buffer.h"
#include "operator.h"

/* Held by the session while it migrates; the number is arbitrary and fixed for good. */
#define LOCK_SQL "SELECT pg_advisory_lock(7016994520134577)"

#define TABLE_SQL                                                                                                      \
    "CREATE TABLE IF NOT EXISTS schema_migrations ("                                                                   \
    "version integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL, applied_at timestamptz NOT NULL "        \
    "DEFAULT now())"

#define CHECKSUM_SIZE 65

static int read_whole(const char *path, struct buffer *ret_text) {
    FILE *file = fopen(path, "re");
    if (!file)
        return complain(-1, "cannot read %s: %s", path, strerror(errno));
    char bytes[65536];
    for (size_t count; (count = fread(bytes, 1, sizeof bytes, file));)
        buffer_append(ret_text, bytes, count);
    fclose(file);
    buffer_text(ret_text);
    return 0;
}

static void checksum(const struct buffer *text, char ret_hex[CHECKSUM_SIZE]) {
    unsigned char digest[32];
    EVP_Digest(text->bytes, text->length, digest, NULL, EVP_sha256(), NULL);
    for (int i = 0; i < 32; i++)
        snprintf(ret_hex + 2 * i, 3, "%02x", digest[i]);
}

/* Several statements at once. 0, or -1 (said, with the file's name). */
static int run(PGconn *database, const char *sql, const char *name) {
    PGresult *result = PQexec(database, sql);
    ExecStatusType status = PQresultStatus(result);
    PQclear(result);
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY)
        return 0;
    return complain(-1, "%s: %s", name, PQerrorMessage(database));
}

static int apply(PGconn *database, const char *version, const char *name, const struct buffer *text, const char *sum) {
    const char *values[] = {version, name, sum};
    PGresult *recorded;
    if (run(database, "BEGIN; SET LOCAL lock_timeout = '10s'", name) || run(database, text->bytes, name) ||
        !(recorded = database_query(
              database, "INSERT INTO schema_migrations (version, name, checksum) VALUES ($1, $2, $3)", 3, values)))
        return -1; /* the connection ends, and the transaction with it */
    PQclear(recorded);
    return run(database, "COMMIT", name);
}

/* One file: nothing to do, applied, or -1. */
static int migrate_file(PGconn *database, const char *folder, const char *file, bool *ret_applied) {
    char *path, version[5], sum[CHECKSUM_SIZE];
    if (asprintf(&path, "%s/%s", folder, file) < 0)
        abort();
    struct buffer text = {0};
    int result = read_whole(path, &text);
    free(path);
    if (result == 0) {
        checksum(&text, sum);
        snprintf(version, sizeof version, "%.4s", file);
        const char *values[] = {version};
        PGresult *known =
            database_query(database, "SELECT checksum FROM schema_migrations WHERE version = $1", 1, values);
        if (!known)
            result = -1;
        else if (PQntuples(known) == 0)
            result = (*ret_applied = true, apply(database, version, file, &text, sum));
        else if (strcmp(PQgetvalue(known, 0, 0), sum) != 0)
            result = complain(-1, "%s was changed after it had been applied: add a new migration instead", file);
        PQclear(known);
    }
    buffer_free(&text);
    return result;
}

static int is_migration(const struct dirent *entry) {
    const char *name = entry->d_name;
    size_t length = strlen(name);
    return length > 9 && strspn(name, "0123456789") == 4 && name[4] == '_' && strcmp(name + length - 4, ".sql") == 0;
}

static int migrate(PGconn *database, const char *schemas, json_t *ret_applied) {
    char *roles, *folder;
    if (asprintf(&roles, "%s/roles.sql", schemas) < 0 || asprintf(&folder, "%s/migrations", schemas) < 0)
        abort();
    struct buffer text = {0};
    struct dirent **entries = NULL;
    int result = -1, count = scandir(folder, &entries, is_migration, alphasort);
    if (count <= 0)
        complain(0, "there are no migrations in %s", folder);
    else if (run(database, LOCK_SQL, "lock") == 0 && read_whole(roles, &text) == 0 &&
             run(database, text.bytes, "roles.sql") == 0 &&
             run(database, "SET client_min_messages = warning; " TABLE_SQL, "schema_migrations") == 0)
        result = 0;
    for (int i = 0; i < count; i++) {
        bool applied = false;
        if (result == 0 && (result = migrate_file(database, folder, entries[i]->d_name, &applied)) == 0 && applied)
            json_array_append_new(ret_applied, json_pack("{s:s}", "migration", entries[i]->d_name));
        free(entries[i]);
    }
    free(entries);
    buffer_free(&text);
    free(folder);
    free(roles);
    return result;
}

int command_migrate(const struct stack *stack, const struct options *options, char **arguments) {
    (void)arguments;
    static const struct column columns[] = {{"migration", "APPLIED"}, {NULL, NULL}};
    char *schemas = NULL;
    if (options->schemas)
        schemas = strdup(options->schemas);
    else if (stack->root && asprintf(&schemas, "%s/schemas", stack->root) < 0)
        abort();
    if (!schemas)
        return complain(EX_USAGE, "name the folder of the schemas with --schemas");
    PGconn *database = stack_settings(stack) ? NULL : database_open();
    if (!database)
        return EX_UNAVAILABLE;
    json_t *applied = json_array();
    int result = migrate(database, schemas, applied);
    PQfinish(database);
    free(schemas);
    if (json_array_size(applied) || options->json)
        print_rows(options, applied, columns);
    else
        json_decref(applied);
    return result ? EXIT_FAILURE : EXIT_SUCCESS;
}
