/* The log's entries; see announce.h. Bodies follow from the contract's webhook records, as answers do from theirs. */
#include "announce.h"

#include <inttypes.h>

#include "clock.h"
#include "log.h"

/* Renders the body into the entry and queues it. */
static void tell(struct worker *worker, struct news *news, const struct record *record, const void *body) {
    struct buffer message = {0}, json = {0};
    codec_encode(record, body, &message);
    if (codec_render(record, NULL, message.bytes, message.length, &json)) {
        log_error("what is told about %s does not fit the contract", news->cause);
    } else {
        news->body = buffer_text(&json);
        worker_news(worker, news);
    }
    buffer_free(&message);
    buffer_free(&json);
}

static const char *now_text(struct pool *pool) {
    return clock_text(clock_wall_ms(), pool_alloc(pool, CLOCK_TEXT_SIZE));
}

/* What all bodies about a booking have in common. */
#define HEAD_OF(type_, action_, pool, booking)                                                                         \
    .type = (type_), .timestamp = now_text(pool), .action = (action_), .booking_id = (booking)->id,                    \
    .booking_reference = (booking)->booking_reference, .currency = (booking)->currency,                                \
    .user = {.id = (booking)->user.id, .name = (booking)->user.name, .email = (booking)->user.email},                  \
    .event_id = (booking)->event.id,                                                                                   \
    .event = {.id = (booking)->event.id,                                                                               \
              .title = (booking)->event.title,                                                                         \
              .start_datetime = (booking)->event.start_datetime,                                                       \
              .has_end_datetime = (booking)->event.has_end_datetime,                                                   \
              .end_datetime = (booking)->event.end_datetime,                                                           \
              .facilitator_id = (booking)->event.facilitator_id},                                                      \
    .facilitator_id = (booking)->event.facilitator_id

static struct booking_changed_webhook describe_booking(const char *type, const char *action,
                                                       const struct booking *booking, struct pool *pool) {
    struct booking_changed_webhook body = {HEAD_OF(type, action, pool, booking)};
    body.status = booking->status;
    body.payment_status = booking->payment_status;
    body.price_minor = booking->price_minor;
    body.created_at = booking->created_at;
    SET_TEXT(body, notes, booking->notes);
    SET_TEXT(body, facilitator_crm_id, booking->event.facilitator_crm_id);
    return body;
}

/* An entry about a booking. */
static struct news news_of(const char *type, const char *cause, const struct booking *booking, const char *trace) {
    return (struct news){.type = type,
                         .cause = cause,
                         .owner_id = booking->event.facilitator.id,
                         .user_id = booking->user.id,
                         .event_id = booking->event.id,
                         .booking_id = booking->id,
                         .trace = trace};
}

static void tell_booking(struct worker *worker, const char *action, const char *cause, const struct booking *booking,
                         const char *trace) {
    struct pool *pool = worker_pool(worker);
    const char *type = pool_printf(pool, "booking.%s", action);
    struct news news = news_of(type, cause, booking, trace);
    struct booking_changed_webhook body = describe_booking(type, action, booking, pool);
    tell(worker, &news, &record_booking_changed_webhook, &body);
}

void announce(struct worker *worker, const char *action, const struct booking_row *row, const char *trace) {
    const char *cause = pool_printf(worker_pool(worker), "booking:%" PRId64, row->booking.id);
    tell_booking(worker, action, cause, &row->booking, trace);
}

void announce_again(struct worker *worker, const char *action, const struct booking_row *row, int64_t turn,
                    const char *trace) {
    const char *cause = pool_printf(worker_pool(worker), "booking:%" PRId64 ":%" PRId64, row->booking.id, turn);
    tell_booking(worker, action, cause, &row->booking, trace);
}

static struct payment_changed_webhook describe_payment(const char *type, const char *action, const struct money *money,
                                                       const struct booking *booking, struct pool *pool) {
    struct payment_changed_webhook body = {HEAD_OF(type, action, pool, booking)};
    body.payment_id = money->payment_id;
    body.provider = money->provider;
    body.amount_minor = money->amount_minor;
    SET_TEXT(body, refund_id, money->refund_id);
    return body;
}

void announce_payment(struct worker *worker, const struct money *money, const struct booking *booking,
                      const char *trace) {
    struct pool *pool = worker_pool(worker);
    const char *action = money->refund_id ? "refunded" : "captured";
    const char *type = pool_printf(pool, "payment.%s", action);
    const char *cause = money->refund_id ? pool_printf(pool, "refund:%s", money->refund_id)
                                         : pool_printf(pool, "payment:%s", money->payment_id);
    struct news news = news_of(type, cause, booking, trace);
    struct payment_changed_webhook body = describe_payment(type, action, money, booking, pool);
    tell(worker, &news, &record_payment_changed_webhook, &body);
}

void announce_waitlist(struct worker *worker, const char *action, int64_t owner_id,
                       const struct waitlist_changed_webhook *about, const char *trace) {
    struct pool *pool = worker_pool(worker);
    struct waitlist_changed_webhook body = *about;
    body.type = pool_printf(pool, "waitlist.%s", action);
    body.timestamp = now_text(pool);
    body.action = action;
    struct news news = {.type = body.type,
                        .cause = pool_printf(pool, "waitlist:%" PRId64, body.waitlist_id),
                        .owner_id = owner_id,
                        .user_id = body.user.id,
                        .event_id = body.event_id,
                        .trace = trace};
    tell(worker, &news, &record_waitlist_changed_webhook, &body);
}

static struct event_changed_webhook describe_event(const char *type, const char *action, const struct event *event,
                                                   struct pool *pool) {
    struct event_changed_webhook body = {
        .type = type,
        .timestamp = now_text(pool),
        .action = action,
        .event_id = event->id,
        .event = {.id = event->id,
                  .title = event->title,
                  .event_type = event->event_type,
                  .start_datetime = event->start_datetime,
                  .time_zone = event->time_zone,
                  .has_max_participants = event->has_max_participants,
                  .max_participants = event->max_participants,
                  .current_participants = event->current_participants,
                  .price_minor = event->price_minor,
                  .currency = event->currency,
                  .is_active = event->is_active,
                  .status = event->status},
        .facilitator_id = event->facilitator_id,
    };
    SET_TEXT(body.event, end_datetime, event->end_datetime);
    SET_TEXT(body.event, location, event->location);
    SET_TEXT(body.event, virtual_link, event->virtual_link);
    SET_TEXT(body, facilitator_crm_id, event->facilitator_crm_id);
    return body;
}

void announce_event(struct worker *worker, const char *action, const struct event *event,
                    const struct event_change *change, const char *trace) {
    struct pool *pool = worker_pool(worker);
    struct news news = {
        .type = pool_printf(pool, "event.%s", action),
        .cause = change ? pool_printf(pool, "event:%" PRId64 ":%" PRId64, event->id, change->version)
                        : pool_printf(pool, "event:%" PRId64, event->id),
        .owner_id = event->facilitator.id,
        .event_id = event->id,
        .trace = trace,
    };
    struct event_changed_webhook body = describe_event(news.type, action, event, pool);
    if (change) {
        body.changed.items = (const char **)change->fields;
        body.changed.count = change->count;
    }
    tell(worker, &news, &record_event_changed_webhook, &body);
}
