/* Client addresses; see address.h. All are held as IPv6, so that one comparison serves both families. */
#include "address.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PROXY_LIMIT 64
#define IPV4_OFFSET 12 /* bytes before the IPv4 address in its mapped form */

struct network {
    struct in6_addr bytes;
    unsigned prefix_length;
};

static struct {
    struct network networks[PROXY_LIMIT];
    size_t count;
} proxies;

static void map_ipv4(struct address *ret_address, const void *four_bytes) {
    memset(&ret_address->bytes, 0, sizeof ret_address->bytes);
    memset(ret_address->bytes.s6_addr + 10, 0xff, 2);
    memcpy(ret_address->bytes.s6_addr + IPV4_OFFSET, four_bytes, 4);
}

int address_parse(const char *text, size_t length, struct address *ret_address) {
    char copy[ADDRESS_TEXT_SIZE];
    struct in_addr four;
    struct in6_addr six;
    if (length == 0 || length >= sizeof copy)
        return -1;
    memcpy(copy, text, length);
    copy[length] = '\0';
    if (inet_pton(AF_INET, copy, &four) == 1)
        map_ipv4(ret_address, &four);
    else if (inet_pton(AF_INET6, copy, &six) == 1)
        ret_address->bytes = six;
    else
        return -1;
    return 0;
}

int address_of_socket(const struct sockaddr *socket_address, struct address *ret_address) {
    if (socket_address->sa_family == AF_INET)
        map_ipv4(ret_address, &((const struct sockaddr_in *)socket_address)->sin_addr);
    else if (socket_address->sa_family == AF_INET6)
        ret_address->bytes = ((const struct sockaddr_in6 *)socket_address)->sin6_addr;
    else
        return -1;
    return 0;
}

const char *address_text(const struct address *address, char ret_text[ADDRESS_TEXT_SIZE]) {
    const uint8_t *bytes = address->bytes.s6_addr;
    if (IN6_IS_ADDR_V4MAPPED(&address->bytes))
        inet_ntop(AF_INET, bytes + IPV4_OFFSET, ret_text, ADDRESS_TEXT_SIZE);
    else
        inet_ntop(AF_INET6, bytes, ret_text, ADDRESS_TEXT_SIZE);
    return ret_text;
}

const char *address_scope(const struct address *address, char ret_text[ADDRESS_TEXT_SIZE]) {
    struct address scope = *address;
    if (!IN6_IS_ADDR_V4MAPPED(&scope.bytes))
        memset(scope.bytes.s6_addr + 8, 0, 8);
    return address_text(&scope, ret_text);
}

static int read_network(const char *text, size_t length, struct network *ret_network) {
    const char *slash = memchr(text, '/', length);
    size_t address_length = slash ? (size_t)(slash - text) : length;
    struct address address;
    if (address_parse(text, address_length, &address) != 0)
        return -1;
    unsigned long bits = memchr(text, ':', address_length) ? 128 : 32;
    unsigned long prefix_length = bits;
    if (slash) {
        char *end;
        prefix_length = strtoul(slash + 1, &end, 10);
        if (end != text + length || end == slash + 1 || slash[1] < '0' || slash[1] > '9' || prefix_length > bits)
            return -1;
    }
    ret_network->bytes = address.bytes;
    ret_network->prefix_length = (unsigned)(prefix_length + 128 - bits);
    return 0;
}

int address_read_proxies(const char *list) {
    proxies.count = 0;
    for (const char *at = list; *at;) {
        at += strspn(at, ", ");
        size_t length = strcspn(at, ", ");
        if (length == 0)
            break;
        if (proxies.count == PROXY_LIMIT || read_network(at, length, &proxies.networks[proxies.count]) != 0)
            return -1;
        proxies.count++;
        at += length;
    }
    return 0;
}

static bool network_holds(const struct network *network, const struct address *address) {
    unsigned whole = network->prefix_length / 8, rest = network->prefix_length % 8;
    const uint8_t *ours = network->bytes.s6_addr, *other = address->bytes.s6_addr;
    if (memcmp(ours, other, whole) != 0)
        return false;
    return rest == 0 || (ours[whole] ^ other[whole]) >> (8 - rest) == 0;
}

bool address_is_proxy(const struct address *address) {
    for (size_t i = 0; i < proxies.count; i++)
        if (network_holds(&proxies.networks[i], address))
            return true;
    return false;
}

void address_forwarded(struct address *address, const char *forwarded_for, size_t length) {
    while (length) {
        const char *comma = memrchr(forwarded_for, ',', length);
        const char *entry = comma ? comma + 1 : forwarded_for;
        const char *end = forwarded_for + length;
        while (entry < end && (*entry == ' ' || *entry == '\t'))
            entry++;
        while (end > entry && (end[-1] == ' ' || end[-1] == '\t'))
            end--;
        struct address hop;
        if (address_parse(entry, (size_t)(end - entry), &hop) != 0)
            return;
        *address = hop;
        if (!address_is_proxy(&hop) || !comma)
            return;
        length = (size_t)(comma - forwarded_for);
    }
}
