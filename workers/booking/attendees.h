/* The columns of an attendee, a line of an event's list: `b` is the booking, PARTIES joins its person. The moment by
 * which the list is sorted stands behind them. */
#ifndef TITHI_BOOKING_ATTENDEES_H
#define TITHI_BOOKING_ATTENDEES_H

#define ATTENDEE_COLUMNS                                                                                               \
    "b.id, b.reference, u.name, u.email, u.phone, " SHOWN_STATUS ", " SHOWN_PAYMENT                                    \
    ", b.notes, b.created_at, b.checked_in_at, b.price_minor, b.currency"

enum attendee_column {
    ATTENDEE_ID,
    ATTENDEE_REFERENCE,
    ATTENDEE_NAME,
    ATTENDEE_EMAIL,
    ATTENDEE_PHONE,
    ATTENDEE_STATUS,
    ATTENDEE_PAYMENT_STATUS,
    ATTENDEE_NOTES,
    ATTENDEE_BOOKED,
    ATTENDEE_CHECKED_IN,
    ATTENDEE_PRICE,
    ATTENDEE_CURRENCY,
    ATTENDEE_MOMENT,
};

#endif
