/* tithi-gateway: HTTP in, messages out. One loop, one thread; more gateways share the ports. It holds no database
 * credentials and knows no operation but its own few: routes, callers, fields and answers follow from the contract. */
#include <errno.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "address.h"
#include "admission.h"
#include "bus.h"
#include "calls.h"
#include "clock.h"
#include "coalesce.h"
#include "connection.h"
#include "gateway.h"
#include "identity.h"
#include "keys.h"
#include "listener.h"
#include "local.h"
#include "log.h"
#include "memory.h"
#include "metrics.h"
#include "notes.h"
#include "pool.h"
#include "process.h"
#include "processes.h"
#include "push.h"
#include "redis_url.h"
#include "reply.h"
#include "request.h"
#include "settings.h"
#include "statistics.h"
#include "strict.h"
#include "web.h"

#define TURN_LIMIT_MS 100
#define DRAIN_LIMIT_MS 24000
#define DRAIN_IDLE_MS 2000 /* for a request that is on its way over an open connection */

struct gateway gateway;

static h2o_timeout_entry_t flush_timer;
static volatile sig_atomic_t reload_asked;

static void on_reload_signal(int number) {
    (void)number;
    reload_asked = 1;
}

static void flush(h2o_timeout_entry_t *entry) {
    (void)entry;
    admission_flush();
    push_flush();
    calls_flush();
}

/* h2o runs its timers after the turn's sockets, and after them what they have set going. */
void gateway_flush_soon(void) {
    if (!h2o_timeout_is_linked(&flush_timer))
        h2o_timeout_link(gateway.context.loop, &gateway.context.zero_timeout, &flush_timer);
}

static const char *check_settings(void) {
    struct redis_address redis;
    if (!*settings.jwt_secret_key)
        return "JWT_SECRET_KEY is not set";
    if (*settings.redis_url && redis_url_parse(settings.redis_url, &redis) != 0)
        return "REDIS_URL is neither redis://[user:password@]host[:port][/db] nor unix:///path[?db=N]";
    if (address_read_proxies(settings.trusted_proxies) != 0)
        return "TRUSTED_PROXIES is not a list of CIDRs";
    if (reply_read_origins(settings.cors_origins) != 0)
        return "CORS_ORIGINS is not a list of origins like https://example.com";
    if (identity_read_withheld(settings.unverified_may_not) != 0)
        return "UNVERIFIED_MAY_NOT must be some of read, book, events and webhooks, separated by commas";
    if (settings.http_port && settings.http_port == settings.crm_port)
        return "CRM_PORT must differ from HTTP_PORT";
    if (settings.metrics_port &&
        (settings.metrics_port == settings.http_port || settings.metrics_port == settings.crm_port))
        return "METRICS_PORT must differ from HTTP_PORT and CRM_PORT";
    return NULL;
}

static int start(void) {
    struct sigaction reload = {.sa_handler = on_reload_signal};
    sigaction(SIGHUP, &reload, NULL);
    gateway.scratch = pool_new();
    flush_timer.cb = flush;
    listeners_configure();
    h2o_context_init(&gateway.context, h2o_evloop_create(), &gateway.config);
    identity_start();
    reply_start();
    connections_start();
    if (strict_start() != 0 || requests_start() != 0 || local_start() != 0)
        return EX_SOFTWARE;
    if (calls_start() != 0)
        return EX_CONFIG;
    metrics_start();
    statistics_start();
    processes_start();
    web_read();
    admission_start();
    push_start();
    return listeners_open() == 0 ? 0 : EX_UNAVAILABLE;
}

static void reload(void) {
    reload_asked = 0;
    if (listeners_load_certificate() == 0)
        log_info("certificate read again");
    web_read();
}

static void turn(void) {
    static int64_t polled_ms;
    if (h2o_evloop_run(gateway.context.loop, TURN_LIMIT_MS) != 0 && errno != EINTR)
        log_error("epoll: %s", strerror(errno));
    if (reload_asked)
        reload();
    int64_t now_ms = clock_mono_ms();
    if (now_ms - polled_ms < TURN_LIMIT_MS)
        return;
    polled_ms = now_ms;
    calls_poll();
    admission_poll();
    coalesce_poll();
    keys_poll();
    notes_poll();
    push_poll();
    memory_tidy(now_ms);
}

/* Nothing new is taken; what is in hand is finished. Idle connections get "Connection: close" with their next answer,
 * or are closed after a shorter time than usual. */
static void drain(void) {
    int64_t until_ms = clock_mono_ms() + DRAIN_LIMIT_MS;
    log_info("draining %zu connections", connections_open());
    gateway.draining = true;
    listeners_close();
    push_drain();
    h2o_context_request_shutdown(&gateway.context);
    gateway.context.http1.req_timeout.timeout = DRAIN_IDLE_MS;
    while (connections_open() > 0 && clock_mono_ms() < until_ms)
        turn();
    if (connections_open() > 0)
        log_warn("%zu connections were cut off", connections_open());
}

int main(int argc, char **argv) {
    process_start(argc, argv, "tithi-gateway", "HTTP in, messages out.", check_settings, NULL);
    int problem = start();
    if (problem)
        return problem;
    log_info("listening on %s, ports %d and %d", settings.http_host, (int)settings.http_port, (int)settings.crm_port);
    while (!process_stopping())
        turn();
    drain();
    calls_stop();
    log_info("stopped");
    return EXIT_SUCCESS;
}
