/* Mails about accounts, as whoever causes one queues it; the auth worker sends them (workers/auth/mail_channel.h). */
#ifndef TITHI_ACCOUNT_MAIL_H
#define TITHI_ACCOUNT_MAIL_H

#include <stdint.h>

struct call_header;
struct worker;

struct account_mail {
    const char *kind; /* its template's name; mail_channel.c lists them */
    int64_t user_id;
    const char *email; /* NULL: the account's */
    const char *url;   /* what it is about; NULL: nothing that has an address */
    const char *key; /* what besides account and kind tells mails apart that may leave in the same minute; NULL: none */
    const char *trace;
    const struct call_header *cause; /* who asked for the link in it, for the log; NULL: it has none */
};

/* In the running transaction: one of a kind for an account in a minute, further ones are dropped. */
void account_mail_queue(struct worker *worker, const struct account_mail *mail);

#endif
