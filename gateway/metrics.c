/* /metrics; see metrics.h. Brokers are asked for their statistics when somebody scrapes. */
#include "metrics.h"

#include <dirent.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "calls.h"
#include "connection.h"
#include "notes.h"
#include "operations.h"
#include "outlet.h"
#include "push.h"
#include "redis.h"
#include "reply.h"
#include "request.h"
#include "statistics.h"

#define MEDIA_TYPE "text/plain; version=0.0.4; charset=utf-8"
#define STATUS_FIRST 100
#define STATUS_COUNT 500

/* Upper bounds; the last bucket has none. */
static const int64_t bounds_us[] = {500,    1000,   2500,   5000,    10000,   25000,   50000,
                                    100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000};
#define BOUND_COUNT (sizeof bounds_us / sizeof *bounds_us)

struct tally {
    uint64_t by_status[STATUS_COUNT];
    uint64_t buckets[BOUND_COUNT + 1];
    int64_t sum_us;
    uint64_t *by_refusal; /* as refusals[] lists them; NULL until one came */
};

static struct {
    struct tally **tallies; /* by operation, the last for requests without; NULL until one came */
} metrics;

static struct tally *tally_of(const struct operation *operation) {
    struct tally **tally = &metrics.tallies[operation ? (size_t)(operation - operations) : operation_count];
    if (!*tally && !(*tally = calloc(1, sizeof **tally)))
        abort();
    return *tally;
}

void metrics_count_request(const struct operation *operation, int status, int64_t took_us) {
    struct tally *tally = tally_of(operation);
    size_t bucket = 0;
    while (bucket < BOUND_COUNT && took_us > bounds_us[bucket])
        bucket++;
    tally->by_status[status - STATUS_FIRST]++;
    tally->buckets[bucket]++;
    tally->sum_us += took_us;
}

void metrics_count_refusal(const struct operation *operation, const struct refusal *refusal) {
    struct tally *tally = tally_of(operation);
    if (!tally->by_refusal && !(tally->by_refusal = calloc(refusal_count, sizeof *tally->by_refusal)))
        abort();
    tally->by_refusal[refusal - refusals]++;
}

static const char *name_of(size_t index) {
    return index < operation_count ? operations[index].name : "none";
}

