/* The operations of the auth worker: asks the store, asks the rules, answers. Passwords are hashed one after the other
 * in this process: how many at once is how many auth workers there are. Revocations go to Redis before the answer
 * leaves. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "etag.h"
#include "log.h"
#include "password.h"
#include "revocations.h"
#include "rules.h"
#include "settings.h"
#include "store.h"
#include "token.h"
#include "webhook.h"

#define REFRESH_TOKEN_LENGTH 32

struct tokens {
    const char *access, *refresh;
};

static struct account_summary summarize(const struct account *account) {
    return (struct account_summary){
        .id = account->id, .email = account->email, .name = account->name, .role = account->role};
}

static void hash_token(const char *token, uint8_t ret_hash[TOKEN_HASH_SIZE]) {
    crypto_hash_sha256(ret_hash, (const unsigned char *)token, strlen(token));
}

/* Tokens for `session` of this account, and the row that makes the refresh token good. 0 or -1. */
static int make_tokens(struct call *call, const struct account *account, const char *session, struct tokens *ret_tokens,
                       struct new_session *ret_row) {
    unsigned char secret[REFRESH_TOKEN_LENGTH];
    char refresh[sodium_base64_ENCODED_LEN(REFRESH_TOKEN_LENGTH, sodium_base64_VARIANT_URLSAFE_NO_PADDING)];
    struct token token = {.user_id = account->id};
    snprintf(token.role, sizeof token.role, "%s", account->role);
    snprintf(token.session, sizeof token.session, "%s", session);
    char *access = token_issue(&token, settings.jwt_secret_key, strlen(settings.jwt_secret_key), clock_wall_ms() / 1000,
                               settings.access_token_ttl_s);
    if (!access) {
        log_line(LOG_LEVEL_ERROR, call->header.request_id, "no access token could be made");
        return -1;
    }
    ret_tokens->access = pool_text(call->pool, access);
    free(access);
    randombytes_buf(secret, sizeof secret);
    sodium_bin2base64(refresh, sizeof refresh, secret, sizeof secret, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    ret_tokens->refresh = pool_text(call->pool, refresh);
    *ret_row = (struct new_session){.id = session, .user_id = account->id, .address = call->header.caller.address};
    hash_token(refresh, ret_row->hash);
    return 0;
}

static const char *new_session_id(struct call *call) {
    char text[UUID_TEXT_SIZE];
    struct uuid id = uuid_new();
    return pool_text(call->pool, uuid_text(&id, text));
}

static struct signed_in answer_tokens(const struct tokens *tokens, const struct account *account) {
    return (struct signed_in){.access_token = tokens->access,
                              .refresh_token = tokens->refresh,
                              .token_type = "Bearer",
                              .expires_in = settings.access_token_ttl_s,
                              .user = summarize(account)};
}

/* The account that this registration asks for; or false: it was refused. */
static bool judge_registration(struct register_user_call *call, struct new_account *ret_account) {
    const struct register_user_request *request = &call->request;
    struct signup signup = rule_signup(request->role, settings.facilitator_signup);
    const char *weakness = rule_password_weakness(request->password, settings_production());
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

static int sign_in_registered(struct register_user_call *call, const struct account *account,
                              struct new_session *ret_session) {
    struct tokens tokens;
    if (make_tokens(&call->call, account, new_session_id(&call->call), &tokens, ret_session) != 0)
        return -1;
    SET(call->reply, access_token, tokens.access);
    SET(call->reply, refresh_token, tokens.refresh);
    SET(call->reply, token_type, "Bearer");
    SET(call->reply, expires_in, settings.access_token_ttl_s);
    return 0;
}

int register_user(struct worker *worker, struct register_user_call *calls, size_t count) {
    struct pool *pool = worker_pool(worker);
    struct register_user_call **asked = pool_alloc(pool, count * sizeof *asked);
    struct new_account *accounts = pool_alloc(pool, count * sizeof *accounts);
    struct new_session *sessions = pool_alloc(pool, count * sizeof *sessions);
    int64_t *ids = pool_alloc(pool, count * sizeof *ids);
    size_t asked_count = 0, session_count = 0;
    for (size_t i = 0; i < count; i++)
        if (judge_registration(&calls[i], &accounts[asked_count]))
            asked[asked_count++] = &calls[i];
    if (asked_count == 0)
        return 0;
    if (hash_passwords(asked, accounts, asked_count) != 0 ||
        store_create_accounts(worker, accounts, asked_count, ids) != 0)
        return -1;
    for (size_t i = 0; i < asked_count; i++) {
        struct register_user_call *call = asked[i];
        if (ids[i] == 0) {
            refuse_field(&call->call, &refusal_email_taken, "email", "is registered already");
            continue;
        }
        const struct account account = {
            .id = ids[i], .email = accounts[i].email, .name = accounts[i].name, .role = accounts[i].role};
        call->reply.message = "User registered successfully";
        call->reply.user = summarize(&account);
        if (call->request.sign_in && sign_in_registered(call, &account, &sessions[session_count++]) != 0)
            return -1;
    }
    return session_count ? store_open_sessions(worker, sessions, session_count) : 0;
}

/* A hash made with older parameters is made anew while the password is known. */
struct rehashes {
    int64_t *user_ids;
    const char **old_hashes, **new_hashes;
    size_t count;
};

static void rehash(struct rehashes *rehashes, struct login_user_call *call, const struct account *account) {
    char hash[PASSWORD_HASH_SIZE];
    if (!password_needs_rehash(account->password_hash) || password_hash(call->request.password, hash) != 0)
        return;
    rehashes->user_ids[rehashes->count] = account->id;
    rehashes->old_hashes[rehashes->count] = account->password_hash;
    rehashes->new_hashes[rehashes->count++] = pool_text(call->call.pool, hash);
}

/* Refuses with the same answer, after the same time, whether the account or the password is wrong. */
static bool credentials_are_good(struct login_user_call *call, const struct account *account) {
    if (!password_verify(account->password_hash, call->request.password)) {
        log_line(LOG_LEVEL_INFO, call->call.header.request_id, "authn_login_fail user %lld from %s",
                 (long long)account->id, call->call.header.caller.address);
        refuse(&call->call, &refusal_invalid_credentials);
    } else if (!account->is_active) {
        refuse(&call->call, &refusal_account_inactive);
    }
    return !call->call.refusal;
}

int login_user(struct worker *worker, struct login_user_call *calls, size_t count) {
    struct pool *pool = worker_pool(worker);
    const char **emails = pool_alloc(pool, count * sizeof *emails);
    struct account *accounts = pool_alloc(pool, count * sizeof *accounts);
    struct new_session *sessions = pool_alloc(pool, count * sizeof *sessions);
    struct rehashes rehashes = {.user_ids = pool_alloc(pool, count * sizeof *rehashes.user_ids),
                                .old_hashes = pool_alloc(pool, count * sizeof *rehashes.old_hashes),
                                .new_hashes = pool_alloc(pool, count * sizeof *rehashes.new_hashes)};
    size_t session_count = 0;
    for (size_t i = 0; i < count; i++)
        emails[i] = calls[i].request.email;
    if (store_find_accounts(worker, emails, count, accounts) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        struct call *call = &calls[i].call;
        struct tokens tokens;
        if (!credentials_are_good(&calls[i], &accounts[i]))
            continue;
        if (make_tokens(call, &accounts[i], new_session_id(call), &tokens, &sessions[session_count++]) != 0)
            return -1;
        calls[i].reply = answer_tokens(&tokens, &accounts[i]);
        rehash(&rehashes, &calls[i], &accounts[i]);
    }
    if (session_count && store_open_sessions(worker, sessions, session_count) != 0)
        return -1;
    if (rehashes.count)
        return store_replace_hashes(worker, rehashes.user_ids, rehashes.old_hashes, rehashes.new_hashes,
                                    rehashes.count);
    return 0;
}

/* What one mailbox of refresh tokens comes to. */
struct refreshes {
    struct bytes *hashes; /* of all calls */
    struct refresh_row *rows;
    struct bytes *spent;
    struct new_session *sessions;
    size_t good_count;
    const char **reused; /* sessions that end */
    size_t reused_count;
};

static bool spent_earlier(const struct refreshes *refreshes, size_t at) {
    for (size_t i = 0; i < refreshes->good_count; i++)
        if (memcmp(refreshes->spent[i].data, refreshes->hashes[at].data, TOKEN_HASH_SIZE) == 0)
            return true;
    return false;
}

/* A broker may have given one call to two workers, and this one waited for the other's lock: that is no reuse, and the
 * other worker's answer counts. */
static int refuse_reuse(struct worker *worker, struct refreshes *refreshes, size_t at, struct call *call) {
    const struct refresh_row *row = &refreshes->rows[at];
    const struct uuid *command = uuid_is_nil(&call->header.command) ? &call->header.id : &call->header.command;
    bool ran;
    if (store_command_ran(worker, command, &ran) != 0)
        return -1;
    if (ran) {
        refuse(call, &refusal_idempotency_in_flight);
        return 0;
    }
    log_line(LOG_LEVEL_WARN, call->header.request_id, "authn_token_reuse session %s of user %lld from %s", row->session,
             (long long)row->account.id, call->header.caller.address);
    refreshes->reused[refreshes->reused_count++] = row->session;
    refuse(call, &refusal_refresh_token_spent);
    return 0;
}

static int refresh_one(struct worker *worker, struct refreshes *refreshes, size_t at, struct refresh_token_call *call) {
    const struct refresh_row *row = &refreshes->rows[at];
    const struct refresh_state state = {.known = row->known,
                                        .spent = row->spent || spent_earlier(refreshes, at),
                                        .revoked = row->revoked,
                                        .expired = row->expired,
                                        .inactive = !row->account.is_active};
    struct tokens tokens;
    switch (rule_refresh(state)) {
    case REFRESH_GOOD:
        if (make_tokens(&call->call, &row->account, row->session, &tokens,
                        &refreshes->sessions[refreshes->good_count]) != 0)
            return -1;
        refreshes->spent[refreshes->good_count++] = refreshes->hashes[at];
        call->reply = answer_tokens(&tokens, &row->account);
        return 0;
    case REFRESH_REUSED:
        return refuse_reuse(worker, refreshes, at, &call->call);
    case REFRESH_INACTIVE:
        refuse(&call->call, &refusal_account_inactive);
        return 0;
    case REFRESH_INVALID:
        break;
    }
    refuse(&call->call, &refusal_invalid_token);
    return 0;
}

int refresh_token(struct worker *worker, struct refresh_token_call *calls, size_t count) {
    struct pool *pool = worker_pool(worker);
    struct refreshes refreshes = {.hashes = pool_alloc(pool, count * sizeof *refreshes.hashes),
                                  .rows = pool_alloc(pool, count * sizeof *refreshes.rows),
                                  .spent = pool_alloc(pool, count * sizeof *refreshes.spent),
                                  .sessions = pool_alloc(pool, count * sizeof *refreshes.sessions),
                                  .reused = pool_alloc(pool, count * sizeof *refreshes.reused)};
    for (size_t i = 0; i < count; i++) {
        uint8_t *hash = pool_alloc(pool, TOKEN_HASH_SIZE);
        hash_token(calls[i].request.refresh_token, hash);
        refreshes.hashes[i] = (struct bytes){hash, TOKEN_HASH_SIZE};
    }
    if (store_find_refresh_tokens(worker, refreshes.hashes, count, refreshes.rows) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (refresh_one(worker, &refreshes, i, &calls[i]) != 0)
            return -1;
    if (refreshes.good_count &&
        store_rotate_tokens(worker, refreshes.spent, refreshes.sessions, refreshes.good_count) != 0)
        return -1;
    if (refreshes.reused_count == 0)
        return 0;
    bool published = revocations_publish(worker, refreshes.reused, refreshes.reused_count);
    return store_revoke_sessions(worker, refreshes.reused, refreshes.reused_count, "reuse", published);
}

int logout_user(struct worker *worker, struct logout_user_call *calls, size_t count) {
    const char **sessions = pool_alloc(worker_pool(worker), count * sizeof *sessions);
    size_t session_count = 0;
    for (size_t i = 0; i < count; i++) {
        struct uuid id;
        calls[i].reply.message = "Logged out successfully";
        if (uuid_parse(calls[i].call.header.caller.session, &id) == 0)
            sessions[session_count++] = calls[i].call.header.caller.session;
        else
            refuse(&calls[i].call, &refusal_invalid_token);
    }
    if (session_count == 0)
        return 0;
    bool published = revocations_publish(worker, sessions, session_count);
    return store_revoke_sessions(worker, sessions, session_count, "logout", published);
}

int get_profile(struct worker *worker, struct get_profile_call *calls, size_t count) {
    struct pool *pool = worker_pool(worker);
    int64_t *user_ids = pool_alloc(pool, count * sizeof *user_ids);
    struct profile *profiles = pool_alloc(pool, count * sizeof *profiles);
    for (size_t i = 0; i < count; i++)
        user_ids[i] = calls[i].call.header.caller.user_id;
    if (store_read_profiles(worker, user_ids, count, false, profiles) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        calls[i].reply = profiles[i];
        if (profiles[i].id == 0)
            refuse(&calls[i].call, &refusal_invalid_token);
    }
    return 0;
}

/* One at a time, in the order they came: a second change of the same profile must see the first (If-Match). */
static int update_one(struct worker *worker, struct update_profile_call *call) {
    int64_t user_id = call->call.header.caller.user_id;
    const struct update_profile_request *request = &call->request;
    char secret[WEBHOOK_SECRET_TEXT_SIZE];
    struct profile before;
    bool secret_is_new;
    if (store_read_profiles(worker, &user_id, 1, true, &before) != 0)
        return -1;
    if (before.id == 0)
        refuse(&call->call, &refusal_invalid_token);
    else if (request->has_if_match == PRESENCE_SET &&
             !etag_listed(request->if_match, etag_of(&record_profile, &before, call->call.pool), false))
        refuse(&call->call, &refusal_precondition_failed);
    else if (request->has_crm_webhook_url == PRESENCE_SET &&
             !rule_webhook_address_is_good(request->crm_webhook_url, settings_production()))
        refuse_field(&call->call, &refusal_validation_error, "crm_webhook_url", "must be an https address");
    if (call->call.refusal)
        return 0;
    if (store_update_profile(worker, user_id, request, webhook_secret_new(secret), &secret_is_new) != 0 ||
        store_read_profiles(worker, &user_id, 1, false, &call->reply.user) != 0)
        return -1;
    call->reply.message = "Profile updated successfully";
    if (secret_is_new)
        SET(call->reply, crm_webhook_secret, pool_text(call->call.pool, secret));
    return 0;
}

int update_profile(struct worker *worker, struct update_profile_call *calls, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (update_one(worker, &calls[i]) != 0)
            return -1;
    return 0;
}
