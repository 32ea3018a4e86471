/* Passwords that are guessed first (NIST SP 800-63B §5.1.1.2): short ones, common ones and words, those that repeat or
 * count, and what is known of the person. Rules on mixtures of characters make nothing better, and there are none. */
#ifndef TITHI_WEAK_PASSWORD_H
#define TITHI_WEAK_PASSWORD_H

/* Why this password is too weak for production, as the end of "password …"; NULL: it is not. Of whose it will be, NULL
 * where that is not known. */
const char *weak_password_reason(const char *password, const char *email, const char *name);

#endif
