/* Looking rows of the contract up by name. The compiler sorts operations and refusals, so both are binary searches. */
#include "contract.h"

#include <stdlib.h>
#include <string.h>

static int compare_operation(const void *name, const void *row) {
    return strcmp(name, ((const struct operation *)row)->name);
}

static int compare_refusal(const void *code, const void *row) {
    return strcmp(code, ((const struct refusal *)row)->code);
}

const struct operation *operation_find(const char *name) {
    return bsearch(name, operations, operation_count, sizeof *operations, compare_operation);
}

const struct refusal *refusal_find(const char *code) {
    return bsearch(code, refusals, refusal_count, sizeof *refusals, compare_refusal);
}

unsigned role_bit(const char *role) {
    static const char *const names[] = {"user", "facilitator", "admin"};
    static const unsigned bits[] = {ROLE_USER, ROLE_FACILITATOR, ROLE_ADMIN};
    for (size_t i = 0; i < sizeof bits / sizeof *bits; i++)
        if (strcmp(role, names[i]) == 0)
            return bits[i];
    return 0;
}
