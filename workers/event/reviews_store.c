/* SQL of reviews; see reviews_store.h. How many there are and what they add up to stands in the event's row, by a
 * trigger (schemas/migrations/). */
#include "reviews_store.h"

#include "rfc3339.h"

/* $1 events, $2 people. */
#define KEYS " FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY AS k (event_id, user_id, position)"

/* The keys as two lists. */
struct key_lists {
    int64_t *events, *people;
    size_t count;
};

static struct key_lists lists_of(const struct review_key *keys, size_t count, struct pool *pool) {
    struct key_lists lists = {.count = count,
                              .events = pool_alloc(pool, count * sizeof *lists.events),
                              .people = pool_alloc(pool, count * sizeof *lists.people)};
    for (size_t i = 0; i < count; i++) {
        lists.events[i] = keys[i].event_id;
        lists.people[i] = keys[i].user_id;
    }
    return lists;
}

static int queue_with_ids(struct worker *worker, const struct statement *statement, const int64_t *ids, size_t count) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integers(&parameters, ids, count);
    return db_queue(worker_db(worker), statement, &parameters);
}

static int queue_with_keys(struct worker *worker, const struct statement *statement, const struct key_lists *lists) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integers(&parameters, lists->events, lists->count);
    parameter_integers(&parameters, lists->people, lists->count);
    return db_queue(worker_db(worker), statement, &parameters);
}

/* Locks are taken as everybody takes them: people, then events by id. */
static const struct statement hold_reviewers = {"hold_reviewers", "SELECT hold_people($1::bigint[])"};
static const struct statement lock_reviewed = {
    "lock_reviewed", "SELECT id FROM events WHERE id = ANY ($1::bigint[]) ORDER BY id FOR NO KEY UPDATE"};
static const struct statement read_standings = {
    "read_standings",
    "SELECT k.position, e.facilitator_id = k.user_id, e.start_at <= now(),"
    " EXISTS (SELECT FROM bookings b JOIN users u ON u.id = b.user_id AND u.is_active"
    "  WHERE b.event_id = k.event_id AND b.user_id = k.user_id AND b.status IN ('confirmed', 'completed'))" KEYS
    " JOIN events e ON e.id = k.event_id AND e.deleted_at IS NULL"};

int reviews_stand(struct worker *worker, const struct review_key *keys, size_t count,
                  struct review_standing *ret_standings) {
    struct db *db = worker_db(worker);
    const struct key_lists lists = lists_of(keys, count, worker_pool(worker));
    PGresult *result;
    if (queue_with_ids(worker, &hold_reviewers, lists.people, count) ||
        queue_with_ids(worker, &lock_reviewed, lists.events, count) || queue_with_keys(worker, &read_standings, &lists))
        return -1;
    if (!db_receive(db) || !db_receive(db) || !(result = db_receive(db)))
        return -1;
    for (size_t i = 0; i < count; i++)
        ret_standings[i] = (struct review_standing){.event_exists = false};
    for (int row = 0; row < PQntuples(result); row++)
        ret_standings[db_integer(result, row, 0) - 1] = (struct review_standing){
            .event_exists = true,
            .is_host = db_boolean(result, row, 1),
            .has_begun = db_boolean(result, row, 2),
            .has_place = db_boolean(result, row, 3),
        };
    return 0;
}

/* $1 event, $2 caller. `r` is the review and `u` its author. */
#define REVIEW_COLUMNS                                                                                                 \
    "r.id, r.rating, r.text, CASE WHEN u.erased_at IS NULL THEN u.name END, r.created_at, r.updated_at,"               \
    " r.user_id = $2::bigint"
enum { REVIEW_COLUMN_COUNT = 7 };
/* `e` is the event. */
#define TOTAL_COLUMNS "e.review_count, CASE WHEN e.review_count > 0 THEN e.shown_rating END"

static struct review review_at(const PGresult *result, int row, struct pool *pool) {
    struct review review = {
        .id = db_integer(result, row, 0),
        .rating = db_integer(result, row, 1),
        .created_at = rfc3339_text(db_text(result, row, 4), pool),
        .updated_at = rfc3339_text(db_text(result, row, 5), pool),
        .mine = db_boolean(result, row, 6),
    };
    const char *name = db_text(result, row, 3);
    SET_TEXT(review, text, db_text(result, row, 2));
    SET_TEXT(review, author, name ? rule_author(name, pool) : NULL);
    return review;
}

static const struct statement put_review_row = {
    "put_review", "INSERT INTO reviews (event_id, user_id, rating, text)"
                  " VALUES ($1::bigint, $2::bigint, $3::smallint, $4::text)"
                  " ON CONFLICT (user_id, event_id) DO UPDATE SET rating = excluded.rating, text = excluded.text,"
                  "  updated_at = greatest(now(), reviews.updated_at + interval '1 microsecond')"
                  " WHERE (reviews.rating, reviews.text) IS DISTINCT FROM (excluded.rating, excluded.text)"};
