/* Waiting lists of full events: who waits is offered what comes free, first in line first. */
#ifndef TITHI_BOOKING_WAITLIST_H
#define TITHI_BOOKING_WAITLIST_H

struct worker;

/* The booking worker's tick, which comes at once where a place is to be offered: ends offers that were not taken in
 * time, makes new ones, and closes lists of events that began or were cancelled. Any number of workers may do so at
 * once. */
void waitlist_tick(struct worker *worker);

#endif
