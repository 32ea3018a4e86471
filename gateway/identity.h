/* Who is asking, by a bearer in the Authorization header, else by a cookie, and what the operation demands. Whether the
 * session was ended since is admission.c's. */
#ifndef TITHI_IDENTITY_H
#define TITHI_IDENTITY_H

#include <stdbool.h>

struct refusal;
struct request;

void identity_start(void);
/* Reads UNVERIFIED_MAY_NOT: scopes. -1: it is no list of them. */
int identity_read_withheld(const char *list);

/* Fills in the request's credentials and token; where they are an API key, keys.c has to say whose. NULL, or why it is
 * refused. */
const struct refusal *identify(struct request *request);
/* Browsers show cookies unasked: where nobody needs to be signed in, a bad one is as none. False: this is no such case.
 */
bool identity_forget_cookie(struct request *request);
/* May this person, by the key's scopes, by role, and by whether the address was verified? NULL, or the refusal with its
 * details (a JSON object, or NULL). */
const struct refusal *identity_rights_refusal(const struct request *request, const char **ret_details);

#endif
