/* A worker of the service "booking" that answers getRefundQuote later: after booking_id milliseconds. Some numbers are
 * special. For test_worker.py. */
#include "clock.h"
#include "operations.h"
#include "worker.h"

#define ORDINARY 1         /* answered without being deferred */
#define AT_ONCE 2          /* finished by the handler that deferred it */
#define NEVER 100001       /* whoever deferred it forgot it */
#define FAILING_GROUP 2000 /* it is deferred, but its group fails */
#define HELD_LIMIT 1000

static struct {
    struct get_refund_quote_call *call;
    int64_t due_mono_ms;
} held[HELD_LIMIT];
static size_t held_count;

static void finish(struct worker *worker, struct get_refund_quote_call *call) {
    call->reply.booking_id = call->request.booking_id;
    call->reply.currency = pool_text(call->call.pool, "INR");
    call_finish(worker, &call->call);
}

static int get_quote(struct worker *worker, void *argument, size_t count) {
    struct get_refund_quote_call *calls = argument;
    bool failing = false;
    for (size_t i = 0; i < count; i++) {
        int64_t wait_ms = calls[i].request.booking_id;
        if (wait_ms == ORDINARY) {
            refuse(&calls[i].call, &refusal_booking_not_found);
            continue;
        }
        struct get_refund_quote_call *call = call_defer(worker, &calls[i].call);
        failing |= wait_ms == FAILING_GROUP;
        if (wait_ms == AT_ONCE) {
            finish(worker, call);
        } else if (wait_ms != NEVER) {
            held[held_count].call = call;
            held[held_count++].due_mono_ms = clock_mono_ms() + wait_ms;
        }
    }
    return failing ? -1 : 0;
}

static void finish_due(struct worker *worker) {
    size_t kept = 0;
    for (size_t i = 0; i < held_count; i++)
        if (clock_mono_ms() >= held[i].due_mono_ms)
            finish(worker, held[i].call);
        else
            held[kept++] = held[i];
    held_count = kept;
}

int main(int argc, char **argv) {
    static const struct handler handlers[] = {{&operation_get_refund_quote, get_quote}};
    static const struct service service = {.name = "booking",
                                           .purpose = "a test's worker",
                                           .handlers = handlers,
                                           .handler_count = 1,
                                           .credit = 16,
                                           .tick_ms = 10,
                                           .tick = finish_due};
    return worker_main(argc, argv, &service);
}
