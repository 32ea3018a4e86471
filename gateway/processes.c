/* GET /admin/processes; see processes.h. Brokers count a service each for itself: what they say is added up. A worker
 * registers at all of them, so the one that knows most tells how many there are. */
#include "processes.h"

#include <stdlib.h>
#include <string.h>

#include "calls.h"
#include "clock.h"
#include "connection.h"
#include "gateway.h"
#include "local.h"
#include "notes.h"
#include "operations.h"
#include "outlet.h"
#include "process.h"
#include "push.h"
#include "quantile.h"
#include "redis.h"
#include "request.h"
#include "statistics.h"

static int64_t started_ms;

void processes_start(void) {
    started_ms = clock_mono_ms();
}

static int64_t number_of(const json_t *object, const char *member) {
    return json_integer_value(json_object_get(object, member));
}

static const char *text_of(const json_t *object, const char *member) {
    const char *text = json_string_value(json_object_get(object, member));
    return text ? text : "";
}

/* What one array of the reply takes, from gateway.scratch, which lives until the reply is packed. */
static void *room_for(size_t count, size_t size) {
    void *room = pool_alloc(gateway.scratch, count * size);
    memset(room, 0, count * size);
    return room;
}

static void show_poisoned(const json_t *all, struct broker_status *status) {
    const json_t *list = json_object_get(all, "poisoned"), *entry;
    size_t index;
    status->poisoned.items = room_for(json_array_size(list), sizeof *status->poisoned.items);
    status->poisoned.count = json_array_size(list);
    json_array_foreach(list, index, entry) {
        status->poisoned.items[index].id = text_of(entry, "id");
        status->poisoned.items[index].service = text_of(entry, "service");
    }
}

static void show_brokers(struct processes *reply) {
    reply->brokers.count = calls_broker_count();
    reply->brokers.items = room_for(reply->brokers.count, sizeof *reply->brokers.items);
    for (size_t i = 0; i < reply->brokers.count; i++) {
        const json_t *all = statistics_of(i);
        struct broker_status *status = &reply->brokers.items[i];
        status->broker = calls_broker_address(i);
        status->state = "away";
        if (!all)
            continue;
        status->state = json_is_true(json_object_get(all, "stopping")) ? "stopping" : "ok";
        SET_TEXT(*status, version, text_of(all, "version"));
        SET(*status, uptime_ms, number_of(all, "uptime_ms"));
        show_poisoned(all, status);
    }
}

static void add_worker(struct processes *reply, size_t broker, const char *service, const json_t *worker) {
    reply->workers.items[reply->workers.count++] = (struct worker_status){
        .broker = calls_broker_address(broker),
        .service = service,
        .id = text_of(worker, "id"),
        .credit = number_of(worker, "credit"),
        .in_flight = number_of(worker, "in_flight"),
        .age_ms = number_of(worker, "age_ms"),
        .silent_ms = number_of(worker, "silent_ms"),
        .draining = json_is_true(json_object_get(worker, "draining")),
    };
}

/* In the order of the brokers, then of services and workers as a broker has them. */
static void show_workers(struct processes *reply) {
    const char *name;
    json_t *service, *worker;
    size_t index, count = 0;
    for (size_t i = 0; i < calls_broker_count(); i++)
        json_object_foreach(json_object_get(statistics_of(i), "services"), name, service) count +=
            json_array_size(json_object_get(service, "workers"));
    reply->workers.items = room_for(count, sizeof *reply->workers.items);
    for (size_t i = 0; i < calls_broker_count(); i++)
        json_object_foreach(json_object_get(statistics_of(i), "services"), name, service)
            json_array_foreach(json_object_get(service, "workers"), index, worker) add_worker(reply, i, name, worker);
}

static struct service_status *status_of(struct processes *reply, const char *service) {
    for (size_t i = 0; i < reply->services.count; i++)
        if (strcmp(reply->services.items[i].service, service) == 0)
            return &reply->services.items[i];
    struct service_status *status = &reply->services.items[reply->services.count++];
    status->service = service;
    return status;
}

static int64_t credit_of(const json_t *service) {
    int64_t credit = 0;
    const json_t *worker;
    size_t index;
    json_array_foreach(json_object_get(service, "workers"), index, worker) credit += number_of(worker, "credit");
    return credit;
}

static void add_service(struct service_status *status, const json_t *service) {
    const json_t *counters = json_object_get(service, "counters");
    int64_t workers = (int64_t)json_array_size(json_object_get(service, "workers"));
    int64_t oldest_ms = number_of(service, "queue_age_ms");
    status->queued += number_of(service, "queue_depth");
    status->oldest_ms = oldest_ms > status->oldest_ms ? oldest_ms : status->oldest_ms;
    status->in_flight += number_of(service, "in_flight");
    status->workers = workers > status->workers ? workers : status->workers;
    status->credit += credit_of(service);
    status->received += number_of(counters, "received");
    status->answered += number_of(counters, "answered");
    status->refused += number_of(counters, "refused");
    status->expired += number_of(counters, "expired");
    status->redelivered += number_of(counters, "redelivered");
}

static void show_times(struct service_status *status) {
    json_t **times = room_for(calls_broker_count(), sizeof *times);
    for (size_t i = 0; i < calls_broker_count(); i++)
        times[i] = json_object_get(json_object_get(json_object_get(statistics_of(i), "services"), status->service),
                                   "service_time");
    double p50_ms = quantile_ms(times, calls_broker_count(), 0.5);
    if (p50_ms < 0)
        return;
    SET(*status, p50_ms, p50_ms);
    SET(*status, p99_ms, quantile_ms(times, calls_broker_count(), 0.99));
}

static void show_services(struct processes *reply) {
    const char *name;
    json_t *service;
    size_t most = 0;
    for (size_t i = 0; i < calls_broker_count(); i++)
        most += json_object_size(json_object_get(statistics_of(i), "services"));
    reply->services.items = room_for(most, sizeof *reply->services.items);
    for (size_t i = 0; i < calls_broker_count(); i++)
        json_object_foreach(json_object_get(statistics_of(i), "services"), name, service)
            add_service(status_of(reply, name), service);
    for (size_t i = 0; i < reply->services.count; i++)
        show_times(&reply->services.items[i]);
}

static struct gateway_status own_status(void) {
    return (struct gateway_status){
        .name = process_name(),
        .version = TITHI_VERSION,
        .uptime_ms = clock_mono_ms() - started_ms,
        .connections = (int64_t)connections_open(),
        .sockets = (int64_t)outlets_count(OUTLET_SOCKET),
        .streams = (int64_t)(outlets_count(OUTLET_STREAM) + outlets_count(OUTLET_PLACES)),
        .in_flight = (int64_t)(calls_waiting() - notes_calls() - push_calls()),
        .redis = redis_is_up(),
    };
}

static void answer(struct request *request) {
    struct processes reply = {.gateway = own_status()};
    pool_reset(gateway.scratch);
    show_brokers(&reply);
    show_services(&reply);
    show_workers(&reply);
    local_reply(request, 200, &reply);
}

void processes_answer(struct request *request) {
    static const struct statistics_reader reader = {answer};
    statistics_ask(request, &reader);
}
