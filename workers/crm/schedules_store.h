/* The SQL of what is due by the clock. Each is one statement, and so its own transaction: what it queues and that it
 * did so are written together, and rows that another crm worker is at are passed over. Each returns 0, or -1: it
 * failed. What the database refuses alone stands in nobody's way: a person is left out, a digest put off. */
#ifndef TITHI_CRM_SCHEDULES_STORE_H
#define TITHI_CRM_SCHEDULES_STORE_H

#include <stdbool.h>

struct worker;

/* Mails to those who have a place at an event. *ret_more: there may be more to queue. */
int schedules_mail_events(struct worker *worker, bool *ret_more);
/* Facilitators' digests. */
int schedules_mail_digests(struct worker *worker, bool *ret_more);
/* Digests that no clock could have put so far ahead are put right: it was wrong for a while. */
int schedules_mend_digests(struct worker *worker);

#endif
