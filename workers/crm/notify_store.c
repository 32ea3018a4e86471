/* Notifications and the mails that facilitators get about them. A mail is a row of the outbox like any other; its
 * notification names it, so that the list can tell what became of it. */
#include "notify_store.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "rfc3339.h"

/* By number; by the code of the event that is named, which is its facilitator's word; or by the code of a profile, as
 * long as no other facilitator claims the same, since it says what people wrote to whom. */
#define IS_FACILITATOR "u.role IN ('facilitator', 'admin') AND u.is_active AND u.erased_at IS NULL"
#define FACILITATOR                                                                                                    \
    "CASE WHEN n.facilitator_id IS NOT NULL THEN n.facilitator_id"                                                     \
    " WHEN coalesce(n.facilitator_code, n.facilitator_crm_id) IS NOT NULL THEN coalesce("                              \
    "  (SELECT e.facilitator_id FROM events e WHERE e.id = n.event_id"                                                 \
    "   AND e.facilitator_crm_id = coalesce(n.facilitator_code, n.facilitator_crm_id)),"                               \
    "  (SELECT min(u.id) FROM users u WHERE u.facilitator_crm_id = coalesce(n.facilitator_code, n.facilitator_crm_id)" \
    "   AND " IS_FACILITATOR " HAVING count(*) = 1))"                                                                  \
    " ELSE (SELECT e.facilitator_id FROM events e WHERE e.id = n.event_id) END"

static const struct statement mail_facilitators = {
    "mail_facilitators",
    "WITH asked AS (SELECT DISTINCT ON (id) * FROM unnest($1::bigint[], $2::text[]) AS asked(id, trace)),"
    " queued AS ("
    "  INSERT INTO outbox (channel, owner_id, type, cause, body, trace)"
    "  SELECT 'mail', u.id, 'mail.crm_notification', 'notification:' || n.id, json_strip_nulls(json_build_object("
    "    'to', u.email, 'name', u.name, 'template', 'crm_notification', 'language', u.language, 'zone', u.time_zone,"
    "    'values', json_build_object('action', n.action, 'booking_id', n.booking_id::text, 'person', n.user_name,"
    "      'person_email', n.user_email, 'event_title', n.event_title, 'start_at', n.event_start_at)))::text, trace"
    "  FROM asked JOIN booking_notifications n USING (id) JOIN users u ON u.id = " FACILITATOR
    "  WHERE n.mail_id IS NULL AND " IS_FACILITATOR "  ON CONFLICT DO NOTHING RETURNING webhook_id, cause)"
    " UPDATE booking_notifications SET mail_id = queued.webhook_id"
    " FROM asked JOIN queued ON queued.cause = 'notification:' || asked.id"
    " WHERE booking_notifications.id = asked.id RETURNING booking_notifications.id"};

static const struct statement list_mailed = {
    "list_mailed", "SELECT n.id, n.booking_id, n.action, sent.state, sent.finished_at, sent.last_error, sent.body"
                   " FROM booking_notifications n LEFT JOIN LATERAL"
                   " (SELECT * FROM deliveries WHERE webhook_id = n.mail_id LIMIT 1) AS sent ON true"
                   " WHERE n.id < $1::bigint ORDER BY n.id DESC LIMIT $2::bigint"};

static const struct statement delete_notification = {"delete_notification",
                                                     "DELETE FROM booking_notifications WHERE id = $1::bigint"};
static const struct statement clear_notifications = {"clear_notifications", "DELETE FROM booking_notifications"};

int store_mail_facilitators(struct worker *worker, const int64_t *ids, const char *const *traces, size_t count,
                            bool *ret_queued) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integers(&parameters, ids, count);
    parameter_texts(&parameters, traces, count);
    PGresult *result = db_query(worker_db(worker), &mail_facilitators, &parameters);
    if (!result)
        return -1;
    for (size_t i = 0; i < count; i++) {
        ret_queued[i] = false;
        for (int row = 0; row < PQntuples(result); row++)
            ret_queued[i] |= db_integer(result, row, 0) == ids[i];
    }
    return 0;
}

static const char *address_in(const char *body, struct pool *pool) {
    json_t *mail = json_loads(body ? body : "", 0, NULL);
    const char *to = json_string_value(json_object_get(mail, "to"));
    const char *address = pool_text(pool, to ? to : "its address");
    json_decref(mail);
    return address;
}

static const char *status_of(const char *state) {
    static const char *const statuses[][2] = {{"due", "pending"}, {"delivered", "sent"}, {"dead", "failed"}};
    for (size_t i = 0; state && i < sizeof statuses / sizeof *statuses; i++)
        if (strcmp(state, statuses[i][0]) == 0)
            return statuses[i][1];
    return "received"; /* no mail was asked for, or its row is gone by now */
}

static struct crm_notification read_mailed(const PGresult *result, int row, struct pool *pool) {
    struct crm_notification notification = {.id = db_integer(result, row, 0),
                                            .booking_id = db_integer(result, row, 1),
                                            .status = status_of(db_text(result, row, 3))};
    if (db_text(result, row, 2)[0])
        SET(notification, action, pool_text(pool, db_text(result, row, 2)));
    if (strcmp(notification.status, "sent") == 0) {
        SET_TEXT(notification, sent_at, rfc3339_text(db_text(result, row, 4), pool));
        SET(notification, response,
            pool_printf(pool, "Email sent successfully to %s", address_in(db_text(result, row, 6), pool)));
    } else if (!db_is_null(result, row, 5)) {
        SET(notification, response, pool_text(pool, db_text(result, row, 5)));
    }
    return notification;
}

int store_list_mailed(struct worker *worker, int64_t before_id, int64_t limit,
                      struct list_crm_notifications_reply *ret_reply) {
    struct pool *pool = worker_pool(worker);
    struct parameters parameters;
    parameters_init(&parameters, pool);
    parameter_integer(&parameters, before_id);
    parameter_integer(&parameters, limit);
    PGresult *result = db_query(worker_db(worker), &list_mailed, &parameters);
    if (!result)
        return -1;
    size_t rows = (size_t)PQntuples(result);
    ret_reply->notifications.items = pool_alloc(pool, rows * sizeof *ret_reply->notifications.items);
    ret_reply->notifications.count = rows;
    for (size_t row = 0; row < rows; row++)
        ret_reply->notifications.items[row] = read_mailed(result, (int)row, pool);
    return 0;
}

int store_delete_notifications(struct worker *worker, const int64_t *ids, size_t count, bool *ret_deleted) {
    for (size_t i = 0; i < count; i++) {
        struct parameters parameters;
        parameters_init(&parameters, worker_pool(worker));
        parameter_integer(&parameters, ids[i]);
        if (db_queue(worker_db(worker), &delete_notification, &parameters) != 0)
            return -1;
    }
    for (size_t i = 0; i < count; i++) {
        PGresult *result = db_receive(worker_db(worker));
        if (!result)
            return -1;
        ret_deleted[i] = atoll(PQcmdTuples(result)) > 0;
    }
    return 0;
}

int store_clear_notifications(struct worker *worker, int64_t *ret_deleted_count) {
    PGresult *result = db_query(worker_db(worker), &clear_notifications, NULL);
    if (!result)
        return -1;
    *ret_deleted_count = atoll(PQcmdTuples(result));
    return 0;
}
