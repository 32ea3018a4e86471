/* Asks all brokers at once for all requests that wait; see statistics.h. */
#include "statistics.h"

#include <stdlib.h>
#include <utlist.h>

#include "calls.h"
#include "gateway.h"
#include "request.h"

#define BROKER_LIMIT_MS 1000

static struct {
    json_t **brokers; /* NULL: not heard since asked */
    size_t unheard;
    struct request *waiting;
    h2o_timeout_t limit;
    h2o_timeout_entry_t timer;
} statistics;

json_t *statistics_of(size_t broker) {
    return statistics.brokers[broker];
}

static void answer_all(void) {
    struct request *request, *next;
    statistics.unheard = 0;
    h2o_timeout_unlink(&statistics.timer);
    DL_FOREACH_SAFE(statistics.waiting, request, next) {
        const struct statistics_reader *reader = request->place;
        request_leave(request);
        reader->answer(request);
    }
}

static void on_limit(h2o_timeout_entry_t *entry) {
    (void)entry;
    answer_all();
}

static void on_statistics(size_t broker, struct text_span text) {
    if (statistics.brokers[broker])
        return; /* of an earlier question, and late */
    statistics.brokers[broker] = json_loadb(text.bytes, text.length, 0, NULL);
    if (statistics.unheard && --statistics.unheard == 0)
        answer_all();
}

static void leave(struct request *request) {
    DL_DELETE(statistics.waiting, request);
}

void statistics_start(void) {
    statistics.brokers = calloc(calls_broker_count(), sizeof *statistics.brokers);
    h2o_timeout_init(gateway.context.loop, &statistics.limit, BROKER_LIMIT_MS);
    statistics.timer.cb = on_limit;
}

void statistics_ask(struct request *request, const struct statistics_reader *reader) {
    DL_APPEND(statistics.waiting, request);
    request->leave = leave;
    request->place = (void *)reader;
    if (statistics.unheard)
        return;
    for (size_t i = 0; i < calls_broker_count(); i++) {
        json_decref(statistics.brokers[i]);
        statistics.brokers[i] = NULL;
        statistics.unheard += calls_broker_is_up(i);
    }
    if (statistics.unheard == 0) {
        answer_all();
        return;
    }
    h2o_timeout_link(gateway.context.loop, &statistics.limit, &statistics.timer);
    calls_ask_statistics(on_statistics);
}
