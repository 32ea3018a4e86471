/* Stands between h2o and its parser: libh2o-evloop calls phr_parse_request() through its PLT, so the definition here is
 * the one it finds. A head that is not acceptable is replaced by a request for one of the addresses below, over
 * HTTP/1.0, so that h2o answers it through the ordinary handler (JSON, with a request id) and closes the connection. No
 * client can send such a pointer. */
#include "strict.h"

#include <ctype.h>
#include <dlfcn.h>
#include <string.h>
#include <strings.h>

#include "log.h"
#include "operations.h"

#define HEAD_SIZE_LIMIT (16 * 1024)
#define HEADER_COUNT_LIMIT 64
#define TARGET_LENGTH_LIMIT 8192

struct phr_header; /* picohttpparser's, which h2o bundles without its header file */

struct parsed_header {
    const char *name; /* NULL: the line continues the one before (obs-fold) */
    size_t name_length;
    const char *value;
    size_t value_length;
};

typedef int parse_function(const char *bytes, size_t length, const char **method, size_t *method_length,
                           const char **target, size_t *target_length, int *minor_version, struct phr_header *headers,
                           size_t *header_count, size_t previous_length);

parse_function phr_parse_request;

static parse_function *parse_original;

enum verdict { ACCEPTABLE, MALFORMED, HEAD_TOO_LARGE, TARGET_TOO_LONG };

/* Each verdict's address is what marks the request: the text is the target that h2o sees. */
static const char marks[][2] = {[ACCEPTABLE] = "/", [MALFORMED] = "/", [HEAD_TOO_LARGE] = "/", [TARGET_TOO_LONG] = "/"};

const struct refusal *strict_refusal(const h2o_req_t *req) {
    const char *target = req->input.path.base;
    if (target == marks[MALFORMED])
        return &refusal_bad_request;
    if (target == marks[HEAD_TOO_LARGE])
        return &refusal_headers_too_large;
    if (target == marks[TARGET_TOO_LONG])
        return &refusal_uri_too_long;
    return NULL;
}

int strict_start(void) {
    *(void **)&parse_original = dlsym(RTLD_NEXT, "phr_parse_request");
    if (!parse_original) {
        log_error("this libh2o keeps its parser to itself: request heads cannot be checked");
        return -1;
    }
    return 0;
}

static bool header_is(const struct parsed_header *header, const char *name) {
    return header->name_length == strlen(name) && strncasecmp(header->name, name, header->name_length) == 0;
}

static bool has_bare_line_feed(const char *bytes, size_t length) {
    const char *end = bytes + length;
    for (const char *at = bytes; (at = memchr(at, '\n', (size_t)(end - at))); at++)
        if (at == bytes || at[-1] != '\r')
            return true;
    return false;
}

static bool is_content_length(const struct parsed_header *header) {
    for (size_t i = 0; i < header->value_length; i++)
        if (!isdigit((unsigned char)header->value[i]))
            return false;
    return header->value_length > 0 && header->value_length < 19;
}

/* host [":" port] with the characters of RFC 3986 §3.2.2. */
static bool is_authority(const char *bytes, size_t length) {
    for (size_t i = 0; i < length; i++)
        if (!isalnum((unsigned char)bytes[i]) && !memchr("-._~%!$&'()*+,;=:[]", bytes[i], 19))
            return false;
    return length > 0 && length < 262;
}

struct framing {
    const struct parsed_header *host;
    size_t hosts, content_lengths, transfer_encodings, authorizations;
    bool broken;
};

static void note_header(struct framing *framing, const struct parsed_header *header) {
    if (!header->name)
        framing->broken = true;
    else if (header_is(header, "host")) {
        framing->hosts++;
        framing->host = header;
    } else if (header_is(header, "content-length")) {
        framing->content_lengths++;
        framing->broken |= !is_content_length(header);
    } else if (header_is(header, "transfer-encoding")) {
        framing->transfer_encodings++;
        framing->broken |= header->value_length != 7 || strncasecmp(header->value, "chunked", 7) != 0;
    } else if (header_is(header, "authorization"))
        framing->authorizations++;
}

