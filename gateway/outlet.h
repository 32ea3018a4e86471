/* One client that things are pushed to, be it over a WebSocket (socket.c) or as an event stream (stream.c): a
 * connection that h2o has given away. What it is sent waits here until it takes it, within a bound; one that takes
 * nothing for a while, or answers nothing, is cut off. */
#ifndef TITHI_OUTLET_H
#define TITHI_OUTLET_H

#include <h2o.h>
#include <netinet/in.h>
#include <stdbool.h>

#include "codec.h"

struct outlet;
struct request;

enum outlet_kind { OUTLET_SOCKET, OUTLET_STREAM, OUTLET_PLACES, OUTLET_KIND_COUNT };

/* How it speaks. */
struct outlet_face {
    int64_t ping_ms; /* so often */
    int patience;    /* pings that may stay unanswered; 0: none is ever answered */
    /* Messages as they travel. */
    void (*put)(struct buffer *target, int64_t id, struct text_span type, struct text_span json);
    void (*put_ping)(struct buffer *target);
    void (*put_end)(struct buffer *target, unsigned code, const char *reason);
    /* What the client sends. */
    void (*take)(struct outlet *outlet, struct text_span bytes);
    void (*destroy)(struct outlet *outlet); /* frees it */
};

/* Whoever feeds it. */
struct outlet_owner {
    void (*on_room)(void *data);                           /* all was written */
    void (*on_message)(void *data, struct text_span text); /* the client of a socket says something */
    void (*on_gone)(void *data);                           /* once, last */
};

struct outlet {
    enum outlet_kind kind;
    const struct outlet_face *face;
    const struct outlet_owner *owner;
    void *data; /* the owner's */
    struct outlet *prev, *next;
    struct connection *connection;
    int fd;                /* the connection's */
    h2o_socket_t *socket;  /* NULL until h2o has given it away */
    unsigned end_code;     /* it is being closed; 0: it is not */
    struct buffer waiting; /* to be written after `writing` */
    struct buffer writing; /* from `written` on */
    size_t written, slice; /* `slice` of it is on its way now; 0: nothing is */
    int64_t moved_ms;      /* when bytes last went, or were to go; when the end began */
    int64_t pinged_ms;
    int unanswered;               /* pings */
    int heard;                    /* messages of the client since the last tick */
    int answers;                  /* to them, in `waiting` */
    char scope[INET6_ADDRSTRLEN]; /* whose limits count where nobody is signed in */
};

/* --- for faces */

/* Of a zeroed outlet. The request is answered next, with outlet_taken() and the outlet. */
void outlet_init(struct outlet *outlet, enum outlet_kind kind, const struct outlet_face *face,
                 const struct outlet_owner *owner, void *data, struct request *request);
void outlet_taken(void *outlet, h2o_socket_t *socket, size_t request_size);
/* A message, ping or pong came in. False: they are too many, it is being closed. */
bool outlet_heard(struct outlet *outlet);

/* --- for owners */

/* May it be sent more now? If not, on_room() comes later, or on_gone(). */
bool outlet_has_room(const struct outlet *outlet);
/* The JSON is one line. Leaves with outlet_flush(). */
void outlet_send(struct outlet *outlet, int64_t id, struct text_span type, struct text_span json);
void outlet_flush(struct outlet *outlet);
/* Says goodbye with a code of RFC 6455 and closes; what waits is not sent any more. on_gone() comes later. */
void outlet_end(struct outlet *outlet, unsigned code, const char *reason);

/* May what the client says be answered with a few bytes, however much waits? False: too many answers wait, it is being
 * closed. */
bool outlet_may_answer(struct outlet *outlet);

/* --- for all together */

size_t outlets_count(enum outlet_kind kind);
size_t outlets_of(const char *scope, enum outlet_kind kind);
/* Twice a second or so: pings, and cuts off those that take or answer nothing. */
void outlets_tick(int64_t now_ms);
void outlets_end(unsigned code, const char *reason);
/* How many there are, what was sent, and how they ended, for /metrics. */
void outlets_describe(struct buffer *text);

#endif
