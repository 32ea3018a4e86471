/* What is published in Redis: a connection of its own in subscribe mode, beside redis.c's. It comes back by itself. */
#ifndef TITHI_SUBSCRIBER_H
#define TITHI_SUBSCRIBER_H

#include <uthash.h>

#include "codec.h"

#define CHANNEL_SIZE 40

/* Part of whatever wants to hear of one channel. */
struct subscription {
    char channel[CHANNEL_SIZE];
    bool hears; /* Redis has confirmed it */
    /* `message.bytes` NULL: it hears from now on, and may have missed something before. */
    void (*news)(struct subscription *subscription, struct text_span message);
    UT_hash_handle hh;
};

void subscriber_start(void);
/* Of a subscription whose channel, which nobody else has here, and callback are set. news() follows once it hears. */
void subscription_begin(struct subscription *subscription);
void subscription_end(struct subscription *subscription);
/* NULL: nobody here has that channel. */
struct subscription *subscription_find(const char *channel);

bool subscriber_is_up(void);
/* Writes what was asked for. */
void subscriber_flush(void);
/* Once in a while: connects again, and gives a connection up that is silent. */
void subscriber_poll(void);

#endif
