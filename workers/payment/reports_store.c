/* All SQL of the reports; see reports_store.h. Statements are planned once for any parameters (schemas/roles.sql), so
 * each has one text per scope, which names the index that narrows it: ledger_event or ledger_earnings for money,
 * bookings_event for people. Only what asks for everybody reads everything. */
#include "reports_store.h"

#include <string.h>

#include "bounds.h"
#include "rfc3339.h"

enum scope { SCOPE_ALL, SCOPE_FACILITATOR, SCOPE_EVENT, SCOPE_COUNT };

static enum scope scope_of(const struct report_scope *scope) {
    return scope->event_id ? SCOPE_EVENT : scope->facilitator_id ? SCOPE_FACILITATOR : SCOPE_ALL;
}

static void parameter_id(struct parameters *parameters, int64_t id) {
    if (id)
        parameter_integer(parameters, id);
    else
        parameter_null(parameters);
}

/* Parameters of all reports: 1 facilitator, 2 event. What must hold of a row in each scope, by the names of its
 * columns.
 */
#define OF_ALL(facilitator, event) "$1::bigint IS NULL AND $2::bigint IS NULL"
#define OF_FACILITATOR(facilitator, event) facilitator " = $1::bigint AND $2::bigint IS NULL"
#define OF_EVENT(facilitator, event) event " = $2::bigint AND ($1::bigint IS NULL OR " facilitator " = $1)"
#define FOR_EACH_SCOPE(name, MACRO, ...)                                                                               \
    {                                                                                                                  \
        [SCOPE_ALL] = {name "_of_all", MACRO(OF_ALL, __VA_ARGS__)},                                                    \
        [SCOPE_FACILITATOR] = {name "_of_facilitator", MACRO(OF_FACILITATOR, __VA_ARGS__)},                            \
        [SCOPE_EVENT] = {name "_of_event", MACRO(OF_EVENT, __VA_ARGS__)},                                              \
    }

/* --- revenue: 3 from, 4 to, 5 rows to skip, 6 rows */
/* clang-format off */
#define CAPTURED "coalesce(-sum(amount_minor) FILTER (WHERE kind = 'captured'), 0)::bigint"
#define REFUNDED "coalesce(sum(amount_minor) FILTER (WHERE kind = 'owed'), 0)::bigint"
/* Sums first, then names. The sums of all rows come behind the page's, by currency. */
#define REVENUE(SCOPE, event, facilitator, month, keys)                                                                \
    "WITH sums AS MATERIALIZED ("                                                                                      \
    " SELECT " event " AS event, " facilitator " AS facilitator, " month " AS month, currency,"                        \
    "  count(*) FILTER (WHERE kind = 'captured') AS payments, " CAPTURED " AS captured,"                               \
    "  count(*) FILTER (WHERE kind = 'owed') AS refunds, " REFUNDED " AS refunded"                                     \
    " FROM ledger WHERE account = 'earnings' AND " SCOPE("facilitator_id", "event_id")                                 \
    " AND entered_at " AT_OR_AFTER("$3") " AND entered_at " BEFORE("$4")                                               \
    " GROUP BY " keys                                                                                                  \
    "), page AS ("                                                                                                     \
    " SELECT *, row_number() OVER () AS position FROM ("                                                               \
    "  SELECT * FROM sums ORDER BY month DESC, captured - refunded DESC, event, facilitator, currency"                 \
    "  OFFSET $5::bigint LIMIT $6::bigint) p"                                                                          \
    ") SELECT p.position, p.event, e.title, p.facilitator, f.name, to_char(p.month, 'YYYY-MM'), p.currency,"           \
    "  p.payments, p.captured, p.refunds, p.refunded"                                                                  \
    " FROM page p LEFT JOIN events e ON e.id = p.event LEFT JOIN users f ON f.id = p.facilitator"                      \
    " UNION ALL SELECT NULL, NULL, NULL, NULL, NULL, NULL, currency,"                                                  \
    "  sum(payments)::bigint, sum(captured)::bigint, sum(refunds)::bigint, sum(refunded)::bigint"                      \
    " FROM sums GROUP BY currency ORDER BY 1, 7"
