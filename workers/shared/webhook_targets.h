/* Where webhooks may go, by this process's settings: asked where an address is given, of an endpoint or in a profile,
 * and again where one is connected to. */
#ifndef TITHI_WEBHOOK_TARGETS_H
#define TITHI_WEBHOOK_TARGETS_H

#include <stdbool.h>
#include <sys/socket.h>

struct call;

/* For a service's `check`, before all others: what is wrong with WEBHOOK_ALLOW_NETS, in a sentence, or NULL. */
const char *webhook_targets_check(void);
bool webhook_targets_contain(const struct sockaddr *address);
/* May `url`, given as this field, be where webhooks go? False: the call is refused. */
bool webhook_targets_take(struct call *call, const char *field, const char *url);

#endif
