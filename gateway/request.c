/* The steps of a request; see request.h. Those that need nobody else run at once, one after the other; then the request
 * is parked in admission, and after that with the call that it waits for. What is wrong with its content is told only
 * to those who may ask. */
#include "request.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "admission.h"
#include "answer.h"
#include "calls.h"
#include "card_number.h"
#include "clock.h"
#include "coalesce.h"
#include "connection.h"
#include "cookies.h"
#include "csrf.h"
#include "format.h"
#include "gateway.h"
#include "identity.h"
#include "keys.h"
#include "listener.h"
#include "local.h"
#include "notes.h"
#include "operations.h"
#include "reply.h"
#include "settings.h"
#include "strict.h"

#define GRACE_MS 200 /* a worker's own refusal at the deadline is better than ours */
#define KEY_LENGTH_LIMIT 255
#define EVERY_METHOD "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"

/* h2o has one list of timers per duration. */
struct deadline_list {
    uint32_t deadline_ms;
    h2o_timeout_t timers;
};

static struct {
    struct deadline_list *lists;
    size_t list_count;
    struct deadline_list **list_of; /* by operation */
    struct request *running;        /* those with an Idempotency-Key */
    struct buffer message;
} requests;

static struct deadline_list *list_for(uint32_t deadline_ms) {
    for (size_t i = 0; i < requests.list_count; i++)
        if (requests.lists[i].deadline_ms == deadline_ms)
            return &requests.lists[i];
    struct deadline_list *list = &requests.lists[requests.list_count++];
    list->deadline_ms = deadline_ms;
    h2o_timeout_init(gateway.context.loop, &list->timers, deadline_ms + GRACE_MS);
    return list;
}

int requests_start(void) {
    requests.lists = calloc(operation_count, sizeof *requests.lists);
    requests.list_of = calloc(operation_count, sizeof *requests.list_of);
    for (size_t i = 0; i < operation_count; i++)
        requests.list_of[i] = list_for(operations[i].deadline_ms);
    return router_start();
}

struct text_span request_header(const struct request *request, const char *name) {
    const h2o_headers_t *headers = &request->h2o->headers;
    ssize_t index = h2o_find_header_by_str(headers, name, strlen(name), -1);
    if (index < 0)
        return (struct text_span){NULL, 0};
    return (struct text_span){headers->entries[index].value.base, headers->entries[index].value.len};
}

/* Without what is no UTF-8. */
static struct text_span text_in(struct text_span value, h2o_mem_pool_t *pool) {
    char *text = h2o_mem_alloc_pool(pool, value.length + 1);
    size_t kept = 0;
    for (size_t at = 0, size; at < value.length; at += size ? size : 1) {
        size = format_code_point_size(value.bytes + at, value.length - at);
        memcpy(text + kept, value.bytes + at, size);
        kept += size;
    }
    return (struct text_span){text, kept};
}

/* What a browser says of itself: bytes that are no text are no reason to turn it away. */
static bool is_of_browser(const char *name) {
    return strcmp(name, "user-agent") == 0 || strcmp(name, "accept-language") == 0;
}

static const char *find_header(void *context, const char *name, size_t *ret_length) {
    const struct request *request = context;
    struct text_span value = request_header(request, name);
    if (value.bytes && is_of_browser(name) && format_text_length(value.bytes, value.length) < 0)
        value = text_in(value, &request->h2o->pool);
    *ret_length = value.length;
    return value.bytes;
}

struct text_span request_cookie(const struct request *request, const char *name) {
    const h2o_headers_t *headers = &request->h2o->headers;
    struct cookie_search search = {.name = name};
    for (ssize_t index = -1; (index = h2o_find_header(headers, H2O_TOKEN_COOKIE, index)) >= 0;) {
        const h2o_iovec_t *value = &headers->entries[index].value;
        cookie_look(&search, (struct text_span){value->base, value->len});
    }
    return cookie_found(&search);
}

static const char *find_cookie(void *context, const char *name, size_t *ret_length) {
    struct text_span value = request_cookie(context, name);
    *ret_length = value.length;
    return value.bytes;
}

void request_leave(struct request *request) {
    if (request->leave)
        request->leave(request);
    request->leave = NULL;
    h2o_timeout_unlink(&request->deadline);
    if (request->has_command)
        HASH_DELETE(running, requests.running, request);
    request->has_command = false;
}

