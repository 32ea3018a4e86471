/* All SQL of the event worker; see store.h. Prepared statements are planned once for any parameters
 * (schemas/roles.sql), so lists have one statement per sort and per what narrows them most: with it the index in the
 * order of the sort answers a page. */
#include "store.h"

#include <inttypes.h>
#include <string.h>

#include "bounds.h"
#include "currencies.h"
#include "event_columns.h"

/* Parameters of all lists: 1 facilitator, 2 their code, 3 type, 4 active, 5 rating, 6 patterns, 7 from, 8 to, 9 and 10
 * value and id where the page before ended, 11 rows, 12 language, 13 patterns of the place, 14 online, 15 and 16 bounds
 * of the price. */
/* clang-format off */
/* A quotient of whole numbers is rounded as a decimal is read: the two meet exactly. */
#define PRICE_IN_MAJOR_UNITS                                                                                           \
    "(e.price_minor::double precision / CASE WHEN strpos('" CURRENCIES_WITHOUT_DECIMALS "', e.currency) > 0 THEN 1"    \
    " WHEN strpos('" CURRENCIES_WITH_3_DECIMALS "', e.currency) > 0 THEN 1000"                                         \
    " WHEN strpos('" CURRENCIES_WITH_4_DECIMALS "', e.currency) > 0 THEN 10000 ELSE 100 END)"
#define STARTS_WITHIN " AND e.start_at " AT_OR_AFTER("$7") " AND e.start_at " BEFORE("$8")
#define LIST(scope, key, value, after, direction)                                                                      \
    "SELECT " EVENT_COLUMNS ", " value ", " ROW_VERSION PAGE("e.*, e.xmin", scope, key, after, direction)              \
    " ORDER BY " key " " direction ", e.id " direction
/* Its statement's page in short: equal where each row is as it was. */
#define LIST_VERSION(scope, key, value, after, direction)                                                              \
    "SELECT bit_xor(" ROW_VERSION ")" PAGE("e.id, e.facilitator_id, e.xmin", scope, key, after, direction)
/* An event's row has another xmin with each change, and everything shown is of it or of the facilitator; see
 * docs/decisions.md, 18. */
#define ROW_VERSION "hash_record_extended(ROW(e.id, e.xmin, f.name, f.email, f.facilitator_crm_id), 0)"
#define PAGE(columns, scope, key, after, direction)                                                                             \
    " FROM (SELECT " columns " FROM events e WHERE e.deleted_at IS NULL AND " scope                                    \
    " AND ($1::bigint IS NULL OR e.facilitator_id = $1)"                                                               \
    " AND ($2::text IS NULL OR coalesce(e.facilitator_crm_id,"                                                         \
    "  (SELECT u.facilitator_crm_id FROM users u WHERE u.id = e.facilitator_id)) = $2)"                                \
    " AND ($3::text IS NULL OR lower(e.event_type) = lower($3))"                                                       \
    " AND ($4::boolean IS NULL OR (e.is_active AND e.cancelled_at IS NULL) = $4)"                                      \
    " AND ($5::numeric IS NULL OR e.shown_rating >= $5)"                                                               \
    " AND ($6::text[] IS NULL OR concat_ws(' ', e.title, e.description, e.location) ILIKE ALL ($6))"                   \
    " AND ($12::text IS NULL OR e.language = $12)"                                                                     \
    " AND ($13::text[] IS NULL OR e.location ILIKE ALL ($13))"                                                         \
    " AND ($14::boolean IS NULL OR coalesce(CASE WHEN $14 THEN e.virtual_link ELSE e.location END, '') <> '')"         \
    " AND ($15::double precision IS NULL OR " PRICE_IN_MAJOR_UNITS " >= $15)"                                          \
    " AND ($16::double precision IS NULL OR " PRICE_IN_MAJOR_UNITS " <= $16)"                                          \
    STARTS_WITHIN " AND " after                                                                                        \
    " ORDER BY " key " " direction ", e.id " direction " LIMIT $11::bigint) e"                                         \
    " JOIN users f ON f.id = e.facilitator_id"

