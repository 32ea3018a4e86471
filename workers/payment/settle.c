/* Facts are settled in rounds: in each, every message gives its next fact, but only one fact per booking, because the
 * next one is judged by what the first has changed. A round locks and reads what its facts are judged by, decides, and
 * writes all of it with a statement per table. Mostly there is one round. */
#include "settle.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "announce.h"
#include "codec.h"
#include "log.h"
#include "settle_store.h"

/* What each effect changes. */
static const struct consequence {
    const char *phrase;                              /* for the audit, before the source */
    const char *payment, *booking, *booking_payment; /* statuses; NULL: as it is */
    const char *refund, *refund_cause;               /* of a refund that is known; of a new one */
    bool takes_place, announced, mailed;
    bool checked; /* the provider is asked at once */
    bool closes;
} consequences[EFFECT_COUNT] = {
    [EFFECT_STRAY_OPEN] = {.checked = true},
    [EFFECT_TOO_EARLY] = {.checked = true},
    [EFFECT_LOOK_UP] = {.checked = true},
    [EFFECT_AUTHORIZE] = {.phrase = "the provider holds the money", .payment = "authorized", .checked = true},
    [EFFECT_FAIL] = {.phrase = "the attempt failed", .payment = "failed", .booking_payment = "failed"},
    [EFFECT_CLOSE] = {.phrase = "the order is closed", .payment = "failed", .closes = true},
    [EFFECT_CONFIRM] = {.phrase = "paid",
                        .payment = "captured",
                        .booking = "confirmed",
                        .booking_payment = "completed",
                        .announced = true},
    [EFFECT_RESEAT] = {.phrase = "paid late, and a place was free",
                       .payment = "captured",
                       .booking = "confirmed",
                       .booking_payment = "completed",
                       .takes_place = true,
                       .announced = true},
    [EFFECT_PAY_BACK_LATE] = {.phrase = "paid too late",
                              .payment = "captured",
                              .booking_payment = "completed",
                              .refund_cause = "late",
                              .mailed = true},
    [EFFECT_PAY_BACK_TWIN] = {.phrase = "paid twice", .payment = "captured", .refund_cause = "duplicate"},
    [EFFECT_PAY_BACK_SECOND] = {.phrase = "paid twice"},
    [EFFECT_REFUND_PENDING] = {.phrase = "the provider has taken it on", .refund = "pending"},
    [EFFECT_REFUND_PROCESSED] = {.phrase = "paid back", .refund = "processed"},
    [EFFECT_REFUND_FAILED] = {.phrase = "the provider could not pay it back", .refund = "failed"},
    [EFFECT_REFUND_FOUND] = {.phrase = "made at the provider", .refund_cause = "provider"},
};

struct turn { /* a message, and how far it is settled */
    struct settlement *settlement;
    struct found *found; /* of its facts */
    size_t next;         /* fact */
    bool over;
    bool confirmed;         /* its booking was, by it */
    const char *late_cause; /* its money goes back; NULL: it does not */
    int64_t late_minor;
    const char *language;  /* in which that is told */
    const char *refund_id; /* then */
};

struct move { /* of money, to be announced */
    const struct turn *turn;
    struct money money;
};

struct step { /* one fact of a round, and what it is about */
    struct turn *turn;
    const struct fact *fact;
    const struct found *found;
    struct event_state *event;
    struct booking_record *booking;
    struct payment_record *payment;
    const struct refund_state *refund; /* NULL: none that we know */
    struct circumstances circumstances;
    enum effect effect;
};

struct batch {
    struct worker *worker;
    struct turn *turns;
    size_t count;
    bool began; /* the first round has been read */
    struct scene scene;
    struct step *steps;
    size_t step_count;
    struct move *moves;
    size_t move_count;
};

