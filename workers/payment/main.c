/* tithi-payment: what people have paid. Tables only; the runtime does the rest. */
#include "worker.h"

extern const struct handler handlers_payment[];
extern const size_t handlers_payment_count;

int main(int argc, char **argv) {
    const struct service service = {
        .name = "payment",
        .purpose = "payments",
        .handlers = handlers_payment,
        .handler_count = handlers_payment_count,
        .credit = 64,
    };
    return worker_main(argc, argv, &service);
}
