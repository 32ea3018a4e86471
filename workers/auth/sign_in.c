/* The last step of every way to sign in. Accounts are read once more under a lock: a password that was changed, a role
 * that was taken away while this sign-in was under way count, and whoever ends all sessions of a person waits for it or
 * is seen by it. See sign_in.h. */
#include "sign_in.h"

#include <string.h>

#include "audit.h"
#include "links.h"
#include "rules.h"
#include "second_factor.h"
#include "sessions_store.h"
#include "settings.h"
#include "throttle.h"
#include "tokens.h"

/* One mailbox of sign-ins on its way. Arrays are by the place of the sign-in. */
struct opening {
    struct worker *worker;
    struct sign_in *sign_ins;
    size_t count;
    bool *factor_is_active;
    struct signed_in *answers;
    const char **sessions; /* NULL: none was opened */
};

static bool same_text(const char *a, const char *b) {
    return a == b || (a && b && strcmp(a, b) == 0);
}

static void judge_account(struct sign_in *sign_in, const struct account *now) {
    const char *proven = sign_in->account.password_changed_at;
    if (now->id == 0 || (proven && !same_text(proven, now->password_changed_at)))
        refuse(sign_in->call, &refusal_invalid_credentials);
    else if (!now->is_active)
        refuse(sign_in->call, &refusal_account_inactive);
    else
        sign_in->account = *now;
}

/* The accounts as they are now, and which of them have a second factor. Where codes are checked, one sign-in to an
 * account comes after the other: locked so from the start, for a lock that is raised later may wait in a circle. */
static int look_at_accounts(struct opening *opening) {
    struct pool *pool = worker_pool(opening->worker);
    int64_t *user_ids = pool_alloc(pool, opening->count * sizeof *user_ids);
    struct account *accounts = pool_alloc(pool, opening->count * sizeof *accounts);
    size_t asked = 0;
    bool checks_codes = false;
    for (size_t i = 0; i < opening->count; i++) {
        checks_codes |= opening->sign_ins[i].otp != NULL;
        user_ids[i] = opening->sign_ins[i].call->refusal ? 0 : opening->sign_ins[i].account.id;
        asked += user_ids[i] != 0;
    }
    if (asked == 0)
        return 0;
    if (store_lock_accounts(opening->worker, user_ids, opening->count, checks_codes, accounts) != 0 ||
        second_factors_are_active(opening->worker, user_ids, opening->count, opening->factor_is_active) != 0)
        return -1;
    for (size_t i = 0; i < opening->count; i++)
        if (!opening->sign_ins[i].call->refusal)
            judge_account(&opening->sign_ins[i], &accounts[i]);
    return 0;
}

void sign_in_delay(struct call *call, int64_t delay_s) {
    call->retry_after_s = (uint32_t)delay_s;
    refuse(call, &refusal_sign_in_delayed);
}

static int ask_for_code(struct opening *opening, const struct sign_in *sign_in) {
    const char *challenge = links_new_challenge(opening->worker, sign_in->account.id);
    if (!challenge)
        return -1;
    refuse_field(sign_in->call, &refusal_second_factor_required, "otp", "is needed");
    refuse_field(sign_in->call, &refusal_second_factor_required, "challenge", "%s", challenge);
    return 0;
}

/* One after the other: a code is good once, also within a mailbox. */
static int ask_for_factors(struct opening *opening) {
    for (size_t i = 0; i < opening->count; i++) {
        const struct sign_in *sign_in = &opening->sign_ins[i];
        bool good;
        if (sign_in->call->refusal || sign_in->factor_is_proven || !opening->factor_is_active[i])
            continue;
        if ((sign_in->otp
                 ? second_factor_prove(opening->worker, sign_in->call, sign_in->account.id, "otp", sign_in->otp, &good)
                 : ask_for_code(opening, sign_in)) != 0)
            return -1;
    }
    return 0;
}