static int open_batch(struct batch *batch, struct settlement *settlements) {
    struct pool *pool = worker_pool(batch->worker);
    size_t fact_count = 0, at = 0;
    for (size_t i = 0; i < batch->count; i++)
        fact_count += settlements[i].fact_count;
    const char **providers = pool_alloc(pool, fact_count * sizeof *providers);
    const struct fact **facts = pool_alloc(pool, fact_count * sizeof *facts);
    struct found *found = pool_alloc(pool, fact_count * sizeof *found);
    batch->turns = pool_alloc(pool, batch->count * sizeof *batch->turns);
    batch->steps = pool_alloc(pool, batch->count * sizeof *batch->steps);
    batch->moves = pool_alloc(pool, fact_count * sizeof *batch->moves);
    for (size_t i = 0; i < batch->count; i++) {
        batch->turns[i] = (struct turn){.settlement = &settlements[i], .found = &found[at]};
        settlements[i].refusal = NULL;
        settlements[i].booking = (struct booking){0};
        for (size_t fact = 0; fact < settlements[i].fact_count; fact++, at++) {
            providers[at] = settlements[i].provider->name;
            facts[at] = &settlements[i].facts[fact];
        }
    }
    return fact_count ? settle_find(batch->worker, providers, facts, fact_count, found) : 0;
}

static void disbelieve(struct turn *turn, const struct fact *fact, const struct refusal *refusal, const char *why) {
    log_warn("suspicious: %s, order %s, payment %s: %s", turn->settlement->source,
             fact->order_id ? fact->order_id : "-", fact->provider_payment_id ? fact->provider_payment_id : "-", why);
    if (!turn->settlement->refusal)
        turn->settlement->refusal = refusal;
}

/* The same event twice in one mailbox: the second is judged by the first. */
static const struct turn *find_twin(const struct batch *batch, const struct turn *turn) {
    const struct settlement *own = turn->settlement;
    for (const struct turn *other = batch->turns; own->event_id && other < turn; other++)
        if (other->settlement->event_id && other->settlement->provider == own->provider &&
            !strcmp(other->settlement->event_id, own->event_id))
            return other;
    return NULL;
}

static bool has_step_about(const struct batch *batch, int64_t booking_id) {
    for (size_t i = 0; i < batch->step_count; i++)
        if (batch->steps[i].found->booking_id == booking_id)
            return true;
    return false;
}

/* Chooses the facts of the next round. False: there are none left. */
static bool next_round(struct batch *batch) {
    batch->step_count = 0;
    for (size_t i = 0; i < batch->count; i++) {
        struct turn *turn = &batch->turns[i];
        const struct settlement *settlement = turn->settlement;
        if (find_twin(batch, turn))
            turn->over = true;
        for (; !turn->over && turn->next < settlement->fact_count && !turn->found[turn->next].payment_id; turn->next++)
            disbelieve(turn, &settlement->facts[turn->next], &refusal_order_not_found, "the order is none of ours");
        if (turn->over || turn->next == settlement->fact_count ||
            has_step_about(batch, turn->found[turn->next].booking_id))
            continue;
        batch->steps[batch->step_count++] =
            (struct step){.turn = turn, .fact = &settlement->facts[turn->next], .found = &turn->found[turn->next]};
    }
    return batch->step_count;
}

/* All bookings and events of the batch, not of the round: locks that a later round would need are taken in order, too.
 */
static int queue_scene(struct batch *batch) {
    struct pool *pool = worker_pool(batch->worker);
    size_t count = 0, at = 0;
    for (size_t i = 0; i < batch->count; i++)
        count += batch->turns[i].settlement->fact_count;
    int64_t *events = pool_alloc(pool, count * sizeof *events), *bookings = pool_alloc(pool, count * sizeof *bookings);
    for (size_t i = 0; i < batch->count; i++)
        for (size_t fact = 0; fact < batch->turns[i].settlement->fact_count; fact++, at++) {
            events[at] = batch->turns[i].found[fact].event_id;
            bookings[at] = batch->turns[i].found[fact].booking_id;
        }
    return settle_queue_scene(batch->worker, events, bookings, count);
}

/* The messages that have an event's id, as parameters. Returns how many. */
static size_t list_webhooks(const struct batch *batch, bool noted_only, const char **providers, const char **ids,
                            const char **types, struct turn **turns) {
    size_t count = 0;
    for (size_t i = 0; i < batch->count; i++) {
        const struct settlement *settlement = batch->turns[i].settlement;
        if (!settlement->event_id || (noted_only && settlement->refusal))
            continue;
        providers[count] = settlement->provider->name;
        ids[count] = settlement->event_id;
        types[count] = settlement->event_type;
        turns[count++] = &batch->turns[i];
    }
    return count;
}

