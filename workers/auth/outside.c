/* The auth worker's HTTP client and the queue of its mails; see outside.h. */
#include "outside.h"

#include "deliveries.h"
#include "google.h"
#include "mail.h"
#include "mail_channel.h"

#define CONNECTIONS 64

static struct http_client *client;
static struct deliveries *deliveries;

void outside_start(struct worker *worker) {
    client = http_client_new(CONNECTIONS, NULL, NULL);
    deliveries = deliveries_new(worker, &mail_channel, 1);
    mail_start(client);
}

struct http_client *outside_client(void) {
    return client;
}

void outside_tick(struct worker *worker) {
    deliveries_tick(deliveries);
    google_tick(worker);
    http_step(client); /* sends before the next wait */
}

int outside_wait(struct worker *worker, struct pollfd *fds, int count, int timeout_ms) {
    int ready = http_wait(client, fds, count, timeout_ms);
    google_tick(worker);
    return ready;
}

bool outside_busy(struct worker *worker) {
    (void)worker;
    return deliveries_busy(deliveries) || google_busy();
}

void outside_stop(struct worker *worker) {
    deliveries_stop(deliveries);
    http_client_destroy(&client);
    google_stop(worker);
    deliveries_destroy(&deliveries);
}
