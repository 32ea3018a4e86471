/* What the crm worker tells gateways by Redis: that there is more to push. A hint for promptness only: gateways ask for
 * what it is, and look now and then without being told. */
#ifndef TITHI_CRM_PUSH_LINK_H
#define TITHI_CRM_PUSH_LINK_H

#include <stdint.h>

struct worker;

enum push_subject { PUSH_INBOX, PUSH_PLACES };

const char *push_link_check(void); /* of the settings */
/* Notes for the next push_link_send() that `number` is now the newest of that person's inbox (its seq) or that event's
 * places (their version). */
void push_link_note(enum push_subject subject, int64_t id, int64_t number);
/* Publishes what was noted, once per person and event: tithi:inbox:<user> or tithi:places:<event>, with the number.
 * What Redis cannot be told now is kept for later. */
void push_link_send(void);
void push_link_tick(struct worker *worker);
void push_link_stop(void);

#endif
