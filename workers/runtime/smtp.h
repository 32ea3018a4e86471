/* Mail, handed over to a server by the same client, and in the same wait, as requests. A connection that has taken a
 * mail stays open for a while, and takes the next ones: there are as many as mails were under way at once. Beyond the
 * machine it travels encrypted or not at all: STARTTLS is not optional there, and no password leaves without it. */
#ifndef TITHI_SMTP_H
#define TITHI_SMTP_H

#include "http.h"

struct smtp_mail {
    const char *url;       /* smtp://user:password@host:port or smtps://…, user and password percent-encoded */
    const char *from, *to; /* bare addresses */
    const char *message;   /* RFC 5322, lines end in CRLF */
    size_t message_length;
    int64_t timeout_ms;
};

/* What is wrong with the URL, to follow its name in a sentence; NULL: nothing. */
const char *smtp_url_problem(const char *url);

/* Everything is copied. 0; or -1 where the URL is none: then `done` is not called. The response's status is the
 * server's word on this mail: 250 it took it, 4xx or 5xx it did not; 0: it got to say none (no connection, no TLS, the
 * login failed), see `error`. The client's `allow` is not asked: the operator named the server. */
int smtp_send(struct http_client *client, const struct smtp_mail *mail, http_done *done, void *context);

/* Connects, encrypts and logs in as for a mail, and says goodbye. The response's status is 250 where the server let us
 * in (or asks for no login); 0: it did not, see `error`. 0; or -1 where the URL is none: then `done` is not called. */
int smtp_login(struct http_client *client, const char *url, int64_t timeout_ms, http_done *done, void *context);

#endif