static const char *new_session_id(struct pool *pool) {
    char text[UUID_TEXT_SIZE];
    struct uuid id = uuid_new();
    return pool_text(pool, uuid_text(&id, text));
}

static const char *device_of(const struct sign_in *sign_in) {
    char text[RULE_DEVICE_SIZE];
    const char *device = rule_device(sign_in->user_agent, text);
    return device ? pool_text(sign_in->call->pool, device) : NULL;
}

static int open_sessions(struct opening *opening) {
    struct pool *pool = worker_pool(opening->worker);
    struct new_session *rows = pool_alloc(pool, opening->count * sizeof *rows);
    size_t row_count = 0;
    for (size_t i = 0; i < opening->count; i++) {
        struct sign_in *sign_in = &opening->sign_ins[i];
        if (sign_in->call->refusal)
            continue;
        opening->sessions[i] = new_session_id(pool);
        const struct token_order order = {.call = sign_in->call,
                                          .account = &sign_in->account,
                                          .session = opening->sessions[i],
                                          .left_s = settings.session_ttl_s,
                                          .factor_is_due = !opening->factor_is_active[i] &&
                                                           second_factor_is_required(sign_in->account.role)};
        if (tokens_make(&order, &opening->answers[i], &rows[row_count]) != 0)
            return -1;
        rows[row_count++].device = device_of(sign_in);
    }
    return row_count ? sessions_store_open(opening->worker, rows, row_count) : 0;
}

/* Who knows the password but brought no code, or a wrong one, has neither failed nor come in: else a guesser of codes
 * could clear the count. Wrong codes have a count of their own. */
static void tell_throttle(const struct opening *opening) {
    for (size_t i = 0; i < opening->count; i++) {
        const struct sign_in *sign_in = &opening->sign_ins[i];
        const struct refusal *refusal = sign_in->call->refusal;
        const struct attempt attempt = throttle_attempt(sign_in->call, sign_in->account.email, sign_in->account.id);
        if (!refusal || refusal == &refusal_invalid_credentials)
            throttle_note(opening->worker, &attempt, !refusal);
    }
}

static const char *event_name(const struct refusal *refusal) {
    if (refusal == &refusal_second_factor_required)
        return "authn_login_second_factor";
    return refusal ? "authn_login_fail" : "authn_login_success";
}

static int note_events(struct opening *opening) {
    struct pool *pool = worker_pool(opening->worker);
    struct security_event *events = pool_alloc(pool, 2 * opening->count * sizeof *events);
    size_t count = 0;
    for (size_t i = 0; i < opening->count; i++) {
        const struct sign_in *sign_in = &opening->sign_ins[i];
        const struct refusal *refusal = sign_in->call->refusal;
        if (refusal == &refusal_sign_in_delayed) /* the failure that it follows from has told */
            continue;
        const char *detail = refusal ? pool_printf(pool, "%s: %s", sign_in->method, refusal->code) : sign_in->method;
        events[count] = audit_of(sign_in->call, event_name(refusal), sign_in->account.id, detail);
        events[count++].session = opening->sessions[i];
        if (opening->sessions[i]) {
            events[count] = audit_of(sign_in->call, "session_created", sign_in->account.id, sign_in->method);
            events[count++].session = opening->sessions[i];
        }
    }
    return audit_note(opening->worker, events, count);
}

int sign_in_open(struct worker *worker, struct sign_in *sign_ins, size_t count, struct signed_in *ret_signed_in) {
    struct pool *pool = worker_pool(worker);
    struct opening opening = {.worker = worker,
                              .sign_ins = sign_ins,
                              .count = count,
                              .factor_is_active = pool_alloc(pool, count * sizeof *opening.factor_is_active),
                              .answers = ret_signed_in,
                              .sessions = pool_alloc(pool, count * sizeof *opening.sessions)};
    if (look_at_accounts(&opening) != 0 || ask_for_factors(&opening) != 0 || open_sessions(&opening) != 0)
        return -1;
    tell_throttle(&opening);
    return note_events(&opening);
}
