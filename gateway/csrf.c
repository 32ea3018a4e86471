/* The source of a request by what browsers say; see csrf.h. */
#include "csrf.h"

#include <string.h>
#include <strings.h>

#include "settings.h"

static bool is_text(struct text_span text, const char *expected, size_t length) {
    return text.length == length && strncasecmp(text.bytes, expected, length) == 0;
}

/* Scheme, host and port of a URL. Browsers leave a port out that goes without saying. */
static struct text_span origin_of(const char *url) {
    const char *host = strstr(url, "://");
    if (!host)
        return (struct text_span){"", 0};
    size_t length = (size_t)(host + 3 - url) + strcspn(host + 3, "/?#");
    const char *port = strncasecmp(url, "https:", 6) == 0 ? ":443" : ":80";
    size_t port_length = strlen(port);
    if (length > port_length && memcmp(url + length - port_length, port, port_length) == 0)
        length -= port_length;
    return (struct text_span){url, length};
}

static bool is_own_origin(const struct csrf_evidence *evidence) {
    const char *scheme = evidence->https ? "https://" : "http://";
    size_t length = strlen(scheme);
    struct text_span origin = evidence->origin, public_origin = origin_of(settings.public_url);
    if (public_origin.length && is_text(origin, public_origin.bytes, public_origin.length))
        return true;
    if (!evidence->host.length || origin.length <= length || strncasecmp(origin.bytes, scheme, length) != 0)
        return false;
    struct text_span host = {origin.bytes + length, origin.length - length};
    return is_text(host, evidence->host.bytes, evidence->host.length);
}

enum csrf_source csrf_source_of(const struct csrf_evidence *evidence) {
    if (evidence->site.bytes)
        return is_text(evidence->site, "same-origin", 11) ? CSRF_OWN : CSRF_FOREIGN;
    if (evidence->origin.bytes)
        return is_own_origin(evidence) ? CSRF_OWN : CSRF_FOREIGN;
    return CSRF_SILENT;
}