/* The client has its answer, or has gone. */
static void on_dispose(void *request_) {
    struct request *request = request_;
    request_leave(request);
    answer_release(&request->answer);
}

/* It is logged: what looks like a card number is no id. */
static bool is_request_id(struct text_span value) {
    for (size_t i = 0; i < value.length; i++)
        if (!isalnum((unsigned char)value.bytes[i]) && !strchr("._-", value.bytes[i]))
            return false;
    return value.length > 0 && value.length <= REQUEST_ID_LIMIT && !card_number_in(value.bytes, value.length);
}

static void name_request(struct request *request) {
    h2o_mem_pool_t *pool = &request->h2o->pool;
    struct text_span given = request_header(request, "x-request-id");
    request->id = uuid_new();
    if (is_request_id(given)) {
        request->request_id = h2o_strdup(pool, given.bytes, given.length).base;
        return;
    }
    char *text = h2o_mem_alloc_pool(pool, UUID_TEXT_SIZE);
    request->request_id = uuid_text(&request->id, text);
}

static void find_address(struct request *request) {
    const struct peer *peer = connection_peer(request->connection, request->h2o);
    if (!peer->is_proxy) {
        strcpy(request->address, peer->text);
        strcpy(request->limit_scope, peer->scope);
        return;
    }
    struct text_span forwarded = request_header(request, "x-forwarded-for");
    struct address address = peer->address;
    address_forwarded(&address, forwarded.bytes, forwarded.length);
    address_text(&address, request->address);
    address_scope(&address, request->limit_scope);
}

struct request *request_new(h2o_req_t *req) {
    struct request *request = h2o_mem_alloc_shared(&req->pool, sizeof *request, on_dispose);
    memset(request, 0, sizeof *request);
    request->h2o = req;
    request->connection = connection_of(req);
    request->started_us = clock_mono_us();
    request->head = h2o_memis(req->method.base, req->method.len, H2O_STRLIT("HEAD"));
    name_request(request);
    find_address(request);
    struct text_span origin = request_header(request, "origin");
    request->origin = origin.length ? reply_allowed_origin(origin.bytes, origin.length) : NULL;
    return request;
}

/* Of the gateway's own operations, which are served where? */
static bool is_served_here(const struct route *route, enum entrance entrance) {
    bool is_metrics = local_is_metrics(route->operation);
    if (entrance == ENTRANCE_METRICS)
        return is_metrics || local_is_probe(route->operation);
    return !is_metrics || (!settings.metrics_port && !settings_production());
}

static const struct refusal *find_route(struct request *request) {
    h2o_req_t *req = request->h2o;
    size_t path_length = req->query_at < req->path.len ? req->query_at : req->path.len;
    enum entrance entrance = listener_entrance(req);
    if (req->query_at < req->path.len)
        request->query = (struct text_span){req->path.base + path_length + 1, req->path.len - path_length - 1};
    enum listener listener = entrance == ENTRANCE_CRM ? LISTENER_CRM : LISTENER_API;
    switch (router_find(listener, req->method, req->path.base, path_length, &req->pool, &request->match)) {
    case ROUTE_MALFORMED:
        return &refusal_bad_request;
    case ROUTE_NONE:
        return &refusal_not_found;
    case ROUTE_OTHER_METHOD:
        return &refusal_method_not_allowed;
    case ROUTE_FOUND:
        break;
    }
    const struct route *route = request->match.entry->route;
    if (!is_served_here(route, entrance))
        return &refusal_not_found;
    request->route = route;
    request->operation = route->operation;
    return NULL;
}

static void invalid(struct request *request, const struct refusal *refusal, const char *details) {
    request->invalid = refusal;
    request->details = details;
}

/* application/json, perhaps with charset=utf-8 (RFC 8259 §11). */
static bool is_json(struct text_span type) {
    static const char name[] = "application/json";
    size_t length = sizeof name - 1;
    if (type.length < length || strncasecmp(type.bytes, name, length) != 0)
        return false;
    struct text_span rest = {type.bytes + length, type.length - length};
    if (h2o_strstr(rest.bytes, rest.length, H2O_STRLIT("charset")) == SIZE_MAX)
        return rest.length == 0 || strchr("; ", *rest.bytes);
    return h2o_strstr(rest.bytes, rest.length, H2O_STRLIT("utf-8")) != SIZE_MAX ||
           h2o_strstr(rest.bytes, rest.length, H2O_STRLIT("UTF-8")) != SIZE_MAX;
}

