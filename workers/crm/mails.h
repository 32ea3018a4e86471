/* The outbox's channel "mail": a row's body names a template and its values, {"to", "name", "template", "values"}. */
#ifndef TITHI_CRM_MAILS_H
#define TITHI_CRM_MAILS_H

#include "deliveries.h"

void mails_begin(struct worker *worker, const struct claim *claims, size_t count);

#endif
