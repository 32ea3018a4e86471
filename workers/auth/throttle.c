/* Counts of failed sign-ins, in PostgreSQL so that all auth workers see them; see throttle.h. The table is unlogged: a
 * crash of PostgreSQL forgets the counts, which costs an hour's memory and nothing else. How long one has to wait is
 * said by rules.c. */
#include "throttle.h"

#include <inttypes.h>
#include <sodium.h>
#include <string.h>

#include "address.h"
#include "audit.h"
#include "rules.h"
#include "settings.h"

enum scope {
    SCOPE_ACCOUNT,  /* of this account, from addresses that are not known for it */
    SCOPE_KNOWN,    /* of this account, from this known address: its own count, which others do not raise */
    SCOPE_ADDRESS,  /* of this address, over all accounts */
    SCOPE_EVERYBODY /* of all */
};
#define SCOPE_COUNT (SCOPE_EVERYBODY + 1)

static const struct statement look = {
    "throttle_look",
    "SELECT given.place, failures, (extract(epoch FROM failed_at) * 1000)::bigint,"
    "       (extract(epoch FROM clock_timestamp()) * 1000)::bigint"
    " FROM unnest($1::text[]) WITH ORDINALITY AS given(key, place) JOIN sign_in_throttles USING (key)"};

/* Where these accounts were signed in to lately. IPv6 addresses are compared by whoever asks. */
static const struct statement find_known = {
    "throttle_find_known",
    "SELECT given.place, known.address"
    " FROM unnest($1::bigint[], $2::text[]) WITH ORDINALITY AS given(user_id, address, place),"
    " LATERAL (SELECT DISTINCT address FROM sessions"
    "  WHERE user_id = given.user_id AND created_at > now() - interval '30 days'"
    "   AND created_at < now()" /* what this very sign-in opens does not count */
    "   AND (address = given.address OR (address LIKE '%:%' AND given.address LIKE '%:%')) LIMIT 100) AS known"};

/* In the order of the keys, so that no two wait for each other. */
static const struct statement note = {
    "throttle_note",
    "WITH cleared AS (DELETE FROM sign_in_throttles WHERE key = ANY ($1::text[]))"
    " INSERT INTO sign_in_throttles AS kept (key, failures, failed_at)"
    " SELECT key, count(*), clock_timestamp() FROM unnest($2::text[]) AS failed(key) GROUP BY key ORDER BY key"
    " ON CONFLICT (key) DO UPDATE SET failed_at = excluded.failed_at, failures = excluded.failures"
    "  + CASE WHEN excluded.failed_at - kept.failed_at > make_interval(secs => $5::float8) THEN 0"
    "    ELSE greatest(0, kept.failures - greatest(0, extract(epoch FROM excluded.failed_at - kept.failed_at))"
    "     * CASE WHEN kept.key = 'everybody' THEN $4::float8 WHEN kept.key LIKE 'address:%' THEN $3::float8 ELSE 0 END)"
    "    END"
    " RETURNING key, failures"};

static const struct statement read_email = {"throttle_read_email", "SELECT email FROM users WHERE id = $1::bigint"};

/* One attempt, as it is judged. */
struct judged {
    const char *keys[SCOPE_COUNT];
    struct throttle_count counts[SCOPE_COUNT];
    const char *scope; /* of its address; "": it has none */
    bool is_known;     /* its account was signed in to from there lately */
};

static bool is_off(void) {
    return settings.rate_limit_auth.count == 0;
}

static struct throttle_rule rule_of(enum scope scope) {
    const struct limit limit = settings.rate_limit_auth;
    switch (scope) {
    case SCOPE_ADDRESS:
        return rule_throttle_address(limit.count);
    case SCOPE_EVERYBODY:
        return rule_throttle_everybody(limit.count, limit.seconds);
    case SCOPE_ACCOUNT:
    case SCOPE_KNOWN:
        break;
    }
    return rule_throttle_account();
}

static const char *scope_of(struct pool *pool, const char *text) {
    struct address address;
    char scope[ADDRESS_TEXT_SIZE];
    if (!text || address_parse(text, strlen(text), &address) != 0)
        return "";
    return pool_text(pool, address_scope(&address, scope));
}

static const char *account_key(struct pool *pool, const struct attempt *attempt) {
    unsigned char hash[crypto_hash_sha256_BYTES];
    char hex[2 * sizeof hash + 1];
    char *email = pool_text(pool, attempt->email);
    for (char *at = email; *at; at++)
        if (*at >= 'A' && *at <= 'Z')
            *at += 'a' - 'A';
    crypto_hash_sha256(hash, (const unsigned char *)email, strlen(email));
    return pool_printf(pool, "account:%s", sodium_bin2hex(hex, sizeof hex, hash, sizeof hash));
}

