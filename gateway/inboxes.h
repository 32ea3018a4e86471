/* People who are connected here, and how far each of their connections has read their inbox. What there is to read the
 * crm workers know; that there is more Redis tells, or the clock. Messages go to each connection in order and once. */
#ifndef TITHI_INBOXES_H
#define TITHI_INBOXES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "outlet.h"
#include "tickets.h"

#define INBOX_UNKNOWN (-1)

struct reader; /* one connection of a person */

extern const struct outlet_owner inbox_owner; /* of a reader's outlet; its data is the reader */

/* The person has a connection more. Nothing is sent before reader_begin(). */
struct reader *reader_new(const struct ticket *ticket);
/* Begins behind `after`; INBOX_UNKNOWN: behind what was acknowledged. */
void reader_begin(struct reader *reader, struct outlet *outlet, int64_t after);
/* All up to `seq` were taken. */
void reader_acknowledge(struct reader *reader, int64_t seq);

size_t inbox_connections(int64_t user_id);

/* Twice a second or so: asks again what was not answered, and what Redis may have kept to itself. */
void inboxes_tick(int64_t now_ms);
/* Messages of ours under way to the crm workers. */
size_t inbox_calls(void);

#endif
