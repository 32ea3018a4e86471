/* All SQL of the crm worker: the outbox, whose rows it claims under a lease, and the notifications of the CRM service.
 * It decides nothing: rules.c does. */
#include "store.h"

#include <string.h>

#include "rfc3339.h"

#define TEXT_OF(number) #number
#define TEXT(number) TEXT_OF(number)
#define LEASE "now() + interval '" TEXT(LEASE_S) " seconds'"
#define OWNER "coalesce(owner_id, 0)"

/* $1 how many, $2 owners of the rows in hand, $3 and $4 how many of one owner. The owners with due rows are found by
 * jumping along the index outbox_due_by_owner, so that neither an owner's backlog nor the delivered rows cost anything.
 */
static const struct statement claim = {
    "claim",
    "WITH RECURSIVE owners(id) AS ("
    "  (SELECT " OWNER " FROM outbox WHERE state = 'due' ORDER BY " OWNER " LIMIT 1)"
    "  UNION ALL"
    "  SELECT (SELECT " OWNER " FROM outbox WHERE state = 'due' AND " OWNER " > owners.id ORDER BY " OWNER " LIMIT 1)"
    "  FROM owners WHERE owners.id IS NOT NULL),"
    " picked AS ("
    "  SELECT waiting.id FROM owners CROSS JOIN LATERAL ("
    "    SELECT outbox.id, next_attempt_at FROM outbox"
    "    WHERE state = 'due' AND " OWNER " = owners.id AND next_attempt_at <= now()"
    "      AND (leased_until IS NULL OR leased_until < now())"
    "    ORDER BY next_attempt_at, outbox.id"
    "    LIMIT greatest(0, CASE owners.id WHEN 0 THEN $3::bigint ELSE $4::bigint END"
    "                      - (SELECT count(*) FROM unnest($2::bigint[]) AS busy(id) WHERE busy.id = owners.id))"
    "    FOR UPDATE SKIP LOCKED) AS waiting"
    "  ORDER BY waiting.next_attempt_at, waiting.id LIMIT $1::bigint)"
    " UPDATE outbox SET leased_until = " LEASE " FROM picked WHERE outbox.id = picked.id"
    " RETURNING outbox.id, " OWNER ", webhook_id, type, body, trace, attempts,"
    "  (SELECT crm_webhook_url FROM users WHERE users.id = owner_id),"
    "  (SELECT crm_webhook_secret FROM users WHERE users.id = owner_id)"};

/* Where nobody else has settled the row meanwhile: our lease may have run out while we were held up. */
static const struct statement record = {
    "record",
    "UPDATE outbox SET state = given.state, attempts = given.attempts, leased_until = NULL,"
    " next_attempt_at = CASE given.state WHEN 'due' THEN now() + make_interval(secs => given.wait_ms / 1000.0)"
    "                        ELSE next_attempt_at END,"
    " last_status = nullif(given.status, 0), last_error = given.error,"
    " finished_at = CASE WHEN given.state <> 'due' THEN now() END"
    " FROM unnest($1::bigint[], $2::text[], $3::integer[], $4::bigint[], $5::integer[], $6::text[])"
    "   AS given(id, state, attempts, wait_ms, status, error)"
    " WHERE outbox.id = given.id AND outbox.state = 'due'"};

static const struct statement renew_leases = {"renew_leases", "UPDATE outbox SET leased_until = " LEASE
                                                              " WHERE id = ANY ($1::bigint[]) AND state = 'due'"};

static const struct statement add_notification = {
    "add_notification",
    "INSERT INTO booking_notifications (booking_id, action, user_id, user_name, user_email, event_id, event_title,"
    "                                   event_start_at, facilitator_id, facilitator_code, facilitator_crm_id)"
    " VALUES ($1::bigint, $2::text, $3::bigint, $4::text, $5::text, $6::bigint, $7::text, $8::timestamptz, $9::bigint,"
    "         $10::text, $11::text)"
    " ON CONFLICT (booking_id, action) DO UPDATE SET booking_id = excluded.booking_id RETURNING id"};

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

/* Dead ones stay for the operator. A row that is replayed at this moment is locked, so it is passed over. */
const struct statement store_sweeps[] = {
    {"sweep_delivered", "DELETE FROM outbox WHERE id = ANY (ARRAY("
                        "  SELECT id FROM outbox WHERE state = 'delivered' AND finished_at < now() - interval '30 days'"
                        "  ORDER BY finished_at LIMIT $1::integer FOR UPDATE SKIP LOCKED))"},
};
const size_t store_sweep_count = sizeof store_sweeps / sizeof *store_sweeps;

static const char *copy_text(const PGresult *result, int row, int column, struct pool *pool) {
    const char *text = db_text(result, row, column);
    return text ? pool_text(pool, text) : NULL;
}

