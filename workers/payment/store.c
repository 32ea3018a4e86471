/* All SQL of the payment worker: the lists of a whole mailbox in one round trip. */
#include "store.h"

#include "rfc3339.h"

static const struct statement list_payments_of_user = {
    "list_payments_of_user",
    "SELECT id, booking_id, provider, provider_id, status, amount_minor, currency, created_at FROM payments"
    " WHERE user_id = $1::bigint AND id < $2::bigint ORDER BY id DESC LIMIT $3::bigint"};

static struct payment read_payment(const PGresult *result, int row, struct pool *pool) {
    return (struct payment){.id = db_integer(result, row, 0),
                            .booking_id = db_integer(result, row, 1),
                            .provider = pool_text(pool, db_text(result, row, 2)),
                            .provider_id = pool_text(pool, db_text(result, row, 3)),
                            .status = pool_text(pool, db_text(result, row, 4)),
                            .amount_minor = db_integer(result, row, 5),
                            .currency = pool_text(pool, db_text(result, row, 6)),
                            .created_at = rfc3339_text(db_text(result, row, 7), pool)};
}

int store_list_payments(struct worker *worker, const struct payments_wanted *wanted, size_t count,
                        struct list_payments_reply **ret_replies) {
    struct pool *pool = worker_pool(worker);
    for (size_t i = 0; i < count; i++) {
        struct parameters parameters;
        parameters_init(&parameters, pool);
        parameter_integer(&parameters, wanted[i].user_id);
        parameter_integer(&parameters, wanted[i].before_id);
        parameter_integer(&parameters, wanted[i].limit);
        if (db_queue(worker_db(worker), &list_payments_of_user, &parameters) != 0)
            return -1;
    }
    for (size_t i = 0; i < count; i++) {
        PGresult *result = db_receive(worker_db(worker));
        if (!result)
            return -1;
        size_t rows = (size_t)PQntuples(result);
        ret_replies[i]->payments.items = pool_alloc(pool, rows * sizeof(struct payment));
        ret_replies[i]->payments.count = rows;
        for (size_t row = 0; row < rows; row++)
            ret_replies[i]->payments.items[row] = read_payment(result, (int)row, pool);
    }
    return 0;
}
