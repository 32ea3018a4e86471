/* Decides which account an identity leads to; see identities.h. */
#include "identities.h"

#include <string.h>

#include "audit.h"
#include "identities_store.h"

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

/* Who comes in between has committed when this one goes on, so a second look finds what he left. */
static int find_account(struct worker *worker, struct call *call, const struct identity *identity,
                        struct found *ret_found) {
    *ret_found = (struct found){0};
    for (int looks = 0; looks < 2 && !ret_found->account.id && !call->refusal; looks++)
        if (find_once(worker, call, identity, ret_found) != 0)
            return -1;
    return ret_found->account.id || call->refusal ? 0 : -1;
}

/* Somebody may have registered with another's address and waited for its owner: nothing that he had is good any more.
 */
static int take_over(struct worker *worker, int64_t user_id) {
    return identities_store_take_over(worker, user_id) != 0 ||
                   sign_in_end_all(worker, user_id, NULL, "takeover", NULL) != 0 ||
                   sign_in_end_keys(worker, user_id, NULL) != 0
               ? -1
               : 0;
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
    if (takes_over && take_over(worker, found->account.id) != 0)
        return -1;
    if (found->is_linked && note_link(worker, call, found, takes_over) != 0)
        return -1;
    return identities_store_use(worker, identity, ret_picture);
}

int identities_sign_in(struct worker *worker, struct sign_in *sign_in, const struct identity *identity,
                       struct signed_in *ret_signed_in, const char **ret_picture) {
    struct found found = {0};
    if (!sign_in->call->refusal && find_account(worker, sign_in->call, identity, &found) != 0)
        return -1;
    if (found.account.id && use_identity(worker, sign_in->call, identity, &found, ret_picture) != 0)
        return -1;
    sign_in->account = found.account;
    return sign_in_open(worker, sign_in, 1, ret_signed_in);
}