#define MOMENT "timestamptz 'epoch' + $9::bigint * interval '1 microsecond'"
#define START "e.start_at", "(extract(epoch FROM e.start_at) * 1000000)::bigint"
#define START_UP START, "(e.start_at, e.id) > (coalesce(" MOMENT ", '-infinity'), coalesce($10::bigint, 0))", "ASC"
#define START_DOWN START, "(e.start_at, e.id) < (coalesce(" MOMENT ", 'infinity'), coalesce($10::bigint, 0))", "DESC"
/* "title" is by its first letters, so that cursors stay short; unrated events stand below all others. */
#define SORTED_BY(key, type, comparison, direction)                                                                    \
    key, key, "($10::bigint IS NULL OR (" key ", e.id) " comparison " ($9::" type ", $10))", direction
#define PRICE "e.price_minor", "bigint"
#define RATING "coalesce(e.shown_rating * 10, -1)::bigint", "bigint"
#define CREATED "e.id", "bigint"
#define TITLE "left(lower(e.title), 64)", "text"

#define ANY_EVENT "true"
#define OF_FACILITATOR "e.facilitator_id = $1"
#define OF_TYPE "lower(e.event_type) = lower($3)"
#define IN_LANGUAGE "e.language = $12"

/* Expands its arguments once more, so that START_UP and the like become several. */
#define LIST_BY(scope, ...) LIST(scope, __VA_ARGS__)
#define VERSION_BY(scope, ...) LIST_VERSION(scope, __VA_ARGS__)
#define SORTED(...) SORTED_BY(__VA_ARGS__)
#define STATEMENTS(name, scope, ...)                                                                                   \
    {{"list_events_" name, LIST_BY(scope, __VA_ARGS__)}, {"version_of_" name, VERSION_BY(scope, __VA_ARGS__)}}
#define LISTS(sort, name, ...)                                                                                         \
    {sort,                                                                                                             \
     {STATEMENTS(name, ANY_EVENT, __VA_ARGS__), STATEMENTS("of_facilitator_" name, OF_FACILITATOR, __VA_ARGS__),       \
      STATEMENTS("of_type_" name, OF_TYPE, __VA_ARGS__), STATEMENTS("in_language_" name, IN_LANGUAGE, __VA_ARGS__)}}
/* clang-format on */

enum list_scope { LIST_ANY, LIST_OF_FACILITATOR, LIST_OF_TYPE, LIST_IN_LANGUAGE, LIST_SCOPE_COUNT };

static const struct event_list {
    const char *sort;
    struct list_statements {
        struct statement page, version;
    } scopes[LIST_SCOPE_COUNT];
} lists[] = {
    LISTS("start", "start_up", START_UP),
    LISTS("-start", "start_down", START_DOWN),
    LISTS("price", "price_up", SORTED(PRICE, ">", "ASC")),
    LISTS("-price", "price_down", SORTED(PRICE, "<", "DESC")),
    LISTS("rating", "rating_up", SORTED(RATING, ">", "ASC")),
    LISTS("-rating", "rating_down", SORTED(RATING, "<", "DESC")),
    LISTS("created", "created_up", SORTED(CREATED, ">", "ASC")),
    LISTS("-created", "created_down", SORTED(CREATED, "<", "DESC")),
    LISTS("title", "title_up", SORTED(TITLE, ">", "ASC")),
    LISTS("-title", "title_down", SORTED(TITLE, "<", "DESC")),
};

static const struct list_statements *find_list(const struct event_filter *filter) {
    enum list_scope scope = filter->facilitator_id ? LIST_OF_FACILITATOR
                            : filter->type         ? LIST_OF_TYPE
                            : filter->language     ? LIST_IN_LANGUAGE
                                                   : LIST_ANY;
    size_t i = 0;
    while (i + 1 < sizeof lists / sizeof *lists && strcmp(lists[i].sort, filter->sort))
        i++;
    return &lists[i].scopes[scope];
}

