/* URLs and forms: what is put into them, and whether a setting or an answer may name one. */
#ifndef TITHI_URLS_H
#define TITHI_URLS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "buffer.h"
#include "pool.h"

/* Percent-encoded: only unreserved characters (RFC 3986 §2.3) stay as they are. */
void url_append(struct buffer *url, const char *text);

/* name=value, percent-encoded, with & before it where something stands there already; nothing where the value is
 * NULL. */
void form_append(struct buffer *form, const char *name, const char *value);
void form_append_integer(struct buffer *form, const char *name, int64_t value);

/* A page of ours: PUBLIC_URL and the path, or the path alone where PUBLIC_URL is not set. */
const char *public_page(const char *path, struct pool *pool);

/* As it stands in a URL: a name, an address, or an IPv6 address in brackets. */
bool host_is_loopback(const char *host);

/* May secrets go there? NULL where it is https, or http on this machine outside production; else what is wrong, to
 * follow its name in a sentence: "must be https:// in production". */
const char *url_problem(const char *url);

/* May webhooks be sent there, as far as its text tells? NULL; else what is wrong, likewise. `plain`: http is good, too.
 * Which addresses may be reached is the crm worker's question, once a name is resolved. */
const char *webhook_url_problem(const char *url, bool plain);

/* Is its host an address instead of a name, in whatever spelling (127.1, 0x7f000001, [::1])? */
bool url_address(const char *url, struct sockaddr_storage *ret_address);

#endif
