/* What the auth worker does once, before its first call. */
#ifndef TITHI_AUTH_SETUP_H
#define TITHI_AUTH_SETUP_H

struct worker;

const char *setup_check(void);                  /* of the settings */
int setup_administrator(struct worker *worker); /* makes the first one where ADMIN_EMAIL is missing */

#endif
