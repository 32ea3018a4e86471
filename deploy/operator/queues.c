/* Asks every broker for its statistics (mmi.stats, docs/protocol.md) and shortens them to what an operator looks at. */
#include <string.h>

#include "bus.h"
#include "clock.h"
#include "mdp.h"
#include "operator.h"

#define PATIENCE_MS 1500
#define TURN_MS 5
#define STATISTICS_SERVICE "mmi.stats"

enum { FRAME_NAME, FRAME_COMMAND, FRAME_SERVICE, FRAME_BODY, FRAME_COUNT };

static void ask(struct bus_link *link) {
    void *socket = bus_socket(link);
    const unsigned char command = MDP_CLIENT_REQUEST;
    if (bus_send_frame(socket, MDP_CLIENT, MDP_NAME_LENGTH, true) == 0 &&
        bus_send_frame(socket, &command, 1, true) == 0 &&
        bus_send_frame(socket, STATISTICS_SERVICE, strlen(STATISTICS_SERVICE), true) == 0)
        bus_send_frame(socket, "", 0, false);
}

/* The statistics where they have come, else NULL. */
static json_t *take_answer(struct bus_link *link, struct bus_message *message) {
    if (bus_receive(bus_socket(link), message) != 1 || message->count != FRAME_COUNT)
        return NULL;
    zmq_msg_t *body = &message->frames[FRAME_BODY];
    return json_loadb(zmq_msg_data(body), zmq_msg_size(body), JSON_REJECT_DUPLICATES, NULL);
}

static json_t *describe_workers(const json_t *workers) {
    static const char *const keys[] = {"id", "credit", "in_flight", "draining"};
    json_t *list = json_array();
    size_t index;
    json_t *worker;
    json_array_foreach(workers, index, worker) {
        json_t *row = json_object();
        for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
            json_object_set(row, keys[i], json_object_get(worker, keys[i]));
        json_array_append_new(list, row);
    }
    return list;
}

static json_t *describe_services(json_t *statistics) {
    json_t *list = json_array();
    const char *name;
    json_t *service;
    json_object_foreach(json_object_get(statistics, "services"), name, service) {
        json_t *row =
            json_pack("{s:s, s:O*, s:O*}", "service", name, "queue_depth", json_object_get(service, "queue_depth"),
                      "in_flight", json_object_get(service, "in_flight"));
        json_object_set_new(row, "workers", describe_workers(json_object_get(service, "workers")));
        json_array_append_new(list, row);
    }
    return list;
}

/* Asks each broker once it is there, and waits for all answers or until patience ends. */
static void collect(struct bus_link **links, int count, json_t **ret_statistics) {
    struct bus_message message = {0};
    int64_t deadline_ms = clock_mono_ms() + PATIENCE_MS;
    for (int missing = count; missing > 0 && clock_mono_ms() < deadline_ms;) {
        for (int i = 0; i < count; i++) {
            if (bus_poll_monitor(links[i]) == BUS_UP)
                ask(links[i]);
            if (!ret_statistics[i] && (ret_statistics[i] = take_answer(links[i], &message)))
                missing--;
        }
        zmq_poll(NULL, 0, TURN_MS);
    }
    bus_message_free(&message);
}

json_t *broker_statistics(void) {
    json_t *brokers = json_array();
    struct bus_link **links;
    int count = bus_connect_all(&links);
    if (count < 0)
        return brokers;
    json_t *statistics[count];
    memset(statistics, 0, sizeof statistics);
    collect(links, count, statistics);
    for (int i = 0; i < count; i++) {
        json_array_append_new(brokers, json_pack("{s:s, s:b, s:o}", "address", bus_address(links[i]), "up",
                                                 statistics[i] != NULL, "services", describe_services(statistics[i])));
        json_decref(statistics[i]);
    }
    bus_close_all(&links, count);
    return brokers;
}