static struct judged *judge(struct pool *pool, const struct attempt *attempts, size_t count) {
    struct judged *judged = pool_alloc(pool, count * sizeof *judged);
    for (size_t i = 0; i < count; i++) {
        const char *account = account_key(pool, &attempts[i]), *scope = scope_of(pool, attempts[i].address);
        judged[i] = (struct judged){.scope = scope,
                                    .keys = {[SCOPE_ACCOUNT] = account,
                                             [SCOPE_KNOWN] = pool_printf(pool, "%s@%s", account, scope),
                                             [SCOPE_ADDRESS] = pool_printf(pool, "address:%s", scope),
                                             [SCOPE_EVERYBODY] = "everybody"}};
    }
    return judged;
}

static int look_for_known(struct worker *worker, const struct attempt *attempts, struct judged *judged, size_t count) {
    struct pool *pool = worker_pool(worker);
    struct parameters parameters;
    int64_t *user_ids = pool_alloc(pool, count * sizeof *user_ids);
    const char **addresses = pool_alloc(pool, count * sizeof *addresses);
    for (size_t i = 0; i < count; i++) {
        user_ids[i] = attempts[i].user_id;
        addresses[i] = attempts[i].address;
    }
    parameters_init(&parameters, pool);
    parameter_integers(&parameters, user_ids, count);
    parameter_texts(&parameters, addresses, count);
    PGresult *result = db_query(worker_db(worker), &find_known, &parameters);
    if (!result)
        return -1;
    for (int row = 0; row < PQntuples(result); row++) {
        struct judged *found = &judged[db_integer(result, row, 0) - 1];
        if (*found->scope && strcmp(found->scope, scope_of(pool, db_text(result, row, 1))) == 0)
            found->is_known = true;
    }
    return 0;
}

/* Fills the counts. 0, or -1. */
static int read_counts(struct worker *worker, struct judged *judged, size_t count, int64_t *ret_now_ms) {
    struct pool *pool = worker_pool(worker);
    struct parameters parameters;
    const char **keys = pool_alloc(pool, SCOPE_COUNT * count * sizeof *keys);
    for (size_t i = 0; i < count; i++)
        memcpy(&keys[SCOPE_COUNT * i], judged[i].keys, sizeof judged[i].keys);
    parameters_init(&parameters, pool);
    parameter_texts(&parameters, keys, SCOPE_COUNT * count);
    PGresult *result = db_query(worker_db(worker), &look, &parameters);
    if (!result)
        return -1;
    for (int row = 0; row < PQntuples(result); row++) {
        size_t place = (size_t)db_integer(result, row, 0) - 1;
        judged[place / SCOPE_COUNT].counts[place % SCOPE_COUNT] =
            (struct throttle_count){db_number(result, row, 1), db_integer(result, row, 2)};
        *ret_now_ms = db_integer(result, row, 3);
    }
    return 0;
}

static int64_t wait_ms(const struct judged *judged, enum scope scope, int64_t now_ms) {
    const struct throttle_rule rule = rule_of(scope);
    return rule_throttle_wait_ms(&rule, judged->counts[scope], now_ms);
}

/* Does it matter whether the address is known? */
static bool is_doubtful(const struct judged *judged, int64_t now_ms) {
    return judged->counts[SCOPE_ACCOUNT].failures > 0 || judged->counts[SCOPE_KNOWN].failures > 0 ||
           wait_ms(judged, SCOPE_ADDRESS, now_ms) || wait_ms(judged, SCOPE_EVERYBODY, now_ms);
}

static int64_t longest_wait_ms(const struct judged *judged, int64_t now_ms) {
    int64_t longest_ms = 0;
    if (judged->is_known)
        return wait_ms(judged, SCOPE_KNOWN, now_ms);
    for (enum scope scope = 0; scope < SCOPE_COUNT; scope++)
        if (scope != SCOPE_KNOWN && wait_ms(judged, scope, now_ms) > longest_ms)
            longest_ms = wait_ms(judged, scope, now_ms);
    return longest_ms;
}

/* Would this attempt be the second, at once, where they are made one by one? */
static bool is_second(const struct judged *earlier, const struct judged *judged) {
    for (enum scope scope = SCOPE_ACCOUNT; scope <= SCOPE_ADDRESS; scope++) {
        const struct throttle_rule rule = rule_of(scope);
        if ((scope == SCOPE_KNOWN) == judged->is_known && rule_throttle_is_slow(&rule, judged->counts[scope]) &&
            strcmp(earlier->keys[scope], judged->keys[scope]) == 0)
            return true;
    }
    return false;
}

