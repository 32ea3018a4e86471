/* What statements about mails take from the settings; see mail_rows.h. */
#include "mail_rows.h"

#include <curl/curl.h>
#include <string.h>

#include "message.h"
#include "settings.h"
#include "urls.h"

static const char *host_of_sender(struct pool *pool) {
    struct mailbox from;
    if (mailbox_parse(settings.mail_from, &from))
        return "localhost";
    return pool_text(pool, strrchr(from.address, '@') + 1);
}

static const char *calendar_host(struct pool *pool) {
    CURLU *url = curl_url();
    char *host = NULL;
    if (url && settings.public_url[0] && curl_url_set(url, CURLUPART_URL, settings.public_url, 0) == CURLUE_OK)
        curl_url_get(url, CURLUPART_HOST, &host, 0);
    const char *found = host ? pool_text(pool, host) : host_of_sender(pool);
    curl_free(host);
    curl_url_cleanup(url);
    return found;
}

void parameter_addresses(struct parameters *parameters) {
    struct pool *pool = parameters->pool;
    bool has_pages = settings.public_url[0] != '\0';
    const char *const addresses[] = {has_pages ? public_page("/app/bookings/", pool) : NULL, calendar_host(pool),
                                     has_pages ? public_page("/app/events/", pool) : NULL};
    parameter_texts(parameters, addresses, sizeof addresses / sizeof *addresses);
}