static void parameter_place(struct parameters *parameters, const struct event_place *after) {
    if (!after)
        parameter_null(parameters);
    else if (after->text)
        parameter_text(parameters, after->text);
    else
        parameter_integer(parameters, after->number);
    if (after)
        parameter_integer(parameters, after->id);
    else
        parameter_null(parameters);
}

static void parameter_number_if(struct parameters *parameters, enum presence has_value, double value) {
    if (has_value == PRESENCE_SET)
        parameter_number(parameters, value);
    else
        parameter_null(parameters);
}

static void parameter_boolean_if(struct parameters *parameters, enum presence has_value, bool value) {
    if (has_value == PRESENCE_SET)
        parameter_boolean(parameters, value);
    else
        parameter_null(parameters);
}

static void parameter_patterns(struct parameters *parameters, const char *const *patterns, size_t count) {
    if (count)
        parameter_texts(parameters, patterns, count);
    else
        parameter_null(parameters);
}

static int queue(struct worker *worker, const struct event_filter *filter, const struct statement *statement) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    if (filter->facilitator_id)
        parameter_integer(&parameters, filter->facilitator_id);
    else
        parameter_null(&parameters);
    parameter_text(&parameters, filter->facilitator_code);
    parameter_text(&parameters, filter->type);
    parameter_boolean_if(&parameters, filter->has_active, filter->active);
    parameter_number_if(&parameters, filter->has_rating, filter->rating);
    parameter_patterns(&parameters, filter->patterns, filter->pattern_count);
    parameter_text(&parameters, filter->from);
    parameter_text(&parameters, filter->to);
    parameter_place(&parameters, filter->after);
    parameter_integer(&parameters, filter->limit + 1); /* one more tells whether there is a next page */
    parameter_text(&parameters, filter->language);
    parameter_patterns(&parameters, filter->place_patterns, filter->place_pattern_count);
    parameter_boolean_if(&parameters, filter->has_online, filter->online);
    parameter_number_if(&parameters, filter->has_price_min, filter->price_min);
    parameter_number_if(&parameters, filter->has_price_max, filter->price_max);
    return db_queue(worker_db(worker), statement, &parameters);
}

int store_queue_list(struct worker *worker, const struct event_filter *filter) {
    return queue(worker, filter, &find_list(filter)->page);
}

int store_queue_version(struct worker *worker, const struct event_filter *filter) {
    return queue(worker, filter, &find_list(filter)->version);
}

static const char *version_text(int64_t version, struct pool *pool) {
    return pool_printf(pool, "%016" PRIx64, (uint64_t)version);
}

int store_receive_version(struct worker *worker, struct pool *pool, const char **ret_version) {
    PGresult *result = db_receive(worker_db(worker));
    if (!result)
        return -1;
    *ret_version = version_text(db_integer(result, 0, 0), pool);
    return 0;
}

int store_receive_list(struct worker *worker, const struct event_filter *filter, struct pool *pool,
                       struct event_page *ret_page, const char **ret_version) {
    PGresult *result = db_receive(worker_db(worker));
    if (!result)
        return -1;
    int rows = PQntuples(result), shown = rows > filter->limit ? (int)filter->limit : rows;
    int64_t version = 0;
    for (int row = 0; row < rows; row++)
        version ^= db_integer(result, row, EVENT_COLUMN_COUNT + 1);
    *ret_version = version_text(version, pool);
    ret_page->events.items = pool_alloc(pool, (size_t)shown * sizeof *ret_page->events.items);
    ret_page->events.count = (size_t)shown;
    for (int row = 0; row < shown; row++)
        event_row_at(result, row, 0, pool, &ret_page->events.items[row]);
    if (rows > shown) {
        struct cursor cursor = {.sort = filter->sort,
                                .value = db_text(result, shown - 1, EVENT_COLUMN_COUNT),
                                .id = ret_page->events.items[shown - 1].id};
        SET(*ret_page, next, cursor_text(&cursor, pool));
    }
    return 0;
}