static void describe(struct buffer *text, const char *name, const char *type, const char *help) {
    buffer_printf(text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void add_value(struct buffer *text, const char *name, const char *type, const char *help, double value) {
    describe(text, name, type, help);
    buffer_printf(text, "%s %.17g\n", name, value);
}

static void add_counts(struct buffer *text) {
    describe(text, "tithi_http_requests_total", "counter", "Requests answered, by operation and status.");
    for (size_t i = 0; i <= operation_count; i++)
        for (int status = 0; metrics.tallies[i] && status < STATUS_COUNT; status++)
            if (metrics.tallies[i]->by_status[status])
                buffer_printf(text, "tithi_http_requests_total{operation=\"%s\",status=\"%d\"} %" PRIu64 "\n",
                              name_of(i), status + STATUS_FIRST, metrics.tallies[i]->by_status[status]);
}

static void add_refusals(struct buffer *text) {
    describe(text, "tithi_refusals_total", "counter", "Requests refused, by operation and code.");
    for (size_t i = 0; i <= operation_count; i++)
        for (size_t k = 0; metrics.tallies[i] && metrics.tallies[i]->by_refusal && k < refusal_count; k++)
            if (metrics.tallies[i]->by_refusal[k])
                buffer_printf(text, "tithi_refusals_total{operation=\"%s\",code=\"%s\"} %" PRIu64 "\n", name_of(i),
                              refusals[k].code, metrics.tallies[i]->by_refusal[k]);
}

static void add_histogram(struct buffer *text, const char *operation, const struct tally *tally) {
    static const char name[] = "tithi_http_request_duration_seconds";
    uint64_t count = 0;
    for (size_t i = 0; i < BOUND_COUNT; i++) {
        count += tally->buckets[i];
        buffer_printf(text, "%s_bucket{operation=\"%s\",le=\"%g\"} %" PRIu64 "\n", name, operation,
                      (double)bounds_us[i] / 1e6, count);
    }
    count += tally->buckets[BOUND_COUNT];
    buffer_printf(text, "%s_bucket{operation=\"%s\",le=\"+Inf\"} %" PRIu64 "\n", name, operation, count);
    buffer_printf(text, "%s_sum{operation=\"%s\"} %.6f\n", name, operation, (double)tally->sum_us / 1e6);
    buffer_printf(text, "%s_count{operation=\"%s\"} %" PRIu64 "\n", name, operation, count);
}

static void add_durations(struct buffer *text) {
    describe(text, "tithi_http_request_duration_seconds", "histogram", "From a request's arrival to its answer.");
    for (size_t i = 0; i <= operation_count; i++)
        if (metrics.tallies[i])
            add_histogram(text, name_of(i), metrics.tallies[i]);
}

static double resident_bytes(void) {
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file && fscanf(file, "%*s %ld", &pages) != 1)
        pages = 0;
    if (file)
        fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static double open_descriptors(void) {
    double count = 0;
    DIR *folder = opendir("/proc/self/fd");
    if (!folder)
        return 0;
    for (const struct dirent *entry; (entry = readdir(folder));)
        count += *entry->d_name != '.';
    closedir(folder);
    return count - 1; /* the folder's own */
}

static void add_process(struct buffer *text) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    add_value(text, "process_resident_memory_bytes", "gauge", "Resident memory.", resident_bytes());
    add_value(text, "process_cpu_seconds_total", "counter", "CPU time, user and system.",
              (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                  (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6);
    add_value(text, "process_open_fds", "gauge", "Open file descriptors.", open_descriptors());
}

static void append_label(struct buffer *text, const char *name, const char *value) {
    buffer_printf(text, "%s=\"", name);
    for (; *value; value++) {
        if (*value == '"' || *value == '\\')
            buffer_append_byte(text, '\\');
        buffer_append_byte(text, *value == '\n' ? ' ' : *value);
    }
    buffer_append_byte(text, '"');
}

/* One line per broker and service that has the member. */
static void add_service_values(struct buffer *text, const char *name, const char *type, const char *help,
                               double (*value)(json_t *service, const char *member), const char *member) {
    describe(text, name, type, help);
    for (size_t i = 0; i < calls_broker_count(); i++) {
        const char *service_name;
        json_t *service;
        json_object_foreach(json_object_get(statistics_of(i), "services"), service_name, service) {
            buffer_printf(text, "%s{", name);
            append_label(text, "broker", calls_broker_address(i));
            buffer_append_byte(text, ',');
            append_label(text, "service", service_name);
            buffer_printf(text, "} %.17g\n", value(service, member));
        }
    }
}

static double number_of(json_t *service, const char *member) {
    return json_number_value(json_object_get(service, member));
}

static double seconds_of(json_t *service, const char *member) {
    return number_of(service, member) / 1000;
}

static double size_of(json_t *service, const char *member) {
    return (double)json_array_size(json_object_get(service, member));
}

static double credit_of(json_t *service, const char *member) {
    double credit = 0;
    size_t index;
    json_t *worker;
    json_array_foreach(json_object_get(service, member), index, worker) credit += number_of(worker, "credit");
    return credit;
}

static double counter_of(json_t *service, const char *member) {
    return number_of(json_object_get(service, "counters"), member);
}

/* All services have the same counters; the first one found names them. */
static json_t *any_counters(void) {
    for (size_t i = 0; i < calls_broker_count(); i++) {
        void *first = json_object_iter(json_object_get(statistics_of(i), "services"));
        if (first)
            return json_object_get(json_object_iter_value(first), "counters");
    }
    return NULL;
}

static void add_brokers(struct buffer *text) {
    describe(text, "tithi_broker_up", "gauge", "1: this gateway is connected to the broker.");
    for (size_t i = 0; i < calls_broker_count(); i++) {
        buffer_append_text(text, "tithi_broker_up{");
        append_label(text, "broker", calls_broker_address(i));
        buffer_printf(text, "} %d\n", calls_broker_is_up(i));
    }
    add_service_values(text, "tithi_broker_queue_depth", "gauge", "Calls that wait for a worker.", number_of,
                       "queue_depth");
    add_service_values(text, "tithi_broker_queue_age_seconds", "gauge", "How long the oldest of them has waited.",
                       seconds_of, "queue_age_ms");
    add_service_values(text, "tithi_broker_in_flight", "gauge", "Calls that workers have in hand.", number_of,
                       "in_flight");
    add_service_values(text, "tithi_broker_workers", "gauge", "Workers that are registered.", size_of, "workers");
    add_service_values(text, "tithi_broker_credit", "gauge", "Calls that those workers take at once.", credit_of,
                       "workers");
    const char *counter;
    json_t *unused;
    json_object_foreach(any_counters(), counter, unused) {
        char name[128], help[128];
        snprintf(name, sizeof name, "tithi_broker_%s_total", counter);
        snprintf(help, sizeof help, "The broker's counter %s (docs/protocol.md).", counter);
        add_service_values(text, name, "counter", help, counter_of, counter);
    }
}

static void answer(struct request *request) {
    static struct buffer text;
    buffer_clear(&text);
    add_counts(&text);
    add_refusals(&text);
    add_durations(&text);
    add_value(&text, "tithi_gateway_waiting_calls", "gauge", "Calls of clients that wait for a worker's answer.",
              (double)(calls_waiting() - notes_calls() - push_calls()));
    add_value(&text, "tithi_gateway_connections", "gauge", "Open client connections.", (double)connections_open());
    add_value(&text, "tithi_gateway_redis_up", "gauge", "1: sessions and limits are asked of Redis.", redis_is_up());
    add_value(&text, "tithi_gateway_notes_dropped_total", "counter",
              "Uses of sessions and refusals that the auth worker was not told: too many, or it was away.",
              (double)notes_dropped());
    outlets_describe(&text);
    add_process(&text);
    add_brokers(&text);
    reply_document(request, 200, MEDIA_TYPE, (struct text_span){text.bytes, text.length});
}

void metrics_start(void) {
    metrics.tallies = calloc(operation_count + 1, sizeof *metrics.tallies);
}

void metrics_answer(struct request *request) {
    static const struct statistics_reader reader = {answer};
    statistics_ask(request, &reader);
}
