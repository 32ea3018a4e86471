/* Percent-encoding, and libcurl's own reading of URLs: what is judged here is what http.c would connect to. */
#include "urls.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

#include "settings.h"

void url_append(struct buffer *url, const char *text) {
    for (; *text; text++) {
        if (isalnum((unsigned char)*text) || strchr("-._~", *text))
            buffer_append_byte(url, *text);
        else
            buffer_printf(url, "%%%02X", (unsigned char)*text);
    }
}

void form_append(struct buffer *form, const char *name, const char *value) {
    if (!value)
        return;
    if (form->length)
        buffer_append_byte(form, '&');
    url_append(form, name);
    buffer_append_byte(form, '=');
    url_append(form, value);
}

void form_append_integer(struct buffer *form, const char *name, int64_t value) {
    char digits[24];
    snprintf(digits, sizeof digits, "%lld", (long long)value);
    form_append(form, name, digits);
}

const char *public_page(const char *path, struct pool *pool) {
    return pool_printf(pool, "%.*s%s", settings_home_length(), settings.public_url, path);
}

bool host_is_loopback(const char *host) {
    struct in_addr v4;
    return strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 ||
           (inet_pton(AF_INET, host, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127);
}

static const char *transport_problem(const char *scheme, const char *host) {
    if (strcmp(scheme, "https") == 0)
        return NULL;
    if (settings_production())
        return "must be https:// in production";
    return strcmp(scheme, "http") == 0 && host_is_loopback(host) ? NULL : "must be https://, except on this machine";
}

const char *url_problem(const char *text) {
    CURLU *url = curl_url();
    char *scheme = NULL, *host = NULL;
    const char *problem = "must be a URL without a user";
    if (url && curl_url_set(url, CURLUPART_URL, text, CURLU_DISALLOW_USER) == CURLUE_OK &&
        curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
        curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK)
        problem = transport_problem(scheme, host);
    curl_free(scheme);
    curl_free(host);
    curl_url_cleanup(url);
    return problem;
}
