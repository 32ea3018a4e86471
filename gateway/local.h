/* The few operations that the gateway answers itself: the contract's rows of service "gateway". */
#ifndef TITHI_LOCAL_H
#define TITHI_LOCAL_H

#include <stdbool.h>

struct operation;
struct request;

typedef void local_function(struct request *request);

/* 0, or -1 where the contract has such an operation without a function (logged). */
int local_start(void);
/* NULL: a worker answers it. */
local_function *local_find(const struct operation *operation);
bool local_is_metrics(const struct operation *operation);
bool local_is_probe(const struct operation *operation); /* served on the metrics port too */

/* `reply`: the struct of the operation's reply. */
void local_reply(struct request *request, int status, const void *reply);

#endif
