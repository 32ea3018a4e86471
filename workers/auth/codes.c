/* Codes of authenticator apps through liboath, and recovery codes in Crockford's base32. See codes.h. */
#include "codes.h"

#include <ctype.h>
#include <liboath/oath.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define APP_DIGITS 6
#define STEP_S 30
#define LEEWAY_STEPS 1
#define RECOVERY_LENGTH 10
#define RECOVERY_HALF 5
#define ARGON2_PASSES 2
#define ARGON2_BYTES (19456UL * 1024)
#define ISSUER "Tithi"

static const char crockford[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static char spell(char typed) {
    char letter = (char)toupper((unsigned char)typed);
    if (letter == 'O')
        return '0';
    return letter == 'I' || letter == 'L' ? '1' : letter;
}

enum code_kind code_read(const char *typed, char ret_code[CODE_SIZE]) {
    size_t length = 0;
    for (; *typed; typed++) {
        if (*typed == ' ' || *typed == '-')
            continue;
        if (length == CODE_SIZE - 1 || !strchr(crockford, spell(*typed)))
            return CODE_OF_NOTHING;
        ret_code[length++] = spell(*typed);
    }
    ret_code[length] = '\0';
    if (length == RECOVERY_LENGTH)
        return CODE_OF_RECOVERY;
    return length == APP_DIGITS && strspn(ret_code, "0123456789") == length ? CODE_OF_APP : CODE_OF_NOTHING;
}

int64_t totp_step(const unsigned char secret[TOTP_SECRET_SIZE], const char *code, int64_t now_s) {
    uint64_t step;
    if (strlen(code) != APP_DIGITS) /* liboath would take as many digits as it gets */
        return -1;
    int distance =
        oath_totp_validate3((const char *)secret, TOTP_SECRET_SIZE, now_s, STEP_S, 0, LEEWAY_STEPS, NULL, &step, code);
    return distance < 0 ? -1 : (int64_t)step;
}

const char *totp_base32(const unsigned char secret[TOTP_SECRET_SIZE], struct pool *pool) {
    char *encoded;
    size_t length;
    if (oath_base32_encode((const char *)secret, TOTP_SECRET_SIZE, &encoded, &length) != OATH_OK)
        return NULL;
    const char *text = pool_copy(pool, encoded, length);
    free(encoded);
    return text;
}

static const char *percent_encode(const char *text, struct pool *pool) {
    char *encoded = pool_alloc(pool, 3 * strlen(text) + 1), *end = encoded;
    for (; *text; text++)
        if (isalnum((unsigned char)*text) || strchr("-._~", *text))
            *end++ = *text;
        else
            end += sprintf(end, "%%%02X", (unsigned char)*text);
    return encoded;
}

const char *totp_uri(const char *base32, const char *address, struct pool *pool) {
    return pool_printf(pool,
                       "otpauth://totp/" ISSUER ":%s?secret=%s&issuer=" ISSUER "&algorithm=SHA1&digits=%d&period=%d",
                       percent_encode(address, pool), base32, APP_DIGITS, STEP_S);
}

const char *recovery_code_new(char ret_text[RECOVERY_CODE_TEXT_SIZE]) {
    char *end = ret_text;
    for (int i = 0; i < RECOVERY_LENGTH; i++) {
        if (i == RECOVERY_HALF)
            *end++ = '-';
        *end++ = crockford[randombytes_uniform(sizeof crockford - 1)];
    }
    *end = '\0';
    return ret_text;
}

int recovery_hash(const char *code, const unsigned char salt[RECOVERY_SALT_SIZE],
                  unsigned char ret_hash[RECOVERY_HASH_SIZE]) {
    return crypto_pwhash(ret_hash, RECOVERY_HASH_SIZE, code, strlen(code), salt, ARGON2_PASSES, ARGON2_BYTES,
                         crypto_pwhash_ALG_ARGON2ID13);
}
