/* Answers to HTTP clients; see reply.h. Errors have one shape (docs: {"error", "code", "details", "request_id"}), or
 * RFC 9457's where the client asks for application/problem+json. */
#include "reply.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "clock.h"
#include "connection.h"
#include "cookies.h"
#include "gateway.h"
#include "log.h"
#include "metrics.h"
#include "operations.h"
#include "request.h"
#include "settings.h"

#define ORIGIN_LIMIT 64
#define JSON_TYPE "application/json"
#define PROBLEM_TYPE "application/problem+json"
#define CSV_TYPE "text/csv; charset=utf-8; header=present"
#define PREFLIGHT_MAX_AGE_S "600"
#define LOGIN_PAGE "/app/login"
/* The web app draws on nobody else. Its camera reads tickets. */
#define APP_POLICY                                                                                                     \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "           \
    "connect-src 'self'; manifest-src 'self'; worker-src 'self'; media-src 'self'; frame-ancestors 'none'; "           \
    "base-uri 'none'; form-action 'self'"
#define APP_PERMISSIONS "camera=(self)"

struct name {
    h2o_iovec_t text; /* h2o wants names as pointers to such */
};

#define NAME(variable, text_) static struct name variable = {{H2O_STRLIT(text_)}}

NAME(accept_key_name, "Sec-WebSocket-Accept");
NAME(allow_name, "Allow");
NAME(allow_headers_name, "Access-Control-Allow-Headers");
NAME(allow_methods_name, "Access-Control-Allow-Methods");
NAME(allow_origin_name, "Access-Control-Allow-Origin");
NAME(authenticate_name, "WWW-Authenticate");
NAME(buffering_name, "X-Accel-Buffering");
NAME(cache_control_name, "Cache-Control");
NAME(clear_data_name, "Clear-Site-Data");
NAME(connection_name, "Connection");
NAME(content_disposition_name, "Content-Disposition");
NAME(content_encoding_name, "Content-Encoding");
NAME(content_type_name, "Content-Type");
NAME(etag_name, "ETag");
NAME(expose_headers_name, "Access-Control-Expose-Headers");
NAME(link_name, "Link");
NAME(location_name, "Location");
NAME(max_age_name, "Access-Control-Max-Age");
NAME(permissions_name, "Permissions-Policy");
NAME(policy_name, "Content-Security-Policy");
NAME(quota_name, "RateLimit");
NAME(quota_policy_name, "RateLimit-Policy");
NAME(referrer_name, "Referrer-Policy");
NAME(request_id_name, "X-Request-Id");
NAME(resource_policy_name, "Cross-Origin-Resource-Policy");
NAME(retry_after_name, "Retry-After");
NAME(set_cookie_name, "Set-Cookie");
NAME(opener_policy_name, "Cross-Origin-Opener-Policy");
NAME(sniff_name, "X-Content-Type-Options");
NAME(transport_name, "Strict-Transport-Security");
NAME(upgrade_name, "Upgrade");
NAME(vary_name, "Vary");
NAME(websocket_version_name, "Sec-WebSocket-Version");

static struct {
    char *origins[ORIGIN_LIMIT];
    size_t origin_count;
    bool over_tls;
} reply;

/* As browsers send it: nothing behind the host and port, not even a slash (RFC 6454 §6.2). */
static bool is_origin(const char *origin) {
    const char *host = strstr(origin, "://");
    return host && host > origin && host[3] && !strpbrk(host + 3, "/?#@*");
}

int reply_read_origins(const char *list) {
    char *copy = strdup(list), *rest = copy;
    int result = 0;
    reply.origin_count = 0;
    for (char *origin; result == 0 && (origin = strsep(&rest, ", "));) {
        if (!*origin)
            continue;
        if (reply.origin_count == ORIGIN_LIMIT || !is_origin(origin))
            result = -1;
        else
            reply.origins[reply.origin_count++] = strdup(origin);
    }
    free(copy);
    return result;
}

void reply_start(void) {
    reply.over_tls = *settings.tls_cert_file != '\0';
}

const char *reply_allowed_origin(const char *origin, size_t length) {
    for (size_t i = 0; i < reply.origin_count; i++)
        if (strlen(reply.origins[i]) == length && memcmp(reply.origins[i], origin, length) == 0)
            return reply.origins[i];
    return NULL;
}

