/* A mail on its way out: made of a template (templates/), written as RFC 5322 wants it, and handed to the server of
 * SMTP_URL, or laid into MAIL_FOLDER where there is none. Production never falls back to the folder: its mails wait for
 * SMTP_URL as dead deliveries, which `tithi replay` sends. */
#ifndef TITHI_MAIL_MAIL_H
#define TITHI_MAIL_MAIL_H

#include <jansson.h>

#include "deliveries.h"
#include "http.h"

#define MAIL_LIMIT 8 /* connections that one mail server puts up with */

/* Seconds after each failed attempt; the attempt after the last is the last. */
#define MAIL_WAITS 11
extern const int64_t mail_waits_s[MAIL_WAITS];

/* `status`: what the mail server said, 0 where it said nothing. */
enum delivery_verdict mail_verdict(long status);

struct mail {
    const char *to;          /* bare address */
    const char *name;        /* "": the address stands for it */
    const char *template;    /* its name; "test": the values subject and html are the mail */
    const char *language;    /* "": English, as where a template is not translated */
    const char *zone;        /* of its times; "": UTC */
    const char *unsubscribe; /* the token of the link that ends mails of its kind; "": of no kind that has an end */
    const json_t *values;    /* of the template, an object (templates/README.md); {{name}} is added */
    const json_t *calendar;  /* an invitation or its end, as an object; NULL: none */
};

const char *mail_check(void); /* of the settings */
void mail_start(struct http_client *client);
/* Why no mail can leave, as a sentence; NULL: it can. */
const char *mail_nowhere_to_go(void);
/* Sends what this row asks for, and ends its delivery. A mail's bytes depend on its row only, its Message-ID and the
 * file's name on the row's id: the second attempt after a crash is no second mail to who knows them, nor a second
 * file. */
void mail_send(const struct claim *claim, const struct mail *mail, struct pool *pool);
/* The same without a row, for who waits for its end. `done` gets the server's word (the folder's: 250 where it has
 * taken the file), maybe in here. Returns NULL; or why no mail leaves: then `done` is not called. */
const char *mail_post(const struct mail *mail, const char *id, int64_t date_s, struct pool *pool, http_done *done,
                      void *context);
/* Does the server of SMTP_URL let us in? See smtp_login(). */
void mail_login(http_done *done, void *context);

#endif
