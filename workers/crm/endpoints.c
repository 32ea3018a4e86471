/* See endpoints.h. What a worker that dies has noted and not written down is said again: the endpoint answers 410 to
 * the next attempt, too. */
#include "endpoints.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "endpoints_store.h"
#include "settings.h"
#include "urls.h"

#define CHECK_MS 2000
#define GONE_LIMIT 64 /* between two ticks; the rest will say it again */

static struct {
    int64_t check_mono_ms; /* when those that fail are looked for next */
    int64_t gone[GONE_LIMIT];
    char *gone_urls[GONE_LIMIT];
    size_t gone_count;
} endpoints;

void endpoints_note_gone(int64_t endpoint_id, const char *url) {
    char *copy = endpoints.gone_count < GONE_LIMIT ? strdup(url) : NULL;
    if (!copy)
        return;
    endpoints.gone[endpoints.gone_count] = endpoint_id;
    endpoints.gone_urls[endpoints.gone_count++] = copy;
}

static int disable(struct worker *worker) {
    const char *pages = settings.public_url[0] ? public_page("/app/webhooks/", worker_pool(worker)) : NULL;
    return endpoints_store_disable(worker, endpoints.gone, (const char *const *)endpoints.gone_urls,
                                   endpoints.gone_count, pages);
}

void endpoints_tick(struct worker *worker) {
    int64_t now = clock_mono_ms();
    if (endpoints.gone_count == 0 && now < endpoints.check_mono_ms)
        return;
    endpoints.check_mono_ms = now + CHECK_MS;
    int failed = disable(worker);
    db_release(worker_db(worker));
    if (failed)
        return;
    while (endpoints.gone_count)
        free(endpoints.gone_urls[--endpoints.gone_count]);
}
