/* Who may connect, call and serve on tcp: CURVE certificates in BROKER_CURVE_DIR, checked by czmq's ZAP actor. On ipc
 * the permissions of the socket's file decide, there is no guard, and everything below is allowed. */
#ifndef TITHI_BROKER_GUARD_H
#define TITHI_BROKER_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <zmq.h>

struct guard;

/* Starts the ZAP actor; before any bind. NULL on failure (logged). */
struct guard *guard_open(const char *folder);
void guard_close(struct guard **guard);

/* By the certificate of the connection that the frame came by. */
bool guard_may_call(struct guard *guard, zmq_msg_t *frame);
bool guard_may_serve(struct guard *guard, zmq_msg_t *frame, const void *service, size_t length);
/* Certificates are read again when next asked for. */
void guard_forget(struct guard *guard);

/* Makes the folder with certificates for the broker, for each kind of process, and what each may do; keeps those that
 * exist. 0, or -1 (logged). */
int guard_make_keys(const char *folder, const char *const *services);

#endif
