/* The stack's database as its owner sees it. The connection string comes from the stack's settings and never enters a
 * command line, where others could read its password. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "operator.h"
#include "settings.h"

enum { OID_BOOLEAN = 16, OID_INT8 = 20, OID_INT2 = 21, OID_INT4 = 23 }; /* pg_type.dat; fixed for good */

PGconn *database_open(void) {
    if (!*settings.database_url) {
        complain(0, "no database: DATABASE_URL is not set and no stack was started in this state folder");
        return NULL;
    }
    PGconn *database = PQconnectdb(settings.database_url);
    if (PQstatus(database) == CONNECTION_OK)
        return database;
    fprintf(stderr, "tithi: %s", PQerrorMessage(database));
    PQfinish(database);
    return NULL;
}

PGresult *database_query(PGconn *database, const char *sql, int count, const char *const *values) {
    PGresult *result = PQexecParams(database, sql, count, NULL, values, NULL, NULL, 0);
    if (PQresultStatus(result) == PGRES_COMMAND_OK || PQresultStatus(result) == PGRES_TUPLES_OK)
        return result;
    fprintf(stderr, "tithi: %s", PQerrorMessage(database));
    PQclear(result);
    return NULL;
}

static json_t *column_value(const PGresult *result, int row, int column) {
    if (PQgetisnull(result, row, column))
        return json_null();
    const char *text = PQgetvalue(result, row, column);
    switch (PQftype(result, column)) {
    case OID_BOOLEAN:
        return json_boolean(*text == 't');
    case OID_INT2:
    case OID_INT4:
    case OID_INT8:
        return json_integer(strtoll(text, NULL, 10));
    default:
        return json_string(text);
    }
}

json_t *database_rows(const PGresult *result) {
    json_t *rows = json_array();
    for (int row = 0; row < PQntuples(result); row++) {
        json_t *object = json_object();
        for (int column = 0; column < PQnfields(result); column++)
            json_object_set_new(object, PQfname(result, column), column_value(result, row, column));
        json_array_append_new(rows, object);
    }
    return rows;
}

/* libpq's own environment variables carry the connection to psql. */
static int export_connection(void) {
    char *problem = NULL;
    PQconninfoOption *known = PQconninfoParse(settings.database_url, &problem);
    if (!known) {
        complain(0, "DATABASE_URL: %s", problem ? problem : "out of memory");
        PQfreemem(problem);
        return -1;
    }
    for (const PQconninfoOption *option = known; option->keyword; option++) {
        if (option->envvar && option->val)
            setenv(option->envvar, option->val, 1);
    }
    PQconninfoFree(known);
    return 0;
}

int command_psql(const struct stack *stack, const struct options *options, char **arguments) {
    (void)options;
    if (stack_settings(stack))
        return EX_CONFIG;
    if (!*settings.database_url)
        return complain(EX_CONFIG, "no database: DATABASE_URL is not set and no stack was started in %s", stack->state);
    if (export_connection())
        return EX_CONFIG;
    int count = 0;
    while (arguments[count])
        count++;
    char *line[count + 2];
    line[0] = "psql";
    memcpy(line + 1, arguments, (size_t)(count + 1) * sizeof *line);
    execvp("psql", line);
    return complain(EX_UNAVAILABLE, "psql is not installed (package postgresql-client)");
}