static const struct statement read_own_review = {
    "read_own_review", "SELECT " REVIEW_COLUMNS ", " TOTAL_COLUMNS " FROM events e"
                       " LEFT JOIN reviews r ON r.event_id = e.id AND r.user_id = $2::bigint"
                       " LEFT JOIN users u ON u.id = r.user_id WHERE e.id = $1::bigint AND e.deleted_at IS NULL"};

int reviews_queue_put(struct worker *worker, const struct review_key *key, int64_t rating, const char *text) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integer(&parameters, key->event_id);
    parameter_integer(&parameters, key->user_id);
    struct parameters stored = parameters;
    parameter_integer(&stored, rating);
    parameter_text(&stored, text);
    return db_queue(worker_db(worker), &put_review_row, &stored) ||
                   db_queue(worker_db(worker), &read_own_review, &parameters)
               ? -1
               : 0;
}

int reviews_receive_put(struct worker *worker, struct put_review_reply *ret_reply) {
    PGresult *result;
    if (!db_receive(worker_db(worker)) || !(result = db_receive(worker_db(worker))))
        return -1;
    ret_reply->review = review_at(result, 0, worker_pool(worker));
    ret_reply->count = db_integer(result, 0, REVIEW_COLUMN_COUNT);
    SET(*ret_reply, rating, db_number(result, 0, REVIEW_COLUMN_COUNT + 1));
    return 0;
}

static const struct statement remove_own = {
    "remove_own_reviews", "WITH gone AS (DELETE FROM reviews r USING unnest($1::bigint[], $2::bigint[])"
                          "  AS k (event_id, user_id)"
                          "  WHERE r.event_id = k.event_id AND r.user_id = k.user_id RETURNING r.event_id, r.user_id)"
                          " SELECT min(k.position)" KEYS " JOIN gone USING (event_id, user_id)"
                          " GROUP BY event_id, user_id"};
static const struct statement lock_reviewed_by_id = {
    "lock_reviewed_by_id", "SELECT id FROM events WHERE id IN (SELECT event_id FROM reviews WHERE id = ANY"
                           " ($1::bigint[])) ORDER BY id FOR NO KEY UPDATE"};
static const struct statement remove_any = {
    "remove_any_reviews",
    "WITH gone AS (DELETE FROM reviews WHERE id = ANY ($1::bigint[]) RETURNING id)"
    " SELECT min(k.position) FROM unnest($1::bigint[]) WITH ORDINALITY AS k (id, position) JOIN gone USING (id)"
    " GROUP BY id"};

/* Of several calls for one review the first removes it. */
static int receive_gone(struct worker *worker, size_t count, bool *ret_gone) {
    PGresult *result;
    if (!db_receive(worker_db(worker)) || !(result = db_receive(worker_db(worker))))
        return -1;
    for (size_t i = 0; i < count; i++)
        ret_gone[i] = false;
    for (int row = 0; row < PQntuples(result); row++)
        ret_gone[db_integer(result, row, 0) - 1] = true;
    return 0;
}

int reviews_remove(struct worker *worker, const struct review_key *keys, size_t count, bool *ret_gone) {
    const struct key_lists lists = lists_of(keys, count, worker_pool(worker));
    if (queue_with_ids(worker, &lock_reviewed, lists.events, count) || queue_with_keys(worker, &remove_own, &lists))
        return -1;
    return receive_gone(worker, count, ret_gone);
}

int reviews_remove_by_id(struct worker *worker, const int64_t *ids, size_t count, bool *ret_gone) {
    if (queue_with_ids(worker, &lock_reviewed_by_id, ids, count) || queue_with_ids(worker, &remove_any, ids, count))
        return -1;
    return receive_gone(worker, count, ret_gone);
}

static const struct statement list_page = {
    "list_reviews", "SELECT " REVIEW_COLUMNS " FROM (SELECT * FROM reviews WHERE event_id = $1::bigint"
                    "  AND ($3::bigint = 0 OR id < $3) ORDER BY id DESC LIMIT $4::bigint) r"
                    " JOIN users u ON u.id = r.user_id ORDER BY r.id DESC"};

int reviews_queue_list(struct worker *worker, const struct review_key *key, int64_t before, int64_t limit) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integer(&parameters, key->event_id);
    parameter_integer(&parameters, key->user_id);
    struct parameters page = parameters;
    parameter_integer(&page, before);
    parameter_integer(&page, limit + 1); /* one more tells whether there is a next page */
    return db_queue(worker_db(worker), &read_own_review, &parameters) || db_queue(worker_db(worker), &list_page, &page)
               ? -1
               : 0;
}

