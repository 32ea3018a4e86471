/* An invitation to an event, or its end, as iCalendar (RFC 5545, 5546). Pure: the same facts give the same bytes. */
#ifndef TITHI_MAIL_CALENDAR_H
#define TITHI_MAIL_CALENDAR_H

#include <stdint.h>

#include "message.h"
#include "pool.h"

/* Texts are UTF-8; of optional ones "" and NULL mean: none. */
struct calendar {
    const char *uid;
    int64_t sequence;
    bool cancelled;         /* METHOD:CANCEL, else REQUEST */
    int64_t start_s, end_s; /* end_s 0: none */
    int64_t stamp_s;        /* when this was said */
    const char *summary;
    const char *location, *url, *description; /* optional */
    const struct mailbox *organizer;
    const char *attendee_name; /* optional */
    const char *attendee;      /* bare address */
};

/* Lines end in CRLF and are folded. Text in the pool; NULL: libical says that it cannot be. */
const char *calendar_text(const struct calendar *calendar, struct pool *pool);

#endif
