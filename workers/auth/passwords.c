/* Changing one's password, or setting the first one of an account that came from an identity provider. Whoever else is
 * signed in as this person is not any more. */
#include "audit.h"
#include "links.h"
#include "log.h"
#include "password.h"
#include "rules.h"
#include "settings.h"
#include "sign_in.h"

static int note(struct worker *worker, const struct call *call, const char *name, const char *detail) {
    const struct security_event event = audit_of(call, name, 0, detail);
    return audit_note(worker, &event, 1);
}

static int set_password(struct worker *worker, struct change_password_call *call) {
    char hash[PASSWORD_HASH_SIZE];
    const struct caller *caller = &call->call.header.caller;
    if (password_hash(call->request.new_password, hash) != 0) {
        log_line(LOG_LEVEL_ERROR, call->call.header.request_id, "no memory to hash a password");
        return -1;
    }
    if (store_set_password(worker, caller->user_id, hash) != 0 ||
        sign_in_end_all(worker, caller->user_id, caller->session, "password", NULL) != 0)
        return -1;
    links_mail_notice(worker, caller->user_id, "password_changed", call->call.header.trace);
    call->reply.message = "Password changed";
    return note(worker, &call->call, "authn_password_change", "");
}

static int change_one(struct worker *worker, struct change_password_call *call) {
    struct account account;
    bool sure;
    if (sign_in_confirm(worker, &call->call, call->request.current_password, &account, &sure) != 0)
        return -1;
    const char *weakness =
        sure ? rule_password_weakness(call->request.new_password, account.email, account.name, settings_production())
             : NULL;
    if (weakness)
        refuse_field(&call->call, &refusal_password_too_weak, "new_password", "%s", weakness);
    if (call->call.refusal)
        return note(worker, &call->call, "authn_password_change_fail", call->call.refusal->code);
    return set_password(worker, call);
}

/* One after the other: the second change of a password must give the first one's. */
int change_password(struct worker *worker, struct change_password_call *calls, size_t count) {
    if (sign_in_lock_callers(worker, calls, sizeof *calls, count) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (change_one(worker, &calls[i]) != 0)
            return -1;
    return 0;
}
