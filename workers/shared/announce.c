/* Bodies of webhooks about bookings; see announce.h. They follow from the contract's webhook record, as answers do from
 * theirs. */
#include "announce.h"

#include <inttypes.h>

#include "clock.h"
#include "log.h"
#include "settings.h"

static struct booking_changed_webhook describe(const char *type, const char *action, const char *now,
                                               const struct booking *booking) {
    const struct booking_event *event = &booking->event;
    struct booking_changed_webhook body = {
        .type = type,
        .timestamp = now,
        .action = action,
        .booking_id = booking->id,
        .booking_reference = booking->booking_reference,
        .status = booking->status,
        .payment_status = booking->payment_status,
        .price_minor = booking->price_minor,
        .currency = booking->currency,
        .user = {.id = booking->user.id, .name = booking->user.name, .email = booking->user.email},
        .event_id = event->id,
        .event = {.id = event->id,
                  .title = event->title,
                  .start_datetime = event->start_datetime,
                  .facilitator_id = event->facilitator_id},
        .facilitator_id = event->facilitator_id,
        .created_at = booking->created_at,
    };
    SET_TEXT(body, notes, booking->notes);
    SET_TEXT(body, facilitator_crm_id, event->facilitator_crm_id);
    SET_TEXT(body.event, end_datetime, event->end_datetime);
    return body;
}

void announce(struct worker *worker, const char *action, const struct booking_row *row, const char *trace) {
    bool operator_listens = settings.crm_webhook_url[0] != '\0';
    if (!operator_listens && !row->facilitator_listens)
        return;
    struct pool *pool = worker_pool(worker);
    char now[CLOCK_TEXT_SIZE];
    const char *type = pool_printf(pool, "booking.%s", action);
    const char *cause = pool_printf(pool, "booking:%" PRId64, row->booking.id);
    struct booking_changed_webhook body = describe(type, action, clock_text(clock_wall_ms(), now), &row->booking);
    struct buffer message = {0}, json = {0};
    codec_encode(&record_booking_changed_webhook, &body, &message);
    if (codec_render(&record_booking_changed_webhook, NULL, message.bytes, message.length, &json)) {
        log_error("the webhook of booking %" PRId64 " does not fit the contract", row->booking.id);
    } else {
        struct outbox_message queued = {
            .channel = "webhook", .type = type, .cause = cause, .body = buffer_text(&json), .trace = trace};
        if (operator_listens)
            worker_outbox(worker, &queued);
        queued.owner_id = row->booking.event.facilitator.id;
        if (row->facilitator_listens)
            worker_outbox(worker, &queued);
    }
    buffer_free(&message);
    buffer_free(&json);
}