/* With the locks held, so that nobody else is settling the same event now. */
static int read_round(struct batch *batch) {
    struct worker *worker = batch->worker;
    const char *providers[batch->count], *ids[batch->count], *types[batch->count];
    struct turn *turns[batch->count];
    bool *seen = pool_alloc(worker_pool(worker), batch->count * sizeof *seen);
    size_t count = batch->began ? 0 : list_webhooks(batch, false, providers, ids, types, turns);
    if (queue_scene(batch) || (count && settle_queue_seen(worker, providers, ids, count)) ||
        settle_receive_scene(worker, &batch->scene) || (count && settle_receive_seen(worker, seen)))
        return -1;
    for (size_t i = 0; i < count; i++)
        turns[i]->over = turns[i]->over || seen[i];
    batch->began = true;
    return 0;
}

static struct event_state *find_event(const struct scene *scene, int64_t id) {
    for (size_t i = 0; i < scene->event_count; i++)
        if (scene->events[i].id == id)
            return &scene->events[i];
    return NULL;
}

static struct booking_record *find_booking(const struct scene *scene, int64_t id) {
    for (size_t i = 0; i < scene->booking_count; i++)
        if (scene->bookings[i].id == id)
            return &scene->bookings[i];
    return NULL;
}

/* The payment that has this attempt's money, else the one that was found. */
static struct payment_record *find_payment(const struct scene *scene, const struct step *step) {
    struct payment_record *found = NULL;
    const char *attempt = step->fact->provider_payment_id;
    for (size_t i = 0; i < scene->payment_count; i++) {
        struct payment_record *payment = &scene->payments[i];
        const char *own = payment->state.provider_payment_id;
        if (payment->booking_id != step->found->booking_id)
            continue;
        if (attempt && own && !strcmp(own, attempt) &&
            !strcmp(payment->provider, step->turn->settlement->provider->name))
            return payment;
        if (payment->id == step->found->payment_id)
            found = payment;
    }
    return found;
}

static void set_scene(const struct scene *scene, struct step *step) {
    step->event = find_event(scene, step->found->event_id);
    step->booking = find_booking(scene, step->found->booking_id);
    step->payment = find_payment(scene, step);
    if (!step->event || !step->booking || !step->payment)
        return;
    step->circumstances.booking = step->booking->status;
    if (step->booking->status == SEAT_EXPIRED)
        step->circumstances.no_seat =
            rule_no_seat(step->event, step->booking->person_has_other, step->booking->person_has_offer);
    if (rule_is_about_refund(step->fact))
        step->refund =
            rule_find_refund(step->fact, step->payment->id, &step->payment->state, scene->refunds, scene->refund_count);
}

static enum effect judge(struct batch *batch, struct step *step) {
    set_scene(&batch->scene, step);
    if (!step->payment || step->found->elsewhere)
        return EFFECT_MISMATCH;
    if (rule_is_about_refund(step->fact))
        return rule_refund_fact(step->fact, &step->payment->state, step->refund);
    enum effect effect = rule_payment_fact(step->fact, &step->payment->state, &step->circumstances);
    return step->turn->settlement->unverified ? rule_unverified(effect) : effect;
}

/* Of two late payments for one event the second has to see the first one's place taken. */
static bool must_wait(const struct batch *batch, const struct step *step) {
    for (const struct step *other = batch->steps; step->effect == EFFECT_RESEAT && other < step; other++)
        if (other->effect == EFFECT_RESEAT && other->event == step->event)
            return true;
    return false;
}

#define DETAIL_LIMIT 200 /* bytes of a provider's own words */

static int detail_length(const char *text) {
    size_t length = strlen(text);
    if (length > DETAIL_LIMIT)
        for (length = DETAIL_LIMIT; (text[length] & 0xc0) == 0x80; length--) /* not within a character */
            ;
    return (int)length;
}

static const char *reason_of(const struct batch *batch, const struct step *step) {
    const char *phrase = consequences[step->effect].phrase, *source = step->turn->settlement->source;
    struct pool *pool = worker_pool(batch->worker);
    const char *detail = step->fact->reason;
    return detail ? pool_printf(pool, "%s (%.*s): %s", phrase, detail_length(detail), detail, source)
                  : pool_printf(pool, "%s: %s", phrase, source);
}

