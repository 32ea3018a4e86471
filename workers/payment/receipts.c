/* Receipts: what was paid for a booking and what of it went back. They are no invoices, and change with each refund. */
#include "receipts_store.h"

#include "rights.h"

static const struct refusal *refusal_of(const struct call *call, const struct receipt_row *row) {
    if (!row->receipt.booking_id)
        return operation_get_receipt.owner.refusal;
    const struct refusal *refusal = rights_refusal(&operation_get_receipt, &call->header.caller, &row->holders);
    return refusal || row->receipt.payments.count ? refusal : &refusal_booking_not_paid;
}

int get_receipt(struct worker *worker, struct get_receipt_call *calls, size_t count) {
    struct pool *pool = worker_pool(worker);
    int64_t *ids = pool_alloc(pool, count * sizeof *ids);
    struct receipt_row *rows = pool_alloc(pool, count * sizeof *rows);
    for (size_t i = 0; i < count; i++)
        ids[i] = calls[i].request.booking_id;
    if (receipts_read(worker, ids, count, rows))
        return -1;
    for (size_t i = 0; i < count; i++) {
        const struct refusal *refusal = refusal_of(&calls[i].call, &rows[i]);
        if (refusal)
            refuse(&calls[i].call, refusal);
        else
            calls[i].reply = rows[i].receipt;
    }
    return 0;
}
