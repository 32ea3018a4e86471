/* A plain-text mail as RFC 5322 wants it. Pure. Whatever the texts hold, they stay in their place: a control character
 * becomes a blank in a header, so none of them can begin another one. */
#ifndef TITHI_MAIL_MESSAGE_H
#define TITHI_MAIL_MESSAGE_H

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
    const char *text; /* lines end in \n */
    const char *id;   /* the Message-ID's part before the @; the rest is the sender's host */
    int64_t date_s;
};

/* Appends it; lines end in CRLF and are no longer than 76 characters. */
void message_write(const struct message *message, struct buffer *buffer);

#endif
