/* Entity tags; see etag.h. */
#include "etag.h"

#include <openssl/evp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GZIP_SUFFIX "-gzip"

const char *etag_text(const void *message, size_t length, char ret_etag[ETAG_SIZE]) {
    static const char digits[] = "0123456789abcdef";
    static EVP_MD *sha256; /* fetched once: OpenSSL 3 looks an algorithm up at each use of EVP_sha256() */
    uint8_t digest[EVP_MAX_MD_SIZE];
    if (!sha256)
        sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    if (!sha256 || !EVP_Digest(message, length, digest, NULL, sha256, NULL))
        abort();
    char *at = ret_etag;
    *at++ = '"';
    for (int i = 0; i < 16; i++) {
        *at++ = digits[digest[i] >> 4];
        *at++ = digits[digest[i] & 15];
    }
    *at++ = '"';
    *at = '\0';
    return ret_etag;
}

bool etag_listed(const char *list, const char *etag, bool weak) {
    size_t length = strlen(etag) - 2; /* without the quotes */
    for (const char *at = list;;) {
        at += strspn(at, " \t,");
        if (*at == '*')
            return true;
        bool is_weak = strncmp(at, "W/", 2) == 0;
        if (is_weak)
            at += 2;
        if (*at != '"')
            return false;
        const char *opaque = at + 1;
        const char *end = strchr(opaque, '"');
        if (!end)
            return false;
        size_t listed = (size_t)(end - opaque);
        size_t suffix = sizeof GZIP_SUFFIX - 1;
        if (listed > suffix && memcmp(end - suffix, GZIP_SUFFIX, suffix) == 0)
            listed -= suffix;
        if ((weak || !is_weak) && listed == length && memcmp(opaque, etag + 1, length) == 0)
            return true;
        at = end + 1;
    }
}
