/* What people may ask for about themselves: all that is kept, and that it goes. */
#include <string.h>

#include "audit.h"
#include "people_store.h"
#include "sign_in.h"
#include "store.h"

static int export_one(struct worker *worker, struct export_own_data_call *call) {
    struct export_place place;
    int64_t user_id = call->call.header.caller.user_id;
    if (!export_read_place(call->request.after, call->call.pool, &place)) {
        refuse_field(&call->call, &refusal_bad_cursor, "after", "is not the `next` of a page of this list");
        return 0;
    }
    if (!call->request.after) {
        const struct security_event event = audit_of(&call->call, "sensitive_read", 0, "export of one's own data");
        if (audit_note(worker, &event, 1) != 0)
            return -1;
    }
    if (store_read_profiles(worker, &user_id, 1, false, &call->reply.profile) != 0)
        return -1;
    if (call->reply.profile.id == 0) {
        refuse(&call->call, &refusal_invalid_token);
        return 0;
    }
    return export_read_rest(worker, user_id, &call->reply) || export_read(worker, user_id, &place, &call->reply) ? -1
                                                                                                                 : 0;
}

int export_own_data(struct worker *worker, struct export_own_data_call *calls, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (export_one(worker, &calls[i]) != 0)
            return -1;
    return 0;
}

/* May this person go? Who is an administrator must be none first, so that there is always one left. */
static int judge_erasure(struct worker *worker, struct call *call, const struct account *account) {
    bool in_use;
    if (erase_hold(worker, account->id) != 0 || erase_is_in_use(worker, account->id, &in_use) != 0)
        return -1;
    if (strcmp(account->role, "admin") == 0)
        refuse(call, &refusal_own_role);
    else if (in_use)
        refuse(call, &refusal_account_in_use);
    return 0;
}

static int erase_one(struct worker *worker, struct erase_profile_call *call) {
    struct account account;
    bool sure;
    if (sign_in_confirm(worker, &call->call, call->request.current_password, &account, &sure) != 0)
        return -1;
    if (sure && judge_erasure(worker, &call->call, &account) != 0)
        return -1;
    if (call->call.refusal)
        return 0;
    if (sign_in_end_all(worker, account.id, NULL, "erased", NULL) != 0 ||
        sign_in_end_keys(worker, account.id, NULL) != 0 || erase_person(worker, account.id) != 0)
        return -1;
    call->reply.message = "The account is erased";
    const struct security_event event = audit_of(&call->call, "user_archived", 0, "erased as the person asked");
    return audit_note(worker, &event, 1);
}

int erase_profile(struct worker *worker, struct erase_profile_call *calls, size_t count) {
    if (sign_in_lock_callers(worker, calls, sizeof *calls, count) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (erase_one(worker, &calls[i]) != 0)
            return -1;
    return 0;
}
