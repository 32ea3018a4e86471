/* The columns of a booking as answers and webhooks show it, for the statements that read some: `b` is the booking, and
 * PARTIES and MONEY join what is shown with it. booking_row_at() reads them, in this order. */
#ifndef TITHI_SHARED_BOOKING_COLUMNS_H
#define TITHI_SHARED_BOOKING_COLUMNS_H

/* bookings.status_reason of a cancelled one: behind the first stands the number of who did it. */
#define REASON_CANCELLED_BY "cancelled by user "
#define REASON_EVENT_CANCELLED "event cancelled"

/* A confirmed booking is completed once its event is over; what costs nothing is paid. */
#define SHOWN_STATUS                                                                                                   \
    "CASE WHEN b.status = 'confirmed' AND coalesce(e.end_at, e.start_at) <= now() THEN 'completed' ELSE b.status END"
#define SHOWN_PAYMENT "CASE b.payment_status WHEN 'not_required' THEN 'completed' ELSE b.payment_status END"

#define BOOKING_COLUMNS                                                                                                \
    "b.id, b.reference, " SHOWN_STATUS ", b.notes, " SHOWN_PAYMENT ", b.price_minor, b.currency, b.hold_expires_at, "  \
    "b.created_at, b.updated_at, b.cancelled_at, b.checked_in_at, p.provider_payment_id, p.order_id, "                 \
    "CASE WHEN b.status = 'pending' THEN p.payment_url END, "                                                          \
    "r.refund_id, r.amount_minor, r.currency, r.status, r.cause, " PARTY_COLUMNS
/* In the place of a new booking's columns from cancelled_at to the refund's. */
#define NEW_BOOKING_COLUMNS "NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL"
#define PARTY_COLUMNS                                                                                                  \
    "u.id, u.name, u.email, u.phone, e.id, e.title, e.description, e.event_type, e.start_at, e.end_at, e.time_zone, "  \
    "e.location, e.virtual_link, e.price_minor, e.currency, e.is_active, e.cancelled_at IS NOT NULL, "                 \
    "e.start_at <= now(), f.id, f.name, f.email, e.facilitator_crm_id, f.facilitator_crm_id"

#define PARTIES                                                                                                        \
    " JOIN events e ON e.id = b.event_id JOIN users u ON u.id = b.user_id JOIN users f ON f.id = e.facilitator_id"
/* The payment that was paid, of several the one with the most money left, else the latest one; and the latest refund.
 */
#define MONEY                                                                                                          \
    " LEFT JOIN LATERAL (SELECT p.provider_payment_id, p.order_id,"                                                    \
    "  CASE WHEN p.closed_at IS NULL AND p.captured_minor = 0 THEN p.payment_url END AS payment_url"                   \
    "  FROM payments p WHERE b.price_minor > 0 AND p.booking_id = b.id AND p.duplicate_of IS NULL"                     \
    "  ORDER BY p.captured_minor > 0 DESC, p.captured_minor - p.refunded_minor DESC, p.id DESC LIMIT 1) p ON true"     \
    " LEFT JOIN LATERAL (SELECT r.refund_id, r.amount_minor, r.currency, r.cause,"                                     \
    "  CASE r.status WHEN 'created' THEN 'pending' ELSE r.status END AS status"                                        \
    "  FROM refunds r WHERE b.price_minor > 0 AND r.booking_id = b.id ORDER BY r.id DESC LIMIT 1) r ON true"

enum booking_column {
    BOOKING_ID,
    BOOKING_REFERENCE,
    BOOKING_STATUS,
    BOOKING_NOTES,
    BOOKING_PAYMENT_STATUS,
    BOOKING_PRICE,
    BOOKING_CURRENCY,
    BOOKING_HOLD,
    BOOKING_CREATED,
    BOOKING_UPDATED,
    BOOKING_CANCELLED,
    BOOKING_CHECKED_IN,
    BOOKING_PAYMENT_ID,
    BOOKING_ORDER_ID,
    BOOKING_PAYMENT_URL,
    BOOKING_REFUND_ID,
    BOOKING_REFUND_AMOUNT,
    BOOKING_REFUND_CURRENCY,
    BOOKING_REFUND_STATUS,
    BOOKING_REFUND_CAUSE,
    USER_ID,
    USER_NAME,
    USER_EMAIL,
    USER_PHONE,
    EVENT_ID,
    EVENT_TITLE,
    EVENT_DESCRIPTION,
    EVENT_TYPE,
    EVENT_START,
    EVENT_END,
    EVENT_TIME_ZONE,
    EVENT_LOCATION,
    EVENT_VIRTUAL_LINK,
    EVENT_PRICE,
    EVENT_CURRENCY,
    EVENT_ACTIVE,
    EVENT_CANCELLED,
    EVENT_STARTED,
    FACILITATOR_ID,
    FACILITATOR_NAME,
    FACILITATOR_EMAIL,
    EVENT_CRM_ID,
    FACILITATOR_CRM_ID,
    BOOKING_COLUMN_COUNT,
};

#endif
