/* Signing in by password, and finishing a sign-in that asked for a second factor. Passwords are verified one after the
 * other in this process: how many at once is how many auth workers there are. */
#include "links.h"
#include "password.h"
#include "second_factor.h"
#include "sign_in.h"
#include "throttle.h"

/* One mailbox of sign-ins by password. */
struct logins {
    struct worker *worker;
    struct login_user_call *calls;
    size_t count;
    struct account *accounts;
    struct attempt *attempts;
    /* Hashes made with older parameters are made anew while the password is known. */
    int64_t *rehashed_ids;
    const char **old_hashes, **new_hashes;
    size_t rehashed_count;
};

static int find_accounts(struct logins *logins) {
    const char **emails = pool_alloc(worker_pool(logins->worker), logins->count * sizeof *emails);
    for (size_t i = 0; i < logins->count; i++)
        emails[i] = logins->calls[i].request.email;
    if (store_find_accounts(logins->worker, emails, logins->count, logins->accounts) != 0)
        return -1;
    for (size_t i = 0; i < logins->count; i++) {
        if (logins->accounts[i].id == 0)
            logins->accounts[i].email = emails[i];
        logins->attempts[i] =
            throttle_attempt(&logins->calls[i].call, logins->accounts[i].email, logins->accounts[i].id);
    }
    return throttle_look(logins->worker, logins->attempts, logins->count);
}

static void rehash(struct logins *logins, const struct login_user_call *call, const struct account *account) {
    char hash[PASSWORD_HASH_SIZE];
    if (!password_needs_rehash(account->password_hash) || password_hash(call->request.password, hash) != 0)
        return;
    logins->rehashed_ids[logins->rehashed_count] = account->id;
    logins->old_hashes[logins->rehashed_count] = account->password_hash;
    logins->new_hashes[logins->rehashed_count++] = pool_text(call->call.pool, hash);
}

/* The same answer, after the same time, whether the account or the password is wrong. */
static void check_password(struct logins *logins, size_t at) {
    struct login_user_call *call = &logins->calls[at];
    const struct account *account = &logins->accounts[at];
    if (logins->attempts[at].delay_s > 0)
        sign_in_delay(&call->call, logins->attempts[at].delay_s);
    else if (!password_verify(account->password_hash, call->request.password))
        refuse(&call->call, &refusal_invalid_credentials);
    else
        rehash(logins, call, account);
}

static int open_all(struct logins *logins) {
    struct pool *pool = worker_pool(logins->worker);
    struct sign_in *sign_ins = pool_alloc(pool, logins->count * sizeof *sign_ins);
    struct signed_in *answers = pool_alloc(pool, logins->count * sizeof *answers);
    for (size_t i = 0; i < logins->count; i++) {
        const struct login_user_request *request = &logins->calls[i].request;
        sign_ins[i] = (struct sign_in){.call = &logins->calls[i].call,
                                       .account = logins->accounts[i],
                                       .user_agent = request->user_agent,
                                       .otp = request->otp,
                                       .method = "password"};
    }
    if (sign_in_open(logins->worker, sign_ins, logins->count, answers) != 0)
        return -1;
    for (size_t i = 0; i < logins->count; i++)
        logins->calls[i].reply = answers[i];
    return 0;
}

int login_user(struct worker *worker, struct login_user_call *calls, size_t count) {
    struct pool *pool = worker_pool(worker);
    struct logins logins = {.worker = worker,
                            .calls = calls,
                            .count = count,
                            .accounts = pool_alloc(pool, count * sizeof *logins.accounts),
                            .attempts = pool_alloc(pool, count * sizeof *logins.attempts),
                            .rehashed_ids = pool_alloc(pool, count * sizeof *logins.rehashed_ids),
                            .old_hashes = pool_alloc(pool, count * sizeof *logins.old_hashes),
                            .new_hashes = pool_alloc(pool, count * sizeof *logins.new_hashes)};
    if (find_accounts(&logins) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        check_password(&logins, i);
    if (open_all(&logins) != 0)
        return -1;
    if (logins.rehashed_count == 0)
        return 0;
    return store_replace_hashes(worker, logins.rehashed_ids, logins.old_hashes, logins.new_hashes,
                                logins.rehashed_count);
}

/* Whose challenges these are, locked before anything else: codes for one account are tried one after the other. */
static int lock_challenged(struct worker *worker, const struct answer_second_factor_call *calls, size_t count,
                           struct account *ret_accounts) {
    struct pool *pool = worker_pool(worker);
    const char **challenges = pool_alloc(pool, count * sizeof *challenges);
    int64_t *user_ids = pool_alloc(pool, count * sizeof *user_ids);
    for (size_t i = 0; i < count; i++)
        challenges[i] = calls[i].request.challenge;
    if (links_find_challenged(worker, challenges, count, user_ids) != 0)
        return -1;
    return store_lock_accounts(worker, user_ids, count, true, ret_accounts);
}

static int answer_one(struct worker *worker, struct answer_second_factor_call *call, const struct account *account) {
    int64_t user_id;
    bool good;
    if (links_look_at_challenge(worker, call->request.challenge, &user_id) != 0)
        return -1;
    if (user_id == 0 || account->id == 0) {
        refuse_field(&call->call, &refusal_invalid_code, "challenge", "is wrong or over; sign in again");
        return 0;
    }
    if (second_factor_prove(worker, &call->call, account->id, "otp", call->request.otp, &good) != 0)
        return -1;
    return good ? links_use_challenge(worker, call->request.challenge) : 0;
}

int answer_second_factor(struct worker *worker, struct answer_second_factor_call *calls, size_t count) {
    struct pool *pool = worker_pool(worker);
    struct sign_in *sign_ins = pool_alloc(pool, count * sizeof *sign_ins);
    struct signed_in *answers = pool_alloc(pool, count * sizeof *answers);
    struct account *accounts = pool_alloc(pool, count * sizeof *accounts);
    if (lock_challenged(worker, calls, count, accounts) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (answer_one(worker, &calls[i], &accounts[i]) != 0)
            return -1;
        sign_ins[i] = (struct sign_in){.call = &calls[i].call,
                                       .account = accounts[i],
                                       .user_agent = calls[i].request.user_agent,
                                       .method = "second_factor",
                                       .factor_is_proven = true};
    }
    if (sign_in_open(worker, sign_ins, count, answers) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        calls[i].reply = answers[i];
    return 0;
}
