/* Accounts found, made and changed by the operator: one at a time, or a crowd with tokens for load tests. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "clock.h"
#include "operator.h"
#include "password.h"
#include "settings.h"
#include "token.h"
#include "weak_password.h"

#define PASSWORD_LENGTH_LEAST 6
#define PASSWORD_LENGTH_LIMIT 256
#define CROWD_LIMIT 1000000

#define LOCK_SQL "SELECT FROM users WHERE lower(email) = lower($1) FOR UPDATE"

/* What the operator does has no actor among the users. */
#define NOTED(event, detail)                                                                                           \
    " noted AS (INSERT INTO security_events (event, user_id, detail) SELECT '" event "', id, " detail " FROM person)"

#define ADD_SQL                                                                                                        \
    "WITH person AS (INSERT INTO users (email, name, role, is_verified) VALUES ($1, $2, $3, true)"                     \
    " ON CONFLICT DO NOTHING RETURNING id, email, name, role),"                                                        \
    " secret AS (INSERT INTO credentials (user_id, password_hash) SELECT id, $4 FROM person)," NOTED(                  \
        "user_created", "'operator: role ' || role") " SELECT * FROM person"

/* Auth workers tell Redis within a second. */
#define ENDED                                                                                                          \
    " ended AS (UPDATE sessions SET revoked_at = now(), revoked_for = 'admin'"                                         \
    " WHERE revoked_at IS NULL AND user_id IN (SELECT id FROM person)),"                                               \
    " ended_keys AS (UPDATE api_keys SET revoked_at = now()"                                                           \
    " WHERE revoked_at IS NULL AND user_id IN (SELECT id FROM person)),"

/* Tokens carry the role they were issued with: the sessions end, so that the new role counts at once. */
#define ROLE_SQL                                                                                                       \
    "WITH former AS (SELECT id, role FROM users WHERE lower(email) = lower($1) AND erased_at IS NULL),"                \
    " person AS (UPDATE users SET role = $2, facilitator_pending = false, updated_at = now() FROM former"              \
    " WHERE users.id = former.id RETURNING users.id, email, name, users.role, former.role AS former_role)," ENDED      \
        NOTED("privilege_permissions_changed",                                                                         \
              "format('operator: role %s, was %s', role, former_role)") " SELECT id, email, name, role FROM person"

/* A refresh gives the new role. The mail is that which an administrator's yes sends (account_mail.h). */
#define APPROVE_SQL                                                                                                    \
    "WITH person AS (UPDATE users SET role = 'facilitator', facilitator_pending = false, updated_at = now()"           \
    " WHERE lower(email) = lower($1) AND facilitator_pending RETURNING id, email, name, role),"                        \
    " told AS (INSERT INTO outbox (channel, owner_id, type, cause, body)"                                              \
    " SELECT 'account_mail', id, 'account.facilitator_approved',"                                                      \
    " format('minute:%s', floor(extract(epoch FROM now()) / 60)),"                                                     \
    " json_build_object('kind', 'facilitator_approved', 'user_id', id)::text FROM person ON CONFLICT DO "              \
    "NOTHING)," NOTED("privilege_permissions_changed", "'operator: approved as facilitator'") " SELECT * FROM person"

#define STATUS_SQL(active, ENDS, detail)                                                                               \
    "WITH person AS (UPDATE users SET is_active = " active ", updated_at = now()"                                      \
    " WHERE lower(email) = lower($1) AND erased_at IS NULL RETURNING id, email, name, role, is_active)," ENDS NOTED(   \
        "user_updated", detail) " SELECT * FROM person"
#define DEACTIVATE_SQL STATUS_SQL("false", ENDED, "'operator: deactivated'")
#define ACTIVATE_SQL STATUS_SQL("true", , "'operator: activated'")

#define LIST_SQL                                                                                                       \
    "SELECT id, email, name, role, is_active, is_verified, facilitator_pending, created_at FROM users"                 \
    " WHERE facilitator_pending OR NOT $1::boolean ORDER BY id DESC LIMIT 1000"

#define CROWD_SQL                                                                                                      \
    "WITH crowd AS (INSERT INTO users (email, name, is_verified)"                                                      \
    " SELECT format('crowd-%s-%s@example.com', $2::text, number), 'Crowd ' || number, true"                            \
    " FROM generate_series(1, $1::integer) AS number RETURNING id, email),"                                            \
    " signed_in AS (INSERT INTO sessions (id, user_id, expires_at)"                                                    \
    " SELECT gen_random_uuid(), id, now() + make_interval(secs => $3::float8) FROM crowd RETURNING id, user_id)"       \
    " SELECT crowd.email, crowd.id, signed_in.id FROM crowd JOIN signed_in ON signed_in.user_id = crowd.id ORDER BY "  \
    "crowd.id"