/* clang-format on */

enum revenue_column {
    REVENUE_POSITION, /* NULL: the sum of a currency */
    REVENUE_EVENT,
    REVENUE_TITLE,
    REVENUE_FACILITATOR,
    REVENUE_NAME,
    REVENUE_MONTH,
    REVENUE_CURRENCY,
    REVENUE_PAYMENTS,
    REVENUE_CAPTURED,
    REVENUE_REFUNDS,
    REVENUE_REFUNDED,
};

#define NO_ID "NULL::bigint"
#define NO_MONTH "NULL::timestamp"
#define MONTH "date_trunc('month', entered_at AT TIME ZONE 'UTC')"

static const struct revenue_report {
    const char *group;
    struct statement statements[SCOPE_COUNT];
} revenue_reports[] = {
    {"event", FOR_EACH_SCOPE("revenue_by_event", REVENUE, "event_id", "facilitator_id", NO_MONTH,
                             "event_id, facilitator_id, currency")},
    {"facilitator",
     FOR_EACH_SCOPE("revenue_by_facilitator", REVENUE, NO_ID, "facilitator_id", NO_MONTH, "facilitator_id, currency")},
    {"month", FOR_EACH_SCOPE("revenue_by_month", REVENUE, NO_ID, NO_ID, MONTH, MONTH ", currency")},
    {"currency", FOR_EACH_SCOPE("revenue_by_currency", REVENUE, NO_ID, NO_ID, NO_MONTH, "currency")},
};

static const struct statement *find_revenue(const struct revenue_filter *filter) {
    size_t i = 0;
    while (i + 1 < sizeof revenue_reports / sizeof *revenue_reports && strcmp(revenue_reports[i].group, filter->group))
        i++;
    return &revenue_reports[i].statements[scope_of(&filter->scope)];
}

int reports_queue_revenue(struct worker *worker, const struct revenue_filter *filter) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_id(&parameters, filter->scope.facilitator_id);
    parameter_id(&parameters, filter->scope.event_id);
    parameter_text(&parameters, filter->from);
    parameter_text(&parameters, filter->to);
    parameter_integer(&parameters, filter->skip);
    parameter_integer(&parameters, filter->limit + 1); /* one more tells whether there is a next page */
    return db_queue(worker_db(worker), find_revenue(filter), &parameters);
}

static struct revenue_rows read_revenue_row(const PGresult *result, int row) {
    struct revenue_rows revenue = {
        .currency = db_text(result, row, REVENUE_CURRENCY),
        .payments = db_integer(result, row, REVENUE_PAYMENTS),
        .captured_minor = db_integer(result, row, REVENUE_CAPTURED),
        .refunds = db_integer(result, row, REVENUE_REFUNDS),
        .refunded_minor = db_integer(result, row, REVENUE_REFUNDED),
    };
    revenue.net_minor = revenue.captured_minor - revenue.refunded_minor;
    if (!db_is_null(result, row, REVENUE_EVENT))
        SET(revenue, event_id, db_integer(result, row, REVENUE_EVENT));
    if (!db_is_null(result, row, REVENUE_FACILITATOR))
        SET(revenue, facilitator_id, db_integer(result, row, REVENUE_FACILITATOR));
    SET_TEXT(revenue, event_title, db_text(result, row, REVENUE_TITLE));
    SET_TEXT(revenue, facilitator_name, db_text(result, row, REVENUE_NAME));
    SET_TEXT(revenue, month, db_text(result, row, REVENUE_MONTH));
    return revenue;
}

static struct revenue_currencies sum_of(const struct revenue_rows *row) {
    return (struct revenue_currencies){.currency = row->currency,
                                       .payments = row->payments,
                                       .captured_minor = row->captured_minor,
                                       .refunds = row->refunds,
                                       .refunded_minor = row->refunded_minor,
                                       .net_minor = row->net_minor};
}

