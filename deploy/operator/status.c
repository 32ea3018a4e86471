/* What runs, since when, and how busy it is: runit's view of the processes and the brokers' view of the services. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "operator.h"

#define EXIT_NOT_RUNNING 3 /* as init scripts have it (LSB 20.2) */

static char *service_path(const struct stack *stack, const char *name, const char *file) {
    char *path;
    if (asprintf(&path, "%s/service/%s/supervise/%s", stack->state, name, file) < 0)
        abort();
    return path;
}

/* A supervisor reads this pipe while it lives. */
static bool is_supervised(const struct stack *stack, const char *name) {
    char *path = service_path(stack, name, "ok");
    int descriptor = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    free(path);
    if (descriptor < 0)
        return false;
    close(descriptor);
    return true;
}

static json_int_t uptime_s(const struct stack *stack, const char *name) {
    struct stat facts;
    char *path = service_path(stack, name, "pid");
    json_int_t seconds = stat(path, &facts) == 0 ? time(NULL) - facts.st_mtime : 0;
    free(path);
    return seconds;
}

/* How often it has ended by itself other than well: lines of "code signal" that its finish script wrote. */
static json_int_t crash_count(const struct stack *stack, const char *name) {
    char *exits = stack_read(stack, "run/%s.exits", name);
    json_int_t crashes = 0;
    for (const char *line = exits; line && *line; line = strchr(line, '\n')) {
        line += *line == '\n';
        crashes += *line && strncmp(line, "0 ", 2) != 0;
    }
    free(exits);
    return crashes;
}

/* "booking" of "booking-2". */
static json_t *kind_of(const char *name) {
    const char *dash = strrchr(name, '-');
    return dash ? json_stringn(name, (size_t)(dash - name)) : json_string(name);
}

static json_t *describe_process(const struct stack *stack, const char *name, bool *ret_supervised) {
    bool supervised = is_supervised(stack, name);
    char *state = supervised ? stack_read(stack, "service/%s/supervise/stat", name) : NULL;
    char *pid = supervised ? stack_read(stack, "service/%s/supervise/pid", name) : NULL;
    bool runs = pid && *pid;
    json_t *process =
        json_pack("{s:s, s:o, s:s, s:o, s:o, s:I}", "name", name, "kind", kind_of(name), "state",
                  state ? state : "stopped", "pid", runs ? json_integer(atoi(pid)) : json_null(), "uptime_s",
                  runs ? json_integer(uptime_s(stack, name)) : json_null(), "crashes", crash_count(stack, name));
    *ret_supervised |= supervised;
    free(state);
    free(pid);
    return process;
}

static json_t *describe_stack(const struct stack *stack) {
    json_t *processes = json_array();
    bool supervised = false;
    char **names = stack_services(stack);
    for (char **name = names; *name; name++) {
        json_array_append_new(processes, describe_process(stack, *name, &supervised));
        free(*name);
    }
    free(names);
    return json_pack("{s:s, s:b, s:o, s:o}", "state", stack->state, "running", supervised, "processes", processes,
                     "brokers", supervised ? broker_statistics() : json_array());
}

/* One row per broker and service, with the workers summed up. */
static json_t *queue_rows(const json_t *brokers) {
    json_t *rows = json_array(), *broker, *service, *worker;
    size_t b, s, w;
    json_array_foreach(brokers, b, broker) {
        char name[48];
        snprintf(name, sizeof name, "broker-%zu%s", b + 1,
                 json_is_true(json_object_get(broker, "up")) ? "" : " (away)");
        json_array_foreach(json_object_get(broker, "services"), s, service) {
            json_int_t credit = 0, draining = 0;
            const json_t *workers = json_object_get(service, "workers");
            json_array_foreach(workers, w, worker) {
                credit += json_integer_value(json_object_get(worker, "credit"));
                draining += json_is_true(json_object_get(worker, "draining"));
            }
            json_t *row = json_pack("{s:s, s:I, s:I, s:I}", "broker", name, "workers",
                                    (json_int_t)json_array_size(workers), "credit", credit, "draining", draining);
            json_object_set(row, "service", json_object_get(service, "service"));
            json_object_set(row, "queue_depth", json_object_get(service, "queue_depth"));
            json_object_set(row, "in_flight", json_object_get(service, "in_flight"));
            json_array_append_new(rows, row);
        }
        if (!json_array_size(json_object_get(broker, "services")))
            json_array_append_new(rows, json_pack("{s:s}", "broker", name));
    }
    return rows;
}

static void print_stack(const json_t *all) {
    static const struct column processes[] = {{"name", "PROCESS"},      {"state", "STATE"},     {"pid", "PID"},
                                              {"uptime_s", "UPTIME/S"}, {"crashes", "CRASHES"}, {NULL, NULL}};
    static const struct column queues[] = {
        {"broker", "BROKER"},   {"service", "SERVICE"}, {"queue_depth", "QUEUED"}, {"in_flight", "IN FLIGHT"},
        {"workers", "WORKERS"}, {"credit", "CREDIT"},   {"draining", "DRAINING"},  {NULL, NULL}};
    print_table(json_object_get(all, "processes"), processes);
    if (json_array_size(json_object_get(all, "brokers"))) {
        json_t *rows = queue_rows(json_object_get(all, "brokers"));
        putchar('\n');
        print_table(rows, queues);
        json_decref(rows);
    }
}

static int show(const struct stack *stack, const struct options *options) {
    json_t *all = describe_stack(stack);
    bool running = json_is_true(json_object_get(all, "running"));
    if (options->json)
        print_json(all);
    else if (json_array_size(json_object_get(all, "processes")))
        print_stack(all);
    else
        printf("There is no stack in %s.\n", stack->state);
    json_decref(all);
    return running ? EXIT_SUCCESS : EXIT_NOT_RUNNING;
}

int command_status(const struct stack *stack, const struct options *options, char **arguments) {
    (void)arguments;
    return stack_settings(stack) ? EX_CONFIG : show(stack, options);
}

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number) {
    (void)number;
    interrupted = 1;
}

int command_top(const struct stack *stack, const struct options *options, char **arguments) {
    (void)arguments;
    const struct sigaction interrupt = {.sa_handler = on_interrupt};
    sigaction(SIGINT, &interrupt, NULL);
    if (stack_settings(stack))
        return EX_CONFIG;
    while (!interrupted) {
        if (isatty(STDOUT_FILENO) && !options->json)
            fputs("\033[H\033[2J", stdout);
        show(stack, options);
        fflush(stdout);
        sleep(1);
    }
    return EXIT_SUCCESS;
}