static bool captures(const struct consequence *consequence) {
    return consequence->payment && !strcmp(consequence->payment, "captured");
}

static void change_payment(struct step *step, const char *reason, struct changes *changes) {
    const struct consequence *consequence = &consequences[step->effect];
    const struct settlement *settlement = step->turn->settlement;
    changes->payments[changes->payment_count++] =
        (struct payment_change){.id = step->payment->id,
                                .status = consequence->payment,
                                .provider_payment_id = consequence->payment ? step->fact->provider_payment_id : NULL,
                                .reason = reason,
                                .closes = consequence->closes,
                                .checks = consequence->checked || (captures(consequence) && settlement->unverified),
                                .watches = captures(consequence) && settlement->provider->makes_links};
}

static void change_booking(struct step *step, const char *reason, struct changes *changes) {
    const struct consequence *consequence = &consequences[step->effect];
    if (step->effect == EFFECT_FAIL && step->booking->status != SEAT_PENDING)
        return;
    changes->bookings[changes->booking_count++] =
        (struct booking_change){.id = step->booking->id,
                                .status = consequence->booking,
                                .payment_status = consequence->booking_payment,
                                .reason = reason};
}

static void add_refund(struct step *step, const char *reason, struct changes *changes) {
    bool found = step->effect == EFFECT_REFUND_FOUND;
    const char *status = !found ? "created" : step->fact->kind == FACT_REFUND_PROCESSED ? "processed" : "pending";
    changes->new_refunds[changes->new_refund_count++] =
        (struct new_refund){.payment_id = step->payment->id,
                            .cause = consequences[step->effect].refund_cause,
                            .amount_minor = found ? step->fact->amount_minor : 0,
                            .status = status,
                            .provider_refund_id = found ? step->fact->provider_refund_id : NULL,
                            .reason = reason};
}

static void change_refund(struct step *step, const char *reason, struct changes *changes) {
    if (step->effect == EFFECT_REFUND_FAILED)
        log_error("refund %s of payment %" PRId64 " failed and is still owed: %s", step->refund->refund_id,
                  step->payment->id, reason);
    changes->refunds[changes->refund_count++] =
        (struct refund_change){.id = step->refund->id,
                               .payment_id = step->payment->id,
                               .status = consequences[step->effect].refund,
                               .provider_refund_id = step->fact->provider_refund_id,
                               .reason = reason};
}

static void add_changes(const struct batch *batch, struct step *step, struct changes *changes) {
    const struct consequence *consequence = &consequences[step->effect];
    const char *reason = consequence->phrase ? reason_of(batch, step) : NULL;
    if (consequence->payment || consequence->checked)
        change_payment(step, reason, changes);
    if (consequence->booking || consequence->booking_payment)
        change_booking(step, reason, changes);
    if (consequence->refund_cause)
        add_refund(step, reason, changes);
    if (consequence->refund)
        change_refund(step, reason, changes);
    if (consequence->takes_place)
        changes->places[changes->place_count++] = step->booking->id;
    if (step->effect == EFFECT_PAY_BACK_SECOND)
        changes->seconds[changes->second_count++] = (struct second_payment){
            .payment_id = step->payment->id, .provider_payment_id = step->fact->provider_payment_id, .reason = reason};
    if (consequence->announced)
        step->turn->confirmed = true;
    if (consequence->mailed) {
        step->turn->late_cause = rule_late_cause(&step->circumstances);
        step->turn->late_minor = step->payment->state.amount_minor;
        step->turn->language = step->booking->language;
    }
}

static struct changes room_for(struct pool *pool, size_t count) {
    struct changes changes = {.payments = pool_alloc(pool, count * sizeof *changes.payments),
                              .bookings = pool_alloc(pool, count * sizeof *changes.bookings),
                              .new_refunds = pool_alloc(pool, count * sizeof *changes.new_refunds),
                              .seconds = pool_alloc(pool, count * sizeof *changes.seconds),
                              .refunds = pool_alloc(pool, count * sizeof *changes.refunds),
                              .places = pool_alloc(pool, count * sizeof *changes.places)};
    return changes;
}

