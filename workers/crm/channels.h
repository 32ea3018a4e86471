/* What the crm worker delivers from the outbox: its channels, and the client and the engine that they share. */
#ifndef TITHI_CRM_CHANNELS_H
#define TITHI_CRM_CHANNELS_H

#include <poll.h>
#include <stdbool.h>

struct worker;

const char *channels_check(void); /* of the settings */
int channels_start(struct worker *worker);
void channels_tick(struct worker *worker);
int channels_wait(struct worker *worker, struct pollfd *fds, int count, int timeout_ms);
bool channels_busy(struct worker *worker);
void channels_stop(struct worker *worker);

#endif