static bool framing_is_sound(const struct framing *framing, int minor_version) {
    if (framing->broken || framing->hosts > 1 || framing->content_lengths > 1 || framing->transfer_encodings > 1 ||
        framing->authorizations > 1 || (framing->content_lengths && framing->transfer_encodings))
        return false;
    if (minor_version == 1 ? framing->hosts != 1 : framing->transfer_encodings != 0)
        return false;
    return !framing->host || is_authority(framing->host->value, framing->host->value_length);
}

/* An absolute-form target (RFC 9112 §3.2.2) is taken where it names the host that Host names, and cut down to its path.
 */
static bool cut_absolute_target(const char **target, size_t *length, const struct parsed_header *host) {
    size_t scheme = strncasecmp(*target, "http://", 7) == 0 ? 7 : strncasecmp(*target, "https://", 8) == 0 ? 8 : 0;
    if (!scheme || !host || *length < scheme + host->value_length ||
        strncasecmp(*target + scheme, host->value, host->value_length) != 0)
        return false;
    const char *rest = *target + scheme + host->value_length;
    size_t left = *length - scheme - host->value_length;
    if (left && *rest != '/')
        return false;
    *target = left ? rest : "/";
    *length = left ? left : 1;
    return true;
}

static bool target_is_sound(const char *method, size_t method_length, const char **target, size_t *length,
                            const struct parsed_header *host) {
    if (**target == '/')
        return true;
    /* "*" and "host:port" reach the router, which knows no such path: it answers which methods there are. */
    if ((*length == 1 && **target == '*') || (method_length == 7 && memcmp(method, "CONNECT", 7) == 0))
        return true;
    return cut_absolute_target(target, length, host);
}

static enum verdict judge(const char *bytes, size_t head_length, const char *method, size_t method_length,
                          const char **target, size_t *target_length, int minor_version,
                          const struct parsed_header *headers, size_t header_count) {
    if (head_length > HEAD_SIZE_LIMIT || header_count > HEADER_COUNT_LIMIT)
        return HEAD_TOO_LARGE;
    if (*target_length > TARGET_LENGTH_LIMIT)
        return TARGET_TOO_LONG;
    struct framing framing = {0};
    for (size_t i = 0; i < header_count; i++)
        note_header(&framing, &headers[i]);
    if (minor_version > 1 || !framing_is_sound(&framing, minor_version) || has_bare_line_feed(bytes, head_length) ||
        !target_is_sound(method, method_length, target, target_length, framing.host))
        return MALFORMED;
    return ACCEPTABLE;
}

/* Why the parser gave up: it has room for 100 headers and does not tell when they were more. */
static enum verdict judge_failure(const char *bytes, size_t length) {
    size_t lines = 0;
    const char *end = bytes + length;
    for (const char *at = bytes; (at = memchr(at, '\n', (size_t)(end - at))); at++)
        lines++;
    return lines > HEADER_COUNT_LIMIT ? HEAD_TOO_LARGE : MALFORMED;
}

/* What some clients leave behind a body: h2o closes then. */
static bool is_blank(const char *bytes, size_t length) {
    for (size_t i = 0; i < length; i++)
        if (bytes[i] != '\r' && bytes[i] != '\n')
            return false;
    return length <= 4;
}

int phr_parse_request(const char *bytes, size_t length, const char **method, size_t *method_length, const char **target,
                      size_t *target_length, int *minor_version, struct phr_header *headers, size_t *header_count,
                      size_t previous_length) {
    int outcome = parse_original(bytes, length, method, method_length, target, target_length, minor_version, headers,
                                 header_count, previous_length);
    enum verdict verdict = ACCEPTABLE;
    if (outcome > 0)
        verdict = judge(bytes, (size_t)outcome, *method, *method_length, target, target_length, *minor_version,
                        (const struct parsed_header *)headers, *header_count);
    else if (outcome == -1 && !is_blank(bytes, length))
        verdict = judge_failure(bytes, length);
    else if (outcome == -2 && length > HEAD_SIZE_LIMIT)
        verdict = HEAD_TOO_LARGE;
    if (verdict == ACCEPTABLE)
        return outcome;
    *method = "GET";
    *method_length = 3;
    *target = marks[verdict];
    *target_length = 1;
    *minor_version = 0;
    *header_count = 0;
    return (int)length;
}