int throttle_look(struct worker *worker, struct attempt *attempts, size_t count) {
    struct judged *judged = judge(worker_pool(worker), attempts, count);
    int64_t now_ms = 0;
    bool doubtful = false;
    for (size_t i = 0; i < count; i++)
        attempts[i].delay_s = 0;
    if (is_off())
        return 0;
    if (read_counts(worker, judged, count, &now_ms) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        doubtful |= is_doubtful(&judged[i], now_ms);
    if (doubtful && look_for_known(worker, attempts, judged, count) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        attempts[i].delay_s = (longest_wait_ms(&judged[i], now_ms) + 999) / 1000;
        for (size_t j = 0; j < i && attempts[i].delay_s == 0; j++)
            attempts[i].delay_s = attempts[j].delay_s == 0 && is_second(&judged[j], &judged[i]);
    }
    return 0;
}

/* Counts that a failure raises. */
static bool raises(const struct judged *judged, enum scope scope) {
    return scope != (judged->is_known ? SCOPE_ACCOUNT : SCOPE_KNOWN);
}

/* What the database says of the counts that were raised goes into `failed`. 0, or -1. */
static int change_counts(struct worker *worker, struct judged *failed, size_t failed_count, const struct judged *good,
                         size_t good_count) {
    struct pool *pool = worker_pool(worker);
    struct parameters parameters;
    const char **raised = pool_alloc(pool, SCOPE_COUNT * failed_count * sizeof *raised);
    const char **cleared = pool_alloc(pool, 2 * good_count * sizeof *cleared);
    size_t raised_count = 0;
    for (size_t i = 0; i < failed_count; i++)
        for (enum scope scope = 0; scope < SCOPE_COUNT; scope++)
            if (raises(&failed[i], scope))
                raised[raised_count++] = failed[i].keys[scope];
    for (size_t i = 0; i < good_count; i++) {
        cleared[2 * i] = good[i].keys[SCOPE_ACCOUNT];
        cleared[2 * i + 1] = good[i].keys[SCOPE_KNOWN];
    }
    parameters_init(&parameters, pool);
    parameter_texts(&parameters, cleared, 2 * good_count);
    parameter_texts(&parameters, raised, raised_count);
    parameter_number(&parameters, rule_of(SCOPE_ADDRESS).leak_per_s);
    parameter_number(&parameters, rule_of(SCOPE_EVERYBODY).leak_per_s);
    parameter_integer(&parameters, THROTTLE_MEMORY_S);
    PGresult *result = db_query(worker_db(worker), &note, &parameters);
    if (!result)
        return -1;
    for (int row = 0; row < PQntuples(result); row++)
        for (size_t i = 0; i < failed_count; i++)
            for (enum scope scope = 0; scope < SCOPE_COUNT; scope++)
                if (strcmp(failed[i].keys[scope], db_text(result, row, 0)) == 0)
                    failed[i].counts[scope].failures = db_number(result, row, 1);
    return 0;
}

/* A row per failure that delays the next. That everybody is delayed is seen from the rows of all. */
static int note_delays(struct worker *worker, const struct attempt *attempts, const struct judged *judged,
                       size_t count) {
    static const char *const whose[] = {[SCOPE_ACCOUNT] = "for the account",
                                        [SCOPE_KNOWN] = "for the account from here",
                                        [SCOPE_ADDRESS] = "from here"};
    struct pool *pool = worker_pool(worker);
    struct security_event *events = pool_alloc(pool, count * sizeof *events);
    size_t event_count = 0;
    for (size_t i = 0; i < count; i++) {
        enum scope slowest = SCOPE_ACCOUNT;
        for (enum scope scope = SCOPE_KNOWN; scope <= SCOPE_ADDRESS; scope++)
            if (wait_ms(&judged[i], scope, 0) > wait_ms(&judged[i], slowest, 0))
                slowest = scope;
        int64_t delay_s = wait_ms(&judged[i], slowest, 0) / 1000;
        if (delay_s > 0)
            events[event_count++] = (struct security_event){
                .event = "authn_login_lock",
                .user_id = attempts[i].user_id,
                .address = attempts[i].address,
                .request_id = attempts[i].request_id,
                .detail = pool_printf(pool, "no attempt %s for %" PRId64 " s", whose[slowest], delay_s)};
    }
    return audit_note(worker, events, event_count);
}

int throttle_note(struct worker *worker, const struct attempt *attempts, const bool *good, size_t count) {
    struct pool *pool = worker_pool(worker);
    struct attempt *failed = pool_alloc(pool, count * sizeof *failed);
    struct attempt *passed = pool_alloc(pool, count * sizeof *passed);
    size_t failed_count = 0, passed_count = 0;
    if (is_off() || count == 0)
        return 0;
    for (size_t i = 0; i < count; i++)
        if (good[i])
            passed[passed_count++] = attempts[i];
        else
            failed[failed_count++] = attempts[i];
    struct judged *judged = judge(pool, failed, failed_count);
    if (failed_count && look_for_known(worker, failed, judged, failed_count) != 0)
        return -1;
    if (change_counts(worker, judged, failed_count, judge(pool, passed, passed_count), passed_count) != 0)
        return -1;
    return note_delays(worker, failed, judged, failed_count);
}

int throttle_clear(struct worker *worker, int64_t user_id, const char *address) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integer(&parameters, user_id);
    PGresult *result = db_query(worker_db(worker), &read_email, &parameters);
    if (!result)
        return -1;
    if (PQntuples(result) == 0)
        return 0;
    const struct attempt attempt = {.email = db_text(result, 0, 0), .user_id = user_id, .address = address};
    return throttle_note(worker, &attempt, &(const bool){true}, 1);
}
