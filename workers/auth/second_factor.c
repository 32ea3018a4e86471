/* The second factor's operations and what sign-in asks of it. A secret is given out against the password, counts from
 * its first code on, and brings ten recovery codes. Activating and removing it leaves the person's sessions as they
 * are: both ask for the password, or a fresh sign-in. */
#include "second_factor.h"

#include <sodium.h>
#include <string.h>

#include "audit.h"
#include "clock.h"
#include "codes.h"
#include "links.h"
#include "log.h"
#include "operations.h"
#include "seal.h"
#include "second_factor_store.h"
#include "settings.h"
#include "sign_in.h"
#include "throttle.h"

#define RECOVERY_CODES 10
#define SEALED_SECRETS "second factors" /* purpose of seal() */

/* Takes the next word of a comma-separated list. NULL: there is none. */
static const char *next_word(const char **list, size_t *ret_length) {
    const char *word = *list + strspn(*list, ", ");
    *ret_length = strcspn(word, ", ");
    *list = word + *ret_length;
    return *ret_length ? word : NULL;
}

static bool word_is(const char *word, size_t length, const char *text) {
    return strlen(text) == length && strncmp(word, text, length) == 0;
}

bool second_factor_is_required(const char *role) {
    const char *list = settings.second_factor_required, *word;
    size_t length;
    while ((word = next_word(&list, &length)))
        if (word_is(word, length, role))
            return true;
    return false;
}

const char *second_factors_check(void) {
    const char *list = settings.second_factor_required, *word;
    size_t length;
    while ((word = next_word(&list, &length)))
        if (!word_is(word, length, "facilitator") && !word_is(word, length, "admin"))
            return "SECOND_FACTOR_REQUIRED names other roles than facilitator and admin";
    return NULL;
}

int second_factors_are_active(struct worker *worker, const int64_t *user_ids, size_t count, bool *ret_active) {
    return factor_store_are_active(worker, user_ids, count, ret_active);
}

/* ---- Secrets at rest */

/* Whose it is, then the secret: what is copied into another's row does not open there. */
struct owned_secret {
    int64_t user_id;
    unsigned char secret[TOTP_SECRET_SIZE];
} __attribute__((packed));

static struct bytes seal_secret(struct pool *pool, int64_t user_id, const unsigned char secret[TOTP_SECRET_SIZE]) {
    struct owned_secret owned = {.user_id = user_id};
    memcpy(owned.secret, secret, TOTP_SECRET_SIZE);
    return seal(pool, SEALED_SECRETS, (struct bytes){(const unsigned char *)&owned, sizeof owned});
}

/* NULL: it does not open, or is somebody else's. */
static const unsigned char *open_secret(struct pool *pool, int64_t user_id, struct bytes sealed) {
    struct bytes plain = unseal(pool, SEALED_SECRETS, sealed, NULL);
    struct owned_secret *owned = pool_alloc(pool, sizeof *owned);
    if (plain.length != sizeof *owned)
        return NULL;
    memcpy(owned, plain.data, sizeof *owned);
    return owned->user_id == user_id ? owned->secret : NULL;
}

struct resealing {
    int64_t after_user_id;
    size_t seen, lost;
};

static int reseal_page(struct worker *worker, void *argument) {
    struct resealing *resealing = argument;
    struct sealed_secret *secrets;
    size_t outdated_count = 0;
    if (factor_store_list_secrets(worker, resealing->after_user_id, &secrets, &resealing->seen) != 0)
        return -1;
    for (size_t i = 0; i < resealing->seen; i++) {
        bool outdated = false;
        struct bytes plain = unseal(worker_pool(worker), SEALED_SECRETS, secrets[i].secret, &outdated);
        resealing->after_user_id = secrets[i].user_id;
        resealing->lost += !plain.data;
        if (outdated)
            secrets[outdated_count++] =
                (struct sealed_secret){secrets[i].user_id, seal(worker_pool(worker), SEALED_SECRETS, plain)};
    }
    return outdated_count ? factor_store_replace_secrets(worker, secrets, outdated_count) : 0;
}

int second_factors_start(struct worker *worker) {
    struct resealing resealing = {.seen = 1};
    if (!settings.jwt_previous_secret_key[0])
        return 0;
    while (resealing.seen) {
        if (worker_transaction(worker, reseal_page, &resealing) != 0)
            return -1;
        db_release(worker_db(worker));
    }
    if (resealing.lost)
        log_error("%zu second factors were sealed by a key that is gone: administrators can remove them",
                  resealing.lost);
    return 0;
}