int reports_receive_revenue(struct worker *worker, struct revenue *ret_revenue) {
    PGresult *result = db_receive(worker_db(worker));
    if (!result)
        return -1;
    int count = PQntuples(result);
    ret_revenue->rows.items = pool_alloc(worker_pool(worker), (size_t)count * sizeof *ret_revenue->rows.items);
    ret_revenue->currencies.items =
        pool_alloc(worker_pool(worker), (size_t)count * sizeof *ret_revenue->currencies.items);
    for (int row = 0; row < count; row++) {
        const struct revenue_rows revenue = read_revenue_row(result, row);
        if (db_is_null(result, row, REVENUE_POSITION))
            ret_revenue->currencies.items[ret_revenue->currencies.count++] = sum_of(&revenue);
        else
            ret_revenue->rows.items[ret_revenue->rows.count++] = revenue;
    }
    return 0;
}

/* --- people: 3 bookings before that one, 4 rows */
/* A priced booking is confirmed by nothing but its payment (allowed_moves). */
#define STANDS "b.status IN ('confirmed', 'completed')"
#define HELD "b.status = 'pending'"
#define REFUNDED_SOME "(SELECT 1 FROM refunds r WHERE r.booking_id = b.id LIMIT 1) IS NOT NULL"
#define AMONG_REFUNDED "b.id IN (SELECT booking_id FROM refunds)"
#define LISTED "b.price_minor > 0 AND b.id < $3::bigint"
#define NEWEST " ORDER BY b.id DESC LIMIT $4::bigint"

/* clang-format off */
#define BOOKINGS_OF_ALL(source) " FROM " source " b WHERE " OF_ALL("", "") " AND b.price_minor > 0"
#define BOOKINGS_OF(condition)                                                                                         \
    " FROM events o JOIN bookings b ON b.event_id = o.id WHERE " condition("o.facilitator_id", "o.id")                 \
    " AND b.price_minor > 0"

/* Where the bookings of a page come from. Of everybody: backwards by id; but holds, which are few, by their index. Of a
 * facilitator: so many of each event, then the newest of these. */
#define FROM_NEWEST(state) "SELECT b.*" BOOKINGS_OF_ALL("bookings") " AND " LISTED " AND " state
#define FROM_HOLDS "SELECT b.*" BOOKINGS_OF_ALL("(SELECT * FROM bookings b WHERE " HELD " OFFSET 0)") " AND " LISTED
#define FROM_EVENTS(state)                                                                                             \
    "SELECT b.* FROM events o CROSS JOIN LATERAL ("                                                                    \
    "SELECT b.* FROM bookings b WHERE b.event_id = o.id AND " LISTED " AND " state NEWEST                              \
    ") b WHERE " OF_FACILITATOR("o.facilitator_id", "o.id")
#define FROM_EVENT(state) "SELECT b.*" BOOKINGS_OF(OF_EVENT) " AND " LISTED " AND " state

#define PEOPLE(bookings)                                                                                               \
    "SELECT b.id, b.reference, b.user_id, u.name, u.email, b.event_id, e.title, b.status, b.payment_status,"           \
    "  b.price_minor, b.currency, m.captured, m.refunded, b.hold_expires_at, m.captured_at"                            \
    " FROM (" bookings NEWEST ") b JOIN events e ON e.id = b.event_id JOIN users u ON u.id = b.user_id"                \
    " CROSS JOIN LATERAL (SELECT coalesce(sum(p.captured_minor), 0)::bigint AS captured,"                              \
    "  coalesce(sum(p.refunded_minor), 0)::bigint AS refunded, min(p.captured_at) AS captured_at"                      \
    "  FROM payments p WHERE p.booking_id = b.id) m ORDER BY b.id DESC"
