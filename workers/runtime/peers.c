/* What a worker says to its brokers besides answers: READY with its credit, HEARTBEAT, DISCONNECT. A broker that is not
 * there hears nothing and is greeted with READY when it comes back (docs/protocol.md). */
#include "clock.h"
#include "internals.h"
#include "log.h"
#include "mdp.h"
#include "mp.h"

static int say(struct bus_link *link, enum mdp_worker_command command, bool more) {
    const char byte = (char)command;
    if (bus_send_frame(bus_socket(link), MDP_WORKER, MDP_NAME_LENGTH, true))
        return -1;
    return bus_send_frame(bus_socket(link), &byte, 1, more);
}

void peer_ready(struct worker *worker, struct bus_link *link) {
    const char *service = worker->service->name;
    msgpack_packer packer;
    buffer_clear(&worker->scratch);
    mp_packer_init(&packer, &worker->scratch);
    msgpack_pack_uint32(&packer, worker->service->credit);
    if (say(link, MDP_WORKER_READY, true) || bus_send_frame(bus_socket(link), service, strlen(service), true) ||
        bus_send_frame(bus_socket(link), worker->scratch.bytes, worker->scratch.length, false))
        log_warn("%s does not take READY", bus_address(link));
    else
        log_info("ready at %s for %u calls at once", bus_address(link), worker->service->credit);
}

void peers_beat(struct worker *worker) {
    int64_t now = clock_mono_ms();
    if (now < worker->beat_mono_ms)
        return;
    worker->beat_mono_ms = now + MDP_HEARTBEAT_MS;
    for (int i = 0; i < worker->link_count; i++)
        if (bus_is_up(worker->links[i]))
            say(worker->links[i], MDP_WORKER_HEARTBEAT, false);
}

void peers_leave(struct worker *worker) {
    for (int i = 0; i < worker->link_count; i++)
        if (bus_is_up(worker->links[i]))
            say(worker->links[i], MDP_WORKER_DISCONNECT, false);
}