static bool body_is_acceptable(struct request *request) {
    size_t length = request->h2o->entity.len;
    if (length > BODY_SIZE_LIMIT)
        invalid(request, &refusal_payload_too_large, NULL);
    else if (length && !request->operation->raw_body && !is_json(request_header(request, "content-type")))
        invalid(request, &refusal_unsupported_media_type, NULL);
    return !request->invalid;
}

/* A structured-field string ("…", with \" and \\) or a bare one (draft-ietf-httpapi-idempotency-key-header). -1:
 * neither. */
static int read_key(struct text_span given, char ret_key[KEY_LENGTH_LIMIT + 1]) {
    bool quoted = given.length >= 2 && *given.bytes == '"' && given.bytes[given.length - 1] == '"';
    const char *at = given.bytes + quoted, *end = given.bytes + given.length - quoted;
    size_t length = 0;
    if (!quoted && given.length && *at == '"')
        return -1;
    for (; at < end; at++) {
        if (quoted && *at == '\\' && ++at == end)
            return -1;
        if (*at < (quoted ? ' ' : '!') || *at > '~' || length == KEY_LENGTH_LIMIT)
            return -1;
        ret_key[length++] = *at;
    }
    ret_key[length] = '\0';
    return length ? 0 : -1;
}

/* Commands, and what is asked of a worker by an unsafe method. */
static bool takes_key(const struct request *request) {
    return request->operation->kind == OPERATION_COMMAND ||
           (strcmp(request->route->method, "GET") != 0 && !local_find(request->operation));
}

static void read_command(struct request *request) {
    struct text_span given = request_header(request, "idempotency-key");
    char key[KEY_LENGTH_LIMIT + 1], person[64];
    if (!given.bytes || !takes_key(request))
        return;
    if (read_key(given, key) != 0) {
        invalid(request, &refusal_validation_error,
                "{\"Idempotency-Key\":\"must be 1 to 255 printable ASCII characters\"}");
        return;
    }
    if (request->token.user_id)
        snprintf(person, sizeof person, "user:%lld", (long long)request->token.user_id);
    else
        snprintf(person, sizeof person, "address:%s", request->address);
    request->command = uuid_derive((const char *const[]){person, key, NULL});
    struct request *other;
    HASH_FIND(running, requests.running, &request->command, sizeof request->command, other);
    if (other) {
        invalid(request, &refusal_idempotency_in_flight, NULL);
        return;
    }
    request->has_command = true;
    HASH_ADD(running, requests.running, command, sizeof request->command, request);
}

static const char *details_of(struct request *request, const struct problems *problems) {
    static struct buffer json;
    buffer_clear(&json);
    for (const struct problem *problem = problems->first; problem; problem = problem->next) {
        buffer_append_byte(&json, json.length ? ',' : '{');
        json_append_string(&json, problem->field, strlen(problem->field));
        buffer_append_byte(&json, ':');
        json_append_string(&json, problem->reason, strlen(problem->reason));
    }
    if (!json.length)
        return NULL;
    buffer_append_byte(&json, '}');
    return h2o_strdup(&request->h2o->pool, json.bytes, json.length).base;
}

/* What was not given, as a JSON list; NULL: nothing. */
static const char *missing_of(struct request *request, const struct problems *problems) {
    static struct buffer json;
    buffer_clear(&json);
    for (const struct problem *problem = problems->first; problem; problem = problem->next)
        if (strcmp(problem->reason, PROBLEM_MISSING) == 0) {
            buffer_append_byte(&json, json.length ? ',' : '[');
            json_append_string(&json, problem->field, strlen(problem->field));
        }
    if (!json.length)
        return NULL;
    buffer_append_byte(&json, ']');
    return h2o_strdup(&request->h2o->pool, json.bytes, json.length).base;
}

