/* Codes that people type as a second factor, pure: those of an authenticator app (TOTP, RFC 6238: SHA-1, 6 digits,
 * 30 s, one step of leeway) and recovery codes. No clock, no database, no settings inside. */
#ifndef TITHI_AUTH_CODES_H
#define TITHI_AUTH_CODES_H

#include <stdint.h>

#include "pool.h"

enum code_kind { CODE_OF_NOTHING, CODE_OF_APP, CODE_OF_RECOVERY };
#define CODE_SIZE 11 /* without hyphens */

/* What was typed, in its one spelling: blanks, hyphens and case do not count, and 0 and O, 1, I and L are not told
 * apart. */
enum code_kind code_read(const char *typed, char ret_code[CODE_SIZE]);

#define TOTP_SECRET_SIZE 20

/* The step whose code that is: now, or one before or after; -1: none of them. */
int64_t totp_step(const unsigned char secret[TOTP_SECRET_SIZE], const char *code, int64_t now_s);
/* NULL: no memory. */
const char *totp_base32(const unsigned char secret[TOTP_SECRET_SIZE], struct pool *pool);
/* What apps read as a QR code. */
const char *totp_uri(const char *base32, const char *address, struct pool *pool);

#define RECOVERY_CODE_TEXT_SIZE 12 /* "XXXXX-XXXXX", 50 random bits */
#define RECOVERY_SALT_SIZE 16
#define RECOVERY_HASH_SIZE 32

const char *recovery_code_new(char ret_text[RECOVERY_CODE_TEXT_SIZE]);
/* Of a code as code_read() spells it. Argon2id, for 50 bits could be searched if a plain hash leaked: about 12 ms and
 * 19 MiB. 0, or -1: no memory. */
int recovery_hash(const char *code, const unsigned char salt[RECOVERY_SALT_SIZE],
                  unsigned char ret_hash[RECOVERY_HASH_SIZE]);

#endif
