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
