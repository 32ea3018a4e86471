/* The log of what concerns security; see audit.h. Names are those of OWASP's logging vocabulary where it has one. */
#include "audit.h"

#include <inttypes.h>
#include <string.h>

#include "log.h"
#include "uuid.h"

#define ADDRESS_LENGTH 64 /* bytes that are kept of each */
#define REQUEST_ID_LENGTH 128
#define DETAIL_LENGTH 300

static const struct name {
    const char *event;
    enum log_level level;
} names[] = {
    {"authn_login_success", LOG_LEVEL_INFO},
    {"authn_login_fail", LOG_LEVEL_WARN},
    {"authn_login_second_factor", LOG_LEVEL_INFO},
    {"authn_login_lock", LOG_LEVEL_WARN},
    {"authn_password_change", LOG_LEVEL_INFO},
    {"authn_password_change_fail", LOG_LEVEL_WARN},
    {"authn_token_created", LOG_LEVEL_INFO},
    {"authn_token_reuse", LOG_LEVEL_WARN},
    {"authn_token_revoked", LOG_LEVEL_INFO},
    {"authz_admin", LOG_LEVEL_WARN},
    {"authz_fail", LOG_LEVEL_WARN},
    {"csrf_fail", LOG_LEVEL_WARN},
    {"excess_rate_limit_exceeded", LOG_LEVEL_WARN},
    {"privilege_permissions_changed", LOG_LEVEL_WARN},
    {"sensitive_create", LOG_LEVEL_INFO},
    {"sensitive_delete", LOG_LEVEL_INFO},
    {"sensitive_read", LOG_LEVEL_INFO},
    {"sensitive_update", LOG_LEVEL_INFO},
    {"session_created", LOG_LEVEL_INFO},
    {"session_expired", LOG_LEVEL_INFO},
    {"session_renewed", LOG_LEVEL_INFO},
    {"session_use_after_expire", LOG_LEVEL_WARN},
    {"user_archived", LOG_LEVEL_WARN},
    {"user_created", LOG_LEVEL_INFO},
    {"user_updated", LOG_LEVEL_INFO},
};

static const struct statement note_events = {
    "note_events",
    "INSERT INTO security_events (event, user_id, actor_id, session_id, address, request_id, detail)"
    " SELECT event, nullif(user_id, 0), nullif(actor_id, 0), session, address, request_id, detail"
    " FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[]::uuid[], $5::text[], $6::text[], $7::text[])"
    " WITH ORDINALITY AS given(event, user_id, actor_id, session, address, request_id, detail, place)"
    " ORDER BY place"};

static const struct name *find_name(const char *event) {
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(event, names[i].event) == 0)
            return &names[i];
    return NULL;
}

struct security_event audit_of(const struct call *call, const char *event, int64_t user_id, const char *detail) {
    const struct caller *caller = &call->header.caller;
    return (struct security_event){.event = event,
                                   .user_id = user_id ? user_id : caller->user_id,
                                   .actor_id = user_id && caller->user_id != user_id ? caller->user_id : 0,
                                   .session = caller->session,
                                   .address = caller->address,
                                   .request_id = call->header.request_id,
                                   .detail = detail};
}

/* At most so many bytes, and no part of a code point. */
static const char *clip(struct pool *pool, const char *text, size_t limit) {
    size_t length = text ? strnlen(text, limit + 1) : 0;
    if (length > limit)
        for (length = limit; length && (text[length] & 0xc0) == 0x80;)
            length--;
    return pool_copy(pool, text ? text : "", length);
}

/* With texts that fit the table. */
static struct security_event tidy(struct pool *pool, const struct security_event *event) {
    struct security_event tidied = *event;
    struct uuid session;
    tidied.session = event->session && uuid_parse(event->session, &session) == 0 ? event->session : NULL;
    tidied.address = clip(pool, event->address, ADDRESS_LENGTH);
    tidied.request_id = clip(pool, event->request_id, REQUEST_ID_LENGTH);
    tidied.detail = clip(pool, event->detail, DETAIL_LENGTH);
    return tidied;
}

static void say(enum log_level level, const struct security_event *event) {
    char actor[32] = "";
    if (event->actor_id)
        snprintf(actor, sizeof actor, " by %" PRId64, event->actor_id);
    log_line(level, event->request_id, "%s user %" PRId64 "%s from %s%s%s", event->event, event->user_id, actor,
             event->address, *event->detail ? ": " : "", event->detail);
}

#define TEXT_COLUMNS 5

int audit_note(struct worker *worker, const struct security_event *events, size_t count) {
    struct pool *pool = worker_pool(worker);
    const char **texts = pool_alloc(pool, TEXT_COLUMNS * count * sizeof *texts);
    int64_t *user_ids = pool_alloc(pool, count * sizeof *user_ids);
    int64_t *actor_ids = pool_alloc(pool, count * sizeof *actor_ids);
    if (count == 0)
        return 0;
    for (size_t i = 0; i < count; i++) {
        const struct name *name = find_name(events[i].event);
        if (!name) {
            log_error("%s is no name of a security event", events[i].event);
            return -1;
        }
        const struct security_event event = tidy(pool, &events[i]);
        const char *const columns[TEXT_COLUMNS] = {event.event, event.session, event.address, event.request_id,
                                                   event.detail};
        for (size_t column = 0; column < TEXT_COLUMNS; column++)
            texts[column * count + i] = columns[column];
        user_ids[i] = event.user_id;
        actor_ids[i] = event.actor_id;
        say(name->level, &event);
    }
    struct parameters parameters;
    parameters_init(&parameters, pool);
    parameter_texts(&parameters, texts, count);
    parameter_integers(&parameters, user_ids, count);
    parameter_integers(&parameters, actor_ids, count);
    for (size_t column = 1; column < TEXT_COLUMNS; column++)
        parameter_texts(&parameters, texts + column * count, count);
    return db_query(worker_db(worker), &note_events, &parameters) ? 0 : -1;
}
