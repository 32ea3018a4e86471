/* Is it really this person? Asked before something grave, of somebody who is signed in; see sign_in.h. */
#include "audit.h"
#include "password.h"
#include "sessions_store.h"
#include "sign_in.h"
#include "throttle.h"

#define RECENT_S 600

static int check_session(struct worker *worker, struct call *call) {
    bool recent;
    if (sessions_store_is_recent(worker, call->header.caller.session, RECENT_S, &recent) != 0)
        return -1;
    if (!recent)
        refuse(call, &refusal_reauthentication_required);
    return 0;
}

static int check_password(struct worker *worker, struct call *call, const char *password,
                          const struct account *account) {
    struct attempt attempt = throttle_attempt(call, account->email, account->id);
    if (throttle_look(worker, &attempt, 1) != 0)
        return -1;
    if (attempt.delay_s > 0) {
        sign_in_delay(call, attempt.delay_s);
        return 0;
    }
    bool good = password_verify(account->password_hash, password);
    if (!good)
        refuse_field(call, &refusal_invalid_credentials, "current_password", "is wrong");
    throttle_note(worker, &attempt, good);
    return 0;
}

static int note_refusal(struct worker *worker, struct call *call) {
    if (call->refusal == &refusal_sign_in_delayed) /* the failure that it follows from has told */
        return 0;
    const char *detail = pool_printf(call->pool, "%s: %s", call->header.operation, call->refusal->code);
    const struct security_event event = audit_of(call, "authn_login_fail", 0, detail);
    return audit_note(worker, &event, 1);
}

int sign_in_lock_callers(struct worker *worker, const void *calls, size_t call_size, size_t count) {
    int64_t *user_ids = pool_alloc(worker_pool(worker), count * sizeof *user_ids);
    for (size_t i = 0; i < count; i++)
        user_ids[i] = ((const struct call *)((const char *)calls + i * call_size))->header.caller.user_id;
    if (count < 2) /* it is locked as it is confirmed */
        return 0;
    return store_queue_lock(worker, user_ids, count, true) == 0 && db_receive(worker_db(worker)) ? 0 : -1;
}

/* The account stays locked from before the throttle is asked: attempts for one account come one after the other. */
int sign_in_confirm(struct worker *worker, struct call *call, const char *password_or_null, struct account *ret_account,
                    bool *ret_sure) {
    int result = 0;
    if (store_lock_accounts(worker, &call->header.caller.user_id, 1, true, ret_account) != 0)
        return -1;
    if (ret_account->id == 0)
        refuse(call, &refusal_invalid_token);
    else if (!ret_account->is_active)
        refuse(call, &refusal_account_inactive);
    else if (!ret_account->password_hash)
        result = check_session(worker, call);
    else if (!password_or_null)
        refuse_field(call, &refusal_reauthentication_required, "current_password", "is needed");
    else
        result = check_password(worker, call, password_or_null, ret_account);
    *ret_sure = !call->refusal;
    return result != 0 || *ret_sure ? result : note_refusal(worker, call);
}