static const struct column person_columns[] = {
    {"id", "ID"}, {"email", "EMAIL"}, {"name", "NAME"}, {"role", "ROLE"}, {NULL, NULL}};

static const struct column list_columns[] = {{"id", "ID"},
                                             {"email", "EMAIL"},
                                             {"name", "NAME"},
                                             {"role", "ROLE"},
                                             {"is_active", "ACTIVE"},
                                             {"is_verified", "VERIFIED"},
                                             {"facilitator_pending", "WAITING"},
                                             {"created_at", "CREATED"},
                                             {NULL, NULL}};

static bool is_role(const char *role) {
    return strcmp(role, "user") == 0 || strcmp(role, "facilitator") == 0 || strcmp(role, "admin") == 0;
}

/* The first line of the file, or of standard input where `path` is NULL. 0, or -1 (said). */
static int read_password(const char *path, char ret_password[PASSWORD_LENGTH_LIMIT + 2]) {
    FILE *file = path ? fopen(path, "re") : stdin;
    if (!file)
        return complain(-1, "cannot read %s: %s", path, strerror(errno));
    if (!path && isatty(STDIN_FILENO))
        fputs("Password: ", stderr);
    char *read = fgets(ret_password, PASSWORD_LENGTH_LIMIT + 2, file);
    if (path)
        fclose(file);
    size_t length = read ? strcspn(ret_password, "\r\n") : 0;
    if (length < PASSWORD_LENGTH_LEAST || length > PASSWORD_LENGTH_LIMIT)
        return complain(-1, "a password has %d to %d bytes, on one line", PASSWORD_LENGTH_LEAST, PASSWORD_LENGTH_LIMIT);
    ret_password[length] = '\0';
    return 0;
}

/* `email`: whose password it will be; NULL: not known. 0, or -1 (said). */
static int read_hash(const struct options *options, const char *email, char ret_hash[PASSWORD_HASH_SIZE]) {
    char password[PASSWORD_LENGTH_LIMIT + 2];
    int result = read_password(options->password_file, password);
    const char *weakness =
        result == 0 && settings_production() ? weak_password_reason(password, email, options->name) : NULL;
    if (weakness)
        result = complain(-1, "the password %s", weakness);
    else if (result == 0 && (result = password_hash(password, ret_hash)))
        complain(0, "no memory for the password's hash");
    explicit_bzero(password, sizeof password);
    return result;
}

int command_user_hash(const struct stack *stack, const struct options *options, char **arguments) {
    (void)arguments;
    char hash[PASSWORD_HASH_SIZE];
    if (stack_settings(stack))
        return EX_CONFIG;
    if (read_hash(options, NULL, hash))
        return EX_DATAERR;
    puts(hash);
    return EXIT_SUCCESS;
}

/* The statement's result, or NULL (said). The person is locked before, so that a sign-in under way is seen by it. */
static PGresult *change_person(PGconn *database, const char *sql, int count, const char *const *values) {
    PGresult *result = NULL;
    PGresult *begun = database_query(database, "BEGIN", 0, NULL);
    PGresult *locked = begun ? database_query(database, LOCK_SQL, 1, values) : NULL;
    if (locked)
        result = database_query(database, sql, count, values);
    PGresult *committed = result ? database_query(database, "COMMIT", 0, NULL) : NULL;
    if (!committed) {
        PQclear(result);
        result = NULL;
    }
    PQclear(begun);
    PQclear(locked);
    PQclear(committed);
    return result;
}

/* Runs a statement about one person and shows the row that comes back; `missing` is said where none does. */
static int show_person(const struct options *options, const char *sql, int count, const char *const *values,
                       const char *missing) {
    PGconn *database = database_open();
    if (!database)
        return EX_UNAVAILABLE;
    PGresult *result = change_person(database, sql, count, values);
    int code = EXIT_FAILURE;
    if (result && PQntuples(result) == 0)
        complain(0, "%s %s", values[0], missing);
    else if (result) {
        print_rows(options, database_rows(result), person_columns);
        code = EXIT_SUCCESS;
    }
    PQclear(result);
    PQfinish(database);
    return code;
}

int command_user_add(const struct stack *stack, const struct options *options, char **arguments) {
    const char *email = arguments[0], *at = strchr(email, '@'), *role = options->role ? options->role : "user";
    if (!at || at == email || !at[1])
        return complain(EX_USAGE, "'%s' is no e-mail address", email);
    if (!is_role(role))
        return complain(EX_USAGE, "roles are user, facilitator and admin, not '%s'", role);
    if (stack_settings(stack))
        return EX_CONFIG;
    char hash[PASSWORD_HASH_SIZE];
    if (read_hash(options, email, hash))
        return EX_DATAERR;
    char *name = options->name ? strdup(options->name) : strndup(email, (size_t)(at - email));
    int code = show_person(options, ADD_SQL, 4, (const char *[]){email, name, role, hash}, "has an account already");
    free(name);
    return code;
}