/* ---- Checking codes */

static int note_event(struct worker *worker, const struct call *call, const char *event, int64_t user_id,
                      const char *detail) {
    const struct security_event noted = audit_of(call, event, user_id, detail);
    return audit_note(worker, &noted, 1);
}

/* -1: it is no code of this factor's app. */
static int64_t step_of(struct worker *worker, int64_t user_id, const struct second_factor *factor, const char *code) {
    const unsigned char *secret = open_secret(worker_pool(worker), user_id, factor->secret);
    char spelt[CODE_SIZE];
    if (!secret || code_read(code, spelt) != CODE_OF_APP)
        return -1;
    return totp_step(secret, spelt, clock_wall_ms() / 1000);
}

static int check_app(struct worker *worker, int64_t user_id, const struct second_factor *factor, const char *code,
                     bool *ret_good) {
    int64_t step = step_of(worker, user_id, factor, code);
    *ret_good = false;
    return step < 0 ? 0 : factor_store_spend_step(worker, user_id, step, ret_good);
}

static int check_recovery(struct worker *worker, int64_t user_id, const struct second_factor *factor, const char *spelt,
                          bool *ret_good) {
    unsigned char hash[RECOVERY_HASH_SIZE];
    *ret_good = false;
    if (factor->recovery_salt.length != RECOVERY_SALT_SIZE)
        return 0;
    if (recovery_hash(spelt, factor->recovery_salt.data, hash) != 0) {
        log_error("no memory to hash a recovery code");
        return -1;
    }
    return factor_store_spend_recovery(worker, user_id, hash, ret_good);
}

static int check_code(struct worker *worker, const struct call *call, int64_t user_id, const char *code,
                      bool *ret_good) {
    struct second_factor factor;
    char spelt[CODE_SIZE];
    *ret_good = false;
    if (factor_store_read(worker, user_id, &factor) != 0)
        return -1;
    if (!factor.active)
        return 0;
    if (code_read(code, spelt) != CODE_OF_RECOVERY)
        return check_app(worker, user_id, &factor, code, ret_good);
    if (check_recovery(worker, user_id, &factor, spelt, ret_good) != 0)
        return -1;
    return *ret_good ? note_event(worker, call, "user_updated", user_id, "recovery code used") : 0;
}

/* Under a name of its own: the count of wrong codes is not that of wrong passwords. */
static struct attempt attempt_of(const struct call *call, int64_t user_id) {
    return throttle_attempt(call, pool_printf(call->pool, "second factor of user %lld", (long long)user_id), user_id);
}

/* May it be tried now? Else the call is refused. */
static int look(struct worker *worker, struct call *call, int64_t user_id, bool *ret_may) {
    struct attempt attempt = attempt_of(call, user_id);
    if (throttle_look(worker, &attempt, 1) != 0)
        return -1;
    *ret_may = attempt.delay_s == 0;
    if (!*ret_may)
        sign_in_delay(call, attempt.delay_s);
    return 0;
}

/* What came of it: a wrong code refuses the call. */
static void settle(struct worker *worker, struct call *call, int64_t user_id, const char *field, bool good) {
    const struct attempt attempt = attempt_of(call, user_id);
    throttle_note(worker, &attempt, good);
    if (!good)
        refuse_field(call, &refusal_invalid_code, field, "is wrong, or was used already");
}

int second_factor_prove(struct worker *worker, struct call *call, int64_t user_id, const char *field, const char *code,
                        bool *ret_good) {
    bool may;
    *ret_good = false;
    if (look(worker, call, user_id, &may) != 0)
        return -1;
    if (!may)
        return 0;
    if (check_code(worker, call, user_id, code, ret_good) != 0)
        return -1;
    settle(worker, call, user_id, field, *ret_good);
    return 0;
}

/* Of an operation on the factor; sign-ins note theirs themselves. */
static int note_failure(struct worker *worker, const struct call *call, int64_t user_id) {
    if (call->refusal != &refusal_invalid_code) /* of a delay, the failure that it follows from has told */
        return 0;
    return note_event(worker, call, "authn_login_fail", user_id, "second factor");
}

int second_factor_remove(struct worker *worker, int64_t user_id, bool *ret_removed) {
    return factor_store_remove(worker, user_id, ret_removed);
}

/* ---- Operations */

