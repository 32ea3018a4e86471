/* WebSockets (RFC 6455) as outlets: the handshake, frames in both directions, closing. */
#ifndef TITHI_SOCKET_H
#define TITHI_SOCKET_H

struct outlet;
struct outlet_owner;
struct refusal;
struct request;

/* Is this a handshake of version 13? NULL, or why not. */
const struct refusal *socket_refusal(const struct request *request);
/* Answers the request with 101. What is sent before the client has that waits. */
struct outlet *socket_open(struct request *request, const struct outlet_owner *owner, void *data);

#endif
