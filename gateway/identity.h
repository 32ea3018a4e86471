/* Who is asking, by the Authorization header and what the operation demands. Whether the session was ended since is
 * admission.c's. */
#ifndef TITHI_IDENTITY_H
#define TITHI_IDENTITY_H

struct refusal;
struct request;

/* Fills in the request's credentials and token. NULL, or why it is refused. */
const struct refusal *identify(struct request *request);
/* May this person, by role? NULL, or the refusal. */
const struct refusal *identity_role_refusal(const struct request *request);

#endif
