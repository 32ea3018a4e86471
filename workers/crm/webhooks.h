/* The outbox's channel "webhook": signed posts to the operator's CRM and to people's endpoints. */
#ifndef TITHI_CRM_WEBHOOKS_H
#define TITHI_CRM_WEBHOOKS_H

#include "deliveries.h"
#include "http.h"

const char *webhooks_check(void); /* of the settings */
/* `client` asks webhooks_may_connect(). */
void webhooks_start(struct http_client *client);
bool webhooks_may_connect(void *context, const struct sockaddr *address);
/* Reads the endpoints that the claims go to. */
void webhooks_prepare(struct worker *worker, struct claim *claims, size_t count);
void webhooks_begin(struct worker *worker, const struct claim *claims, size_t count);

#endif
