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

/* One at a time changes counts, for as long as its transaction takes to commit: no two wait for each other in a circle,
 * whichever keys they have in common. */
static const struct statement lock = {"throttle_lock", "SELECT pg_advisory_xact_lock(7016994520134578)"};

static const struct statement read_counts = {
    "throttle_read", "SELECT given.place, failures, (extract(epoch FROM failed_at) * 1000)::bigint,"
                     "       (extract(epoch FROM clock_timestamp()) * 1000)::bigint"
                     " FROM unnest($1::text[]) WITH ORDINALITY AS given(key, place)"
                     " LEFT JOIN sign_in_throttles USING (key)"};

/* Where these accounts were signed in to lately. IPv6 addresses are compared by whoever asks. */
static const struct statement find_known = {
    "throttle_find_known",
    "SELECT given.place, known.address"
    " FROM unnest($1::bigint[], $2::text[]) WITH ORDINALITY AS given(user_id, address, place),"
    " LATERAL (SELECT DISTINCT address FROM sessions"
    "  WHERE user_id = given.user_id AND created_at > now() - interval '30 days'"
    "   AND created_at < now()" /* what this very sign-in opens does not count */
    "   AND (address = given.address OR (address LIKE '%:%' AND given.address LIKE '%:%')) LIMIT 100) AS known"};

static const struct statement clear = {"throttle_clear", "DELETE FROM sign_in_throttles WHERE key = ANY ($1::text[])"};

static const struct statement raise = {
    "throttle_raise", "INSERT INTO sign_in_throttles (key, failures, failed_at)"
                      " SELECT key, failures::float8, clock_timestamp()"
                      " FROM unnest($1::text[], $2::text[]) AS raised(key, failures)"
                      " ON CONFLICT (key) DO UPDATE SET failures = excluded.failures, failed_at = excluded.failed_at"};

static const struct statement read_email = {"throttle_read_email", "SELECT email FROM users WHERE id = $1::bigint"};

/* One attempt, as it is judged. */
struct judged {
    const char *keys[SCOPE_COUNT];
    struct throttle_count counts[SCOPE_COUNT];
    const char *scope; /* of its address; "": it has none */
    bool is_known;     /* its account was signed in to from there lately */
};

/* What the running transaction has found out: written at its end (worker_collect()), heeded by it at once. */
enum outcome { OUTCOME_FAILURE, OUTCOME_SUCCESS, OUTCOME_PROOF /* also to who is not known here */ };

struct notes {
    struct attempt *attempts;
    struct judged *judged;
    enum outcome *outcomes;
    size_t count, capacity;
    size_t known_count; /* of so many it was asked whether their address is known */
};

/* The counts of some keys, each once. */
struct tally {
    const char *key;
    enum scope scope;
    struct throttle_count count;
    bool is_stored, is_raised;
};

