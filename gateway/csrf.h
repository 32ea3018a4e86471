/* Did a page of our own send this request? Browsers add cookies to requests that pages of other sites make; they also
 * say from where a request comes, and that no page can change. */
#ifndef TITHI_CSRF_H
#define TITHI_CSRF_H

#include <stdbool.h>

#include "codec.h"

/* Of the request; `bytes` is NULL where a header is absent. */
struct csrf_evidence {
    struct text_span site;   /* Sec-Fetch-Site (Fetch Metadata Request Headers) */
    struct text_span origin; /* Origin (RFC 6454 §7), for browsers that do not send the other */
    struct text_span host;
    bool https;
};

enum csrf_source {
    CSRF_OWN,     /* a page of the same origin, or of PUBLIC_URL's */
    CSRF_FOREIGN, /* another site's page, a sibling domain's, a typed address */
    CSRF_SILENT,  /* neither header: no browser, or a very old one */
};

enum csrf_source csrf_source_of(const struct csrf_evidence *evidence);

#endif
