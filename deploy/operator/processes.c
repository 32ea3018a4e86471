/* Changing what runs: more or fewer processes, draining one, and checking what they are configured with. The work
 * itself is done by runit and deploy/services, the same as at the start. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "contract.h"
#include "operator.h"
#include "settings.h"

#define DRAIN_SECONDS "28"

static bool is_kind(const char *name, size_t length) {
    for (const char *const *service = service_names; *service; service++)
        if (strlen(*service) == length && strncmp(*service, name, length) == 0)
            return true;
    return length == strlen("gateway") && strncmp(name, "gateway", length) == 0;
}

static bool is_scale(const char *pair) {
    size_t length = strcspn(pair, "="), digits = pair[length] ? strspn(pair + length + 1, "0123456789") : 0;
    return is_kind(pair, length) && digits >= 1 && digits <= 3 && !pair[length + 1 + digits];
}

int command_scale(const struct stack *stack, const struct options *options, char **arguments) {
    int count = 0;
    for (; arguments[count]; count++)
        if (!is_scale(arguments[count]))
            return complain(EX_USAGE, "'%s' is not like booking=4; kinds are gateway and the workers'",
                            arguments[count]);
    if (!stack->root)
        return complain(EX_UNAVAILABLE, "there is no stack in %s", stack->state);
    char *script, *line[count + 3];
    if (asprintf(&script, "%s/deploy/services", stack->root) < 0)
        abort();
    line[0] = script;
    line[1] = stack->state;
    memcpy(line + 2, arguments, (size_t)(count + 1) * sizeof *line);
    int code = stack_run(line);
    free(script);
    return code ? code : command_status(stack, options, NULL);
}

static bool has_service(const struct stack *stack, const char *name) {
    char **names = stack_services(stack);
    bool found = false;
    for (char **at = names; *at; at++) {
        found |= strcmp(*at, name) == 0;
        free(*at);
    }
    free(names);
    return found;
}

int command_drain(const struct stack *stack, const struct options *options, char **arguments) {
    int count = 0, code = EXIT_SUCCESS;
    for (; arguments[count]; count++)
        if (!has_service(stack, arguments[count]))
            return complain(EX_USAGE, "there is no process '%s' in %s (tithi status)", arguments[count], stack->state);
    for (int i = 0; i < count && code == EXIT_SUCCESS; i++) {
        char *folder;
        if (asprintf(&folder, "%s/service/%s", stack->state, arguments[i]) < 0)
            abort();
        /* What `sv` reports stands in the status below. */
        code = stack_run((char *[]){"sh", "-c", "sv -w " DRAIN_SECONDS " down \"$0\" >/dev/null", folder, NULL});
        free(folder);
    }
    return code ? EXIT_FAILURE : command_status(stack, options, NULL);
}

int command_check_config(const struct stack *stack, const struct options *options, char **arguments) {
    (void)arguments;
    if (stack_settings(stack))
        return EX_CONFIG;
    char *text = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&text, &size);
    settings_print_effective(memory);
    fclose(memory);
    if (!options->json)
        fputs(text, stdout);
    else {
        json_t *values = json_object();
        for (char *rest = text, *line; (line = strsep(&rest, "\n"));) {
            char *value = strchr(line, '=');
            if (value)
                *value++ = '\0', json_object_set_new(values, line, json_string(value));
        }
        print_json(values);
        json_decref(values);
    }
    free(text);
    return EXIT_SUCCESS;
}
