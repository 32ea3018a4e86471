/* Spreads what happened (log_entries): gives each new entry its position in the log, and in the same transaction queues
 * what follows from it: webhooks, mails, messages in inboxes. One crm worker at a time does it, in the log's order. */
#ifndef TITHI_CRM_SPREAD_H
#define TITHI_CRM_SPREAD_H

#include <stddef.h>
#include <stdint.h>

struct worker;

void spread_tick(struct worker *worker);

/* The parts. `entries`: log_entries.id, in the order of their positions. Each returns 0, or -1: the transaction failed.
 */
int webhooks_spread(struct worker *worker, const int64_t *entries, size_t count);
int mails_spread(struct worker *worker, const int64_t *entries, size_t count);
int inbox_spread(struct worker *worker, const int64_t *entries, size_t count);
/* After the commit of what inbox_spread() did: tells gateways by Redis. */
void inbox_publish(struct worker *worker);

#endif
