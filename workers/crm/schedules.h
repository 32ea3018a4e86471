/* What is due by the clock: reminders before events, facilitators' digests. */
#ifndef TITHI_CRM_SCHEDULES_H
#define TITHI_CRM_SCHEDULES_H

struct worker;

void schedules_tick(struct worker *worker);

#endif
