/* The guard against webhooks into our own network (SSRF). It judges resolved addresses, so no spelling of a name or
 * number gets around it. The tables are IANA's registries of special-purpose addresses (RFC 6890), written as CIDRs. */
#include "addresses.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

static const char *const special_v4[] = {
    "0.0.0.0/8",                                         /* this network */
    "10.0.0.0/8",                                        /* private */
    "100.64.0.0/10",                                     /* carrier-grade NAT */
    "127.0.0.0/8",                                       /* loopback */
    "169.254.0.0/16",                                    /* link-local, metadata of clouds */
    "172.16.0.0/12",   "192.0.0.0/24",   "192.0.2.0/24", /* documentation */
    "192.88.99.0/24",                                    /* 6to4 relays */
    "192.168.0.0/16",  "198.18.0.0/15",                  /* benchmarks */
    "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4",  /* multicast */
    "240.0.0.0/4",                                       /* reserved, broadcast */
};

/* Only this much of IPv6 is global unicast: loopback, v4-mapped, NAT64, unique local, link-local and multicast lie
 * outside. */
static const char global_v6[] = "2000::/3";
static const char *const special_v6[] = {
    "2001::/23",     /* protocols: Teredo, ORCHID, benchmarks */
    "2001:db8::/32", /* documentation */
    "2002::/16",     /* 6to4: carries any v4 address */
    "3fff::/20",     /* documentation */
};

static int parse_network(const char *text, size_t length, struct network *ret_network) {
    char copy[INET6_ADDRSTRLEN + 5], *end;
    struct network network = {.family = memchr(text, ':', length) ? AF_INET6 : AF_INET};
    unsigned bits = network.family == AF_INET6 ? 128 : 32;
    if (length == 0 || length >= sizeof copy)
        return -1;
    memcpy(copy, text, length);
    copy[length] = '\0';
    char *slash = strchr(copy, '/');
    network.prefix = bits;
    if (slash) {
        *slash++ = '\0';
        if (*slash < '0' || *slash > '9')
            return -1;
        unsigned long prefix = strtoul(slash, &end, 10);
        if (*end != '\0' || prefix > bits)
            return -1;
        network.prefix = (unsigned)prefix;
    }
    if (inet_pton(network.family, copy, network.bytes) != 1)
        return -1;
    *ret_network = network;
    return 0;
}

int networks_parse(const char *text, struct networks *ret_networks) {
    struct networks networks = {0};
    while (*(text += strspn(text, " ,"))) {
        size_t length = strcspn(text, " ,");
        if (networks.count == NETWORKS_LIMIT || parse_network(text, length, &networks.items[networks.count++]) != 0)
            return -1;
        text += length;
    }
    *ret_networks = networks;
    return 0;
}

static const uint8_t *address_bytes(const struct sockaddr *address) {
    if (address->sa_family == AF_INET)
        return (const uint8_t *)&((const struct sockaddr_in *)address)->sin_addr;
    if (address->sa_family == AF_INET6)
        return (const uint8_t *)&((const struct sockaddr_in6 *)address)->sin6_addr;
    return NULL;
}

static bool network_contains(const struct network *network, int family, const uint8_t *bytes) {
    unsigned whole = network->prefix / 8, rest = network->prefix % 8;
    if (network->family != family || memcmp(network->bytes, bytes, whole) != 0)
        return false;
    return rest == 0 || (network->bytes[whole] ^ bytes[whole]) >> (8 - rest) == 0;
}

bool networks_contain(const struct networks *networks, const struct sockaddr *address) {
    const uint8_t *bytes = address_bytes(address);
    for (size_t i = 0; bytes && i < networks->count; i++)
        if (network_contains(&networks->items[i], address->sa_family, bytes))
            return true;
    return false;
}

static bool listed(const char *const *cidrs, size_t count, int family, const uint8_t *bytes) {
    for (size_t i = 0; i < count; i++) {
        struct network network;
        if (parse_network(cidrs[i], strlen(cidrs[i]), &network) != 0 || network_contains(&network, family, bytes))
            return true;
    }
    return false;
}

bool address_is_global(const struct sockaddr *address) {
    const uint8_t *bytes = address_bytes(address);
    const char *const all_global = global_v6;
    if (!bytes)
        return false;
    if (address->sa_family == AF_INET)
        return !listed(special_v4, sizeof special_v4 / sizeof *special_v4, AF_INET, bytes);
    return listed(&all_global, 1, AF_INET6, bytes) &&
           !listed(special_v6, sizeof special_v6 / sizeof *special_v6, AF_INET6, bytes);
}
