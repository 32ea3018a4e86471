/* The listening sockets: API, CRM service and metrics, each with its own entrance into the gateway, and their TLS. */
#ifndef TITHI_LISTENER_H
#define TITHI_LISTENER_H

#include <h2o.h>

#include "contract.h"

/* By which socket a request came in. */
enum entrance { ENTRANCE_API = LISTENER_API, ENTRANCE_CRM = LISTENER_CRM, ENTRANCE_METRICS, ENTRANCE_COUNT };

/* h2o's configuration, before its context is made: one host per entrance, each with the gateway's handler. */
void listeners_configure(void);
enum entrance listener_entrance(const h2o_req_t *req);

/* Binds and listens. 0, or -1 (logged). */
int listeners_open(void);
/* What is already in the kernel's queues is still accepted. */
void listeners_close(void);

/* Reads certificate and key anew. 0, or -1 (logged): the old ones stay. */
int listeners_load_certificate(void);

#endif