struct tallies {
    struct tally *items;
    size_t count;
    int64_t now_ms;
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

static struct tally *find_tally(const struct tallies *tallies, const char *key) {
    for (size_t i = 0; i < tallies->count; i++)
        if (strcmp(tallies->items[i].key, key) == 0)
            return &tallies->items[i];
    return NULL;
}

static struct tallies list_keys(struct pool *pool, const struct judged *judged, size_t count) {
    struct tallies tallies = {.items = pool_alloc(pool, SCOPE_COUNT * count * sizeof *tallies.items)};
    for (size_t i = 0; i < count; i++)
        for (enum scope scope = 0; scope < SCOPE_COUNT; scope++)
            if (!find_tally(&tallies, judged[i].keys[scope]))
                tallies.items[tallies.count++] = (struct tally){.key = judged[i].keys[scope], .scope = scope};
    return tallies;
}

/* What is stored of these attempts' keys; locked against changes for who wants to change them. 0, or -1. */
static int read_tallies(struct worker *worker, const struct judged *judged, size_t count, bool to_change,
                        struct tallies *ret_tallies) {
    struct pool *pool = worker_pool(worker);
    struct db *db = worker_db(worker);
    struct parameters parameters;
    *ret_tallies = list_keys(pool, judged, count);
    const char **keys = pool_alloc(pool, ret_tallies->count * sizeof *keys);
    for (size_t i = 0; i < ret_tallies->count; i++)
        keys[i] = ret_tallies->items[i].key;
    parameters_init(&parameters, pool);
    parameter_texts(&parameters, keys, ret_tallies->count);
    if ((to_change && db_queue(db, &lock, NULL) != 0) || db_queue(db, &read_counts, &parameters) != 0 ||
        (to_change && !db_receive(db)))
        return -1;
    PGresult *result = db_receive(db);
    if (!result)
        return -1;
    for (int row = 0; row < PQntuples(result); row++) {
        struct tally *tally = &ret_tallies->items[db_integer(result, row, 0) - 1];
        ret_tallies->now_ms = db_integer(result, row, 3);
        tally->is_stored = !db_is_null(result, row, 1);
        if (tally->is_stored)
            tally->count = (struct throttle_count){db_number(result, row, 1), db_integer(result, row, 2)};
    }
    return 0;
}

/* Takes from the tallies what they say of this attempt. */
static void count_attempt(const struct tallies *tallies, struct judged *judged) {
    for (enum scope scope = 0; scope < SCOPE_COUNT; scope++)
        judged->counts[scope] = find_tally(tallies, judged->keys[scope])->count;
}

/* A success ends the count that it was measured by: not that of strangers, where the address is known. */
static bool ends(const struct judged *judged, enum outcome outcome, enum scope scope) {
    return scope == SCOPE_KNOWN || (scope == SCOPE_ACCOUNT && (outcome == OUTCOME_PROOF || !judged->is_known));
}

static bool raises(const struct judged *judged, enum scope scope) {
    return scope != (judged->is_known ? SCOPE_ACCOUNT : SCOPE_KNOWN);
}

/* Adds what came of an attempt to the tallies, which may know nothing of its keys. */
static void add_note(const struct tallies *tallies, const struct judged *judged, enum outcome outcome) {
    for (enum scope scope = 0; scope < SCOPE_COUNT; scope++) {
        const struct throttle_rule rule = rule_of(scope);
        struct tally *tally = find_tally(tallies, judged->keys[scope]);
        if (tally && outcome == OUTCOME_FAILURE && raises(judged, scope)) {
            tally->count = rule_throttle_raise(&rule, tally->count, tallies->now_ms);
            tally->is_raised = true;
        } else if (tally && outcome != OUTCOME_FAILURE && ends(judged, outcome, scope)) {
            tally->count = (struct throttle_count){0};
        }
    }
}

static int ask_who_is_known(struct worker *worker, struct notes *notes) {
    size_t from = notes->known_count;
    notes->known_count = notes->count;
    return from == notes->count
               ? 0
               : look_for_known(worker, notes->attempts + from, notes->judged + from, notes->count - from);
}

/* What the attempts are measured by: what is stored, and what this transaction adds to it. 0, or -1. */
static int measure(struct worker *worker, struct judged *judged, size_t count, int64_t *ret_now_ms) {
    struct notes *notes = worker_collected(worker);
    struct tallies tallies;
    if ((notes && ask_who_is_known(worker, notes) != 0) || read_tallies(worker, judged, count, false, &tallies) != 0)
        return -1;
    for (size_t i = 0; notes && i < notes->count; i++)
        add_note(&tallies, &notes->judged[i], notes->outcomes[i]);
    for (size_t i = 0; i < count; i++)
        count_attempt(&tallies, &judged[i]);
    *ret_now_ms = tallies.now_ms;
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
    if (measure(worker, judged, count, &now_ms) != 0)
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

static int store_tallies(struct worker *worker, const struct tallies *tallies) {
    struct pool *pool = worker_pool(worker);
    struct parameters parameters;
    const char **cleared = pool_alloc(pool, tallies->count * sizeof *cleared);
    const char **raised = pool_alloc(pool, tallies->count * sizeof *raised);
    const char **failures = pool_alloc(pool, tallies->count * sizeof *failures);
    size_t cleared_count = 0, raised_count = 0;
    for (size_t i = 0; i < tallies->count; i++) {
        const struct tally *tally = &tallies->items[i];
        if (tally->is_stored && tally->count.failures == 0)
            cleared[cleared_count++] = tally->key;
        if (tally->is_raised && tally->count.failures > 0) {
            failures[raised_count] = pool_printf(pool, "%.17g", tally->count.failures);
            raised[raised_count++] = tally->key;
        }
    }
    parameters_init(&parameters, pool);
    parameter_texts(&parameters, cleared, cleared_count);
    if (cleared_count && !db_query(worker_db(worker), &clear, &parameters))
        return -1;
    parameters_init(&parameters, pool);
    parameter_texts(&parameters, raised, raised_count);
    parameter_texts(&parameters, failures, raised_count);
    return raised_count && !db_query(worker_db(worker), &raise, &parameters) ? -1 : 0;
}

/* A row per failure that delays the next. That everybody is delayed is seen from the rows of all. */
static int note_delays(struct worker *worker, const struct notes *notes) {
    static const char *const whose[] = {[SCOPE_ACCOUNT] = "for the account",
                                        [SCOPE_KNOWN] = "for the account from here",
                                        [SCOPE_ADDRESS] = "from here"};
    struct pool *pool = worker_pool(worker);
    struct security_event *events = pool_alloc(pool, notes->count * sizeof *events);
    size_t event_count = 0;
    for (size_t i = 0; i < notes->count; i++) {
        const struct judged *judged = &notes->judged[i];
        enum scope slowest = SCOPE_ACCOUNT;
        for (enum scope scope = SCOPE_KNOWN; scope <= SCOPE_ADDRESS; scope++)
            if (wait_ms(judged, scope, 0) > wait_ms(judged, slowest, 0))
                slowest = scope;
        int64_t delay_s = wait_ms(judged, slowest, 0) / 1000;
        if (notes->outcomes[i] == OUTCOME_FAILURE && delay_s > 0)
            events[event_count++] = (struct security_event){
                .event = "authn_login_lock",
                .user_id = notes->attempts[i].user_id,
                .address = notes->attempts[i].address,
                .request_id = notes->attempts[i].request_id,
                .detail = pool_printf(pool, "no attempt %s for %" PRId64 " s", whose[slowest], delay_s)};
    }
    return audit_note(worker, events, event_count);
}

/* Is there anything to write? Most sign-ins succeed and find nothing to clear. */
static bool matters(const struct notes *notes, const struct tallies *tallies) {
    for (size_t i = 0; i < notes->count; i++)
        if (notes->outcomes[i] == OUTCOME_FAILURE)
            return true;
    for (size_t i = 0; i < tallies->count; i++)
        if (tallies->items[i].is_stored && tallies->items[i].scope <= SCOPE_KNOWN)
            return true;
    return false;
}

static int write_notes(struct worker *worker, void *collected) {
    struct notes *notes = collected;
    struct tallies tallies;
    if (read_tallies(worker, notes->judged, notes->count, false, &tallies) != 0)
        return -1;
    if (!matters(notes, &tallies))
        return 0;
    if (ask_who_is_known(worker, notes) != 0 || read_tallies(worker, notes->judged, notes->count, true, &tallies) != 0)
        return -1;
    for (size_t i = 0; i < notes->count; i++) {
        add_note(&tallies, &notes->judged[i], notes->outcomes[i]);
        count_attempt(&tallies, &notes->judged[i]);
    }
    return store_tallies(worker, &tallies) != 0 || note_delays(worker, notes) != 0 ? -1 : 0;
}

static void make_room(struct pool *pool, struct notes *notes) {
    const struct notes former = *notes;
    if (notes->count < notes->capacity)
        return;
    notes->capacity = notes->count ? 2 * notes->count : 16;
    notes->attempts = pool_alloc(pool, notes->capacity * sizeof *notes->attempts);
    notes->judged = pool_alloc(pool, notes->capacity * sizeof *notes->judged);
    notes->outcomes = pool_alloc(pool, notes->capacity * sizeof *notes->outcomes);
    for (size_t i = 0; i < notes->count; i++) {
        notes->attempts[i] = former.attempts[i];
        notes->judged[i] = former.judged[i];
        notes->outcomes[i] = former.outcomes[i];
    }
}

static void add(struct worker *worker, const struct attempt *attempt, enum outcome outcome) {
    struct notes *notes = worker_collect(worker, write_notes, sizeof *notes);
    struct pool *pool = worker_pool(worker);
    make_room(pool, notes);
    notes->attempts[notes->count] = *attempt;
    notes->judged[notes->count] = *judge(pool, attempt, 1);
    notes->outcomes[notes->count++] = outcome;
}

void throttle_note(struct worker *worker, const struct attempt *attempt, bool good) {
    if (!is_off())
        add(worker, attempt, good ? OUTCOME_SUCCESS : OUTCOME_FAILURE);
}

int throttle_clear(struct worker *worker, int64_t user_id, const char *address) {
    struct parameters parameters;
    parameters_init(&parameters, worker_pool(worker));
    parameter_integer(&parameters, user_id);
    if (is_off())
        return 0;
    PGresult *result = db_query(worker_db(worker), &read_email, &parameters);
    if (!result)
        return -1;
    if (PQntuples(result) == 0)
        return 0;
    const struct attempt attempt = {
        .email = pool_text(worker_pool(worker), db_text(result, 0, 0)), .user_id = user_id, .address = address};
    add(worker, &attempt, OUTCOME_PROOF);
    return 0;
}

struct attempt throttle_attempt(const struct call *call, const char *email, int64_t user_id) {
    return (struct attempt){.email = email,
                            .user_id = user_id,
                            .address = call->header.caller.address,
                            .request_id = call->header.request_id};
}
