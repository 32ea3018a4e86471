/* A DEALER connection to one broker, with every duty of libzmq that is easy to forget: bounded queues and messages, no
 * linger, ZMTP heartbeats, reconnect with back-off, nothing queued to an absent peer (ZMQ_IMMEDIATE), CURVE on tcp, and
 * a monitor that tells at once when the broker comes and goes. A link belongs to one thread, like its socket. */
#ifndef TITHI_BUS_H
#define TITHI_BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <zmq.h>

#include "mdp.h"

struct bus_link;

enum bus_change { BUS_SAME, BUS_UP, BUS_DOWN };

#define BUS_FRAME_SIZE_LIMIT (1024 * 1024)               /* bytes; libzmq ends a connection that sends a longer one */
#define BUS_FRAME_COUNT_LIMIT (2 * MDP_BUNDLE_LIMIT + 8) /* frames in a message: a full bundle and what precedes it */

void *bus_context(void); /* the process's one ZeroMQ context */

/* One link per address in settings.broker_urls. Returns the count (>= 1), or -1 (logged). The array lives until
 * bus_close_all(). */
int bus_connect_all(struct bus_link ***ret_links);
/* Gives what was sent up to a second to leave. The last link of the process ends the context: close your own sockets
 * first. */
void bus_close_all(struct bus_link ***links, int count);

void *bus_socket(struct bus_link *link);
const char *bus_address(const struct bus_link *link);
bool bus_is_up(const struct bus_link *link);
int bus_fd(const struct bus_link *link);         /* of the socket: edges only, see ZMQ_FD; drain until EAGAIN */
int bus_monitor_fd(const struct bus_link *link); /* same rule */
/* Drains the monitor. Call it until BUS_SAME: a broker that went and came back gives BUS_DOWN first and BUS_UP at the
 * next call. */
enum bus_change bus_poll_monitor(struct bus_link *link);

/* Applies the same duties to any socket before bind or connect: CURVE where the address is tcp://. 0, or -1 (logged).
 */
int bus_set_options(void *socket, bool server, const char *address);

/* One multipart message, frames owned by the caller until bus_message_free(). */
struct bus_message {
    zmq_msg_t *frames; /* all `capacity` of them are initialised; one may be moved out with zmq_msg_move() */
    size_t count;
    size_t capacity;
};
/* 1: got one; 0: nothing waits; -1: error. Reuses `message`'s memory. Of a message with more than BUS_FRAME_COUNT_LIMIT
 * frames the rest is dropped. */
int bus_receive(void *socket, struct bus_message *message);
void bus_message_free(struct bus_message *message);
/* Sends one frame copied from bytes. 0, or -1 (EAGAIN: no peer or full). Once the first frame went, the rest goes. */
int bus_send_frame(void *socket, const void *bytes, size_t length, bool more);

#endif
