/* The broker's statistics as JSON, walked out of the core's state; see docs/protocol.md for what each member means. */
#include "statistics.h"

#include <jansson.h>

#include <utlist.h>

static json_t *hex(const void *bytes, size_t length) {
    static const char digits[] = "0123456789abcdef";
    char text[2 * UINT8_MAX + 1];
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = ((const unsigned char *)bytes)[i];
        text[2 * i] = digits[byte >> 4];
        text[2 * i + 1] = digits[byte & 15];
    }
    return json_stringn(text, 2 * length);
}

static json_t *describe_worker(const struct worker *worker, int64_t now_us) {
    return json_pack("{so sI sI sI sI sb}", "id", hex(worker->peer->identity, worker->peer->length), "credit",
                     (json_int_t)worker->credit, "in_flight", (json_int_t)worker->held, "age_ms",
                     (json_int_t)((now_us - worker->registered_us) / 1000), "silent_ms",
                     (json_int_t)((now_us - worker->heard_us) / 1000), "draining", worker->state == WORKER_DRAINING);
}

/* Cumulative, as Prometheus has them; "le_us" null is "+Inf". */
static json_t *describe_histogram(const struct histogram *histogram) {
    json_t *buckets = json_array();
    uint64_t below = 0;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        below += histogram->buckets[i];
        json_t *bound = i < HISTOGRAM_BUCKETS - 1 ? json_integer(histogram_bounds_us[i]) : json_null();
        json_array_append_new(buckets, json_pack("{so sI}", "le_us", bound, "count", (json_int_t)below));
    }
    return json_pack("{sI sI so}", "count", (json_int_t)histogram->count, "sum_us", (json_int_t)histogram->sum_us,
                     "buckets", buckets);
}

static json_t *describe_counters(const struct counters *counters) {
    json_t *object = json_object();
#define COUNTER(name, help) json_object_set_new(object, #name, json_integer((json_int_t)counters->name));
    CORE_COUNTERS(COUNTER)
#undef COUNTER
    return object;
}

static json_t *describe_traffic(const struct traffic_counters *counters) {
    json_t *object = json_object();
#define COUNTER(name, help) json_object_set_new(object, #name, json_integer((json_int_t)counters->name));
    TRAFFIC_COUNTERS(COUNTER)
#undef COUNTER
    return object;
}

static int64_t queue_age_us(const struct service *service, int64_t now_us) {
    int64_t oldest_us = now_us;
    if (service->queue && service->queue->received_us < oldest_us)
        oldest_us = service->queue->received_us;
    if (service->suspects && service->suspects->received_us < oldest_us)
        oldest_us = service->suspects->received_us;
    return now_us - oldest_us;
}

static json_t *describe_service(const struct service *service, int64_t now_us) {
    json_t *workers = json_array();
    const struct worker *worker;
    DL_FOREACH(service->workers, worker)
    json_array_append_new(workers, describe_worker(worker, now_us));
    return json_pack("{sI sI sI sI so so so so}", "queue_depth", (json_int_t)service->depth, "queue_bytes",
                     (json_int_t)service->bytes, "queue_age_ms", (json_int_t)(queue_age_us(service, now_us) / 1000),
                     "in_flight", (json_int_t)service->in_flight, "workers", workers, "counters",
                     describe_counters(&service->counters), "queue_time", describe_histogram(&service->queue_time),
                     "service_time", describe_histogram(&service->service_time));
}

static json_t *describe_poisoned(const struct core *core) {
    json_t *list = json_array();
    uint64_t kept = core->poisoned_count < CORE_POISONED_KEPT ? core->poisoned_count : CORE_POISONED_KEPT;
    for (uint64_t i = 1; i <= kept; i++) {
        const struct poisoned *poisoned = &core->poisoned[(core->poisoned_count - i) % CORE_POISONED_KEPT];
        char id[UUID_TEXT_SIZE];
        json_array_append_new(list,
                              json_pack("{ss ss}", "id", uuid_text(&poisoned->id, id), "service", poisoned->service));
    }
    return list;
}

char *statistics_text(const struct core *core, const struct traffic_counters *counters, int64_t uptime_us,
                      int64_t now_us) {
    json_t *services = json_object();
    const struct service *service;
    for (service = core->services; service; service = service->hh.next)
        json_object_set_new(services, service->name, describe_service(service, now_us));
    json_t *all = json_pack("{ss sI sb so so so}", "version", TITHI_VERSION, "uptime_ms",
                            (json_int_t)(uptime_us / 1000), "stopping", core->stopping, "services", services,
                            "counters", describe_traffic(counters), "poisoned", describe_poisoned(core));
    char *text = json_dumps(all, JSON_COMPACT);
    json_decref(all);
    return text;
}
