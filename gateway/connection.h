/* Accepted client connections: how many, from where, and how they end. */
#ifndef TITHI_CONNECTION_H
#define TITHI_CONNECTION_H

#include <h2o.h>
#include <stdbool.h>

#include "address.h"

struct connection;

/* Who is at the other end; its texts are written once per connection. */
struct peer {
    struct address address;
    bool is_proxy; /* one of TRUSTED_PROXIES */
    char text[ADDRESS_TEXT_SIZE];
    char scope[ADDRESS_TEXT_SIZE]; /* address_scope() */
};

void connections_start(void);
size_t connections_open(void);
bool connections_full(void);
/* Runs when connections_full() turns false again. */
void connections_on_room(void (*callback)(void));

/* Takes an accepted socket on: from now on h2o closes it. */
void connection_accept(h2o_accept_ctx_t *context, h2o_socket_t *socket);
struct connection *connection_of(const h2o_req_t *req);
const struct peer *connection_peer(struct connection *connection, const h2o_req_t *req);

/* Its request waits for an answer. h2o has stopped reading then, which would cost two epoll_ctl(2) per request: until
 * connection_resume() the socket stays registered instead, and nothing is read from it. */
void connection_park(struct connection *connection, const h2o_req_t *req);
void connection_resume(struct connection *connection);

/* Its answer leaves before the request was read to its end. Closing at once would reset the connection and with it the
 * answer: so the rest is read and thrown away for a while after h2o has closed its side. */
void connection_close_gently(struct connection *connection);

#endif
