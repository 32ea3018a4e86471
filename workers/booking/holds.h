/* Holds that nobody paid in time. */
#ifndef TITHI_BOOKING_HOLDS_H
#define TITHI_BOOKING_HOLDS_H

struct worker;

/* The booking worker's tick: ends the holds that are over and frees their places. Any number of workers may do so at
 * once. */
void holds_expire(struct worker *worker);

#endif
