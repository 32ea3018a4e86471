/* The channel "account_mail": mails about accounts, some of them with a one-time link. A row's body says only what for
 * and whom (workers/shared/account_mail.h); who that is, and the token, are found and made when the mail leaves, so
 * that nothing but the mail ever holds a token, and no answer waits for what is found. */
#ifndef TITHI_AUTH_MAIL_CHANNEL_H
#define TITHI_AUTH_MAIL_CHANNEL_H

#include "deliveries.h"

extern const struct delivery_channel mail_channel;

const char *mail_channel_check(void);

#endif
