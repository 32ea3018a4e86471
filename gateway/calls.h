/* Calls on their way to workers. What one turn of the loop starts for a service leaves as one bundle to one broker;
 * what a broker held when it went is sent again to another, under the same id. Each call is answered at most once; how
 * long to wait is its owner's business: call_forget() ends it. */
#ifndef TITHI_CALLS_H
#define TITHI_CALLS_H

#include "codec.h"
#include "contract.h"
#include "envelope.h"

struct outgoing_call;

/* Runs once per call, unless it was forgotten before; the call is gone then. The bytes live until it returns. */
typedef void call_answered(void *owner, const struct answer_header *header, struct text_span payload);

/* Connects to the brokers. 0, or -1 (logged). */
int calls_start(void);
void calls_stop(void);

/* `header` and `payload` are copied; header->ttl_ms counts from now. NULL where the contract has no such service. */
struct outgoing_call *call_start(const char *service, const struct call_header *header, struct text_span payload,
                                 call_answered *answered, void *owner);
/* A message of the gateway's own, on nobody's behalf. `asked`: the struct of the operation's request. */
struct outgoing_call *call_ask(const struct operation *operation, const void *asked, call_answered *answered,
                               void *owner);
/* `*call` may be NULL. An answer that still comes is dropped. */
void call_forget(struct outgoing_call **call);
bool call_was_sent(const struct outgoing_call *call);

/* Sends what this turn collected and takes in what came meanwhile. */
void calls_flush(void);
/* Once in a while, should a signal of libzmq have gone unseen. */
void calls_poll(void);

size_t calls_waiting(void);
size_t calls_broker_count(void);
const char *calls_broker_address(size_t broker);
bool calls_broker_is_up(size_t broker);
bool calls_any_broker_is_up(void);

/* Asks each live broker for its statistics ("mmi.stats"). `heard` runs for each answer, whenever it comes: the JSON
 * text. */
typedef void broker_statistics(size_t broker, struct text_span json);
void calls_ask_statistics(broker_statistics *heard);

#endif
