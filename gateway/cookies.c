/* Reading and writing of cookies; see cookies.h. The contract says which answer sets which cookie, this file what the
 * cookie is like. */
#include "cookies.h"

#include <inttypes.h>
#include <string.h>

#include "settings.h"

#define SIGN_IN_LIMIT_S 600 /* a sign-in at an identity provider takes no longer */

static const struct cookie_kind {
    const char *name;
    const char *same_site; /* Lax: comes along when a link of another site leads here */
    int64_t max_age_s;     /* 0: REFRESH_TOKEN_TTL */
} kinds[] = {
    {COOKIE_SESSION, "Lax", 0},
    {COOKIE_REFRESH, "Strict", 0},
    {"__Host-google", "Lax", SIGN_IN_LIMIT_S},
};

static bool is_token(struct text_span text) {
    for (size_t i = 0; i < text.length; i++) {
        char c = text.bytes[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
              c == '.'))
            return false;
    }
    return text.length > 0;
}

static struct text_span trimmed(const char *start, const char *end) {
    while (start < end && (*start == ' ' || *start == '\t'))
        start++;
    while (end > start && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    return (struct text_span){start, (size_t)(end - start)};
}

static void look_at_pair(struct cookie_search *search, const char *start, const char *end) {
    const char *equals = memchr(start, '=', (size_t)(end - start));
    if (!equals)
        return;
    struct text_span name = trimmed(start, equals);
    if (name.length != strlen(search->name) || memcmp(name.bytes, search->name, name.length) != 0)
        return;
    search->value = trimmed(equals + 1, end);
    search->count++;
}

void cookie_look(struct cookie_search *search, struct text_span header) {
    while (header.length) {
        const char *semicolon = memchr(header.bytes, ';', header.length);
        size_t length = semicolon ? (size_t)(semicolon - header.bytes) : header.length;
        look_at_pair(search, header.bytes, header.bytes + length);
        length += semicolon != NULL;
        header = (struct text_span){header.bytes + length, header.length - length};
    }
}

struct text_span cookie_found(const struct cookie_search *search) {
    bool good = search->count == 1 && is_token(search->value);
    return good ? search->value : (struct text_span){NULL, 0};
}

static const struct cookie_kind *kind_of(const char *name) {
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].name, name) == 0)
            return &kinds[i];
    return NULL;
}

static int append_line(const struct cookie *cookie, const char *value, struct buffer *ret_lines) {
    const struct cookie_kind *kind = kind_of(cookie->name);
    if (!kind || (cookie->field && !is_token((struct text_span){value, strlen(value)})))
        return -1;
    int64_t max_age_s = kind->max_age_s ? kind->max_age_s : settings.refresh_token_ttl_s;
    buffer_printf(ret_lines, "%s=%s; Path=/; Secure; HttpOnly; SameSite=%s; Max-Age=%" PRId64, cookie->name, value,
                  kind->same_site, cookie->field ? max_age_s : 0);
    buffer_append_byte(ret_lines, '\0');
    return 0;
}

int cookies_append(const struct cookie *cookies, struct text_span reply, struct pool *pool, struct buffer *ret_lines) {
    for (const struct cookie *cookie = cookies; cookie->name; cookie++) {
        const char *value = cookie->field ? codec_find_text(reply.bytes, reply.length, cookie->field->key, pool) : "";
        if (value && append_line(cookie, value, ret_lines) != 0)
            return -1;
    }
    return 0;
}

void cookies_append_cleared(const struct cookie *cookies, struct buffer *ret_lines) {
    for (const struct cookie *cookie = cookies; cookie && cookie->name; cookie++)
        if (!cookie->field)
            append_line(cookie, "", ret_lines);
}
