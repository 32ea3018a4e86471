/* The operations of mailed links: verifying an address, resetting a password, changing the address. Whether an account
 * exists is found out when the mail leaves (mail_channel.c), so that neither answer nor time tell it. */
#include <string.h>
#include <strings.h>

#include "audit.h"
#include "identities.h"
#include "links.h"
#include "log.h"
#include "operations.h"
#include "password.h"
#include "rules.h"
#include "settings.h"
#include "sign_in.h"
#include "takeover.h"
#include "throttle.h"

int request_password_reset(struct worker *worker, struct request_password_reset_call *calls, size_t count) {
    for (size_t i = 0; i < count; i++) {
        links_mail_reset(worker, calls[i].request.email, &calls[i].call.header);
        calls[i].reply.message = "If there is an account with this address, a link is on its way to it";
    }
    return 0;
}

int request_verification(struct worker *worker, struct request_verification_call *calls, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const struct call_header *header = &calls[i].call.header;
        links_mail_verification(worker, header->caller.user_id, header);
        calls[i].reply.message = "A link is on its way, unless the address is verified already";
    }
    return 0;
}

static int note(struct worker *worker, const struct call *call, const char *event, int64_t user_id,
                const char *detail) {
    struct security_event noted = audit_of(call, event, user_id, detail);
    return audit_note(worker, &noted, 1);
}

static int change_one(struct worker *worker, struct change_email_call *call) {
    struct account account;
    bool sure = false;
    if (sign_in_confirm(worker, &call->call, call->request.current_password, &account, &sure) != 0)
        return -1;
    if (!sure)
        return 0;
    if (strcasecmp(account.email, call->request.email) != 0 &&
        links_mail_change(worker, account.id, account.email, call->request.email, &call->call.header) != 0)
        return -1;
    call->reply.message = "A link is on its way to the new address; until it is followed, nothing changes";
    return note(worker, &call->call, "user_updated", account.id, "change of address asked for");
}

int change_email(struct worker *worker, struct change_email_call *calls, size_t count) {
    if (sign_in_lock_callers(worker, calls, sizeof *calls, count) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (change_one(worker, &calls[i]) != 0)
            return -1;
    return 0;
}

/* The new address is noted before others can take it; who was faster keeps it. *ret_taken false: somebody was. */
static int take_new_email(struct worker *worker, const struct call *call, const struct used_link *link,
                          bool *ret_taken) {
    if (links_store_take_email(worker, link->user_id, link->email, ret_taken) != 0)
        return -1;
    if (!*ret_taken)
        return 0;
    links_mail_changed(worker, link->user_id, link->old_email, call->header.trace);
    return links_store_forget(worker, link->user_id);
}

static int verify_one(struct worker *worker, struct verify_email_call *call) {
    static const char *const purposes[] = {"verify", "email_change"};
    uint8_t hash[LINK_HASH_SIZE];
    struct used_link link;
    bool done = true;
    links_hash(call->request.token, hash);
    if (links_store_use(worker, hash, purposes, 2, &link) != 0)
        return -1;
    bool changes = link.user_id && strcmp(link.purpose, "email_change") == 0;
    if (changes && take_new_email(worker, &call->call, &link, &done) != 0)
        return -1;
    if (!link.user_id || !done) {
        refuse(&call->call, &refusal_link_invalid);
        return 0;
    }
    call->reply.message = changes ? "This is the account's address now" : "The address is verified";
    if (!changes && links_store_verify(worker, link.user_id) != 0)
        return -1;
    return note(worker, &call->call, "user_updated", link.user_id, changes ? "address changed" : "address verified");
}

int verify_email(struct worker *worker, struct verify_email_call *calls, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (verify_one(worker, &calls[i]) != 0)
            return -1;
    return 0;
}

/* Whoever knows the old password, or is signed in by it, is out, and so is who is known by an outside identity: that is
 * linked again by signing in with it. A second factor stays, unless nobody had shown yet that the address is theirs:
 * then nothing stays of who registered it. The mail has come, so the address is verified. */
static int end_former(struct worker *worker, const struct call *call, const struct used_link *link) {
    int result = link->was_verified ? sign_in_end_all(worker, link->user_id, NULL, "password", NULL)
                                    : takeover(worker, link->user_id);
    if (result != 0 || identities_unlink(worker, call, link->user_id) != 0)
        return -1;
    return throttle_clear(worker, link->user_id, call->header.caller.address);
}

static int set_password(struct worker *worker, struct reset_password_call *call, const struct used_link *link) {
    char hash[PASSWORD_HASH_SIZE];
    const struct call_header *header = &call->call.header;
    if (password_hash(call->request.new_password, hash) != 0) {
        log_line(LOG_LEVEL_ERROR, header->request_id, "no memory to hash a password");
        return -1;
    }
    if (end_former(worker, &call->call, link) != 0 || store_set_password(worker, link->user_id, hash) != 0)
        return -1;
    links_mail_notice(worker, link->user_id, "password_changed", header->trace);
    call->reply.message = "The password is set; sign in with it";
    return note(worker, &call->call, "authn_password_change", link->user_id,
                link->was_verified
                    ? "by a mailed link"
                    : "by a mailed link, which proves the address: earlier factor, sessions and keys are void");
}

/* A password that is too weak does not cost the link; only good links cost a hash. */
static int reset_one(struct worker *worker, struct reset_password_call *call) {
    static const char *const purposes[] = {"reset"};
    const char *password = call->request.new_password;
    uint8_t hash[LINK_HASH_SIZE];
    struct used_link link;
    links_hash(call->request.token, hash);
    if (links_store_use(worker, hash, purposes, 1, &link) != 0)
        return -1;
    if (!link.user_id) {
        refuse(&call->call, &refusal_link_invalid);
        return note(worker, &call->call, "authn_password_change_fail", 0, call->call.refusal->code);
    }
    const char *weakness = rule_password_weakness(password, link.old_email, link.name, settings_production());
    if (!weakness)
        return set_password(worker, call, &link);
    refuse_field(&call->call, &refusal_password_too_weak, "new_password", "%s", weakness);
    if (links_store_give_back(worker, hash) != 0)
        return -1;
    return note(worker, &call->call, "authn_password_change_fail", link.user_id, call->call.refusal->code);
}

int reset_password(struct worker *worker, struct reset_password_call *calls, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (reset_one(worker, &calls[i]) != 0)
            return -1;
    return 0;
}