static void find_invalid(struct request *request, const struct problems *problems) {
    if (request->operation->tells_missing)
        request->missing = missing_of(request, problems);
    invalid(request, request->missing ? &refusal_missing_fields : &refusal_validation_error,
            details_of(request, problems));
}

static void pack_message(struct request *request) {
    const struct route_entry *entry = request->match.entry;
    const struct text_span body = {request->h2o->entity.base, request->h2o->entity.len}, nothing = {NULL, 0};
    const struct text_span bytes = body.length ? body : (struct text_span){"", 0};
    const bool raw = request->operation->raw_body;
    struct buffer *message = &requests.message;
    struct request_source source = {
        .body = raw ? nothing : body,
        .raw_body = raw ? bytes : nothing,
        .query = request->operation->open_query ? nothing : request->query,
        .path_values = request->match.values,
        .path_names = entry->names,
        .path_count = entry->name_count,
        .header = find_header,
        .cookie = find_cookie,
        .context = request,
        .credentials = request->credentials,
        .fixed = entry->route->fixed,
    };
    pool_reset(gateway.scratch);
    struct problems problems = {.pool = gateway.scratch};
    buffer_clear(message);
    switch (codec_request(request->operation->request, &source, message, &problems)) {
    case CODEC_OK:
        request->message =
            (struct text_span){h2o_strdup(&request->h2o->pool, message->bytes, message->length).base, message->length};
        break;
    case CODEC_MALFORMED:
        invalid(request, &refusal_malformed_json, details_of(request, &problems));
        break;
    case CODEC_INVALID:
        find_invalid(request, &problems);
        break;
    case CODEC_CARD_NUMBER:
        invalid(request, &refusal_card_number_refused, NULL);
        break;
    }
}

static void read_content(struct request *request) {
    if (body_is_acceptable(request))
        pack_message(request);
}

static void on_deadline(h2o_timeout_entry_t *entry) {
    struct request *request = H2O_STRUCT_FROM_MEMBER(struct request, deadline, entry);
    if (coalesce_settle(request))
        return;
    bool was_sent = coalesce_was_sent(request);
    request_leave(request);
    reply_refusal(request, was_sent ? &refusal_deadline_exceeded : &refusal_unavailable, NULL, 0);
}

/* Its deadline runs from the first wait on. */
static void start_deadline(struct request *request, h2o_timeout_cb on_end) {
    request->deadline.cb = on_end;
    if (!h2o_timeout_is_linked(&request->deadline))
        h2o_timeout_link(gateway.context.loop, &requests.list_of[request->operation - operations]->timers,
                         &request->deadline);
}

static void refuse(struct request *request, const struct refusal *refusal, const char *details,
                   uint32_t retry_after_s) {
    request_leave(request);
    reply_refusal(request, refusal, details, retry_after_s);
}

static void wait_for_worker(struct request *request) {
    if (!coalesce_has_room(request->operation)) {
        refuse(request, &refusal_overloaded, NULL, 0);
        return;
    }
    struct text_span trace = request_header(request, "traceparent");
    trace_continue(trace.bytes, trace.length, &request->id, request->trace);
    start_deadline(request, on_deadline);
    coalesce_join(request);
}

static void refuse_limit(struct request *request, const struct quota *quota) {
    char details[64];
    int64_t retry_s = quota->retry_s;
    snprintf(details, sizeof details, "{\"limit\":\"%s\"}", quota->policy->name);
    notes_refusal(request, "excess_rate_limit_exceeded");
    refuse(request, &refusal_rate_limited, details, retry_s > UINT32_MAX ? UINT32_MAX : (uint32_t)retry_s);
}

/* Whose key it is did not become known in time. */
static void on_key_deadline(h2o_timeout_entry_t *entry) {
    refuse(H2O_STRUCT_FROM_MEMBER(struct request, deadline, entry), &refusal_unavailable, NULL, 0);
}

static void resolve_key(struct request *request) {
    const struct refusal *refusal;
    if (keys_recall(request, &refusal)) {
        request_identified(request, refusal);
        return;
    }
    start_deadline(request, on_key_deadline);
    keys_ask(request);
}

void request_identified(struct request *request, const struct refusal *refusal) {
    if (request->quota.refused) {
        refuse_limit(request, &request->quota);
        return;
    }
    request->turned_away = refusal;
    if (!refusal && !request->invalid)
        read_command(request);
    admission_ask(request);
}

