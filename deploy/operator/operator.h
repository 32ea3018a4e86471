/* The operator's command `tithi`: what its parts share. Every command is a row of the table in main.c and a function
 * here; what it finds it prints once as JSON, or as a table made of the same JSON. */
#ifndef TITHI_OPERATOR_H
#define TITHI_OPERATOR_H

#include <jansson.h>
#include <libpq-fe.h>
#include <stdbool.h>

/* What the command line said. Texts are NULL where not given. */
struct options {
    bool json;
    bool pending;
    const char *role;
    const char *name;
    const char *password_file;
    const char *tokens;
    const char *schemas;
    const char *channel;
    const char *endpoint;
    const char *limit;
    const char *from;
    const char *to;
    bool dead;
    bool delivered;
};

/* A stack's state folder, as deploy/up writes it. */
struct stack {
    char *state; /* the folder */
    char *root;  /* the clone whose deploy/ scripts started it; NULL: nothing was started there yet */
};

/* Each returns the exit code (sysexits). `arguments` ends with NULL. */
typedef int command_function(const struct stack *stack, const struct options *options, char **arguments);

command_function command_status, command_top, command_scale, command_drain, command_user_add, command_user_role,
    command_user_bulk, command_user_hash, command_user_list, command_user_approve, command_user_activate,
    command_user_deactivate, command_deliveries, command_replay, command_mail, command_check_config, command_migrate,
    command_psql;

/* stack.c */
void stack_open(struct stack *stack, const char *state);
void stack_close(struct stack *stack);
/* The settings of the stack's env/operator replace those of the environment, then settings_load(). 0, or -1 (said). */
int stack_settings(const struct stack *stack);
/* One folder name per process under service/: malloc()ed, sorted as people count; the array ends with NULL. */
char **stack_services(const struct stack *stack);
/* Text of STATE/<path>, printf-like, without its last newline; malloc()ed, NULL where there is none. */
char *stack_read(const struct stack *stack, const char *path, ...) __attribute__((format(printf, 2, 3)));
/* Runs a program and waits for it; its exit code, 127 where it cannot be started. */
int stack_run(char *const *arguments);

/* queues.c: what every broker says of itself, [{address, up, services: […]}…]. Needs stack_settings(). */
json_t *broker_statistics(void);

/* database.c: a connection as the stack's owner, or NULL (said). Needs stack_settings(). */
PGconn *database_open(void);
/* The result, or NULL (said). `values` ends with `count`. */
PGresult *database_query(PGconn *database, const char *sql, int count, const char *const *values);
/* Rows as JSON objects keyed by column; integers and booleans as such. */
json_t *database_rows(const PGresult *result);

/* print.c */
struct column {
    const char *key;
    const char *title;
};
/* JSON where asked, else a table of the array's rows; the columns end with a NULL key. Takes `rows`. */
void print_rows(const struct options *options, json_t *rows, const struct column *columns);
void print_table(const json_t *rows, const struct column *columns);
void print_json(const json_t *value);
/* One sentence on stderr; returns `code`. */
int complain(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
