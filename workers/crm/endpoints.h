/* Webhook endpoints beyond their operations: who says 410, or has failed for five days, is disabled, and told so by
 * mail. */
#ifndef TITHI_CRM_ENDPOINTS_H
#define TITHI_CRM_ENDPOINTS_H

#include <stdint.h>

struct worker;

/* The endpoint's address said that it is gone: the next tick disables it, unless it has another address by then. */
void endpoints_note_gone(int64_t endpoint_id, const char *url);
void endpoints_tick(struct worker *worker);

#endif
