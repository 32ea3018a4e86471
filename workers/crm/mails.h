/* The outbox's channel "mail": a row's body names a template and its values, {"to", "name", "template", "values"}; what
 * comes of it is handed to the server of SMTP_URL, or laid into MAIL_FOLDER where there is none. */
#ifndef TITHI_CRM_MAILS_H
#define TITHI_CRM_MAILS_H

#include "deliveries.h"
#include "http.h"

const char *mails_check(void); /* of the settings */
void mails_start(struct http_client *client);
void mails_begin(struct worker *worker, const struct claim *claims, size_t count);

#endif
