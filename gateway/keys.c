/* API keys; see keys.h. A key is known by its SHA-256 here, as in the database: nothing keeps the key itself. Requests
 * that show the same unknown key share one question. Revocation does not wait for an answer to grow old: a key has a
 * session id, whose mark in Redis admission.c looks at. */
#include "keys.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

#include "calls.h"
#include "clock.h"
#include "gateway.h"
#include "log.h"
#include "operations.h"
#include "request.h"

#define KEY_PREFIX "tk_"
#define KEY_PREFIX_LENGTH 3
#define KEY_LENGTH (KEY_PREFIX_LENGTH + 43) /* 32 bytes as base64url */
#define REMEMBERED_LIMIT 16384
#define QUESTION_LIMIT 1000 /* about keys that were not known as good before */
#define GOOD_MS 60000
#define REFUSED_MS 5000

struct key_hash {
    unsigned char bytes[crypto_hash_sha256_BYTES];
};

/* What the auth worker said. */
struct known_key {
    UT_hash_handle hh;
    struct key_hash hash;
    int64_t until_ms;
    bool good;
    bool use_was_noted;
    struct token token;
    struct key_grant grant;
};

/* What it was asked and has not answered yet. */
struct question {
    UT_hash_handle hh;
    struct key_hash hash;
    struct outgoing_call *call;
    int64_t asked_ms;
    struct request *requests;
};

static struct known_key *known_keys; /* in order of last use */
static struct question *questions;   /* oldest first */
static struct buffer message;

unsigned keys_scope_bit(const char *name, size_t length) {
    static const char *const names[] = {
        [SCOPE_READ] = "read", [SCOPE_BOOK] = "book", [SCOPE_EVENTS] = "events", [SCOPE_WEBHOOKS] = "webhooks"};
    for (unsigned scope = SCOPE_READ; scope < sizeof names / sizeof *names; scope++)
        if (length == strlen(names[scope]) && memcmp(name, names[scope], length) == 0)
            return 1u << scope;
    return 0;
}

bool keys_is_key(struct text_span credentials) {
    return credentials.length >= KEY_PREFIX_LENGTH && memcmp(credentials.bytes, KEY_PREFIX, KEY_PREFIX_LENGTH) == 0;
}

static bool is_well_formed(struct text_span credentials) {
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    if (credentials.length != KEY_LENGTH)
        return false;
    for (size_t i = KEY_PREFIX_LENGTH; i < KEY_LENGTH; i++)
        if (!memchr(alphabet, credentials.bytes[i], sizeof alphabet - 1))
            return false;
    return true;
}

static struct key_hash hash_of(const struct request *request) {
    struct key_hash hash;
    const struct text_span *key = &request->credentials;
    crypto_hash_sha256(hash.bytes, (const unsigned char *)key->bytes, key->length);
    return hash;
}

/* Found: it becomes the newest. */
static struct known_key *find_known(const struct key_hash *hash) {
    struct known_key *known;
    HASH_FIND(hh, known_keys, hash, sizeof *hash, known);
    if (known) {
        HASH_DEL(known_keys, known);
        HASH_ADD(hh, known_keys, hash, sizeof known->hash, known);
    }
    return known;
}

/* Becomes the newest; one that was known before is written anew. */
static struct known_key *remember(const struct key_hash *hash, bool good) {
    struct known_key *known = find_known(hash);
    if (known) {
        HASH_DEL(known_keys, known);
    } else if (HASH_COUNT(known_keys) >= REMEMBERED_LIMIT) {
        known = known_keys;
        HASH_DEL(known_keys, known);
    } else if (!(known = malloc(sizeof *known))) {
        abort();
    }
    *known = (struct known_key){.hash = *hash, .good = good};
    known->until_ms = clock_mono_ms() + (good ? GOOD_MS : REFUSED_MS);
    HASH_ADD(hh, known_keys, hash, sizeof known->hash, known);
    return known;
}

static void take_identity(struct request *request, struct known_key *known) {
    struct key_grant *grant = h2o_mem_alloc_pool(&request->h2o->pool, sizeof *grant);
    *grant = known->grant;
    request->key = grant;
    request->token = known->token;
    request->use_is_news = !known->use_was_noted;
    known->use_was_noted = true;
}

bool keys_recall(struct request *request, const struct refusal **ret_refusal) {
    if (!is_well_formed(request->credentials)) {
        *ret_refusal = &refusal_invalid_token;
        return true;
    }
    struct key_hash hash = hash_of(request);
    struct known_key *known = find_known(&hash);
    bool over = known && known->good && known->token.expires_at_s <= clock_wall_ms() / 1000;
    if (!known || over || known->until_ms <= clock_mono_ms())
        return false;
    *ret_refusal = known->good ? NULL : &refusal_invalid_token;
    if (known->good)
        take_identity(request, known);
    return true;
}

static unsigned scopes_of(const struct identify_key_reply *reply) {
    unsigned scopes = 0;
    for (size_t i = 0; i < reply->scopes.count; i++)
        scopes |= keys_scope_bit(reply->scopes.items[i], strlen(reply->scopes.items[i]));
    return scopes;
}

