/* Ends live connections whose session has ended, within a second, or whose token has expired. Why a session ended does
 * not matter: whatever ends one leaves a mark in Redis. */
#ifndef TITHI_SESSION_WATCH_H
#define TITHI_SESSION_WATCH_H

#include <stdint.h>

#include "uuid.h"

struct outlet;

/* Part of whatever has a connection. */
struct watched_session {
    struct watched_session *prev, *next;
    struct outlet *outlet; /* to be ended */
    char session[UUID_TEXT_SIZE];
    int64_t expires_s; /* wall clock */
};

/* Of a session whose other members are set. */
void session_watch_begin(struct watched_session *watched);
void session_watch_end(struct watched_session *watched);

/* Twice a second. */
void session_watch_tick(int64_t now_ms);

#endif
