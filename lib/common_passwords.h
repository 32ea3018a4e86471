/* The passwords and words that are guessed first, as lib/common_passwords.py makes them at build time: sorted, in lower
 * case, of at least 8 characters. For weak_password.c only. */
#ifndef TITHI_COMMON_PASSWORDS_H
#define TITHI_COMMON_PASSWORDS_H

#include <stddef.h>
#include <stdint.h>

extern const size_t common_password_count;
extern const uint32_t common_password_starts[]; /* of each, in the texts */
extern const char common_password_texts[];      /* each ends with NUL */

#endif
