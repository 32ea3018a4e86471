/* All SQL of the administration of accounts; see users_store.h. Plans are made once, without values, so a list has one
 * statement per what narrows it most, each with an index in the order of the ids or few rows to be sorted. */
#include "users_store.h"

#include <string.h>

#include "rfc3339.h"
#include "store.h"

#define USER_COLUMNS                                                                                                   \
    "u.id, u.email, u.name, u.phone, u.role, u.is_active, u.is_verified, u.facilitator_pending,"                       \
    " EXISTS (SELECT FROM second_factors WHERE user_id = u.id AND confirmed_at IS NOT NULL), u.created_at,"            \
    " (SELECT max(created_at) FROM sessions WHERE user_id = u.id), u.erased_at"

/* Parameters of all lists: 1 role, 2 pending, 3 active, 4 how address or name begin, 5 the id where the page before
 * ended, 6 rows. A page has at most 100 rows and one that tells of more: said as a constant, or the planner would guess
 * a tenth of all. */
/* clang-format off */
#define BEGINS(text) "(" text " ~>=~ lower($4::text) AND " text " ~<~ (lower($4::text) || chr(1114111)))"
#define EMAIL_BEGINS BEGINS("lower(u.email)")
#define NAME_BEGINS BEGINS("lower(u.name)")
#define AFTER "coalesce($5::bigint, 9223372036854775807)"
#define FILTERED                                                                                                       \
    " AND ($1::text IS NULL OR u.role = $1) AND ($2::boolean IS NULL OR u.facilitator_pending = $2)"                   \
    " AND ($3::boolean IS NULL OR u.is_active = $3) AND u.id < " AFTER
#define PAGE(condition)                                                                                                \
    "(SELECT * FROM users u WHERE " condition FILTERED " ORDER BY u.id DESC LIMIT 101)"
#define LIST(pages) "SELECT " USER_COLUMNS " FROM (" pages ") u ORDER BY u.id DESC LIMIT $6::bigint"
#define ENOUGH "(SELECT count(*) FROM newest) >= $6::bigint"
#define SEARCHED "($4::text IS NULL OR " EMAIL_BEGINS " OR " NAME_BEGINS ")"
static const struct statement list_any = {"user_list", LIST(PAGE(SEARCHED))};
static const struct statement list_pending = {"user_list_pending", LIST(PAGE("u.facilitator_pending AND " SEARCHED))};
static const struct statement list_inactive = {"user_list_inactive", LIST(PAGE("NOT u.is_active AND " SEARCHED))};
static const struct statement list_role = {"user_list_role", LIST(PAGE("u.role = $1::text AND " SEARCHED))};
/* What many begin with is met among the newest. Else all that begin so are sorted: OFFSET keeps the planner from walking
 * down the ids in search of them. */
static const struct statement list_found = {
    "user_list_found",
    "WITH newest AS MATERIALIZED ("
    " SELECT * FROM (SELECT * FROM users u WHERE u.id < " AFTER " ORDER BY u.id DESC LIMIT 2000) u"
    " WHERE " SEARCHED FILTERED " ORDER BY u.id DESC LIMIT 101) "
    LIST("SELECT * FROM newest WHERE " ENOUGH " UNION ALL (SELECT * FROM ("
         " SELECT * FROM users u WHERE NOT " ENOUGH " AND (" EMAIL_BEGINS " OR " NAME_BEGINS ") OFFSET 0) u"
         " WHERE true" FILTERED " ORDER BY u.id DESC LIMIT 101)")};
/* clang-format on */

static const struct statement read_users = {
    "user_read",
    "SELECT given.place, " USER_COLUMNS
    " FROM unnest($1::bigint[]) WITH ORDINALITY AS given(user_id, place) JOIN users u ON u.id = given.user_id"};

static const struct statement update_row = {
    "user_update", "UPDATE users SET role = coalesce($2::text, role),"
                   " facilitator_pending = $2::text IS NULL AND coalesce($3::boolean, facilitator_pending),"
                   " is_active = coalesce($4::boolean, is_active), is_verified = coalesce($5::boolean, is_verified),"
                   " updated_at = now() WHERE id = $1::bigint"};

static const char *copy_text(const PGresult *result, int row, int column, struct pool *pool) {
    const char *text = db_text(result, row, column);
    return text ? pool_text(pool, text) : NULL;
}

