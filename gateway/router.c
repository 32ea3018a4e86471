/* The routes as a tree of path segments, one per listener, built once from the contract. A literal segment wins over a
 * {value}; each segment is decoded by itself, so that an encoded slash stays inside its value. What a route takes as
 * the rest of a path has no segment that could be read as another path: neither an encoded slash nor dots. */
#include "router.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"

#define SEGMENT_LIMIT 12

static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};
#define METHOD_COUNT (sizeof methods / sizeof *methods)

struct node {
    const char *text; /* NULL: a {value} */
    size_t length;
    struct node *children; /* literals first */
    struct node *next;
    bool rest; /* a {value} that takes all segments from here on */
    struct route_entry *entries[METHOD_COUNT];
    char allowed[64];
};

static struct node roots[LISTENER_CRM + 1];

static int method_index(const char *name, size_t length) {
    if (length == 4 && memcmp(name, "HEAD", 4) == 0)
        return 0;
    for (size_t i = 0; i < METHOD_COUNT; i++)
        if (strlen(methods[i]) == length && memcmp(methods[i], name, length) == 0)
            return (int)i;
    return -1;
}

static struct node *child_for(struct node *parent, const char *segment, size_t length) {
    bool is_value = *segment == '{';
    struct node **end = &parent->children;
    for (; *end; end = &(*end)->next)
        if (is_value ? !(*end)->text
                     : (*end)->text && (*end)->length == length && !memcmp((*end)->text, segment, length))
            return *end;
    struct node *child = calloc(1, sizeof *child);
    child->text = is_value ? NULL : segment;
    child->length = length;
    if (is_value) {
        *end = child;
    } else {
        child->next = parent->children;
        parent->children = child;
    }
    return child;
}

static void note_allowed(struct node *node) {
    node->allowed[0] = '\0';
    for (size_t i = 0; i < METHOD_COUNT; i++)
        if (node->entries[i]) {
            strcat(node->allowed, methods[i]);
            strcat(node->allowed, i == 0 ? ", HEAD, " : ", ");
        }
    strcat(node->allowed, "OPTIONS");
}

static int add_route(const struct route *route) {
    struct route_entry *entry = calloc(1, sizeof *entry);
    struct node *node = &roots[route->listener];
    size_t depth = 0;
    entry->route = route;
    for (const char *at = route->path + 1; *at;) {
        size_t length = strcspn(at, "/");
        if (*at == '{' && entry->name_count < ROUTER_VALUES_LIMIT)
            entry->names[entry->name_count++] = strndup(at + 1, length - 2);
        node = child_for(node, at, length);
        at += length + (at[length] == '/');
        depth++;
    }
    node->rest = route->rest;
    entry->rest_at = depth - 1;
    int method = method_index(route->method, strlen(route->method));
    if (method < 0 || node->entries[method]) {
        log_error("route %s %s stands twice or has an unknown method", route->method, route->path);
        return -1;
    }
    node->entries[method] = entry;
    note_allowed(node);
    return 0;
}

int router_start(void) {
    for (size_t i = 0; i < route_count; i++)
        if (add_route(&routes[i]) != 0)
            return -1;
    return 0;
}

static int hex_value(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int decode_segment(h2o_mem_pool_t *pool, struct text_span *segment) {
    if (!memchr(segment->bytes, '%', segment->length))
        return 0;
    char *decoded = h2o_mem_alloc_pool(pool, segment->length);
    size_t length = 0;
    for (size_t i = 0; i < segment->length; i++) {
        char c = segment->bytes[i];
        if (c == '%') {
            int high = i + 2 < segment->length ? hex_value(segment->bytes[i + 1]) : -1;
            int low = high >= 0 ? hex_value(segment->bytes[i + 2]) : -1;
            if (low < 0)
                return -1;
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (c == '\0')
            return -1;
        decoded[length++] = c;
    }
    *segment = (struct text_span){decoded, length};
    return 0;
}

/* Splits the path at its slashes. Returns the count, -1 where it is malformed, SEGMENT_LIMIT + 1 where it is longer
 * than any route. */
static int split(const char *path, size_t length, h2o_mem_pool_t *pool, struct text_span *ret_segments) {
    int count = 0;
    while (length && path[length - 1] == '/')
        length--;
    for (size_t start = 1; start < length;) {
        const char *slash = memchr(path + start, '/', length - start);
        size_t end = slash ? (size_t)(slash - path) : length;
        struct text_span segment = {path + start, end - start};
        if (decode_segment(pool, &segment) != 0)
            return -1;
        if (count < SEGMENT_LIMIT)
            ret_segments[count] = segment;
        if (count <= SEGMENT_LIMIT)
            count++;
        start = end + 1;
    }
    return count;
}

static bool is_plain(const struct text_span *segment) {
    size_t dots = 0;
    while (dots < segment->length && segment->bytes[dots] == '.')
        dots++;
    return segment->length > 0 && (dots != segment->length || dots > 2) &&
           !memchr(segment->bytes, '/', segment->length);
}

static bool all_plain(const struct text_span *segments, int count) {
    for (int i = 0; i < count; i++)
        if (!is_plain(&segments[i]))
            return false;
    return true;
}

static const struct node *walk(const struct node *node, const struct text_span *segments, int count,
                               struct text_span *values) {
    if (count == 0)
        return node->allowed[0] ? node : NULL;
    for (const struct node *child = node->children; child; child = child->next) {
        bool fits = child->text
                        ? child->length == segments->length && !memcmp(child->text, segments->bytes, child->length)
                        : segments->length > 0;
        if (!fits)
            continue;
        if (!child->text)
            *values = *segments;
        if (child->rest) {
            if (all_plain(segments, count))
                return child;
            continue;
        }
        const struct node *found = walk(child, segments + 1, count - 1, values + !child->text);
        if (found)
            return found;
    }
    return NULL;
}

/* From one of these segments to the last, with slashes again. */
static struct text_span join(const struct text_span *segments, int count, h2o_mem_pool_t *pool) {
    size_t length = 0;
    for (int i = 0; i < count; i++)
        length += segments[i].length + 1;
    char *text = h2o_mem_alloc_pool(pool, length), *at = text;
    for (int i = 0; i < count; i++) {
        at = mempcpy(at, segments[i].bytes, segments[i].length);
        *at++ = '/';
    }
    return (struct text_span){text, length - 1};
}

enum route_result router_find(enum listener listener, h2o_iovec_t method, const char *path, size_t length,
                              h2o_mem_pool_t *pool, struct route_match *ret_match) {
    struct text_span segments[SEGMENT_LIMIT];
    struct text_span values[SEGMENT_LIMIT + 1];
    if (length == 0 || *path != '/')
        return ROUTE_NONE;
    int count = split(path, length, pool, segments);
    if (count < 0)
        return ROUTE_MALFORMED;
    const struct node *node = count <= SEGMENT_LIMIT ? walk(&roots[listener], segments, count, values) : NULL;
    if (!node)
        return ROUTE_NONE;
    ret_match->allowed = node->allowed;
    int index = method_index(method.base, method.len);
    if (index < 0 || !node->entries[index])
        return ROUTE_OTHER_METHOD;
    const struct route_entry *entry = ret_match->entry = node->entries[index];
    memcpy(ret_match->values, values, entry->name_count * sizeof *values);
    if (entry->route->rest)
        ret_match->values[entry->name_count - 1] = join(segments + entry->rest_at, count - (int)entry->rest_at, pool);
    return ROUTE_FOUND;
}