/* NULL: the answer does not keep to the contract. */
static struct known_key *remember_good(const struct key_hash *hash, struct text_span payload) {
    struct identify_key_reply reply = {0};
    pool_reset(gateway.scratch);
    struct problems problems = {.pool = gateway.scratch};
    if (codec_decode(&record_identify_key_reply, payload.bytes, payload.length, gateway.scratch, &reply, &problems) !=
            0 ||
        reply.user_id <= 0) {
        log_error("a worker's reply to identifyKey does not keep to the contract");
        return NULL;
    }
    struct known_key *known = remember(hash, true);
    int64_t per_minute = reply.has_rate_limit == PRESENCE_SET ? reply.rate_limit : 0;
    known->grant = (struct key_grant){reply.key_id, scopes_of(&reply), limits_key_policy(per_minute)};
    known->token =
        (struct token){.user_id = reply.user_id, .verified = reply.verified, .expires_at_s = reply.expires_at_s};
    strcpy(known->token.role, reply.role);       /* one of three */
    strcpy(known->token.session, reply.session); /* a UUID */
    return known;
}

/* What the requests hear; NULL, and `ret_known` where the key is good. */
static const struct refusal *learn(const struct key_hash *hash, const char *code, struct text_span payload,
                                   struct known_key **ret_known) {
    if (!code) {
        *ret_known = remember_good(hash, payload);
        return *ret_known ? NULL : &refusal_internal_error;
    }
    const struct refusal *refusal = refusal_find(code);
    if (refusal == &refusal_invalid_token)
        remember(hash, false);
    else if (!refusal || refusal->status < 500)
        refusal = &refusal_unavailable;
    return refusal;
}

static void end_question(struct question *question, const struct refusal *refusal, struct known_key *known) {
    struct request *requests = question->requests, *request, *next;
    call_forget(&question->call);
    HASH_DEL(questions, question);
    free(question);
    DL_FOREACH_SAFE(requests, request, next) {
        request->leave = NULL;
        if (known)
            take_identity(request, known);
    }
    DL_FOREACH_SAFE(requests, request, next)
    request_identified(request, refusal);
}

static void on_answered(void *owner, const struct answer_header *header, struct text_span payload) {
    struct question *question = owner;
    struct known_key *known = NULL;
    const struct refusal *refusal = learn(&question->hash, header->refusal, payload, &known);
    question->call = NULL;
    end_question(question, refusal, known);
}

static void leave(struct request *request) {
    struct question *question = request->place;
    DL_DELETE(question->requests, request);
    if (question->requests)
        return;
    call_forget(&question->call);
    HASH_DEL(questions, question);
    free(question);
}

static void start_call(struct question *question, const struct request *request) {
    char hex[2 * sizeof question->hash + 1];
    sodium_bin2hex(hex, sizeof hex, question->hash.bytes, sizeof question->hash.bytes);
    const struct identify_key_request asked = {.hash = hex};
    struct call_header header = {
        .id = uuid_new(),
        .operation = operation_identify_key.name,
        .ttl_ms = operation_identify_key.deadline_ms,
        .caller = {.role = "", .session = "", .address = request->address},
        .request_id = request->request_id,
        .trace = "",
    };
    header.command = header.id;
    buffer_clear(&message);
    codec_encode(&record_identify_key_request, &asked, &message);
    question->asked_ms = clock_mono_ms();
    question->call = call_start(operation_identify_key.service, &header,
                                (struct text_span){message.bytes, message.length}, on_answered, question);
}

/* Guessing costs the auth worker a look: so an address has as many unknown keys as it has sign-ins, in this process. */
static const struct refusal *refuse_guess(struct request *request) {
    const struct limit_policy *policy = limits_policy(LIMIT_AUTH);
    char key[16 + INET6_ADDRSTRLEN];
    if (HASH_COUNT(questions) >= QUESTION_LIMIT)
        return &refusal_overloaded;
    if (!policy)
        return NULL;
    int length = snprintf(key, sizeof key, "key of %s", request->limit_scope);
    struct quota quota = limits_quota(policy, limits_count_locally(policy, key, (size_t)length, clock_mono_us()));
    if (!quota.refused)
        return NULL;
    request->quota = quota;
    return &refusal_rate_limited;
}

void keys_ask(struct request *request) {
    struct key_hash hash = hash_of(request);
    struct question *question;
    HASH_FIND(hh, questions, &hash, sizeof hash, question);
    if (!question) {
        const struct known_key *known = find_known(&hash);
        const struct refusal *refusal = known && known->good ? NULL : refuse_guess(request);
        if (refusal) {
            request_identified(request, refusal);
            return;
        }
        question = calloc(1, sizeof *question);
        if (!question)
            abort();
        question->hash = hash;
        HASH_ADD(hh, questions, hash, sizeof question->hash, question);
        start_call(question, request);
    }
    DL_APPEND(question->requests, request);
    request->place = question;
    request->leave = leave;
}

void keys_poll(void) {
    int64_t since_ms = clock_mono_ms() - operation_identify_key.deadline_ms;
    while (questions && questions->asked_ms < since_ms)
        end_question(questions, &refusal_unavailable, NULL);
}
