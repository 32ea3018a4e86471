/* The outbox's channel "mail": a row's body names a template and its values, {"to", "name", "template", "language",
 * "zone", "unsubscribe", "values", "calendar"} (workers/mail/mail.h says what they are); all but "to", "template" and
 * "values" may be missing. */
#ifndef TITHI_CRM_MAILS_H
#define TITHI_CRM_MAILS_H

#include "deliveries.h"

void mails_begin(struct worker *worker, const struct claim *claims, size_t count);

#endif
