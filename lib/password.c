/* Argon2id through libargon2 (RFC 9106), the parameters of OWASP's Password Storage Cheat Sheet. What a password must
 * look like is not decided here: see workers/auth/rules.c. */
#include "password.h"

#include <argon2.h>
#include <sodium.h>
#include <stddef.h>
#include <string.h>

#define MEMORY_KIB 19456
#define PASSES 2
#define LANES 1
#define SALT_LENGTH 16
#define TAG_LENGTH 32

#define TEXT_OF(number) #number
#define TEXT(number) TEXT_OF(number)
#define PREFIX "$argon2id$v=19$m=" TEXT(MEMORY_KIB) ",t=" TEXT(PASSES) ",p=" TEXT(LANES) "$"

/* Of no password at all, with today's parameters: compared where an account is unknown, so that it takes as long. */
static const char nobody_hash[] = PREFIX "AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

int password_hash(const char *password, char ret_hash[PASSWORD_HASH_SIZE]) {
    unsigned char salt[SALT_LENGTH];
    char hash[PASSWORD_HASH_SIZE];
    randombytes_buf(salt, sizeof salt);
    if (argon2id_hash_encoded(PASSES, MEMORY_KIB, LANES, password, strlen(password), salt, sizeof salt, TAG_LENGTH,
                              hash, sizeof hash) != ARGON2_OK)
        return -1;
    strcpy(ret_hash, hash);
    return 0;
}

bool password_verify(const char *hash, const char *password) {
    return argon2id_verify(hash ? hash : nobody_hash, password, strlen(password)) == ARGON2_OK && hash;
}

bool password_needs_rehash(const char *hash) {
    return strncmp(hash, PREFIX, sizeof PREFIX - 1) != 0;
}
