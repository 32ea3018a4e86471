/* From requests to calls. Identical public reads share one: at most one is running and one is waiting, and who comes
 * joins the one that waits, never the one that runs, so that each answer was read after its request came.
 *
 * An answer that came with a version is kept for a moment: the next call for the same says what is known, and a worker
 * that finds it unchanged needs not send it again, nor the gateway render it. Nothing is answered unasked.
 *
 * A reply may be another operation's request (struct operation: continuation): then that one's answer is what the
 * client gets. Where it fails, by 5xx, by silence, or because it cannot read that request, the client gets the first
 * reply, as it was: what it tells has happened. */
#ifndef TITHI_COALESCE_H
#define TITHI_COALESCE_H

#include <stdbool.h>

struct operation;
struct request;

/* May one more call of it be under way? Those that hash passwords (x-hashes) are bounded together. A call counts until
 * it is answered or its time is over: that its client has left is noticed only then, so that leaving makes no room. */
bool coalesce_has_room(const struct operation *operation);
/* The request waits for a worker's answer from now on: request_answered() brings it. */
void coalesce_join(struct request *request);
/* Has anybody taken the call on? (Else no broker was there.) Of a request that waits here. */
int coalesce_was_sent(const struct request *request);
/* Its time is over: is there a first reply whose continuation has not answered? Then the client gets that. */
bool coalesce_settle(const struct request *request);
/* Once in a while: gives up continuations whose time is over, and answers that were kept for long enough. */
void coalesce_poll(void);

#endif
