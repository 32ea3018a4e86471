/* The news that gateways get by Redis; see push_link.h. While Redis is away the newest are kept, since gateways may
 * find it back before this worker does. */
#include "push_link.h"

#include <inttypes.h>
#include <stdlib.h>
#include <uthash.h>

#include "redis_link.h"
#include "settings.h"

#define PATIENCE_MS 100 /* spent twice at most when Redis falls silent */
#define KEPT_LIMIT 10000

struct news {
    struct {
        int64_t subject, id;
    } of;
    int64_t number;
    UT_hash_handle hh; /* in the order of arrival */
};

static struct news *noted;

static const char *const channels[] = {[PUSH_INBOX] = "tithi:inbox", [PUSH_PLACES] = "tithi:places"};

const char *push_link_check(void) {
    return redis_link_check();
}

static void forget(struct news *news) {
    HASH_DEL(noted, news);
    free(news);
}

static void forget_all(void) {
    struct news *news, *next;
    HASH_ITER(hh, noted, news, next) {
        forget(news);
    }
}

void push_link_note(enum push_subject subject, int64_t id, int64_t number) {
    if (!settings.redis_url[0])
        return;
    struct news *news = calloc(1, sizeof *news), *former;
    if (!news)
        abort();
    news->of.subject = subject;
    news->of.id = id;
    news->number = number;
    HASH_REPLACE(hh, noted, of, sizeof news->of, news, former);
    free(former);
    if (HASH_COUNT(noted) > KEPT_LIMIT)
        forget(noted);
}

void push_link_send(void) {
    if (!redis_link_run(PATIENCE_MS, NULL) || !noted)
        return;
    for (const struct news *news = noted; news; news = news->hh.next)
        redis_link_command("PUBLISH %s:%" PRId64 " %" PRId64, channels[news->of.subject], news->of.id, news->number);
    if (redis_link_run(PATIENCE_MS, NULL))
        forget_all();
}

/* Connects again, and tells what could not be told before. */
void push_link_tick(struct worker *worker) {
    (void)worker;
    push_link_send();
}

void push_link_stop(void) {
    forget_all();
    redis_link_close();
}