static const char *reason_of(int status) {
    static const struct {
        int status;
        const char *phrase;
    } reasons[] = {
        {101, "Switching Protocols"},
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {302, "Found"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {409, "Conflict"},
        {410, "Gone"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {422, "Unprocessable Content"},
        {426, "Upgrade Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
    };
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (reasons[i].status == status)
            return reasons[i].phrase;
    return "Status";
}

/* `value` must live as long as the request. */
static void add_header(struct request *request, struct name *name, const char *value, size_t length) {
    h2o_headers_t *headers = &request->h2o->res.headers;
    h2o_vector_reserve(&request->h2o->pool, headers, headers->size + 1);
    headers->entries[headers->size++] = (h2o_header_t){.name = &name->text, .value = h2o_iovec_init(value, length)};
}

static void add_text(struct request *request, struct name *name, const char *value) {
    add_header(request, name, value, strlen(value));
}

static void add_printed(struct request *request, struct name *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void add_printed(struct request *request, struct name *name, const char *format, ...) {
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= sizeof text)
        return;
    h2o_iovec_t copy = h2o_strdup(&request->h2o->pool, text, (size_t)length);
    add_header(request, name, copy.base, copy.len);
}

/* What the answer depends on: `names`, and where origins are allowed the client's. */
static void add_vary(struct request *request, const char *names) {
    if (!reply.origin_count)
        add_text(request, &vary_name, names);
    else
        add_printed(request, &vary_name, "%s, Origin", names);
}

static void add_origin(struct request *request) {
    if (!request->origin)
        return;
    add_text(request, &allow_origin_name, request->origin);
    add_text(request, &expose_headers_name,
             "ETag, Link, Location, RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate, X-Request-Id");
}

static void add_one_quota(struct request *request, const struct quota *quota) {
    add_text(request, &quota_policy_name, quota->policy->text);
    add_printed(request, &quota_name, "\"%s\";r=%" PRId64 ";t=%" PRId64, quota->policy->name, quota->remaining,
                quota->reset_s);
}

/* What counts is the tighter one: it comes first. */
static void add_quota(struct request *request) {
    const struct quota *first = &request->quota, *second = &request->key_quota;
    if (!second->policy) {
        if (first->policy)
            add_one_quota(request, first);
        return;
    }
    if (!first->policy) {
        add_one_quota(request, second);
        return;
    }
    add_printed(request, &quota_policy_name, "%s, %s", first->policy->text, second->policy->text);
    if (limits_tighter(second, first)) {
        first = second;
        second = &request->quota;
    }
    add_printed(request, &quota_name, "\"%s\";r=%" PRId64 ";t=%" PRId64 ", \"%s\";r=%" PRId64 ";t=%" PRId64,
                first->policy->name, first->remaining, first->reset_s, second->policy->name, second->remaining,
                second->reset_s);
}

static void begin_with_policy(struct request *request, int status, const char *policy) {
    h2o_req_t *req = request->h2o;
    req->res.status = status;
    req->res.reason = reason_of(status);
    req->res.headers.size = 0;
    h2o_vector_reserve(&req->pool, &req->res.headers, 20);
    add_text(request, &request_id_name, request->request_id);
    add_text(request, &sniff_name, "nosniff");
    add_text(request, &referrer_name, "no-referrer");
    add_text(request, &policy_name, policy);
    add_text(request, &opener_policy_name, "same-origin");
    add_text(request, &resource_policy_name, "same-origin");
    if (reply.over_tls)
        add_text(request, &transport_name, "max-age=31536000; includeSubDomains");
    add_origin(request);
    add_quota(request);
    if (request->keeps_coming || gateway.draining)
        req->http1_is_persistent = 0;
}

static void begin(struct request *request, int status) {
    begin_with_policy(request, status, "default-src 'none'; base-uri 'none'; frame-ancestors 'none'");
}

/* Counts and closes the books of a request; its answer is about to leave. */
static void finish(struct request *request) {
    int status = request->h2o->res.status;
    int64_t took_us = clock_mono_us() - request->started_us;
    const char *name = request->operation ? request->operation->name : "none";
    request->answered = true;
    metrics_count_request(request->operation, status, took_us);
    if (status >= 500)
        log_line(LOG_LEVEL_WARN, request->request_id, "%s answered %d after %" PRId64 " ms", name, status,
                 took_us / 1000);
    else
        log_line(LOG_LEVEL_DEBUG, request->request_id, "%s answered %d after %" PRId64 " us", name, status, took_us);
    connection_resume(request->connection);
    if (request->keeps_coming)
        connection_close_gently(request->connection);
}

static h2o_generator_t generator;

bool reply_is_ours(const h2o_req_t *req) {
    return req->_generator == &generator;
}

static void send_body(struct request *request, const char *body, size_t length) {
    h2o_req_t *req = request->h2o;
    h2o_iovec_t chunk = h2o_iovec_init(body, length);
    req->res.content_length = length;
    finish(request);
    h2o_start_response(req, &generator);
    h2o_send(req, &chunk, request->head || length == 0 ? 0 : 1, H2O_SEND_STATE_FINAL);
}

static void send_nothing(struct request *request) {
    request->h2o->res.content_length = SIZE_MAX;
    finish(request);
    h2o_start_response(request->h2o, &generator);
    h2o_send(request->h2o, NULL, 0, H2O_SEND_STATE_FINAL);
}

static bool accepts(const struct request *request, const char *type) {
    struct text_span accept = request_header(request, "accept");
    return h2o_strstr(accept.bytes, accept.length, type, strlen(type)) != SIZE_MAX;
}

bool reply_to_browser(const struct request *request) {
    return accepts(request, "text/html");
}

static void append_member(struct buffer *json, const char *name, const char *text, size_t length) {
    buffer_printf(json, "\"%s\":", name);
    json_append_string(json, text, length);
    buffer_append_byte(json, ',');
}

/* RFC 9457 §3.1. Limits have a registered type (draft-ietf-httpapi-ratelimit-headers). */
static void append_problem(struct buffer *json, const struct request *request, const struct refusal *refusal) {
    const h2o_req_t *req = request->h2o;
    size_t path_length = req->query_at < req->path.len ? req->query_at : req->path.len;
    char type[128];
    if (refusal == &refusal_rate_limited) {
        const struct quota *quota = request->key_quota.refused ? &request->key_quota : &request->quota;
        snprintf(type, sizeof type, "https://iana.org/assignments/http-problem-types#quota-exceeded");
        if (quota->refused) /* else a worker said so */
            buffer_printf(json, "\"violated-policies\":[\"%s\"],", quota->policy->name);
    } else {
        snprintf(type, sizeof type, "urn:tithi:problem:%s", refusal->code);
    }
    append_member(json, "type", type, strlen(type));
    append_member(json, "title", refusal->message, strlen(refusal->message));
    buffer_printf(json, "\"status\":%d,", refusal->status);
    append_member(json, "detail", refusal->message, strlen(refusal->message));
    if (refusal != &refusal_card_number_refused) /* which the path may hold */
        append_member(json, "instance", req->path.base, path_length);
}

/* The request target may hold bytes that are no UTF-8. */
static bool is_ascii(const struct request *request) {
    for (size_t i = 0; i < request->h2o->path.len; i++)
        if ((unsigned char)request->h2o->path.base[i] >= 0x80)
            return false;
    return true;
}

static struct text_span refusal_body(struct request *request, const struct refusal *refusal, const char *details,
                                     bool problem) {
    static struct buffer json;
    buffer_clear(&json);
    buffer_append_byte(&json, '{');
    if (problem)
        append_problem(&json, request, refusal);
    append_member(&json, "error", refusal->message, strlen(refusal->message));
    append_member(&json, "code", refusal->code, strlen(refusal->code));
    if (details)
        buffer_printf(&json, "\"details\":%s,", details);
    if (refusal == &refusal_missing_fields)
        buffer_printf(&json, "\"missing_fields\":%s,", request->missing);
    append_member(&json, "request_id", request->request_id, strlen(request->request_id));
    json.bytes[json.length - 1] = '}';
    h2o_iovec_t copy = h2o_strdup(&request->h2o->pool, json.bytes, json.length);
    return (struct text_span){copy.base, copy.len};
}

/* RFC 6750 §3: the error is named only where a token came. */
static void add_challenge(struct request *request, const struct refusal *refusal) {
    if (request->token_given && refusal == &refusal_invalid_token)
        add_text(request, &authenticate_name,
                 "Bearer realm=\"tithi\", error=\"invalid_token\", error_description=\"Invalid or expired token\"");
    else
        add_text(request, &authenticate_name, "Bearer realm=\"tithi\"");
}

/* What a page has kept goes with its session. Cookies go by name: Clear-Site-Data would take those of sibling hosts. */
static void add_cookies(struct request *request, const struct buffer *lines) {
    for (size_t at = 0; at < lines->length; at += strlen(lines->bytes + at) + 1)
        add_text(request, &set_cookie_name, h2o_strdup(&request->h2o->pool, lines->bytes + at, SIZE_MAX).base);
    for (const struct cookie *cookie = request->route->cookies; cookie && cookie->name; cookie++)
        if (!cookie->field && strcmp(cookie->name, COOKIE_SESSION) == 0)
            add_text(request, &clear_data_name, "\"cache\", \"storage\"");
}

/* What an answer of this route would clear goes with a refusal too that ends what the cookies were for. */
static void clear_cookies(struct request *request) {
    static struct buffer lines;
    buffer_clear(&lines);
    cookies_append_cleared(request->route->cookies, &lines);
    if (lines.length)
        add_cookies(request, &lines);
}

/* RFC 9110 §15.5.22, RFC 6455 §4.4. */
static void add_websocket(struct request *request) {
    add_text(request, &connection_name, "upgrade");
    add_text(request, &upgrade_name, "websocket");
    add_text(request, &websocket_version_name, "13");
}

static void add_retry_after(struct request *request, const struct refusal *refusal, uint32_t retry_after_s) {
    if (!retry_after_s)
        retry_after_s = refusal->retry_after_s;
    if (retry_after_s)
        add_printed(request, &retry_after_name, "%" PRIu32, retry_after_s);
}

static struct text_span begin_refusal(struct request *request, const struct refusal *refusal, const char *details,
                                      uint32_t retry_after_s) {
    bool problem = accepts(request, PROBLEM_TYPE) && is_ascii(request);
    metrics_count_refusal(request->operation, refusal);
    begin(request, refusal->status);
    add_text(request, &content_type_name, problem ? PROBLEM_TYPE : JSON_TYPE);
    add_text(request, &cache_control_name, "no-store");
    if (refusal->status == 401)
        add_challenge(request, refusal);
    if (refusal->status == 405 && request->match.allowed)
        add_text(request, &allow_name, request->match.allowed);
    if (refusal == &refusal_upgrade_required)
        add_websocket(request);
    if (refusal == &refusal_invalid_token && request->route)
        clear_cookies(request);
    add_retry_after(request, refusal, retry_after_s);
    add_vary(request, "Accept");
    return refusal_body(request, refusal, details, problem);
}

/* `location` must live as long as the request. */
static void begin_redirect(struct request *request, const char *location) {
    begin(request, 302);
    add_text(request, &location_name, location);
    add_text(request, &cache_control_name, "no-store");
    add_vary(request, "Accept");
}

/* Percent-encoding of these characters, and of what no URL may hold. */
static void append_escaped(struct buffer *target, const char *bytes, size_t length, const char *escaped) {
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (c <= ' ' || c >= 0x7f || strchr(escaped, c))
            buffer_printf(target, "%%%02X", c);
        else
            buffer_append_byte(target, (char)c);
    }
}

/* The challenge that the answer with the second factor names; in the fragment, which no log sees. */
static void append_challenge(struct buffer *location, const char *details) {
    json_t *object = details ? json_loads(details, 0, NULL) : NULL;
    const char *challenge = json_string_value(json_object_get(object, "challenge"));
    if (challenge) {
        buffer_append_text(location, "#challenge=");
        append_escaped(location, challenge, strlen(challenge), "<>\"#%&+=");
    }
    json_decref(object);
}

/* People on their way through a sign-in are told by the web app. */
static void redirect_to_login(struct request *request, const struct refusal *refusal, const char *details,
                              uint32_t retry_after_s) {
    static struct buffer location;
    buffer_clear(&location);
    buffer_printf(&location, "%.*s" LOGIN_PAGE "?error=%s", settings_home_length(), settings.public_url, refusal->code);
    append_challenge(&location, details);
    metrics_count_refusal(request->operation, refusal);
    begin_redirect(request, h2o_strdup(&request->h2o->pool, location.bytes, location.length).base);
    add_retry_after(request, refusal, retry_after_s);
    clear_cookies(request);
    send_body(request, "", 0);
}

void reply_refusal(struct request *request, const struct refusal *refusal, const char *details,
                   uint32_t retry_after_s) {
    if (request->operation && request->operation->redirect && reply_to_browser(request)) {
        redirect_to_login(request, refusal, details, retry_after_s);
        return;
    }
    struct text_span body = begin_refusal(request, refusal, details, retry_after_s);
    send_body(request, body.bytes, body.length);
}

struct text_span reply_instead(struct request *request, const struct refusal *refusal) {
    struct text_span body = begin_refusal(request, refusal, NULL, 0);
    request->h2o->res.content_length = body.length;
    finish(request);
    return body;
}

/* The other parameters of the query, each followed by '&'. */
static void append_other_parameters(struct buffer *target, struct text_span query) {
    for (const char *at = query.bytes, *end = at + query.length; at < end;) {
        const char *ampersand = memchr(at, '&', (size_t)(end - at));
        size_t length = ampersand ? (size_t)(ampersand - at) : (size_t)(end - at);
        bool is_after = length >= 5 && memcmp(at, "after", 5) == 0 && (length == 5 || at[5] == '=');
        if (length && !is_after) {
            append_escaped(target, at, length, "<>\"");
            buffer_append_byte(target, '&');
        }
        at += length + 1;
    }
}

/* RFC 8288; relative to the request, since Host is the client's word only. */
static void add_link(struct request *request, const char *cursor) {
    static struct buffer link;
    const h2o_req_t *req = request->h2o;
    buffer_clear(&link);
    buffer_append_byte(&link, '<');
    append_escaped(&link, req->path.base, req->query_at < req->path.len ? req->query_at : req->path.len, "<>\"");
    buffer_append_byte(&link, '?');
    append_other_parameters(&link, request->query);
    buffer_append_text(&link, "after=");
    append_escaped(&link, cursor, strlen(cursor), "<>\"");
    buffer_append_text(&link, ">; rel=\"next\"");
    h2o_iovec_t copy = h2o_strdup(&request->h2o->pool, link.bytes, link.length);
    add_header(request, &link_name, copy.base, copy.len);
}

/* What is coalesced is the same for everybody; all else is for the one who asked. */
static bool is_public(const struct request *request) {
    return request->operation->coalesce;
}

static bool is_known(const struct request *request, const char *etag) {
    struct text_span list = request_header(request, "if-none-match");
    if (list.length == 0)
        return false;
    h2o_iovec_t text = h2o_strdup(&request->h2o->pool, list.bytes, list.length);
    return etag_listed(text.base, etag, true);
}

static bool takes_gzip(const struct request *request) {
    return (h2o_get_compressible_types(&request->h2o->headers) & H2O_COMPRESSIBLE_GZIP) != 0;
}

/* What browsers are to make of the body: CSV is saved as a file of the path's last name. */
static void add_type(struct request *request) {
    const struct route *route = request->route;
    add_text(request, &content_type_name, route->csv ? CSV_TYPE : JSON_TYPE);
    if (route->csv)
        add_printed(request, &content_disposition_name, "attachment; filename=\"%s\"", strrchr(route->path, '/') + 1);
}

static bool goes_on(const struct request *request) {
    enum redirect redirect = request->operation->redirect;
    return redirect == REDIRECT_EVERYBODY || (redirect == REDIRECT_BROWSERS && reply_to_browser(request));
}

static void reply_success(struct request *request, struct answer *answer) {
    const struct operation *operation = request->operation;
    bool known = *answer->etag && request->route->status == 200 && is_known(request, answer->etag);
    struct text_span body = {answer->body.bytes, answer->body.length};
    bool compressed = false;
    if (!operation->secret_reply && takes_gzip(request)) {
        struct text_span gzip = answer_gzip(answer);
        compressed = gzip.length != 0;
        body = compressed ? gzip : body;
    }
    begin(request, known ? 304 : request->route->status);
    add_text(request, &cache_control_name, is_public(request) ? "public, no-cache" : "no-store");
    add_vary(request, operation->redirect ? "Accept, Accept-Encoding" : "Accept-Encoding");
    if (!operation->redirect)
        add_cookies(request, &answer->cookies);
    if (*answer->etag)
        add_text(request, &etag_name, compressed ? answer->gzip_etag : answer->etag);
    if (*answer->cursor)
        add_link(request, answer->cursor);
    if (known) {
        send_nothing(request);
        return;
    }
    add_type(request);
    if (compressed)
        add_text(request, &content_encoding_name, "gzip");
    send_body(request, body.bytes, body.length);
}

static void reply_onward(struct request *request, struct answer *answer) {
    begin_redirect(request, buffer_text(&answer->location));
    add_cookies(request, &answer->cookies);
    send_body(request, "", 0);
}

void reply_answer(struct request *request, struct answer *answer) {
    request->answer = answer;
    answer->references++;
    if (answer->refusal)
        reply_refusal(request, answer->refusal, answer->body.length ? buffer_text(&answer->body) : NULL,
                      answer->retry_after_s);
    else if (goes_on(request))
        reply_onward(request, answer);
    else
        reply_success(request, answer);
}

void reply_document(struct request *request, int status, const char *media_type, struct text_span body) {
    h2o_iovec_t copy = h2o_strdup(&request->h2o->pool, body.bytes, body.length);
    begin(request, status);
    add_text(request, &content_type_name, media_type);
    add_text(request, &cache_control_name, "no-store");
    add_vary(request, "Accept");
    send_body(request, copy.base, copy.len);
}

void reply_page(struct request *request, const char *media_type, struct text_span body) {
    begin_with_policy(request, 200,
                      "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; "
                      "form-action 'none'; frame-ancestors 'none'");
    add_text(request, &content_type_name, media_type);
    add_text(request, &cache_control_name, "no-store");
    send_body(request, body.bytes, body.length);
}

void reply_file(struct request *request, const struct file *file) {
    bool known = file->etag && is_known(request, file->etag);
    begin_with_policy(request, known ? 304 : file->status, APP_POLICY);
    add_text(request, &permissions_name, APP_PERMISSIONS);
    add_text(request, &cache_control_name, file->cache_control);
    add_vary(request, "Accept-Encoding");
    if (file->etag)
        add_text(request, &etag_name, file->etag);
    if (known) {
        send_nothing(request);
        return;
    }
    add_text(request, &content_type_name, file->media_type);
    if (file->encoding)
        add_text(request, &content_encoding_name, file->encoding);
    send_body(request, file->bytes.bytes, file->bytes.length);
}

void reply_options(struct request *request, const char *allowed) {
    begin(request, 204);
    add_text(request, &allow_name, allowed);
    if (request->origin) {
        add_text(request, &allow_methods_name, allowed);
        add_text(request, &allow_headers_name,
                 "Accept, Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, "
                 "traceparent, X-Request-Id");
        add_text(request, &max_age_name, PREFLIGHT_MAX_AGE_S);
    }
    add_vary(request, "Access-Control-Request-Method, Access-Control-Request-Headers");
    send_nothing(request);
}

void reply_redirect(struct request *request, const char *location) {
    begin_redirect(request, location);
    send_body(request, "", 0);
}

void reply_upgrade(struct request *request, const char *accept, h2o_http1_upgrade_cb taken, void *owner) {
    h2o_req_t *req = request->h2o;
    req->res.status = 101;
    req->res.reason = reason_of(101);
    add_text(request, &request_id_name, request->request_id);
    add_text(request, &upgrade_name, "websocket");
    add_text(request, &accept_key_name, h2o_strdup(&req->pool, accept, SIZE_MAX).base);
    finish(request);
    h2o_http1_upgrade(req, NULL, 0, taken, owner);
}

/* Proxies are not to collect it. */
static void begin_stream(struct request *request, const char *media_type) {
    begin(request, 200);
    add_text(request, &content_type_name, media_type);
    add_text(request, &cache_control_name, "no-store");
    add_text(request, &buffering_name, "no");
    add_vary(request, "Accept");
}

/* The body ends with the connection. h2o says "Connection: upgrade" when it gives one away. */
void reply_stream(struct request *request, const char *media_type, h2o_http1_upgrade_cb taken, void *owner) {
    begin_stream(request, media_type);
    add_text(request, &connection_name, "close");
    finish(request);
    h2o_http1_upgrade(request->h2o, NULL, 0, taken, owner);
}

void reply_stream_head(struct request *request, const char *media_type) {
    begin_stream(request, media_type);
    send_nothing(request);
}
