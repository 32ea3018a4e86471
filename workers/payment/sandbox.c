/* The provider that stands where a real one would be, while there are no keys: its orders are rows, its payment page is
 * ours, and its money is nobody's. It answers at once. Not for production. */
#include "sandbox.h"

#include <sodium.h>
#include <string.h>

#include "codec.h"
#include "db.h"
#include "provider.h"
#include "question.h"
#include "settings.h"
#include "worker.h"

#define RANDOM_BYTES 12
#define ID_SIZE 48

static bool configured(void) {
    return !settings_production() && providers_want_sandbox();
}

static const char *check(void) {
    return NULL;
}

static bool serves(const char *currency) {
    return currency_decimals(currency) >= 0;
}

static const char *key_id(void) {
    return NULL;
}

static const char *new_id(const char *prefix, char ret_id[ID_SIZE]) {
    unsigned char bytes[RANDOM_BYTES];
    size_t length = strlen(prefix);
    randombytes_buf(bytes, sizeof bytes);
    memcpy(ret_id, prefix, length);
    sodium_bin2hex(ret_id + length, ID_SIZE - length, bytes, sizeof bytes);
    return ret_id;
}

/* ---- Its memory. A failed statement leaves the connection failed until the caller's db_release(). */

#define COLUMNS                                                                                                        \
    "order_id, receipt, amount_minor, currency, state, provider_payment_id, coalesce(paid_at <= now(), false)"

static const struct statement make = {
    "sandbox_make", "INSERT INTO sandbox_orders (order_id, receipt, amount_minor, currency)"
                    " VALUES ($1::text, $2::text, $3::bigint, $4::text)"
                    " ON CONFLICT (receipt) DO UPDATE SET receipt = excluded.receipt RETURNING " COLUMNS};
static const struct statement read_order = {"sandbox_read",
                                            "SELECT " COLUMNS " FROM sandbox_orders WHERE order_id = $1::text"};
static const struct statement find_order = {"sandbox_find",
                                            "SELECT " COLUMNS " FROM sandbox_orders WHERE receipt = $1::text"};
static const struct statement close_one = {
    "sandbox_close",
    "UPDATE sandbox_orders SET state = 'closed' WHERE order_id = $1::text AND state IN ('open', 'declined')"};
static const struct statement pay = {"sandbox_pay",
                                     "UPDATE sandbox_orders SET state = 'paid', provider_payment_id = $2::text,"
                                     " paid_at = coalesce(to_timestamp($3::bigint), now())"
                                     " WHERE order_id = $1::text AND state IN ('open', 'declined') RETURNING order_id"};
static const struct statement decline = {
    "sandbox_decline", "UPDATE sandbox_orders SET state = 'declined'"
                       " WHERE order_id = $1::text AND state IN ('open', 'declined') RETURNING order_id"};

struct memory { /* a row; order_id NULL: there is none */
    const char *order_id, *receipt;
    int64_t amount_minor;
    const char *currency, *state, *payment_id;
    bool money_is_there;
};

static const char *text(const PGresult *result, int column, struct pool *pool) {
    const char *value = db_text(result, 0, column);
    return value ? pool_text(pool, value) : NULL;
}

static int remember(struct worker *worker, const struct statement *statement, const struct parameters *parameters,
                    struct memory *ret) {
    struct pool *pool = worker_pool(worker);
    const PGresult *result = db_query(worker_db(worker), statement, parameters);
    if (!result)
        return -1;
    *ret = (struct memory){0};
    if (PQntuples(result))
        *ret = (struct memory){.order_id = text(result, 0, pool),
                               .receipt = text(result, 1, pool),
                               .amount_minor = db_integer(result, 0, 2),
                               .currency = text(result, 3, pool),
                               .state = text(result, 4, pool),
                               .payment_id = text(result, 5, pool),
                               .money_is_there = db_boolean(result, 0, 6)};
    return 0;
}

static int recall(struct worker *worker, const struct statement *by, const char *name, struct memory *ret) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_text(&parameters, name);
    return remember(worker, by, &parameters, ret);
}

int sandbox_read(struct worker *worker, const char *order_id, struct sandbox_order_state *ret) {
    struct memory memory;
    if (recall(worker, &read_order, order_id, &memory) != 0)
        return -1;
    *ret = (struct sandbox_order_state){.order_id = memory.order_id,
                                        .receipt = memory.receipt,
                                        .amount_minor = memory.amount_minor,
                                        .currency = memory.currency,
                                        .state = memory.state};
    return 0;
}

int sandbox_act(struct worker *worker, const char *order_id, const char *action, int64_t hold_expires_at_s) {
    const struct statement *statement = strcmp(action, "decline") == 0 ? &decline : &pay;
    struct parameters parameters;
    char payment_id[ID_SIZE];
    parameters_init(&parameters, worker_pool(worker));
    parameter_text(&parameters, order_id);
    if (statement == &pay) {
        parameter_text(&parameters, new_id("pay_sandbox_", payment_id));
        if (strcmp(action, "pay_late") == 0)
            parameter_integer(&parameters, hold_expires_at_s + 1);
        else
            parameter_null(&parameters);
    }
    const PGresult *result = db_query(worker_db(worker), statement, &parameters);
    return !result ? -1 : PQntuples(result) ? 0 : 1;
}