int get_second_factor(struct worker *worker, struct get_second_factor_call *calls, size_t count) {
    struct pool *pool = worker_pool(worker);
    int64_t *user_ids = pool_alloc(pool, count * sizeof *user_ids);
    struct factor_state *states = pool_alloc(pool, count * sizeof *states);
    for (size_t i = 0; i < count; i++)
        user_ids[i] = calls[i].call.header.caller.user_id;
    if (factor_store_states(worker, user_ids, count, states) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (!states[i].role) {
            refuse(&calls[i].call, &refusal_invalid_token);
            continue;
        }
        calls[i].reply.active = states[i].confirmed_at != NULL;
        calls[i].reply.required = second_factor_is_required(states[i].role);
        calls[i].reply.recovery_codes_left = states[i].recovery_codes_left;
        SET_TEXT(calls[i].reply, confirmed_at, states[i].confirmed_at);
    }
    return 0;
}

static int begin_one(struct worker *worker, struct begin_second_factor_call *call) {
    unsigned char secret[TOTP_SECRET_SIZE];
    struct account account;
    bool sure, begun;
    if (sign_in_confirm(worker, &call->call, call->request.current_password, &account, &sure) != 0)
        return -1;
    if (!sure)
        return 0;
    randombytes_buf(secret, sizeof secret);
    struct bytes sealed = seal_secret(call->call.pool, account.id, secret);
    if (factor_store_begin(worker, account.id, sealed, &begun) != 0)
        return -1;
    if (!begun) {
        refuse(&call->call, &refusal_second_factor_active);
        return 0;
    }
    call->reply.secret = totp_base32(secret, call->call.pool);
    if (!call->reply.secret)
        return -1;
    call->reply.otpauth_uri = totp_uri(call->reply.secret, account.email, call->call.pool);
    return note_event(worker, &call->call, "user_updated", account.id, "second factor begun");
}

