/* What the auth worker waits for outside: mails that it hands over, and the identity provider. One HTTP client, and the
 * backoff queue of its mails. */
#ifndef TITHI_AUTH_OUTSIDE_H
#define TITHI_AUTH_OUTSIDE_H

#include <stdbool.h>

#include "http.h"
#include "worker.h"

void outside_start(struct worker *worker);
struct http_client *outside_client(void);
void outside_tick(struct worker *worker);
int outside_wait(struct worker *worker, struct pollfd *fds, int count, int timeout_ms);
bool outside_busy(struct worker *worker);
void outside_stop(struct worker *worker);

#endif
