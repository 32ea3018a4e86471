/* Passwords at rest: Argon2id with OWASP's parameters, as PHC strings. */
#ifndef TITHI_PASSWORD_H
#define TITHI_PASSWORD_H

#include <stdbool.h>

#define PASSWORD_HASH_SIZE 128

/* About 12 ms and 19 MiB. 0, or -1 (no memory). */
int password_hash(const char *password, char ret_hash[PASSWORD_HASH_SIZE]);
/* `hash` NULL: there is no such account; costs the same time as a wrong password and is false. */
bool password_verify(const char *hash, const char *password);
/* Was it made with other parameters than today's? */
bool password_needs_rehash(const char *hash);

#endif