static const char *new_refund_of(const struct step *step, const struct changes *changes,
                                 const char *const *refund_ids) {
    size_t i = 0;
    while (i < changes->new_refund_count && changes->new_refunds[i].payment_id != step->payment->id)
        i++;
    return i < changes->new_refund_count ? refund_ids[i] : NULL;
}

static void note_refund_ids(const struct batch *batch, const struct changes *changes, const char *const *refund_ids) {
    for (size_t i = 0; i < batch->step_count; i++)
        if (consequences[batch->steps[i].effect].mailed)
            batch->steps[i].turn->refund_id = new_refund_of(&batch->steps[i], changes, refund_ids);
}

/* Is money taken, or has some been paid back? */
static bool moves_money(const struct step *step) {
    const struct consequence *consequence = &consequences[step->effect];
    bool found_paid = step->effect == EFFECT_REFUND_FOUND && step->fact->kind == FACT_REFUND_PROCESSED;
    return captures(consequence) || step->effect == EFFECT_PAY_BACK_SECOND || step->effect == EFFECT_REFUND_PROCESSED ||
           found_paid;
}

static struct money money_of(const struct step *step, const struct changes *changes, const char *const *refund_ids) {
    const struct payment_state *payment = &step->payment->state;
    struct money money = {.payment_id = step->fact->provider_payment_id,
                          .provider = step->payment->provider,
                          .amount_minor = payment->amount_minor};
    if (rule_is_about_refund(step->fact)) {
        money.payment_id = payment->provider_payment_id;
        money.refund_id = step->refund ? step->refund->refund_id : new_refund_of(step, changes, refund_ids);
        money.amount_minor = step->refund ? step->refund->amount_minor : step->fact->amount_minor;
    }
    return money;
}

static void note_moves(struct batch *batch, const struct changes *changes, const char *const *refund_ids) {
    for (size_t i = 0; i < batch->step_count; i++)
        if (moves_money(&batch->steps[i]))
            batch->moves[batch->move_count++] =
                (struct move){.turn = batch->steps[i].turn, .money = money_of(&batch->steps[i], changes, refund_ids)};
}

/* Payments through our own links look so, too, until payment_link.paid has told whose they are. */
#define STRAY "it names our receipt, but not our order, and counts only once the provider says that it is ours"

static int settle_round(struct batch *batch) {
    struct pool *pool = worker_pool(batch->worker);
    struct changes changes = room_for(pool, batch->step_count);
    const char **refund_ids = pool_alloc(pool, batch->step_count * sizeof *refund_ids);
    if (read_round(batch))
        return -1;
    for (size_t i = 0; i < batch->step_count; i++) {
        struct step *step = &batch->steps[i];
        if (step->turn->over)
            continue;
        step->effect = judge(batch, step);
        if (must_wait(batch, step)) {
            step->effect = EFFECT_NONE;
            continue;
        }
        if (step->effect == EFFECT_MISMATCH)
            disbelieve(step->turn, step->fact, &refusal_payment_mismatch, "not what was ordered");
        if (step->effect == EFFECT_STRAY || step->effect == EFFECT_STRAY_OPEN)
            disbelieve(step->turn, step->fact, &refusal_order_not_found, STRAY);
        if (step->refund && rule_is_paid_twice(step->fact, step->refund))
            log_error("refund %s was paid twice, as %s and as %s: %s", step->refund->refund_id,
                      step->refund->provider_refund_id, step->fact->provider_refund_id, step->turn->settlement->source);
        if (step->effect == EFFECT_LOOK_UP)
            step->turn->settlement->undecided = true;
        if (step->effect == EFFECT_TOO_EARLY && !step->turn->settlement->refusal)
            step->turn->settlement->refusal = &refusal_payment_not_captured;
        add_changes(batch, step, &changes);
        step->turn->next++;
    }
    if (settle_apply(batch->worker, &changes, refund_ids))
        return -1;
    for (size_t i = 0; i < changes.payment_count; i++)
        if (changes.payments[i].checks)
            worker_wake(batch->worker); /* the tick comes after the commit */
    note_refund_ids(batch, &changes, refund_ids);
    note_moves(batch, &changes, refund_ids);
    return 0;
}

