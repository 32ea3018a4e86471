/* From requests to calls. Identical public reads share one: at most one is running and one is waiting, and who comes
 * joins the one that waits, never the one that runs, so that each answer was read after its request came. */
#ifndef TITHI_COALESCE_H
#define TITHI_COALESCE_H

struct request;

/* The request waits for a worker's answer from now on: request_answered() brings it. */
void coalesce_join(struct request *request);
/* Has anybody taken the call on? (Else no broker was there.) Of a request that waits here. */
int coalesce_was_sent(const struct request *request);

#endif
