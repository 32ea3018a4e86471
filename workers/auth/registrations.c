/* Registration: judges what is asked for, makes the account, has its address verified, and signs in who wants to be. */
#include <string.h>

#include "audit.h"
#include "links.h"
#include "log.h"
#include "password.h"
#include "rules.h"
#include "settings.h"
#include "sign_in.h"
#include "summary.h"

/* That mails can be written in, by the contract. */
static const char *const *languages(void) {
    const struct field *field = record_register_user_request.fields;
    while (strcmp(field->name, "language") != 0)
        field++;
    return field->values;
}

/* The account that this registration asks for; or false: it was refused. */
static bool judge(struct register_user_call *call, struct new_account *ret_account) {
    const struct register_user_request *request = &call->request;
    struct signup signup = rule_signup(request->role, settings.facilitator_signup);
    const char *weakness =
        rule_password_weakness(request->password, request->email, request->name, settings_production());
    if (signup.closed)
        refuse_field(&call->call, &refusal_signup_closed, "role", "facilitators are not registered here");
    if (weakness)
        refuse_field(&call->call, &refusal_password_too_weak, "password", "%s", weakness);
    *ret_account = (struct new_account){
        .email = request->email,
        .name = request->name,
        .role = signup.role,
        .facilitator_pending = signup.facilitator_pending,
        .phone = request->phone,
        .bio = request->bio,
        .specialization = request->specialization,
        .facilitator_crm_id = request->facilitator_crm_id,
        .language = request->has_language == PRESENCE_SET ? request->language
                                                          : rule_language(request->accept_language, languages()),
    };
    return !call->call.refusal;
}

static int hash_passwords(struct register_user_call **calls, struct new_account *accounts, size_t count) {
    for (size_t i = 0; i < count; i++) {
        char hash[PASSWORD_HASH_SIZE];
        if (password_hash(calls[i]->request.password, hash) != 0) {
            log_line(LOG_LEVEL_ERROR, calls[i]->call.header.request_id, "no memory to hash a password");
            return -1;
        }
        accounts[i].password_hash = pool_text(calls[i]->call.pool, hash);
    }
    return 0;
}

static void answer(struct register_user_call *call, const struct account *account) {
    call->reply.message = "User registered successfully";
    call->reply.user = summary_of(account);
}

static void answer_tokens(struct register_user_call *call, const struct signed_in *signed_in) {
    SET(call->reply, access_token, signed_in->access_token);
    SET(call->reply, refresh_token, signed_in->refresh_token);
    SET(call->reply, token_type, signed_in->token_type);
    SET(call->reply, expires_in, signed_in->expires_in);
    call->reply.has_second_factor_setup_required = signed_in->has_second_factor_setup_required;
    call->reply.second_factor_setup_required = signed_in->second_factor_setup_required;
}

/* Of those that are registered now: who asked for it gets a session. */
static int sign_in_registered(struct worker *worker, struct register_user_call **calls, const struct account *accounts,
                              size_t count) {
    struct pool *pool = worker_pool(worker);
    struct sign_in *sign_ins = pool_alloc(pool, count * sizeof *sign_ins);
    struct signed_in *answers = pool_alloc(pool, count * sizeof *answers);
    struct register_user_call **wanting = pool_alloc(pool, count * sizeof *wanting);
    size_t wanting_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (!calls[i]->request.sign_in)
            continue;
        wanting[wanting_count] = calls[i];
        sign_ins[wanting_count++] = (struct sign_in){.call = &calls[i]->call,
                                                     .account = accounts[i],
                                                     .user_agent = calls[i]->request.user_agent,
                                                     .method = "registration"};
    }
    if (wanting_count == 0)
        return 0;
    if (sign_in_open(worker, sign_ins, wanting_count, answers) != 0)
        return -1;
    for (size_t i = 0; i < wanting_count; i++)
        if (!wanting[i]->call.refusal)
            answer_tokens(wanting[i], &answers[i]);
    return 0;
}

/* What follows from new accounts: their answers, mails, and events. */
static int welcome(struct worker *worker, struct register_user_call **calls, const struct account *accounts,
                   size_t count) {
    struct security_event *events = pool_alloc(worker_pool(worker), count * sizeof *events);
    for (size_t i = 0; i < count; i++) {
        answer(calls[i], &accounts[i]);
        links_mail_verification(worker, accounts[i].id, &calls[i]->call.header);
        events[i] = audit_of(&calls[i]->call, "user_created", accounts[i].id, accounts[i].role);
    }
    return audit_note(worker, events, count) != 0 || sign_in_registered(worker, calls, accounts, count) != 0 ? -1 : 0;
}

int register_user(struct worker *worker, struct register_user_call *calls, size_t count) {
    struct pool *pool = worker_pool(worker);
    struct register_user_call **asked = pool_alloc(pool, count * sizeof *asked);
    struct new_account *wanted = pool_alloc(pool, count * sizeof *wanted);
    struct account *made = pool_alloc(pool, count * sizeof *made);
    int64_t *ids = pool_alloc(pool, count * sizeof *ids);
    size_t asked_count = 0, made_count = 0;
    for (size_t i = 0; i < count; i++)
        if (judge(&calls[i], &wanted[asked_count]))
            asked[asked_count++] = &calls[i];
    if (asked_count == 0)
        return 0;
    if (hash_passwords(asked, wanted, asked_count) != 0 || store_create_accounts(worker, wanted, asked_count, ids) != 0)
        return -1;
    for (size_t i = 0; i < asked_count; i++) {
        if (ids[i] == 0) {
            refuse_field(&asked[i]->call, &refusal_email_taken, "email", "is registered already");
            continue;
        }
        asked[made_count] = asked[i];
        made[made_count++] =
            (struct account){.id = ids[i], .email = wanted[i].email, .name = wanted[i].name, .role = wanted[i].role};
    }
    return made_count ? welcome(worker, asked, made, made_count) : 0;
}
