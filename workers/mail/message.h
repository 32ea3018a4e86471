/* A mail as RFC 5322 and MIME want it: the text, the same as HTML, and where there is one an invitation, both as a part
 * that mail programs act on and as an attachment. Pure. Whatever the texts hold, they stay in their place: a control
 * character becomes a blank in a header, so none of them can begin another one. */
#ifndef TITHI_MAIL_MESSAGE_H
#define TITHI_MAIL_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"

#define ADDRESS_SIZE 255
#define MAILBOX_NAME_SIZE 200

struct mailbox {
    char name[MAILBOX_NAME_SIZE]; /* "": none */
    char address[ADDRESS_SIZE];
};

/* "Name <address>", "\"Name\" <address>" or the address alone. 0, or -1: it is none. */
int mailbox_parse(const char *text, struct mailbox *ret_mailbox);

/* All texts are UTF-8. */
struct message {
    const struct mailbox *from;
    const char *to_name; /* "": none */
    const char *to_address;
    const char *subject;
    const char *language;    /* of RFC 5646 */
    const char *text, *html; /* lines end in \n or CRLF */
    const char *calendar;    /* iCalendar, lines end in CRLF; NULL: none */
    bool cancels;            /* that is its method */
    const char *unsubscribe; /* where a POST ends mails of this kind (RFC 8058), a URL; NULL: nowhere */
    const char *id;          /* the Message-ID's part before the @; the rest is the sender's host */
    int64_t date_s;
};

/* Appends it; lines end in CRLF and, but for addresses that are longer, are no longer than 78 characters. */
void message_write(const struct message *message, struct buffer *buffer);

#endif