/* ---- The interface */

static void answer_away(provider_done *done, void *context) {
    done(context, &(struct provider_answer){.fate = PROVIDER_AGAIN, .error = "the sandbox's memory is away"});
}

static void make_order(const struct provider_link *link, const struct provider_order *order, provider_done *done,
                       void *context) {
    struct pool *pool = worker_pool(link->worker);
    struct parameters parameters;
    struct memory memory;
    char order_id[ID_SIZE];
    parameters_init(&parameters, pool);
    parameter_text(&parameters, new_id("order_sandbox_", order_id));
    parameter_text(&parameters, order->receipt);
    parameter_integer(&parameters, order->amount_minor);
    parameter_text(&parameters, order->currency);
    if (remember(link->worker, &make, &parameters, &memory) != 0) {
        answer_away(done, context);
        return;
    }
    const char *page = pool_printf(pool, "/sandbox/pay/%s", memory.order_id);
    done(context, &(struct provider_answer){
                      .fate = PROVIDER_DONE, .order_id = memory.order_id, .payment_url = public_page(page, pool)});
}

/* 1: there is a fact; 0: nothing has happened yet, or the money lies ahead. */
static size_t state_fact(const struct memory *memory, struct fact *ret_fact) {
    static const struct {
        const char *state;
        enum fact_kind kind;
    } kinds[] = {{"paid", FACT_CAPTURED}, {"declined", FACT_FAILED}, {"closed", FACT_CLOSED}};
    for (size_t i = 0; memory->order_id && i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(kinds[i].state, memory->state) != 0 || (kinds[i].kind == FACT_CAPTURED && !memory->money_is_there))
            continue;
        *ret_fact = (struct fact){.kind = kinds[i].kind,
                                  .order_id = memory->order_id,
                                  .receipt = memory->receipt,
                                  .receipt_bond = RECEIPT_OF_MONEY};
        if (kinds[i].kind == FACT_CAPTURED) {
            ret_fact->provider_payment_id = memory->payment_id;
            ret_fact->amount_minor = memory->amount_minor;
            ret_fact->currency = memory->currency;
        } else if (kinds[i].kind == FACT_FAILED) {
            ret_fact->reason = "declined in the sandbox";
        }
        return 1;
    }
    return 0;
}

static void look_up(const struct provider_link *link, const struct provider_order *order, provider_done *done,
                    void *context) {
    struct memory memory;
    struct fact fact;
    bool by_id = order->order_id;
    if (recall(link->worker, by_id ? &read_order : &find_order, by_id ? order->order_id : order->receipt, &memory) !=
        0) {
        answer_away(done, context);
        return;
    }
    size_t count = state_fact(&memory, &fact);
    done(context, &(struct provider_answer){
                      .fate = PROVIDER_DONE, .order_id = memory.order_id, .facts = &fact, .fact_count = count});
}

static void close_order(const struct provider_link *link, const struct provider_order *order, provider_done *done,
                        void *context) {
    struct memory memory;
    bool by_id = order->order_id;
    if (recall(link->worker, by_id ? &read_order : &find_order, by_id ? order->order_id : order->receipt, &memory) !=
        0) {
        answer_away(done, context);
        return;
    }
    if (!memory.order_id) {
        const struct fact closed = {.kind = FACT_CLOSED, .receipt = order->receipt, .receipt_bond = RECEIPT_OF_MONEY};
        done(context, &(struct provider_answer){.fate = PROVIDER_DONE, .facts = &closed, .fact_count = 1});
        return;
    }
    struct provider_order known = *order;
    known.order_id = memory.order_id;
    if (recall(link->worker, &close_one, memory.order_id, &memory) != 0)
        answer_away(done, context);
    else
        look_up(link, &known, done, context);
}

/* Nothing is ever only authorized here. */
static void capture(const struct provider_link *link, const struct provider_order *order, provider_done *done,
                    void *context) {
    look_up(link, order, done, context);
}

/* Its name follows from ours, so that asking twice makes one refund. */
static void refund(const struct provider_link *link, const struct provider_refund *refund, provider_done *done,
                   void *context) {
    const char *name = strchr(refund->refund_id, '_');
    const struct fact fact = {.kind = FACT_REFUND_PROCESSED,
                              .order_id = refund->order_id,
                              .provider_payment_id = refund->provider_payment_id,
                              .amount_minor = refund->amount_minor,
                              .currency = refund->currency,
                              .provider_refund_id = pool_printf(worker_pool(link->worker), "rfnd_sandbox_%s",
                                                                name ? name + 1 : refund->refund_id),
                              .refund_id = refund->refund_id};
    done(context, &(struct provider_answer){.fate = PROVIDER_DONE, .facts = &fact, .fact_count = 1});
}

const struct provider provider_sandbox = {
    .name = "sandbox",
    .check = check,
    .configured = configured,
    .serves = serves,
    .key_id = key_id,
    .make_order = make_order,
    .capture = capture,
    .look_up = look_up,
    .close_order = close_order,
    .refund = refund,
    .look_up_refund = refund,
};
