/* Check-in: who comes with a ticket, or is found by name, is let in once. The bookings are locked, in the order of
 * their ids and without their events, since no place changes hands; what was committed before is then seen, and of many
 * doors one is the first. */
#include "check_in_store.h"

#include "announce.h"
#include "rights.h"
#include "rules.h"

/* One call, of any of the three operations. */
struct turn {
    struct call *call;
    const struct operation *operation;
    struct check_in *reply;
    int64_t booking_id; /* 0: its ticket is none of ours */
    int64_t event_id;   /* whose door it is; 0: any */
    bool undo;
    bool changes;
};

static struct turn *turns_new(struct worker *worker, size_t count) {
    return pool_alloc(worker_pool(worker), count * sizeof(struct turn));
}

static const struct refusal *refusal_of(const struct turn *turn, const struct visit *visit) {
    const struct caller *caller = &turn->call->header.caller;
    if (!visit->row.booking.id)
        return turn->operation->owner.refusal;
    const struct refusal *refusal = rule_may(turn->operation, caller, &visit->row.booking);
    if (refusal || turn->undo)
        return refusal;
    return rule_check_in(&visit->row.booking, turn->event_id, &visit->hours);
}

/* Of several calls about one booking the first changes it. */
static bool is_changed_before(const struct turn *turns, size_t count, int64_t booking_id) {
    for (size_t i = 0; i < count; i++)
        if (turns[i].changes && turns[i].booking_id == booking_id)
            return true;
    return false;
}

/* Refuses what may not be done, and chooses what changes a booking. */
static size_t decide(struct turn *turns, size_t count, const struct visit *visits, int64_t *ret_ids) {
    size_t chosen = 0;
    for (size_t i = 0; i < count; i++) {
        struct turn *turn = &turns[i];
        const struct refusal *refusal = refusal_of(turn, &visits[i]);
        if (refusal) {
            refuse(turn->call, refusal);
            continue;
        }
        bool is_in = visits[i].row.booking.has_checked_in_at == PRESENCE_SET;
        turn->changes = is_in == turn->undo && !is_changed_before(turns, i, turn->booking_id);
        if (turn->changes)
            ret_ids[chosen++] = turn->booking_id;
    }
    return chosen;
}

static int change(struct worker *worker, const struct turn *turns, const int64_t *ids, size_t count) {
    if (!count)
        return 0;
    return turns->undo ? check_in_store_undo(worker, ids, count) : check_in_store_note(worker, ids, count);
}

static int take(struct worker *worker, struct turn *turns, size_t count) {
    struct pool *pool = worker_pool(worker);
    struct visit *visits = pool_alloc(pool, count * sizeof *visits);
    int64_t *ids = pool_alloc(pool, 2 * count * sizeof *ids), *changed = ids + count;
    for (size_t i = 0; i < count; i++)
        ids[i] = turns[i].booking_id;
    if (check_in_store_lock(worker, ids, count, visits))
        return -1;
    size_t chosen = decide(turns, count, visits, changed);
    if (change(worker, turns, changed, chosen) || (chosen && check_in_store_read(worker, ids, count, visits)))
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (turns[i].call->refusal)
            continue;
        *turns[i].reply = (struct check_in){.already = !turns[i].changes, .booking = visits[i].row.booking};
        if (turns[i].changes)
            announce_again(worker, turns[i].undo ? "check_in_undone" : "checked_in", &visits[i].row,
                           visits[i].check_ins, turns[i].call->header.trace);
    }
    return 0;
}

int check_in(struct worker *worker, struct check_in_call *calls, size_t count) {
    struct turn *turns = turns_new(worker, count);
    struct ticket_keys keys;
    if (tickets_queue_keys(worker) || tickets_receive_keys(worker, &keys))
        return -1;
    for (size_t i = 0; i < count; i++) {
        struct ticket ticket;
        bool good = !ticket_read(calls[i].request.ticket, &ticket) && ticket_is_ours(&ticket, &keys);
        turns[i] = (struct turn){.call = &calls[i].call,
                                 .operation = &operation_check_in,
                                 .reply = &calls[i].reply,
                                 .booking_id = good ? ticket.booking_id : 0,
                                 .event_id = calls[i].request.event_id};
    }
    return take(worker, turns, count);
}

int check_in_booking(struct worker *worker, struct check_in_booking_call *calls, size_t count) {
    struct turn *turns = turns_new(worker, count);
    for (size_t i = 0; i < count; i++)
        turns[i] = (struct turn){.call = &calls[i].call,
                                 .operation = &operation_check_in_booking,
                                 .reply = &calls[i].reply,
                                 .booking_id = calls[i].request.booking_id};
    return take(worker, turns, count);
}

int undo_check_in(struct worker *worker, struct undo_check_in_call *calls, size_t count) {
    struct turn *turns = turns_new(worker, count);
    for (size_t i = 0; i < count; i++)
        turns[i] = (struct turn){.call = &calls[i].call,
                                 .operation = &operation_undo_check_in,
                                 .reply = &calls[i].reply,
                                 .booking_id = calls[i].request.booking_id,
                                 .undo = true};
    return take(worker, turns, count);
}
