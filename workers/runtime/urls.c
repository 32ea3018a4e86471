/* Percent-encoding, and libcurl's own reading of URLs: what is judged here is what http.c would connect to. */
#include "urls.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
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

/* What is looked at of a URL. */
struct parts {
    char *scheme, *host, *fragment; /* NULL: it has none, or is no URL */
    bool has_bad_port;
};

static struct parts parts_of(const char *text) {
    struct parts parts = {0};
    CURLU *url = curl_url();
    CURLUcode code = url ? curl_url_set(url, CURLUPART_URL, text, CURLU_DISALLOW_USER) : CURLUE_OUT_OF_MEMORY;
    parts.has_bad_port = code == CURLUE_BAD_PORT_NUMBER;
    if (code == CURLUE_OK) {
        char *port = NULL;
        curl_url_get(url, CURLUPART_SCHEME, &parts.scheme, 0);
        curl_url_get(url, CURLUPART_HOST, &parts.host, 0);
        curl_url_get(url, CURLUPART_FRAGMENT, &parts.fragment, 0);
        curl_url_get(url, CURLUPART_PORT, &port, 0);
        parts.has_bad_port = port && strtol(port, NULL, 10) == 0;
        curl_free(port);
    }
    curl_url_cleanup(url);
    return parts;
}

static void parts_free(struct parts *parts) {
    curl_free(parts->scheme);
    curl_free(parts->host);
    curl_free(parts->fragment);
}

static const char no_url[] = "must be a URL without a user";

const char *url_problem(const char *text) {
    struct parts parts = parts_of(text);
    const char *problem = parts.scheme && parts.host ? transport_problem(parts.scheme, parts.host) : no_url;
    parts_free(&parts);
    return problem;
}

const char *webhook_url_problem(const char *text, bool plain) {
    struct parts parts = parts_of(text);
    const char *problem = NULL;
    if (parts.has_bad_port)
        problem = "must have a port from 1 to 65535";
    else if (!parts.scheme || !parts.host)
        problem = no_url;
    else if (strcmp(parts.scheme, "https") != 0 && !(plain && strcmp(parts.scheme, "http") == 0))
        problem = plain ? "must be an https:// or http:// address" : "must be an https:// address";
    else if (parts.fragment)
        problem = "must be without a fragment";
    parts_free(&parts);
    return problem;
}

/* Names may end in a dot, and so may numbers for some. */
static void cut_dots(char *host) {
    size_t length = strlen(host);
    while (length && host[length - 1] == '.')
        host[--length] = '\0';
}

bool url_address(const char *text, struct sockaddr_storage *ret_address) {
    struct parts parts = parts_of(text);
    struct sockaddr_storage address = {.ss_family = AF_INET6};
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&address;
    struct sockaddr_in *v4 = (struct sockaddr_in *)&address;
    bool found = false;
    if (parts.host && parts.host[0] == '[') {
        parts.host[strcspn(parts.host, "]")] = '\0';
        found = inet_pton(AF_INET6, parts.host + 1, &v6->sin6_addr) == 1;
    } else if (parts.host) {
        cut_dots(parts.host);
        address.ss_family = AF_INET;
        found = inet_aton(parts.host, &v4->sin_addr);
    }
    parts_free(&parts);
    if (found)
        *ret_address = address;
    return found;
}