int store_claim(struct worker *worker, const struct claim_limits *limits, struct claim **ret_claims,
                size_t *ret_count) {
    struct pool *pool = worker_pool(worker);
    struct parameters parameters;
    parameters_init(&parameters, pool);
    parameter_integer(&parameters, (int64_t)limits->total);
    parameter_integers(&parameters, limits->busy_owners, limits->busy_count);
    parameter_integer(&parameters, (int64_t)limits->of_operator);
    parameter_integer(&parameters, (int64_t)limits->of_facilitator);
    PGresult *result = db_query(worker_db(worker), &claim, &parameters);
    if (!result)
        return -1;
    size_t count = (size_t)PQntuples(result);
    struct claim *claims = pool_alloc(pool, count * sizeof *claims);
    for (int row = 0; row < PQntuples(result); row++)
        claims[row] = (struct claim){.id = db_integer(result, row, 0),
                                     .owner_id = db_integer(result, row, 1),
                                     .webhook_id = copy_text(result, row, 2, pool),
                                     .type = copy_text(result, row, 3, pool),
                                     .body = copy_text(result, row, 4, pool),
                                     .trace = copy_text(result, row, 5, pool),
                                     .attempts = (unsigned)db_integer(result, row, 6),
                                     .owner_url = copy_text(result, row, 7, pool),
                                     .owner_secret = copy_text(result, row, 8, pool)};
    *ret_claims = claims;
    *ret_count = count;
    return 0;
}

int store_record(struct worker *worker, const struct outcome *outcomes, size_t count) {
    struct pool *pool = worker_pool(worker);
    struct parameters parameters;
    int64_t *ids = pool_alloc(pool, count * sizeof *ids), *attempts = pool_alloc(pool, count * sizeof *attempts);
    int64_t *waits_ms = pool_alloc(pool, count * sizeof *waits_ms),
            *statuses = pool_alloc(pool, count * sizeof *statuses);
    const char **states = pool_alloc(pool, count * sizeof *states), **errors = pool_alloc(pool, count * sizeof *errors);
    for (size_t i = 0; i < count; i++) {
        ids[i] = outcomes[i].id;
        states[i] = outcomes[i].state;
        attempts[i] = outcomes[i].attempts;
        waits_ms[i] = outcomes[i].wait_ms;
        statuses[i] = outcomes[i].status;
        errors[i] = outcomes[i].error;
    }
    parameters_init(&parameters, pool);
    parameter_integers(&parameters, ids, count);
    parameter_texts(&parameters, states, count);
    parameter_integers(&parameters, attempts, count);
    parameter_integers(&parameters, waits_ms, count);
    parameter_integers(&parameters, statuses, count);
    parameter_texts(&parameters, errors, count);
    return db_query(worker_db(worker), &record, &parameters) ? 0 : -1;
}

int store_renew_leases(struct worker *worker, const int64_t *ids, size_t count) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integers(&parameters, ids, count);
    return db_query(worker_db(worker), &renew_leases, &parameters) ? 0 : -1;
}

static void parameter_given_integer(struct parameters *parameters, enum presence presence, int64_t value) {
    if (presence == PRESENCE_SET)
        parameter_integer(parameters, value);
    else
        parameter_null(parameters);
}

static void parameter_given_text(struct parameters *parameters, enum presence presence, const char *text) {
    parameter_text(parameters, presence == PRESENCE_SET ? text : NULL);
}

static int queue_notification(struct worker *worker, const struct new_notification *notification) {
    const struct receive_booking_notification_request *request = notification->request;
    const struct integer_or_string *facilitator = &notification->facilitator_id;
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integer(&parameters, request->booking_id);
    parameter_text(&parameters, notification->action);
    parameter_given_integer(&parameters, request->user.has_id, request->user.id);
    parameter_text(&parameters, request->user.name);
    parameter_text(&parameters, request->user.email);
    parameter_given_integer(&parameters, notification->has_event_id, notification->event_id);
    parameter_given_text(&parameters, request->event.has_title, request->event.title);
    parameter_given_text(&parameters, request->event.has_start_datetime, request->event.start_datetime);
    parameter_given_integer(&parameters, facilitator->text ? PRESENCE_ABSENT : notification->has_facilitator_id,
                            facilitator->number);
    parameter_given_text(&parameters, notification->has_facilitator_id, facilitator->text);
    parameter_given_text(&parameters, request->has_facilitator_crm_id, request->facilitator_crm_id);
    return db_queue(worker_db(worker), &add_notification, &parameters);
}

int store_add_notifications(struct worker *worker, const struct new_notification *notifications, size_t count,
                            int64_t *ret_ids) {
    for (size_t i = 0; i < count; i++)
        if (queue_notification(worker, &notifications[i]) != 0)
            return -1;
    for (size_t i = 0; i < count; i++) {
        PGresult *result = db_receive(worker_db(worker));
        if (!result)
            return -1;
        ret_ids[i] = db_integer(result, 0, 0);
    }
    return 0;
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