/* Parameters of a draft: 1 facilitator, 2 code, 3 title, 4 description, 5 type, 6 start, 7 end, 8 time zone, 9
 * location, 10 link, 11 capacity, 12 price, 13 currency, 14 rating, 15 active, 16 cancellation policy, 17 minutes of
 * reminders, 18 language. Events start and end at whole seconds. */
/* clang-format off */
#define INSTANT(parameter)                                                                                             \
    "date_trunc('second', CASE WHEN " parameter " ~* '(Z|[+-][0-9]{2}:[0-9]{2})$' THEN " parameter "::timestamptz"     \
    " ELSE " parameter "::timestamp AT TIME ZONE $8::text END)"
#define ASKED "asked AS (SELECT " INSTANT("$6::text") " AS start_at, " INSTANT("$7::text") " AS end_at)"
/* What is wrong with the times; NULL: nothing. Answers show years with four digits. */
#define IN_ERA(moment) "(" moment " BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59+00')"
#define TIME_PROBLEM                                                                                                   \
    "CASE WHEN NOT " IN_ERA("asked.start_at") " THEN 'start' WHEN NOT " IN_ERA("asked.end_at") " THEN 'end'"           \
    " WHEN asked.end_at <= asked.start_at THEN 'order' END"
#define FACILITATES "(f.is_active AND f.role IN ('facilitator', 'admin'))"
#define STORED                                                                                                         \
    " SELECT " TIME_PROBLEM ", " EVENT_COLUMNS ", (extract(epoch FROM e.updated_at) * 1000000)::bigint"                \
    " FROM asked LEFT JOIN stored e ON true LEFT JOIN users f ON f.id = e.facilitator_id"

static const struct statement insert_event = {
    "insert_event",
    "WITH " ASKED ", stored AS ("
    " INSERT INTO events (facilitator_id, facilitator_crm_id, title, description, event_type, start_at, end_at,"
    "  time_zone, location, virtual_link, capacity, price_minor, currency, rating, is_active, cancellation_policy,"
    "  reminder_minutes, language)"
    " SELECT f.id, $2::text, $3::text, $4::text, $5::text, asked.start_at, asked.end_at, $8::text, $9::text,"
    "  $10::text, $11::integer, $12::bigint, $13::text, $14::numeric, $15::boolean, $16::text, $17::bigint[]::integer[],"
    "  $18::text"
    " FROM asked JOIN users f ON f.id = $1::bigint AND " FACILITATES
    " WHERE " TIME_PROBLEM " IS NULL RETURNING *)" STORED};

static const struct statement update_event_row = {
    "update_event",
    "WITH " ASKED ", stored AS ("
    " UPDATE events e SET facilitator_id = f.id, facilitator_crm_id = $2::text, title = $3::text,"
    "  description = $4::text, event_type = $5::text, start_at = asked.start_at, end_at = asked.end_at,"
    "  time_zone = $8::text, location = $9::text, virtual_link = $10::text, capacity = $11::integer,"
    "  price_minor = $12::bigint, currency = $13::text, is_active = $15::boolean, language = $18::text,"
    "  rating = CASE WHEN $21::boolean THEN $14::numeric ELSE e.rating END,"
    "  cancellation_policy = CASE WHEN $20::boolean THEN $16::text ELSE e.cancellation_policy END,"
    "  reminder_minutes = $17::bigint[]::integer[], revision = e.revision +"
    "   ((e.title, e.start_at, e.end_at, e.time_zone, e.location, e.virtual_link) IS DISTINCT FROM"
    "    ($3::text, asked.start_at, asked.end_at, $8::text, $9::text, $10::text))::integer,"
    "  updated_at = greatest(now(), e.updated_at + interval '1 microsecond')"
    " FROM asked, users f"
    " WHERE e.id = $19::bigint AND f.id = $1::bigint AND (f.id = e.facilitator_id OR " FACILITATES ")"
    "  AND " TIME_PROBLEM " IS NULL RETURNING e.*)" STORED};
/* clang-format on */

