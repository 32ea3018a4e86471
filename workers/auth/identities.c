/* Decides which account an identity leads to, and shows and unlinks those of one's own; see identities.h. */
#include "identities.h"

#include <string.h>

#include "audit.h"
#include "identities_store.h"
#include "links.h"
#include "takeover.h"

struct found {
    struct account account; /* id 0: another sign-in came in between, or the call was refused */
    bool is_new, is_linked;
};

static int link_account(struct worker *worker, const struct identity *identity, const struct account *account,
                        struct found *ret_found) {
    bool linked;
    if (identities_store_link(worker, identity, account->id, &linked) != 0)
        return -1;
    if (linked)
        *ret_found = (struct found){.account = *account, .is_linked = true};
    return 0;
}

static int create_account(struct worker *worker, const struct identity *identity, struct found *ret_found) {
    struct account account = {.email = identity->email, .is_active = true, .is_verified = true};
    if (identities_store_create_account(worker, identity, &account.id) != 0)
        return -1;
    if (account.id == 0)
        return 0;
    if (link_account(worker, identity, &account, ret_found) != 0 || !ret_found->is_linked)
        return -1; /* the account that was just made must go with the transaction */
    ret_found->is_new = true;
    return 0;
}

static int find_once(struct worker *worker, struct call *call, const struct identity *identity,
                     struct found *ret_found) {
    struct linked_account linked;
    if (identities_store_find(worker, identity, &linked) != 0)
        return -1;
    if (linked.account.id) {
        ret_found->account = linked.account;
        return 0;
    }
    if (identities_store_find_by_email(worker, identity, &linked) != 0)
        return -1;
    if (linked.account.id == 0)
        return create_account(worker, identity, ret_found);
    if (linked.subject && strcmp(linked.subject, identity->subject) != 0)
        refuse(call, &refusal_identity_conflict);
    else if (!linked.account.is_active)
        refuse(call, &refusal_account_inactive);
    else
        return link_account(worker, identity, &linked.account, ret_found);
    return 0;
}

/* A token that was there before leads, for a minute, to whom it led: an answer may have been lost. */
static int find_again(struct worker *worker, struct call *call, const struct identity *identity,
                      const struct used_token *used, struct found *ret_found) {
    struct linked_account linked = {0};
    if (used->is_recent && identities_store_find(worker, identity, &linked) != 0)
        return -1;
    if (linked.account.id == used->user_id)
        ret_found->account = linked.account;
    else
        refuse_field(call, &refusal_identity_refused, "id_token", "has been used");
    return 0;
}

/* Who comes in between has committed when this one goes on, so a second look finds what he left. */
static int find_account(struct worker *worker, struct call *call, const struct identity *identity,
                        struct found *ret_found) {
    *ret_found = (struct found){0};
    for (int looks = 0; looks < 2 && !ret_found->account.id && !call->refusal; looks++)
        if (find_once(worker, call, identity, ret_found) != 0)
            return -1;
    return ret_found->account.id || call->refusal ? 0 : -1;
}

static int note_link(struct worker *worker, const struct call *call, const struct found *found, bool takes_over) {
    const char *detail = found->is_new ? "by Google" : "linked to Google";
    if (takes_over)
        detail = "linked to Google, which proves the address: earlier password, factor, sessions and keys are void";
    const struct security_event event =
        audit_of(call, found->is_new ? "user_created" : "user_updated", found->account.id, detail);
    return audit_note(worker, &event, 1);
}

static int use_identity(struct worker *worker, const struct call *call, const struct identity *identity,
                        const struct found *found, const char **ret_picture) {
    bool takes_over = !found->account.is_verified && found->is_linked;
    if (takes_over && takeover(worker, found->account.id) != 0)
        return -1;
    if (found->is_linked && note_link(worker, call, found, takes_over) != 0)
        return -1;
    if (found->is_linked && !found->is_new)
        links_mail_notice(worker, found->account.id, "google_linked", call->header.trace);
    return identities_store_use(worker, identity, ret_picture);
}

/* A token that comes by itself is bound to no browser and holds no nonce of ours: it is good once. */
static int find_by_token(struct worker *worker, struct call *call, const struct identity *identity,
                         struct found *ret_found) {
    struct used_token used;
    if (identities_store_look_at_token(worker, identity, &used) != 0)
        return -1;
    if (used.user_id)
        return find_again(worker, call, identity, &used, ret_found);
    if (find_account(worker, call, identity, ret_found) != 0)
        return -1;
    return ret_found->account.id ? identities_store_note_token(worker, identity, ret_found->account.id) : 0;
}

int identities_sign_in(struct worker *worker, struct sign_in *sign_in, const struct identity *identity, bool by_token,
                       struct signed_in *ret_signed_in, const char **ret_picture) {
    struct found found = {0};
    if (!sign_in->call->refusal &&
        (by_token ? find_by_token : find_account)(worker, sign_in->call, identity, &found) != 0)
        return -1;
    if (found.account.id && use_identity(worker, sign_in->call, identity, &found, ret_picture) != 0)
        return -1;
    sign_in->account = found.account;
    return sign_in_open(worker, sign_in, 1, ret_signed_in);
}

/* ---- /profile/identities */

int list_identities(struct worker *worker, struct list_identities_call *calls, size_t count) {
    struct pool *pool = worker_pool(worker);
    int64_t *user_ids = pool_alloc(pool, count * sizeof *user_ids);
    struct list_identities_reply *lists = pool_alloc(pool, count * sizeof *lists);
    for (size_t i = 0; i < count; i++)
        user_ids[i] = calls[i].call.header.caller.user_id;
    if (identities_store_list(worker, user_ids, count, lists) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        calls[i].reply = lists[i];
    return 0;
}

int identities_unlink(struct worker *worker, const struct call *call, int64_t user_id) {
    int64_t count;
    if (identities_store_unlink(worker, user_id, &count) != 0)
        return -1;
    const struct security_event event = audit_of(call, "user_updated", user_id, "unlinked from Google");
    return count ? audit_note(worker, &event, 1) : 0;
}

/* Whoever is signed in by an identity that goes is out with it. */
static int unlink_one(struct worker *worker, struct unlink_identities_call *call) {
    struct account account;
    bool sure;
    const struct caller *caller = &call->call.header.caller;
    if (sign_in_confirm(worker, &call->call, call->request.current_password, &account, &sure) != 0)
        return -1;
    if (sure && !account.password_hash)
        refuse(&call->call, &refusal_password_missing);
    if (call->call.refusal)
        return 0;
    call->reply.message = "No outside identity leads to the account any more";
    if (identities_unlink(worker, &call->call, account.id) != 0)
        return -1;
    return sign_in_end_all(worker, account.id, caller->session, "ended", NULL);
}

int unlink_identities(struct worker *worker, struct unlink_identities_call *calls, size_t count) {
    if (sign_in_lock_callers(worker, calls, sizeof *calls, count) != 0)
        return -1;
    if (sign_in_lock_callers(worker, calls, sizeof *calls, count) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (unlink_one(worker, &calls[i]) != 0)
            return -1;
    return 0;
}
