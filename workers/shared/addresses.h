/* Which addresses webhooks may be sent to: global ones, and the operator's WEBHOOK_ALLOW_NETS. Pure. */
#ifndef TITHI_ADDRESSES_H
#define TITHI_ADDRESSES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct network {
    int family; /* AF_INET or AF_INET6 */
    uint8_t bytes[16];
    unsigned prefix; /* bits */
};

#define NETWORKS_LIMIT 64

struct networks {
    struct network items[NETWORKS_LIMIT];
    size_t count;
};

/* Comma-separated CIDRs; an address alone is a network of one. 0, or -1: one of them is none, or there are too many. */
int networks_parse(const char *text, struct networks *ret_networks);
bool networks_contain(const struct networks *networks, const struct sockaddr *address);
/* Reachable by everybody: nothing private, local, shared, multicast, reserved, nor a v4 address in a v6 one's clothes.
 */
bool address_is_global(const struct sockaddr *address);

#endif
