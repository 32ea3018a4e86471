/* The SQL of what the CRM service was told; see store.h. It decides nothing: rules.c does. */
#include "store.h"

#include <string.h>

#include "pages.h"
#include "rfc3339.h"

static const struct statement add_notification = {
    "add_notification",
    "INSERT INTO booking_notifications (booking_id, action, user_id, user_name, user_email, event_id, event_title,"
    "                                   event_start_at, facilitator_id, facilitator_code, facilitator_crm_id)"
    " VALUES ($1::bigint, $2::text, $3::bigint, $4::text, $5::text, $6::bigint, $7::text, $8::timestamptz, $9::bigint,"
    "         $10::text, $11::text)"
    " ON CONFLICT (booking_id, action) DO UPDATE SET booking_id = excluded.booking_id"
    " RETURNING id, (SELECT state <> 'dead' FROM deliveries WHERE webhook_id = mail_id LIMIT 1)"};

#define NOTIFICATION_COLUMNS                                                                                           \
    "id, booking_id, action, user_id, user_name, user_email, event_id, event_title, event_start_at, facilitator_id,"   \
    " facilitator_code, facilitator_crm_id, processed_at, created_at"

static const struct statement list_notifications = {
    "list_notifications", "SELECT " NOTIFICATION_COLUMNS " FROM booking_notifications"
                          " WHERE id < $1::bigint AND ($2::boolean IS NULL OR (processed_at IS NOT NULL) = $2::boolean)"
                          " ORDER BY id DESC LIMIT $3::bigint"};

static const struct statement process_notifications = {
    "process_notifications",
    "UPDATE booking_notifications SET processed_at = coalesce(processed_at, now()) WHERE id = ANY ($1::bigint[])"
    " RETURNING " NOTIFICATION_COLUMNS};

static const char *copy_text(const PGresult *result, int row, int column, struct pool *pool) {
    const char *text = db_text(result, row, column);
    return text ? pool_text(pool, text) : NULL;
}

static void parameter_known(struct parameters *parameters, int64_t number) {
    if (number)
        parameter_integer(parameters, number);
    else
        parameter_null(parameters);
}

static int queue_notification(struct worker *worker, const struct new_notification *notification) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integer(&parameters, notification->booking_id);
    parameter_text(&parameters, notification->action);
    parameter_known(&parameters, notification->user_id);
    parameter_text(&parameters, notification->user_name);
    parameter_text(&parameters, notification->user_email);
    parameter_known(&parameters, notification->event_id);
    parameter_text(&parameters, notification->event_title);
    parameter_text(&parameters, notification->event_start_at);
    parameter_known(&parameters, notification->facilitator_id);
    parameter_text(&parameters, notification->facilitator_code);
    parameter_text(&parameters, notification->facilitator_crm_id);
    return db_queue(worker_db(worker), &add_notification, &parameters);
}

static void show_added(const PGresult *result, struct pool *pool, void *ret_added) {
    (void)pool;
    *(struct added_notification *)ret_added =
        (struct added_notification){.id = db_integer(result, 0, 0), .mail_is_good = db_boolean(result, 0, 1)};
}

int store_add_notifications(struct worker *worker, const struct new_notification *notifications, size_t count,
                            struct added_notification *ret_added) {
    for (size_t i = 0; i < count; i++)
        if (queue_notification(worker, &notifications[i]) != 0)
            return -1;
    return pages_receive(worker, count, show_added, ret_added, sizeof *ret_added);
}

static struct notification read_notification(const PGresult *result, int row, struct pool *pool) {
    struct notification notification = {
        .id = db_integer(result, row, 0),
        .booking_id = db_integer(result, row, 1),
        .user = {.name = copy_text(result, row, 4, pool), .email = copy_text(result, row, 5, pool)},
        .processed = !db_is_null(result, row, 12),
        .created_at = rfc3339_text(db_text(result, row, 13), pool)};
    if (db_text(result, row, 2)[0])
        SET(notification, action, copy_text(result, row, 2, pool));
    if (!db_is_null(result, row, 3))
        SET(notification.user, id, db_integer(result, row, 3));
    if (!db_is_null(result, row, 6))
        SET(notification.event, id, db_integer(result, row, 6));
    SET_TEXT(notification.event, title, copy_text(result, row, 7, pool));
    SET_TEXT(notification.event, start_datetime, rfc3339_text(db_text(result, row, 8), pool));
    if (!db_is_null(result, row, 9) || !db_is_null(result, row, 10)) {
        const struct integer_or_string facilitator = {copy_text(result, row, 10, pool), db_integer(result, row, 9)};
        SET(notification, facilitator_id, facilitator);
    }
    SET_TEXT(notification, facilitator_crm_id, copy_text(result, row, 11, pool));
    SET_TEXT(notification, processed_at, rfc3339_text(db_text(result, row, 12), pool));
    return notification;
}

static int queue_list(struct worker *worker, const struct notifications_wanted *wanted) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integer(&parameters, wanted->before_id);
    if (wanted->has_processed == PRESENCE_SET)
        parameter_boolean(&parameters, wanted->processed);
    else
        parameter_null(&parameters);
    parameter_integer(&parameters, wanted->limit);
    return db_queue(worker_db(worker), &list_notifications, &parameters);
}

int store_list_notifications(struct worker *worker, const struct notifications_wanted *wanted, size_t count,
                             struct list_booking_notifications_reply **ret_replies) {
    struct pool *pool = worker_pool(worker);
    for (size_t i = 0; i < count; i++)
        if (queue_list(worker, &wanted[i]) != 0)
            return -1;
    for (size_t i = 0; i < count; i++) {
        PGresult *result = db_receive(worker_db(worker));
        if (!result)
            return -1;
        size_t rows = (size_t)PQntuples(result);
        ret_replies[i]->notifications.items = pool_alloc(pool, rows * sizeof(struct notification));
        ret_replies[i]->notifications.count = rows;
        for (size_t row = 0; row < rows; row++)
            ret_replies[i]->notifications.items[row] = read_notification(result, (int)row, pool);
    }
    return 0;
}

int store_process_notifications(struct worker *worker, const int64_t *ids, size_t count,
                                struct notification *ret_notifications) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integers(&parameters, ids, count);
    PGresult *result = db_query(worker_db(worker), &process_notifications, &parameters);
    if (!result)
        return -1;
    memset(ret_notifications, 0, count * sizeof *ret_notifications);
    for (int row = 0; row < PQntuples(result); row++) {
        struct notification notification = read_notification(result, row, worker_pool(worker));
        for (size_t i = 0; i < count; i++) /* one id may have come in several calls */
            if (ids[i] == notification.id)
                ret_notifications[i] = notification;
    }
    return 0;
}