int begin_second_factor(struct worker *worker, struct begin_second_factor_call *calls, size_t count) {
    if (sign_in_lock_callers(worker, calls, sizeof *calls, count) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (begin_one(worker, &calls[i]) != 0)
            return -1;
    return 0;
}

/* Ten new recovery codes in place of the former ones; the texts in the call's pool. 0, or -1. */
static int make_recovery_codes(struct worker *worker, struct call *call, int64_t user_id, const char ***ret_texts) {
    unsigned char salt[RECOVERY_SALT_SIZE];
    struct bytes hashes[RECOVERY_CODES];
    *ret_texts = pool_alloc(call->pool, RECOVERY_CODES * sizeof **ret_texts);
    randombytes_buf(salt, sizeof salt);
    for (size_t i = 0; i < RECOVERY_CODES; i++) {
        char text[RECOVERY_CODE_TEXT_SIZE], spelt[CODE_SIZE];
        unsigned char *hash = pool_alloc(call->pool, RECOVERY_HASH_SIZE);
        (*ret_texts)[i] = pool_text(call->pool, recovery_code_new(text));
        code_read(text, spelt);
        if (recovery_hash(spelt, salt, hash) != 0) {
            log_line(LOG_LEVEL_ERROR, call->header.request_id, "no memory to hash recovery codes");
            return -1;
        }
        hashes[i] = (struct bytes){hash, RECOVERY_HASH_SIZE};
    }
    return factor_store_replace_recovery(worker, user_id, salt, hashes, RECOVERY_CODES);
}

/* What a password alone has opened must not grow into the rights that need a second factor. */
static int end_weaker(struct worker *worker, const struct call *call, const struct account *account) {
    if (sign_in_end_all(worker, account->id, call->header.caller.session, "second_factor", NULL) != 0)
        return -1;
    return second_factor_is_required(account->role) ? sign_in_end_keys(worker, account->id, NULL) : 0;
}

static int activate(struct worker *worker, struct confirm_second_factor_call *call, const struct account *account) {
    call->reply.message = "Second factor is active";
    call->reply.recovery_codes.count = RECOVERY_CODES;
    if (make_recovery_codes(worker, &call->call, account->id, &call->reply.recovery_codes.items) != 0 ||
        end_weaker(worker, &call->call, account) != 0)
        return -1;
    links_mail_notice(worker, account->id, "second_factor_added", call->call.header.trace);
    return note_event(worker, &call->call, "user_updated", account->id, "second factor activated");
}

static int confirm_one(struct worker *worker, struct confirm_second_factor_call *call, const struct account *account) {
    struct second_factor factor;
    bool may, good = false;
    if (factor_store_read(worker, account->id, &factor) != 0)
        return -1;
    if (!factor.known || factor.active) {
        refuse(&call->call, factor.active ? &refusal_second_factor_active : &refusal_second_factor_missing);
        return 0;
    }
    if (look(worker, &call->call, account->id, &may) != 0)
        return -1;
    if (!may)
        return 0;
    int64_t step = step_of(worker, account->id, &factor, call->request.code);
    if (step >= 0 && factor_store_activate(worker, account->id, factor.secret, step, &good) != 0)
        return -1;
    settle(worker, &call->call, account->id, "code", good);
    return good ? activate(worker, call, account) : note_failure(worker, &call->call, account->id);
}

/* The callers, locked before their factors are read. */
static struct account *lock_callers(struct worker *worker, const int64_t *user_ids, size_t count) {
    struct account *accounts = pool_alloc(worker_pool(worker), count * sizeof *accounts);
    return store_lock_accounts(worker, user_ids, count, true, accounts) == 0 ? accounts : NULL;
}

int confirm_second_factor(struct worker *worker, struct confirm_second_factor_call *calls, size_t count) {
    int64_t *user_ids = pool_alloc(worker_pool(worker), count * sizeof *user_ids);
    for (size_t i = 0; i < count; i++)
        user_ids[i] = calls[i].call.header.caller.user_id;
    struct account *accounts = lock_callers(worker, user_ids, count);
    if (!accounts)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (confirm_one(worker, &calls[i], &accounts[i]) != 0)
            return -1;
    return 0;
}

/* By a code of the app: a found recovery code must not become ten. */
static int renew_one(struct worker *worker, struct renew_recovery_codes_call *call, const struct account *account) {
    struct second_factor factor;
    bool may, good;
    if (factor_store_read(worker, account->id, &factor) != 0)
        return -1;
    if (!factor.active) {
        refuse(&call->call, &refusal_second_factor_missing);
        return 0;
    }
    if (look(worker, &call->call, account->id, &may) != 0)
        return -1;
    if (!may)
        return 0;
    if (check_app(worker, account->id, &factor, call->request.code, &good) != 0)
        return -1;
    settle(worker, &call->call, account->id, "code", good);
    if (!good)
        return note_failure(worker, &call->call, account->id);
    call->reply.message = "Former recovery codes are void";
    call->reply.recovery_codes.count = RECOVERY_CODES;
    if (make_recovery_codes(worker, &call->call, account->id, &call->reply.recovery_codes.items) != 0)
        return -1;
    links_mail_notice(worker, account->id, "recovery_codes_renewed", call->call.header.trace);
    return note_event(worker, &call->call, "user_updated", account->id, "recovery codes renewed");
}

int renew_recovery_codes(struct worker *worker, struct renew_recovery_codes_call *calls, size_t count) {
    int64_t *user_ids = pool_alloc(worker_pool(worker), count * sizeof *user_ids);
    for (size_t i = 0; i < count; i++)
        user_ids[i] = calls[i].call.header.caller.user_id;
    struct account *accounts = lock_callers(worker, user_ids, count);
    if (!accounts)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (renew_one(worker, &calls[i], &accounts[i]) != 0)
            return -1;
    return 0;
}

static int remove_one(struct worker *worker, struct remove_second_factor_call *call) {
    struct account account;
    bool sure, good, removed;
    if (sign_in_confirm(worker, &call->call, call->request.current_password, &account, &sure) != 0)
        return -1;
    if (!sure)
        return 0;
    struct second_factor factor;
    if (factor_store_read(worker, account.id, &factor) != 0)
        return -1;
    if (!factor.active || second_factor_is_required(account.role)) {
        refuse(&call->call, factor.active ? &refusal_second_factor_enforced : &refusal_second_factor_missing);
        return 0;
    }
    if (second_factor_prove(worker, &call->call, account.id, "code", call->request.code, &good) != 0)
        return -1;
    if (!good)
        return note_failure(worker, &call->call, account.id);
    call->reply.message = "Second factor removed";
    if (factor_store_remove(worker, account.id, &removed) != 0)
        return -1;
    links_mail_notice(worker, account.id, "second_factor_removed", call->call.header.trace);
    return note_event(worker, &call->call, "user_updated", account.id, "second factor removed");
}

int remove_second_factor(struct worker *worker, struct remove_second_factor_call *calls, size_t count) {
    if (sign_in_lock_callers(worker, calls, sizeof *calls, count) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (remove_one(worker, &calls[i]) != 0)
            return -1;
    return 0;
}