/* By the limits, for its credentials, by what the person or the key may, by the content. */
static bool is_refused(struct request *request) {
    const struct quota *quota = request->key_quota.refused ? &request->key_quota : &request->quota;
    if (quota->refused) {
        refuse_limit(request, quota);
        return true;
    }
    if (request->turned_away) {
        refuse(request, request->turned_away, NULL, 0);
        return true;
    }
    const char *details;
    const struct refusal *refusal = identity_rights_refusal(request, &details);
    if (refusal) {
        notes_refusal(request, "authz_fail");
        refuse(request, refusal, details, 0);
        return true;
    }
    if (request->invalid)
        refuse(request, request->invalid, request->details, 0);
    return request->invalid != NULL;
}

void request_admitted(struct request *request, bool revoked) {
    if (revoked && !identity_forget_cookie(request)) {
        refuse(request, &refusal_invalid_token, NULL, 0);
        return;
    }
    if (request->use_is_news && !revoked && !request->turned_away)
        notes_use(request);
    if (is_refused(request))
        return;
    local_function *local = local_find(request->operation);
    if (!local) {
        wait_for_worker(request);
        return;
    }
    h2o_timeout_unlink(&request->deadline);
    local(request);
}

void request_answered(struct request *request, struct answer *answer) {
    if (answer->refusal == &refusal_forbidden)
        notes_refusal(request, "authz_fail");
    request_leave(request);
    reply_answer(request, answer);
}

static bool method_is(const h2o_req_t *req, const char *name) {
    return h2o_memis(req->method.base, req->method.len, name, strlen(name));
}

/* OPTIONS of a known path, or of "*"; and methods that no path has. */
static bool answer_method(struct request *request) {
    const h2o_req_t *req = request->h2o;
    bool whole_server = req->path.len == 1 && *req->path.base == '*';
    if (method_is(req, "OPTIONS") && (request->match.allowed || whole_server)) {
        reply_options(request, whole_server ? EVERY_METHOD : request->match.allowed);
        return true;
    }
    if (method_is(req, "CONNECT") || method_is(req, "TRACE")) {
        request->match.allowed = request->match.allowed ? request->match.allowed : EVERY_METHOD;
        reply_refusal(request, &refusal_method_not_allowed, NULL, 0);
        return true;
    }
    return false;
}

/* Where something is done, or somebody is signed in or out, by cookies: it must be by a page of our own. */
static const struct refusal *foreign_page_refusal(struct request *request) {
    const struct route *route = request->route;
    if (strcmp(route->method, "GET") == 0 && request->operation->kind == OPERATION_READ)
        return NULL;
    if (!request->by_cookie && !route->cookies)
        return NULL;
    bool shows_cookie = request->by_cookie || request_cookie(request, COOKIE_REFRESH).bytes;
    const struct csrf_evidence evidence = {
        .site = request_header(request, "sec-fetch-site"),
        .origin = request_header(request, "origin"),
        .host = {request->h2o->input.authority.base, request->h2o->input.authority.len},
        .https = request->h2o->input.scheme == &H2O_URL_SCHEME_HTTPS,
    };
    enum csrf_source source = csrf_source_of(&evidence);
    if (source == CSRF_OWN || (source == CSRF_SILENT && !shows_cookie))
        return NULL;
    notes_refusal(request, "csrf_fail");
    return &refusal_csrf_refused;
}

int request_arrived(h2o_handler_t *handler, h2o_req_t *req) {
    (void)handler;
    struct request *request = request_new(req);
    const struct refusal *refusal = strict_refusal(req);
    if (refusal) {
        request->keeps_coming = true;
        reply_refusal(request, refusal, NULL, 0);
        return 0;
    }
    refusal = find_route(request);
    if (refusal && answer_method(request))
        return 0;
    if (refusal) {
        reply_refusal(request, refusal, NULL, 0);
        return 0;
    }
    refusal = identify(request);
    if (!refusal)
        refusal = foreign_page_refusal(request);
    if (!refusal)
        read_content(request);
    if (!refusal && request->shows_key)
        resolve_key(request);
    else
        request_identified(request, refusal);
    if (!request->answered)
        connection_park(request->connection, req);
    return 0;
}
