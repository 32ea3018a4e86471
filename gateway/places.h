/* Who watches the free places of events here. Each change is read once per gateway, at most ten times a second per
 * event, and goes to all who watch. */
#ifndef TITHI_PLACES_H
#define TITHI_PLACES_H

#include <stddef.h>
#include <stdint.h>

struct request;

#define PLACES_UNKNOWN (-1)

/* Answers the request with a stream that begins with what is so now, unless that is the `state` which the client
 * knows; or with a refusal: there is no such event, or nobody can say. */
void places_watch(struct request *request, int64_t event_id, int64_t state);

/* Ten times a second or so. */
void places_poll(int64_t now_ms);
/* Messages of ours under way to the crm workers. */
size_t places_calls(void);

#endif
