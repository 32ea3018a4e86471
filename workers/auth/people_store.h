/* The SQL of what is kept about one person: all of it for the export (people_export.c), and its erasure
 * (people_erase.c). Each returns 0, or -1: the group failed. */
#ifndef TITHI_AUTH_PEOPLE_STORE_H
#define TITHI_AUTH_PEOPLE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "operations.h"
#include "worker.h"

/* Rows of booking_notifications that tell of a person: those under the address that is theirs now, and those of their
 * bookings (whoever tells the CRM service has numbers of their own). `person`: a parameter. */
#define PEOPLE_NOTIFICATIONS(person)                                                                                   \
    "SELECT n.* FROM booking_notifications n"                                                                          \
    " WHERE lower(n.user_email) = (SELECT lower(email) FROM users WHERE id = " person "::bigint)"                      \
    " UNION SELECT n.* FROM bookings b JOIN booking_notifications n ON n.booking_id = b.id AND n.user_id = b.user_id"  \
    " WHERE b.user_id = " person "::bigint"

/* Where a page ended: in one of the lists, which are given one after the other. */
struct export_place {
    size_t part;     /* which list */
    const char *key; /* of its last row: a text and a number, as the list has it */
    int64_t id;
};
/* NULL is the beginning. False: `after` is no cursor of an export. */
bool export_read_place(const char *after, struct pool *pool, struct export_place *ret_place);

/* The lists from there on, as much as fits a message, and `next`; not the profile. */
int export_read(struct worker *worker, int64_t user_id, const struct export_place *place,
                struct personal_data *ret_data);

/* What is no list: the picture that an outside identity brought, since when there is a second factor, and how mails are
 * wanted. */
int export_read_rest(struct worker *worker, int64_t user_id, struct personal_data *data);

/* Keeps bookings and events of this person waiting until the end of the transaction. */
int erase_hold(struct worker *worker, int64_t user_id);
/* Does this person have upcoming bookings, or upcoming events of their own? */
int erase_is_in_use(struct worker *worker, int64_t user_id, bool *ret_in_use);
/* What names the person, everywhere. Sessions and API keys have ended before. */
int erase_person(struct worker *worker, int64_t user_id);

#endif