static void parameters_draft(struct parameters *parameters, const struct event_draft *draft, struct pool *pool) {
    parameters_init(parameters, pool);
    parameter_integer(parameters, draft->facilitator_id);
    parameter_text(parameters, draft->facilitator_crm_id);
    parameter_text(parameters, draft->title);
    parameter_text(parameters, draft->description);
    parameter_text(parameters, draft->event_type);
    parameter_text(parameters, draft->start);
    parameter_text(parameters, draft->end);
    parameter_text(parameters, draft->time_zone);
    parameter_text(parameters, draft->location);
    parameter_text(parameters, draft->virtual_link);
    if (draft->capacity)
        parameter_integer(parameters, draft->capacity);
    else
        parameter_null(parameters);
    parameter_integer(parameters, draft->price_minor);
    parameter_text(parameters, draft->currency);
    parameter_number_if(parameters, draft->has_rating, draft->rating);
    parameter_boolean(parameters, draft->is_active);
    if (draft->has_policy == PRESENCE_SET)
        parameter_text(parameters, policy_text(&draft->policy, pool_alloc(pool, POLICY_TEXT_SIZE)));
    else
        parameter_null(parameters);
    parameter_integers(parameters, draft->reminder_minutes, draft->reminder_count);
    parameter_text(parameters, draft->language);
}

static const struct statement hold_people = {"hold_people", "SELECT hold_people($1::bigint[])"};

int store_queue_insert(struct worker *worker, const struct event_draft *draft) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integers(&parameters, &draft->facilitator_id, 1);
    if (db_queue(worker_db(worker), &hold_people, &parameters))
        return -1;
    parameters_draft(&parameters, draft, worker_pool(worker));
    return db_queue(worker_db(worker), &insert_event, &parameters);
}

static enum event_outcome outcome_of(const char *time_problem, bool stored) {
    if (!time_problem)
        return stored ? EVENT_STORED : EVENT_WITHOUT_FACILITATOR;
    if (!strcmp(time_problem, "order"))
        return EVENT_ENDS_BEFORE_START;
    return strcmp(time_problem, "start") ? EVENT_END_OUT_OF_ERA : EVENT_START_OUT_OF_ERA;
}

static int receive_stored(struct worker *worker, struct stored_event *ret_stored) {
    PGresult *result = db_receive(worker_db(worker));
    if (!result)
        return -1;
    ret_stored->outcome = outcome_of(db_text(result, 0, 0), !db_is_null(result, 0, 1 + EVENT_ID));
    ret_stored->version = db_integer(result, 0, 1 + EVENT_COLUMN_COUNT);
    if (ret_stored->outcome == EVENT_STORED)
        event_row_at(result, 0, 1, worker_pool(worker), &ret_stored->event);
    return 0;
}

int store_receive_insert(struct worker *worker, struct stored_event *ret_stored) {
    return db_receive(worker_db(worker)) ? receive_stored(worker, ret_stored) : -1;
}

static const struct statement lock_events = {
    "lock_events", "SELECT id FROM events WHERE id = ANY ($1::bigint[]) ORDER BY id FOR NO KEY UPDATE"};

int store_lock_events(struct worker *worker, const int64_t *ids, size_t count) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integers(&parameters, ids, count);
    return db_query(worker_db(worker), &lock_events, &parameters) ? 0 : -1;
}

int store_update_event(struct worker *worker, int64_t id, const struct event_draft *draft,
                       struct stored_event *ret_stored) {
    struct parameters parameters;
    parameters_draft(&parameters, draft, worker_pool(worker));
    parameter_integer(&parameters, id);
    parameter_boolean(&parameters, draft->has_policy != PRESENCE_ABSENT);
    parameter_boolean(&parameters, draft->has_rating != PRESENCE_ABSENT);
    if (db_queue(worker_db(worker), &update_event_row, &parameters))
        return -1;
    return receive_stored(worker, ret_stored);
}

static const struct statement remove_event = {
    "remove_event",
    "UPDATE events SET deleted_at = now(), updated_at = now(), is_active = false WHERE id = $1::bigint"};

int store_remove_event(struct worker *worker, int64_t id) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integer(&parameters, id);
    return db_query(worker_db(worker), &remove_event, &parameters) ? 0 : -1;
}
