/* Majordomo 0.2 (ZeroMQ RFC 18) on the wire: names of its frames. One ROUTER socket per broker serves clients and workers. */
#ifndef TITHI_MDP_H
#define TITHI_MDP_H

#define MDP_CLIENT "MDPC02"
#define MDP_WORKER "MDPW02"
#define MDP_NAME_LENGTH 6

enum mdp_client_command { MDP_CLIENT_REQUEST = 1, MDP_CLIENT_PARTIAL = 2, MDP_CLIENT_FINAL = 3 };
enum mdp_worker_command {
    MDP_WORKER_READY = 1,
    MDP_WORKER_REQUEST = 2,
    MDP_WORKER_PARTIAL = 3,
    MDP_WORKER_FINAL = 4,
    MDP_WORKER_HEARTBEAT = 5,
    MDP_WORKER_DISCONNECT = 6,
};

#define MDP_HEARTBEAT_MS 1000       /* between heartbeats, both ways */
#define MDP_LIVENESS_MS 15000       /* silence after which a worker that is still connected counts as dead */
#define MDP_DEATHS_LIMIT 3          /* workers a call may take with it before it is set aside */
#define MDP_DEFAULT_TTL_MS 10000    /* of a call without ttl_ms */
#define MDP_BUNDLE_LIMIT 256        /* calls in one message */

/* Client REQUEST: "MDPC02", 1, service, (header, payload)+          FINAL: "MDPC02", 3, service, (header, payload)+
 * Worker READY: "MDPW02", 1, service [, credit as msgpack integer]
 * Broker->worker REQUEST: "MDPW02", 2, client, "", (header, payload)+   worker FINAL: "MDPW02", 4, client, "", (header, payload)+
 * HEARTBEAT: "MDPW02", 5    DISCONNECT: "MDPW02", 6   (from a worker: "give me nothing more, I finish what I have")
 * MMI (RFC 8): service "mmi.service" body = name -> "200" | "404" | "501"; ours: "mmi.stats" -> JSON text of the broker's statistics. */

#endif
