/* Takes REDIS_URL apart for the gateway and the auth worker, which connect by hiredis (no TLS: see docs/operations.md).
 * Every part is bounded; a part that does not fit makes the URL a bad one. Connecting is the caller's. */
#include "redis_url.h"

#include <stdlib.h>
#include <string.h>

static int hex_digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Copies a span, percent-decoded. 0, or -1 where it does not fit, decodes to NUL or is badly encoded. */
static int copy_decoded(char *ret_text, size_t size, const char *bytes, size_t length) {
    size_t used = 0;
    for (size_t i = 0; i < length; i++) {
        char c = bytes[i];
        if (c == '%') {
            int high = i + 2 < length ? hex_digit(bytes[i + 1]) : -1;
            int low = high >= 0 ? hex_digit(bytes[i + 2]) : -1;
            if (low < 0)
                return -1;
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (c == '\0' || used + 1 >= size)
            return -1;
        ret_text[used++] = c;
    }
    ret_text[used] = '\0';
    return 0;
}

/* A whole number within bounds that fills the text up to its end; -1 otherwise. */
static int parse_number(const char *text, int maximum) {
    char *end;
    if (*text < '0' || *text > '9')
        return -1;
    long value = strtol(text, &end, 10);
    return *end == '\0' && value <= maximum ? (int)value : -1;
}

/* Reads "[[user]:password@]" and returns what follows, or NULL. `end`: where the authority ends. */
static const char *parse_credentials(const char *at, const char *end, struct redis_address *address) {
    const char *sign = memrchr(at, '@', (size_t)(end - at));
    if (!sign)
        return at;
    const char *colon = memchr(at, ':', (size_t)(sign - at));
    if (!colon || copy_decoded(address->user, sizeof address->user, at, (size_t)(colon - at)) != 0 ||
        copy_decoded(address->password, sizeof address->password, colon + 1, (size_t)(sign - colon - 1)) != 0)
        return NULL;
    return sign + 1;
}

static int parse_unix(const char *at, struct redis_address *address) {
    const char *path = strchr(at, '/');
    if (!path || parse_credentials(at, path, address) != path)
        return -1;
    const char *query = strchr(path, '?');
    size_t length = query ? (size_t)(query - path) : strlen(path);
    if (length < 2 || copy_decoded(address->path, sizeof address->path, path, length) != 0)
        return -1;
    if (query)
        address->database = strncmp(query, "?db=", 4) == 0 ? parse_number(query + 4, 1 << 20) : -1;
    return address->database < 0 ? -1 : 0;
}

static int parse_tcp(const char *at, struct redis_address *address) {
    size_t length = strcspn(at, "/?#");
    const char *end = at + length;
    const char *host = parse_credentials(at, end, address);
    if (!host)
        return -1;
    const char *host_end, *after;
    if (*host == '[') { /* IPv6 literal */
        host_end = memchr(host, ']', (size_t)(end - host));
        if (!host_end)
            return -1;
        host++;
        after = host_end + 1;
    } else {
        host_end = memchr(host, ':', (size_t)(end - host));
        after = host_end = host_end ? host_end : end;
    }
    if (host_end == host || copy_decoded(address->host, sizeof address->host, host, (size_t)(host_end - host)) != 0)
        return -1;
    char port[8] = "6379";
    if (after < end && (*after != ':' || copy_decoded(port, sizeof port, after + 1, (size_t)(end - after - 1)) != 0))
        return -1;
    address->port = parse_number(port, 65535);
    if (*end == '/' && end[1] != '\0')
        address->database = parse_number(end + 1, 1 << 20);
    else if (*end == '?' || *end == '#')
        return -1;
    return address->port < 1 || address->database < 0 ? -1 : 0;
}

int redis_url_parse(const char *url, struct redis_address *ret_address) {
    struct redis_address address = {0};
    int outcome = -1;
    if (strncmp(url, "redis://", 8) == 0)
        outcome = parse_tcp(url + 8, &address);
    else if (strncmp(url, "unix://", 7) == 0)
        outcome = parse_unix(url + 7, &address);
    if (outcome == 0)
        *ret_address = address;
    return outcome;
}