int command_user_role(const struct stack *stack, const struct options *options, char **arguments) {
    if (!is_role(arguments[1]))
        return complain(EX_USAGE, "roles are user, facilitator and admin, not '%s'", arguments[1]);
    if (stack_settings(stack))
        return EX_CONFIG;
    return show_person(options, ROLE_SQL, 2, (const char *const *)arguments, "has no account");
}

int command_user_approve(const struct stack *stack, const struct options *options, char **arguments) {
    if (stack_settings(stack))
        return EX_CONFIG;
    return show_person(options, APPROVE_SQL, 1, (const char *const *)arguments, "does not wait for approval");
}

int command_user_deactivate(const struct stack *stack, const struct options *options, char **arguments) {
    if (stack_settings(stack))
        return EX_CONFIG;
    return show_person(options, DEACTIVATE_SQL, 1, (const char *const *)arguments, "has no account");
}

int command_user_activate(const struct stack *stack, const struct options *options, char **arguments) {
    if (stack_settings(stack))
        return EX_CONFIG;
    return show_person(options, ACTIVATE_SQL, 1, (const char *const *)arguments, "has no account");
}

int command_user_list(const struct stack *stack, const struct options *options, char **arguments) {
    (void)arguments;
    if (stack_settings(stack))
        return EX_CONFIG;
    PGconn *database = database_open();
    if (!database)
        return EX_UNAVAILABLE;
    PGresult *result = database_query(database, LIST_SQL, 1, (const char *[]){options->pending ? "t" : "f"});
    if (result)
        print_rows(options, database_rows(result), list_columns);
    int code = result ? EXIT_SUCCESS : EXIT_FAILURE;
    PQclear(result);
    PQfinish(database);
    return code;
}

/* One `email id token` line per row of (email, id, session). 0, or -1 (said). */
static int write_tokens(const char *path, const PGresult *crowd) {
    int descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR);
    FILE *file = descriptor < 0 ? NULL : fdopen(descriptor, "w");
    if (!file)
        return complain(-1, "cannot write %s: %s", path, strerror(errno));
    int64_t now_s = clock_wall_ms() / 1000;
    for (int row = 0; row < PQntuples(crowd); row++) {
        struct token token = {.user_id = strtoll(PQgetvalue(crowd, row, 1), NULL, 10), .role = "user"};
        snprintf(token.session, sizeof token.session, "%s", PQgetvalue(crowd, row, 2));
        char *text = token_issue(&token, settings.jwt_secret_key, now_s, settings.access_token_ttl_s);
        fprintf(file, "%s %s %s\n", PQgetvalue(crowd, row, 0), PQgetvalue(crowd, row, 1), text ? text : "-");
        free(text);
    }
    return fclose(file) ? complain(-1, "cannot write %s: %s", path, strerror(errno)) : 0;
}

int command_user_bulk(const struct stack *stack, const struct options *options, char **arguments) {
    char *end, run[32], seconds[32];
    long count = strtol(arguments[0], &end, 10);
    if (*end || count < 1 || count > CROWD_LIMIT)
        return complain(EX_USAGE, "'%s' is no number from 1 to %d", arguments[0], CROWD_LIMIT);
    if (!options->tokens)
        return complain(EX_USAGE, "name the file for the tokens with --tokens");
    if (stack_settings(stack))
        return EX_CONFIG;
    if (settings_production())
        return complain(EX_UNAVAILABLE, "crowds are not made in production");
    if (!*settings.jwt_secret_key)
        return complain(EX_CONFIG, "JWT_SECRET_KEY is not set");
    PGconn *database = database_open();
    if (!database)
        return EX_UNAVAILABLE;
    snprintf(run, sizeof run, "%llx", (unsigned long long)clock_wall_ms());
    snprintf(seconds, sizeof seconds, "%lld", (long long)settings.refresh_token_ttl_s);
    PGresult *crowd = database_query(database, CROWD_SQL, 3, (const char *[]){arguments[0], run, seconds});
    int code = crowd && write_tokens(options->tokens, crowd) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    if (code == EXIT_SUCCESS && options->json) {
        json_t *made = json_pack("{s:i, s:s}", "accounts", PQntuples(crowd), "tokens", options->tokens);
        print_json(made);
        json_decref(made);
    } else if (code == EXIT_SUCCESS)
        printf("%d accounts, their tokens in %s\n", PQntuples(crowd), options->tokens);
    PQclear(crowd);
    PQfinish(database);
    return code;
}