int reviews_receive_list(struct worker *worker, int64_t limit, struct list_reviews_reply *ret_reply, bool *ret_found) {
    struct pool *pool = worker_pool(worker);
    PGresult *head = db_receive(worker_db(worker)), *page = head ? db_receive(worker_db(worker)) : NULL;
    if (!page)
        return -1;
    *ret_found = PQntuples(head) == 1;
    if (!*ret_found)
        return 0;
    ret_reply->count = db_integer(head, 0, REVIEW_COLUMN_COUNT);
    if (ret_reply->count)
        SET(*ret_reply, rating, db_number(head, 0, REVIEW_COLUMN_COUNT + 1));
    if (!db_is_null(head, 0, 0))
        SET(*ret_reply, own, review_at(head, 0, pool));
    int rows = PQntuples(page), shown = rows > limit ? (int)limit : rows;
    ret_reply->reviews.items = pool_alloc(pool, (size_t)shown * sizeof *ret_reply->reviews.items);
    ret_reply->reviews.count = (size_t)shown;
    for (int row = 0; row < shown; row++)
        ret_reply->reviews.items[row] = review_at(page, row, pool);
    if (rows > shown)
        SET(*ret_reply, next, rule_review_place(ret_reply->reviews.items[shown - 1].id, pool));
    return 0;
}

#define LIES_AHEAD "e.start_at > now() AND e.is_active AND e.cancelled_at IS NULL AND e.deleted_at IS NULL"

/* Who was a facilitator is shown as long as there are events of theirs; what an administrator is, is nobody's affair
 * else. */
static const struct statement read_facilitators = {
    "read_facilitators",
    "SELECT k.position, f.id, f.name, f.bio, f.specialization, f.created_at, r.count, r.rating,"
    " (SELECT count(*) FROM events e WHERE e.facilitator_id = f.id AND " LIES_AHEAD ")"
    " FROM unnest($1::bigint[]) WITH ORDINALITY AS k (id, position)"
    " JOIN users f ON f.id = k.id AND f.is_active AND f.erased_at IS NULL AND (f.role = 'facilitator'"
    "  OR EXISTS (SELECT FROM events e WHERE e.facilitator_id = f.id AND e.deleted_at IS NULL))"
    " CROSS JOIN LATERAL (SELECT coalesce(sum(e.review_count), 0) AS count,"
    "  round(sum(e.review_sum)::numeric / nullif(sum(e.review_count), 0), 1) AS rating"
    "  FROM events e WHERE e.facilitator_id = f.id AND e.review_count > 0 AND e.deleted_at IS NULL) r"};

int facilitators_read(struct worker *worker, const int64_t *ids, size_t count,
                      struct get_facilitator_reply *ret_replies) {
    struct pool *pool = worker_pool(worker);
    struct parameters parameters;
    parameters_init(&parameters, pool);
    parameter_integers(&parameters, ids, count);
    PGresult *result = db_query(worker_db(worker), &read_facilitators, &parameters);
    if (!result)
        return -1;
    for (size_t i = 0; i < count; i++)
        ret_replies[i] = (struct get_facilitator_reply){.id = 0};
    for (int row = 0; row < PQntuples(result); row++) {
        struct get_facilitator_reply *reply = &ret_replies[db_integer(result, row, 0) - 1];
        reply->id = db_integer(result, row, 1);
        reply->name = db_text(result, row, 2);
        SET_TEXT(*reply, bio, db_text(result, row, 3));
        SET_TEXT(*reply, specialization, db_text(result, row, 4));
        reply->since = rfc3339_text(db_text(result, row, 5), pool);
        reply->review_count = db_integer(result, row, 6);
        if (reply->review_count)
            SET(*reply, rating, db_number(result, row, 7));
        reply->upcoming_events = db_integer(result, row, 8);
    }
    return 0;
}

static const struct statement read_types = {
    "read_event_types", "SELECT (array_agg(event_type ORDER BY count DESC, event_type))[1], sum(count) FROM"
                        " (SELECT e.event_type, count(*) FROM events e WHERE " LIES_AHEAD " GROUP BY 1) spelt"
                        " GROUP BY lower(event_type) ORDER BY sum(count) DESC, lower(event_type) LIMIT 100"};

int event_types_read(struct worker *worker, struct list_event_types_reply *ret_reply) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    PGresult *result = db_query(worker_db(worker), &read_types, &parameters);
    if (!result)
        return -1;
    size_t count = (size_t)PQntuples(result);
    ret_reply->types.items = pool_alloc(worker_pool(worker), count * sizeof *ret_reply->types.items);
    ret_reply->types.count = count;
    for (size_t i = 0; i < count; i++) {
        ret_reply->types.items[i].type = db_text(result, (int)i, 0);
        ret_reply->types.items[i].count = db_integer(result, (int)i, 1);
    }
    return 0;
}