#define PEOPLE_BY_SCOPE(name, of_all, state)                                                                           \
    {                                                                                                                  \
        [SCOPE_ALL] = {name "_of_all", PEOPLE(of_all)},                                                                \
        [SCOPE_FACILITATOR] = {name "_of_facilitator", PEOPLE(FROM_EVENTS(state))},                                    \
        [SCOPE_EVENT] = {name "_of_event", PEOPLE(FROM_EVENT(state))},                                                 \
    }
/* clang-format on */

enum people_column {
    PEOPLE_BOOKING,
    PEOPLE_REFERENCE,
    PEOPLE_USER,
    PEOPLE_NAME,
    PEOPLE_EMAIL,
    PEOPLE_EVENT,
    PEOPLE_TITLE,
    PEOPLE_STATUS,
    PEOPLE_PAYMENT_STATUS,
    PEOPLE_PRICE,
    PEOPLE_CURRENCY,
    PEOPLE_CAPTURED,
    PEOPLE_REFUNDED,
    PEOPLE_HOLD,
    PEOPLE_CAPTURED_AT,
};

static const struct people_list {
    const char *state;
    struct statement statements[SCOPE_COUNT];
} people_lists[] = {
    {"paid", PEOPLE_BY_SCOPE("paid_people", FROM_NEWEST(STANDS), STANDS)},
    {"unpaid", PEOPLE_BY_SCOPE("unpaid_people", FROM_HOLDS, HELD)},
    {"refunded", PEOPLE_BY_SCOPE("refunded_people", FROM_NEWEST(AMONG_REFUNDED), REFUNDED_SOME)},
    {"", PEOPLE_BY_SCOPE("people", FROM_NEWEST("true"), "true")},
};

static const struct statement *find_people(const struct people_filter *filter) {
    const char *state = filter->state ? filter->state : "";
    size_t i = 0;
    while (i + 1 < sizeof people_lists / sizeof *people_lists && strcmp(people_lists[i].state, state))
        i++;
    return &people_lists[i].statements[scope_of(&filter->scope)];
}

int reports_queue_people(struct worker *worker, const struct people_filter *filter) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_id(&parameters, filter->scope.facilitator_id);
    parameter_id(&parameters, filter->scope.event_id);
    parameter_integer(&parameters, filter->before_id);
    parameter_integer(&parameters, filter->limit + 1); /* one more tells whether there is a next page */
    return db_queue(worker_db(worker), find_people(filter), &parameters);
}

int reports_receive_people(struct worker *worker, struct payment_people *ret_people) {
    struct pool *pool = worker_pool(worker);
    PGresult *result = db_receive(worker_db(worker));
    if (!result)
        return -1;
    int count = PQntuples(result);
    ret_people->people.items = pool_alloc(pool, (size_t)count * sizeof *ret_people->people.items);
    ret_people->people.count = (size_t)count;
    for (int row = 0; row < count; row++) {
        struct payment_people_people person = {
            .booking_id = db_integer(result, row, PEOPLE_BOOKING),
            .booking_reference = db_text(result, row, PEOPLE_REFERENCE),
            .user_id = db_integer(result, row, PEOPLE_USER),
            .name = db_text(result, row, PEOPLE_NAME),
            .email = db_text(result, row, PEOPLE_EMAIL),
            .event_id = db_integer(result, row, PEOPLE_EVENT),
            .event_title = db_text(result, row, PEOPLE_TITLE),
            .status = db_text(result, row, PEOPLE_STATUS),
            .payment_status = db_text(result, row, PEOPLE_PAYMENT_STATUS),
            .price_minor = db_integer(result, row, PEOPLE_PRICE),
            .currency = db_text(result, row, PEOPLE_CURRENCY),
            .paid_amount_minor = db_integer(result, row, PEOPLE_CAPTURED),
            .refunded_amount_minor = db_integer(result, row, PEOPLE_REFUNDED),
        };
        SET_TEXT(person, hold_expires_at, rfc3339_text(db_text(result, row, PEOPLE_HOLD), pool));
        SET_TEXT(person, paid_at, rfc3339_text(db_text(result, row, PEOPLE_CAPTURED_AT), pool));
        ret_people->people.items[row] = person;
    }
    return 0;
}

