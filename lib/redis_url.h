/* REDIS_URL taken apart: where the Redis is and how to sign in there. */
#ifndef TITHI_REDIS_URL_H
#define TITHI_REDIS_URL_H

struct redis_address {
    char path[108]; /* of the Unix socket; "" where it is TCP */
    char host[256];
    int port;
    char user[128];     /* "" : the default user */
    char password[512]; /* "" : no AUTH */
    int database;
};

/* redis://[[user]:password@]host[:port][/db], or unix://[[user]:password@]/path[?db=N]; user and password
 * percent-encoded. 0, or -1 where the text is neither. */
int redis_url_parse(const char *url, struct redis_address *ret_address);

#endif
