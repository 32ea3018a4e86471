/* A state folder as deploy/up leaves it: which clone it runs, its settings, its service folders. */
#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "operator.h"
#include "settings.h"

char *stack_read(const struct stack *stack, const char *path, ...) {
    char *name = NULL, *full = NULL;
    va_list arguments;
    va_start(arguments, path);
    if (vasprintf(&name, path, arguments) < 0 || asprintf(&full, "%s/%s", stack->state, name) < 0)
        abort();
    va_end(arguments);
    FILE *file = fopen(full, "re");
    free(name);
    free(full);
    if (!file)
        return NULL;
    char *text = NULL;
    size_t capacity = 0;
    ssize_t length = getdelim(&text, &capacity, '\0', file);
    fclose(file);
    if (length < 0) {
        free(text);
        return strdup("");
    }
    if (length > 0 && text[length - 1] == '\n')
        text[length - 1] = '\0';
    return text;
}

/* The value of `key=value` in the lines of `text`; malloc()ed, or NULL. */
static char *line_value(const char *text, const char *key) {
    size_t length = strlen(key);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, length) == 0 && line[length] == '=')
            return strndup(line + length + 1, strcspn(line + length + 1, "\n"));
    }
    return NULL;
}

void stack_open(struct stack *stack, const char *state) {
    *stack = (struct stack){.state = realpath(state, NULL)};
    if (!stack->state)
        stack->state = strdup(state);
    char *facts = stack_read(stack, "stack");
    if (facts) {
        stack->root = line_value(facts, "root");
        free(facts);
    }
}

void stack_close(struct stack *stack) {
    free(stack->state);
    free(stack->root);
}

/* A file per variable, as for chpst -e; an empty one takes the variable away. */
static void take_variables(const struct stack *stack) {
    char *path;
    if (asprintf(&path, "%s/env/operator", stack->state) < 0)
        abort();
    DIR *folder = opendir(path);
    free(path);
    if (!folder)
        return;
    for (struct dirent *entry; (entry = readdir(folder));) {
        if (entry->d_name[0] == '.')
            continue;
        char *value = stack_read(stack, "env/operator/%s", entry->d_name);
        if (value && *value)
            setenv(entry->d_name, value, 1);
        else
            unsetenv(entry->d_name);
        free(value);
    }
    closedir(folder);
}

int stack_settings(const struct stack *stack) {
    char problem[512];
    take_variables(stack);
    if (settings_load(problem, sizeof problem) == 0)
        return 0;
    complain(0, "%s", problem);
    return -1;
}

static int is_service(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}

char **stack_services(const struct stack *stack) {
    char *path;
    if (asprintf(&path, "%s/service", stack->state) < 0)
        abort();
    struct dirent **entries = NULL;
    int count = scandir(path, &entries, is_service, versionsort);
    free(path);
    char **names = calloc((size_t)(count > 0 ? count : 0) + 1, sizeof *names);
    for (int i = 0; i < count; i++) {
        names[i] = strdup(entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    return names;
}

int stack_run(char *const *arguments) {
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        execvp(arguments[0], arguments);
        _exit(127);
    }
    int status;
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return EX_OSERR;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
