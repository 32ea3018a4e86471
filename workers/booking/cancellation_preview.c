/* What cancelling an event would do, for who is about to: the same rights, refusals and sums as of the real one. */
#include "store.h"

static int receive_preview(struct worker *worker, struct preview_event_cancellation_call *call) {
    struct event_head head;
    struct preview_event_cancellation_reply reply = {.event_id = call->request.event_id};
    if (store_receive_event(worker, &head) || store_receive_cancellation(worker, &reply))
        return -1;
    const struct refusal *refusal =
        rule_cancel_event(&operation_preview_event_cancellation, &call->call.header.caller, &head.state);
    if (refusal)
        refuse(&call->call, refusal);
    else
        call->reply = reply;
    return 0;
}

int preview_event_cancellation(struct worker *worker, struct preview_event_cancellation_call *calls, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (store_queue_event(worker, calls[i].request.event_id) ||
            store_queue_cancellation(worker, calls[i].request.event_id))
            return -1;
    for (size_t i = 0; i < count; i++)
        if (receive_preview(worker, &calls[i]))
            return -1;
    return 0;
}
