/* Cookies, which carry the tokens of browsers: found in requests, made for answers by the contract (RFC 6265). All are
 * this host's only and kept from scripts and from plain HTTP; their values are made of what tokens are made of, so that
 * nothing is ever quoted. */
#ifndef TITHI_COOKIES_H
#define TITHI_COOKIES_H

#include "codec.h"
#include "contract.h"

#define COOKIE_SESSION "__Host-session" /* the access token */
#define COOKIE_REFRESH "__Host-refresh" /* the refresh token */

/* Looks for one cookie in all Cookie headers of a request. */
struct cookie_search {
    const char *name;
    struct text_span value;
    size_t count;
};

void cookie_look(struct cookie_search *search, struct text_span header);
/* `bytes` is NULL where there is no such cookie, or several (which is ours cannot be told), or one that is no token. */
struct text_span cookie_found(const struct cookie_search *search);

/* Appends the Set-Cookie lines of an answer, each with a NUL at its end. `cookies` ends with name NULL; a field that
 * the reply lacks sets none. 0, or -1 where a value is no token (a worker's defect). */
int cookies_append(const struct cookie *cookies, struct text_span reply, struct pool *pool, struct buffer *ret_lines);

/* The same of those only that are cleared. `cookies` may be NULL. */
void cookies_append_cleared(const struct cookie *cookies, struct buffer *ret_lines);

#endif