/* --- figures */
/* clang-format off */
#define COUNTS(bookings)                                                                                               \
    "SELECT count(DISTINCT b.user_id) FILTER (WHERE " STANDS "), count(DISTINCT b.user_id) FILTER (WHERE " HELD "),"   \
    " count(*) FILTER (WHERE " HELD ")" bookings
#define AMOUNTS(bookings, CONDITION)                                                                                   \
    "SELECT currency, sum(held)::bigint, sum(captured)::bigint, sum(refunded)::bigint, sum(owed)::bigint FROM ("       \
    "SELECT b.currency, b.price_minor AS held, 0 AS captured, 0 AS refunded, 0 AS owed" bookings " AND " HELD          \
    " UNION ALL SELECT currency, 0, " CAPTURED ", " REFUNDED ", 0"                                                     \
    " FROM ledger WHERE account = 'earnings' AND " CONDITION("facilitator_id", "event_id") " GROUP BY currency"        \
    " UNION ALL SELECT currency, 0, 0, 0, -sum(amount_minor)"                                                          \
    " FROM ledger WHERE account = 'refunds_owed' AND " CONDITION("facilitator_id", "event_id") " GROUP BY currency"    \
    ") s GROUP BY currency ORDER BY currency"
#define FIGURES(name, bookings, CONDITION)                                                                             \
    {{"count_people_of_" name, COUNTS(bookings)}, {"sum_amounts_of_" name, AMOUNTS(bookings, CONDITION)}}
/* clang-format on */

static const struct figures_report {
    struct statement counts, amounts;
} figures_reports[] = {
    [SCOPE_ALL] = FIGURES("all", BOOKINGS_OF_ALL("bookings"), OF_ALL),
    [SCOPE_FACILITATOR] = FIGURES("facilitator", BOOKINGS_OF(OF_FACILITATOR), OF_FACILITATOR),
    [SCOPE_EVENT] = FIGURES("event", BOOKINGS_OF(OF_EVENT), OF_EVENT),
};

int reports_queue_figures(struct worker *worker, const struct report_scope *scope) {
    const struct figures_report *report = &figures_reports[scope_of(scope)];
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_id(&parameters, scope->facilitator_id);
    parameter_id(&parameters, scope->event_id);
    return db_queue(worker_db(worker), &report->counts, &parameters) ||
                   db_queue(worker_db(worker), &report->amounts, &parameters)
               ? -1
               : 0;
}

int reports_receive_figures(struct worker *worker, struct payment_figures *ret_figures) {
    PGresult *counts = db_receive(worker_db(worker));
    PGresult *amounts = counts ? db_receive(worker_db(worker)) : NULL;
    if (!amounts)
        return -1;
    int count = PQntuples(amounts);
    struct payment_figures figures = {
        .paid_people = db_integer(counts, 0, 0),
        .unpaid_people = db_integer(counts, 0, 1),
        .holds = db_integer(counts, 0, 2),
        .currencies.items = pool_alloc(worker_pool(worker), (size_t)count * sizeof *figures.currencies.items),
        .currencies.count = (size_t)count,
    };
    for (int row = 0; row < count; row++) {
        int64_t captured = db_integer(amounts, row, 2), refunded = db_integer(amounts, row, 3);
        figures.currencies.items[row] = (struct payment_figures_currencies){
            .currency = db_text(amounts, row, 0),
            .held_minor = db_integer(amounts, row, 1),
            .captured_minor = captured,
            .refunded_minor = refunded,
            .refunds_owed_minor = db_integer(amounts, row, 4),
            .net_minor = captured - refunded,
        };
    }
    *ret_figures = figures;
    return 0;
}