/* As workers/crm sends it. Nobody can refuse this one: it says where their money is. */
static void mail_late_refund(struct batch *batch, const struct turn *turn, const struct booking *booking) {
    json_t *mail = json_pack("{s:s, s:s, s:s, s:s, s:s, s:{s:s, s:s, s:I, s:s, s:s, s:s}}", "to", booking->user.email,
                             "name", booking->user.name, "template", "late_refund", "language", turn->language, "zone",
                             booking->event.time_zone, "values", "booking_reference", booking->booking_reference,
                             "event_title", booking->event.title, "amount_minor", (json_int_t)turn->late_minor,
                             "currency", booking->currency, "cause", turn->late_cause, "refund_id", turn->refund_id);
    char *body = mail ? json_dumps(mail, JSON_COMPACT) : NULL;
    if (!body)
        abort(); /* texts of the database are UTF-8 */
    worker_outbox(batch->worker, &(struct outbox_message){
                                     .channel = "mail",
                                     .owner_id = booking->user.id,
                                     .type = "mail.late_refund",
                                     .cause = pool_printf(worker_pool(batch->worker), "refund:%s", turn->refund_id),
                                     .body = body,
                                     .trace = turn->settlement->trace});
    free(body);
    json_decref(mail);
}

/* The booking that the message was about; 0: none of ours. */
static int64_t booking_of(const struct turn *turn) {
    for (size_t i = 0; i < turn->settlement->fact_count; i++)
        if (turn->found[i].booking_id)
            return turn->found[i].booking_id;
    return 0;
}

static int close_batch(struct batch *batch) {
    struct worker *worker = batch->worker;
    const char *providers[batch->count], *ids[batch->count], *types[batch->count];
    struct turn *turns[batch->count];
    struct booking_row *rows = pool_alloc(worker_pool(worker), batch->count * sizeof *rows);
    int64_t *booking_ids = pool_alloc(worker_pool(worker), batch->count * sizeof *booking_ids);
    for (size_t i = 0; i < batch->count; i++) {
        const struct turn *twin = find_twin(batch, &batch->turns[i]);
        if (twin)
            batch->turns[i].settlement->refusal = twin->settlement->refusal;
        booking_ids[i] = booking_of(&batch->turns[i]);
    }
    size_t noted = list_webhooks(batch, true, providers, ids, types, turns);
    if ((noted && settle_queue_events(worker, providers, ids, types, noted)) ||
        booking_rows_queue(worker, booking_ids, batch->count) || (noted && !db_receive(worker_db(worker))) ||
        booking_rows_receive(worker, batch->count, rows))
        return -1;
    for (size_t i = 0; i < batch->move_count; i++) {
        const struct turn *turn = batch->moves[i].turn;
        announce_payment(worker, &batch->moves[i].money, &rows[turn - batch->turns].booking, turn->settlement->trace);
    }
    for (size_t i = 0; i < batch->count; i++) {
        struct turn *turn = &batch->turns[i];
        turn->settlement->booking = rows[i].booking;
        if (turn->confirmed)
            announce(worker, "confirmed", &rows[i], turn->settlement->trace);
        if (turn->late_cause)
            mail_late_refund(batch, turn, &rows[i].booking);
    }
    return 0;
}

int settle(struct worker *worker, struct settlement *settlements, size_t count) {
    struct batch batch = {.worker = worker, .count = count};
    if (open_batch(&batch, settlements))
        return -1;
    while (next_round(&batch))
        if (settle_round(&batch))
            return -1;
    return close_batch(&batch);
}

struct portion {
    struct settlement *settlements;
    size_t count;
};

static int settle_portion(struct worker *worker, void *argument) {
    struct portion *portion = argument;
    return settle(worker, portion->settlements, portion->count);
}

void settle_now(struct worker *worker, struct settlement *settlements, size_t count) {
    struct portion all = {settlements, count};
    bool failed = count && worker_transaction(worker, settle_portion, &all);
    for (size_t i = 0; i < count; i++) {
        struct portion one = {&settlements[i], 1};
        settlements[i].failed = failed && (count == 1 || worker_transaction(worker, settle_portion, &one));
        if (settlements[i].failed)
            log_warn("not settled: %s", settlements[i].source);
    }
}
