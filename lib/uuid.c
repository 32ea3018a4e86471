/* UUIDs; see uuid.h. Random bits come from the kernel in blocks, so that a new id costs no system call. */
#include "uuid.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "clock.h"

static void random_bytes(void *bytes, size_t length) {
    static uint8_t block[256];
    static size_t left;
    if (left < length) {
        if (getrandom(block, sizeof block, 0) != (ssize_t)sizeof block)
            abort();
        left = sizeof block;
    }
    left -= length;
    memcpy(bytes, block + left, length);
}

static void set_version(struct uuid *id, uint8_t version) {
    id->bytes[6] = (uint8_t)((id->bytes[6] & 0x0f) | (version << 4));
    id->bytes[8] = (uint8_t)((id->bytes[8] & 0x3f) | 0x80);
}

struct uuid uuid_new(void) {
    struct uuid id;
    int64_t now = clock_wall_ms();
    for (int i = 0; i < 6; i++)
        id.bytes[i] = (uint8_t)(now >> (40 - 8 * i));
    random_bytes(id.bytes + 6, 10);
    set_version(&id, 7);
    return id;
}

struct uuid uuid_derive(const char *const *parts) {
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    uint8_t digest[EVP_MAX_MD_SIZE];
    if (!hash || !EVP_DigestInit_ex(hash, EVP_sha256(), NULL))
        abort();
    for (; *parts; parts++) {
        uint64_t length = strlen(*parts);
        EVP_DigestUpdate(hash, &length, sizeof length);
        EVP_DigestUpdate(hash, *parts, length);
    }
    EVP_DigestFinal_ex(hash, digest, NULL);
    EVP_MD_CTX_free(hash);
    struct uuid id;
    memcpy(id.bytes, digest, sizeof id.bytes);
    set_version(&id, 8);
    return id;
}

bool uuid_equal(const struct uuid *a, const struct uuid *b) {
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

bool uuid_is_nil(const struct uuid *id) {
    static const struct uuid nil;
    return uuid_equal(id, &nil);
}

const char *uuid_text(const struct uuid *id, char ret_text[UUID_TEXT_SIZE]) {
    static const char digits[] = "0123456789abcdef";
    char *at = ret_text;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *at++ = '-';
        *at++ = digits[id->bytes[i] >> 4];
        *at++ = digits[id->bytes[i] & 15];
    }
    *at = '\0';
    return ret_text;
}

static int hex_value(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int uuid_parse(const char *text, struct uuid *ret_id) {
    struct uuid id;
    if (strlen(text) != UUID_TEXT_SIZE - 1)
        return -1;
    for (int i = 0; i < 16; i++) {
        if ((i == 4 || i == 6 || i == 8 || i == 10) && *text++ != '-')
            return -1;
        int high = hex_value(text[0]), low = hex_value(text[1]);
        if (high < 0 || low < 0)
            return -1;
        id.bytes[i] = (uint8_t)(high << 4 | low);
        text += 2;
    }
    *ret_id = id;
    return 0;
}
