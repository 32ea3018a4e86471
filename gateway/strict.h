/* Request heads that h2o 2.2.5 would take and should not (RFC 9112): framing conflicts, folded lines, bare LF, a
 * missing or second Host, unknown versions, too many or too long headers. See strict.c for how they get a proper
 * answer. */
#ifndef TITHI_STRICT_H
#define TITHI_STRICT_H

#include <h2o.h>

struct refusal;

/* 0, or -1 where h2o's parser cannot be wrapped (logged): the process must not serve then. */
int strict_start(void);

/* What is wrong with the head of this request, or NULL. Its parts are not to be used then. */
const struct refusal *strict_refusal(const h2o_req_t *req);

#endif
