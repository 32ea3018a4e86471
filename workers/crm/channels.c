/* The crm worker's channels as data; senders are webhooks.c and mails.c, the backoff queue is the runtime's. */
#include "channels.h"

#include "endpoints.h"
#include "mail.h"
#include "mails.h"
#include "push_link.h"
#include "rules.h"
#include "schedules.h"
#include "spread.h"
#include "test_mail.h"
#include "webhooks.h"

#define WEBHOOK_LIMIT 256
#define TROUBLE_LIMIT 64

static const struct delivery_channel channels[] = {
    {.name = "webhook",
     .waits_s = rule_webhook_waits_s,
     .wait_count = WEBHOOK_WAITS,
     .limit = WEBHOOK_LIMIT,
     .limit_per_lane = 16,   /* one slow endpoint must not take all */
     .limit_of_lane_0 = 192, /* the operator's; the rest is left to facilitators */
     .limit_of_trouble = TROUBLE_LIMIT,
     .keeps_attempts = true,
     .prepare = webhooks_prepare,
     .begin = webhooks_begin},
    {.name = "mail", .waits_s = mail_waits_s, .wait_count = MAIL_WAITS, .limit = MAIL_LIMIT, .begin = mails_begin},
};

static struct http_client *client;
static struct deliveries *deliveries;

const char *channels_check(void) {
    const char *problem = webhooks_check();
    if (!problem)
        problem = mail_check();
    if (!problem)
        problem = test_mail_check();
    return problem ? problem : push_link_check();
}

int channels_start(struct worker *worker) {
    client = http_client_new(WEBHOOK_LIMIT + TROUBLE_LIMIT + MAIL_LIMIT, webhooks_may_connect, NULL);
    deliveries = deliveries_new(worker, channels, sizeof channels / sizeof *channels);
    webhooks_start(client);
    mail_start(client);
    return 0;
}

void channels_tick(struct worker *worker) {
    push_link_tick(worker);
    spread_tick(worker);
    schedules_tick(worker);
    endpoints_tick(worker);
    deliveries_tick(deliveries);
    http_step(client); /* sends before the next wait */
}

int channels_wait(struct worker *worker, struct pollfd *fds, int count, int timeout_ms) {
    (void)worker;
    return http_wait(client, fds, count, timeout_ms);
}

bool channels_busy(struct worker *worker) {
    (void)worker;
    return deliveries_busy(deliveries);
}

void channels_stop(struct worker *worker) {
    (void)worker;
    deliveries_stop(deliveries);
    http_client_destroy(&client);
    deliveries_destroy(&deliveries);
    push_link_stop();
}
