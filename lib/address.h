/* Client addresses: as text, by CIDR, and as seen through proxies that are trusted. */
#ifndef TITHI_ADDRESS_H
#define TITHI_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#define ADDRESS_TEXT_SIZE INET6_ADDRSTRLEN

struct address {
    struct in6_addr bytes; /* IPv4 as ::ffff:a.b.c.d */
};

/* 0, or -1 where it is neither IPv4 nor IPv6. */
int address_parse(const char *text, size_t length, struct address *ret_address);
int address_of_socket(const struct sockaddr *socket_address, struct address *ret_address);
const char *address_text(const struct address *address, char ret_text[ADDRESS_TEXT_SIZE]);
/* Whose limits count: the address, and of IPv6 the /64, of which one person has all. */
const char *address_scope(const struct address *address, char ret_text[ADDRESS_TEXT_SIZE]);

/* Reads TRUSTED_PROXIES. 0, or -1 where an entry is no CIDR. */
int address_read_proxies(const char *list);
bool address_is_proxy(const struct address *address);
/* The client behind trusted proxies: the rightmost entry of X-Forwarded-For that is not itself one of them. `address`
 * comes in as the peer's and stays where the header says nothing usable. */
void address_forwarded(struct address *address, const char *forwarded_for, size_t length);

#endif