/* USER_COLUMNS from `column` on. */
static struct user_account read_account(const PGresult *result, int row, int column, struct pool *pool) {
    struct user_account account = {.id = db_integer(result, row, column),
                                   .email = copy_text(result, row, column + 1, pool),
                                   .name = copy_text(result, row, column + 2, pool),
                                   .role = copy_text(result, row, column + 4, pool),
                                   .is_active = db_boolean(result, row, column + 5),
                                   .is_verified = db_boolean(result, row, column + 6),
                                   .facilitator_pending = db_boolean(result, row, column + 7),
                                   .second_factor = db_boolean(result, row, column + 8),
                                   .created_at = rfc3339_text(db_text(result, row, column + 9), pool)};
    SET_TEXT(account, phone, copy_text(result, row, column + 3, pool));
    SET_TEXT(account, last_sign_in_at, rfc3339_text(db_text(result, row, column + 10), pool));
    SET_TEXT(account, erased_at, rfc3339_text(db_text(result, row, column + 11), pool));
    return account;
}

static void parameter_flag(struct parameters *parameters, enum presence presence, bool value) {
    if (presence == PRESENCE_SET)
        parameter_boolean(parameters, value);
    else
        parameter_null(parameters);
}

static const struct statement *find_list(const struct list_users_request *filter) {
    if (filter->has_pending == PRESENCE_SET && filter->pending)
        return &list_pending;
    if (filter->has_active == PRESENCE_SET && !filter->active)
        return &list_inactive;
    if (filter->role && (!filter->q || strcmp(filter->role, "user") != 0))
        return &list_role;
    return filter->q ? &list_found : &list_any;
}

int user_store_queue_list(struct worker *worker, const struct list_users_request *filter, int64_t after_id) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_text(&parameters, filter->role);
    parameter_flag(&parameters, filter->has_pending, filter->pending);
    parameter_flag(&parameters, filter->has_active, filter->active);
    parameter_text(&parameters, filter->q);
    if (after_id)
        parameter_integer(&parameters, after_id);
    else
        parameter_null(&parameters);
    parameter_integer(&parameters, filter->limit + 1); /* one more tells whether there is a next page */
    return db_queue(worker_db(worker), find_list(filter), &parameters);
}

int user_store_receive_list(struct worker *worker, const struct list_users_request *filter,
                            struct list_users_reply *ret_page, bool *ret_more) {
    struct pool *pool = worker_pool(worker);
    PGresult *result = db_receive(worker_db(worker));
    if (!result)
        return -1;
    int rows = PQntuples(result), shown = rows > filter->limit ? (int)filter->limit : rows;
    ret_page->users.items = pool_alloc(pool, (size_t)shown * sizeof *ret_page->users.items);
    ret_page->users.count = (size_t)shown;
    for (int row = 0; row < shown; row++)
        ret_page->users.items[row] = read_account(result, row, 0, pool);
    *ret_more = rows > shown;
    return 0;
}

int user_store_read(struct worker *worker, const int64_t *user_ids, size_t count, bool lock,
                    struct user_account *ret_accounts) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integers(&parameters, user_ids, count);
    if ((lock && store_queue_lock(worker, user_ids, count, true) != 0) ||
        db_queue(worker_db(worker), &read_users, &parameters) != 0 || (lock && !db_receive(worker_db(worker))))
        return -1;
    PGresult *result = db_receive(worker_db(worker));
    if (!result)
        return -1;
    memset(ret_accounts, 0, count * sizeof *ret_accounts);
    for (int row = 0; row < PQntuples(result); row++)
        ret_accounts[db_integer(result, row, 0) - 1] = read_account(result, row, 1, worker_pool(worker));
    return 0;
}

int user_store_update(struct worker *worker, const struct update_user_request *change) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integer(&parameters, change->user_id);
    parameter_text(&parameters, change->role);
    parameter_flag(&parameters, change->has_facilitator_pending, change->facilitator_pending);
    parameter_flag(&parameters, change->has_is_active, change->is_active);
    parameter_flag(&parameters, change->has_is_verified, change->is_verified);
    return db_query(worker_db(worker), &update_row, &parameters) ? 0 : -1;
}
