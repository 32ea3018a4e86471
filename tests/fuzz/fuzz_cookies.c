/* Cookie headers -> one token, or none. Input: a header per line. How they are split over headers makes no difference,
 * what is found is a token, and a second cookie of that name takes it away. The lines also serve as what tells where a
 * request comes from. */
#include <string.h>

#include "cookies.h"
#include "csrf.h"
#include "fuzz.h"
#include "settings.h"

static struct text_span find_in_lines(struct text_span lines, struct text_span *ret_last) {
    struct cookie_search search = {.name = COOKIE_SESSION};
    while (lines.length) {
        const char *newline = memchr(lines.bytes, '\n', lines.length);
        size_t length = newline ? (size_t)(newline - lines.bytes) : lines.length;
        *ret_last = (struct text_span){lines.bytes, length};
        cookie_look(&search, *ret_last);
        length += newline != NULL;
        lines = (struct text_span){lines.bytes + length, lines.length - length};
    }
    return cookie_found(&search);
}

static struct text_span find_in_one(const struct buffer *header) {
    struct cookie_search search = {.name = COOKIE_SESSION};
    cookie_look(&search, (struct text_span){header->bytes, header->length});
    return cookie_found(&search);
}

static bool is_same(struct text_span one, struct text_span other) {
    return one.length == other.length && !one.bytes == !other.bytes &&
           (!one.bytes || memcmp(one.bytes, other.bytes, one.length) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
    struct text_span last = {NULL, 0}, found = find_in_lines((struct text_span){(const char *)data, size}, &last);
    PROMISE(!found.bytes || found.length);
    for (size_t i = 0; i < found.length; i++)
        PROMISE(found.bytes[i] && strchr(letters, found.bytes[i]));
    struct buffer header = {0};
    buffer_append(&header, data, size);
    for (size_t i = 0; i < size; i++)
        if (header.bytes[i] == '\n')
            header.bytes[i] = ';';
    PROMISE(is_same(find_in_one(&header), found));
    buffer_append_text(&header, "; " COOKIE_SESSION "=again");
    PROMISE(!found.bytes || !find_in_one(&header).bytes);
    buffer_free(&header);

    settings.public_url = "https://tithi.example:443/";
    struct csrf_evidence evidence = {.origin = last, .host = {"tithi.example", 13}, .https = true};
    PROMISE((csrf_source_of(&evidence) == CSRF_SILENT) == !last.bytes);
    PROMISE(csrf_source_of(&evidence) != CSRF_OWN || last.length == strlen("https://tithi.example"));
    return 0;
}
