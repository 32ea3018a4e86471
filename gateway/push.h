/* Live push: one's notifications by WebSocket or Server-Sent Events, and an event's free places. See docs/push.md. */
#ifndef TITHI_PUSH_H
#define TITHI_PUSH_H

#include <stddef.h>

struct request;

/* Operations of the contract's service "gateway"; see local.h. */
void push_answer_ticket(struct request *request);
void push_answer_socket(struct request *request);
void push_answer_stream(struct request *request);
void push_answer_places(struct request *request);
void push_answer_status(struct request *request);

void push_start(void);
/* What was asked of Redis in this turn of the loop leaves. */
void push_flush(void);
/* Once in a while. */
void push_poll(void);
/* Says goodbye to everybody: the gateway goes. */
void push_drain(void);
/* Of ours among the calls that wait for an answer. */
size_t push_calls(void);

#endif
