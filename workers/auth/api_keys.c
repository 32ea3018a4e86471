/* API keys: what machines sign in with. Random, shown once, hashed at rest, known to gateways by a session id of their
 * own, so that revoking one works like ending a session: Redis is told before the answer leaves. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "api_keys_store.h"
#include "audit.h"
#include "links.h"
#include "operations.h"
#include "revocations.h"
#include "second_factor.h"
#include "sessions_store.h"
#include "sign_in.h"

#define PREFIX "tk_"
#define RANDOM_LENGTH 32
#define BASE64_SIZE sodium_base64_ENCODED_LEN(RANDOM_LENGTH, sodium_base64_VARIANT_URLSAFE_NO_PADDING)
#define START_LENGTH 8
#define HASH_LENGTH 32
#define LIVE_LIMIT 50

static const char *first_repeated(const char *const *texts, size_t count) {
    for (size_t i = 1; i < count; i++)
        for (size_t j = 0; j < i; j++)
            if (strcmp(texts[i], texts[j]) == 0)
                return texts[i];
    return NULL;
}

/* As people can tell keys apart in the log: never more than a key's start. */
static int note_key(struct worker *worker, const struct call *call, const char *event, int64_t key_id) {
    char detail[64];
    snprintf(detail, sizeof detail, "API key %lld", (long long)key_id);
    const struct security_event noted = audit_of(call, event, 0, detail);
    return audit_note(worker, &noted, 1);
}

static const char *new_key(struct pool *pool, unsigned char ret_hash[HASH_LENGTH]) {
    unsigned char bytes[RANDOM_LENGTH];
    char text[BASE64_SIZE];
    randombytes_buf(bytes, sizeof bytes);
    sodium_bin2base64(text, sizeof text, bytes, sizeof bytes, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    const char *key = pool_printf(pool, PREFIX "%s", text);
    crypto_hash_sha256(ret_hash, (const unsigned char *)key, strlen(key));
    return key;
}

static int create_one(struct worker *worker, struct create_api_key_call *call) {
    const struct create_api_key_request *request = &call->request;
    const char *repeated = first_repeated(request->scopes.items, request->scopes.count);
    unsigned char hash[HASH_LENGTH];
    struct account account;
    bool sure;
    if (repeated) {
        refuse_field(&call->call, &refusal_validation_error, "scopes", "names %s twice", repeated);
        return 0;
    }
    if (sign_in_confirm(worker, &call->call, request->current_password, &account, &sure) != 0)
        return -1;
    if (!sure)
        return 0;
    call->reply.key = new_key(call->call.pool, hash);
    const struct new_api_key key = {.user_id = account.id,
                                    .start = pool_copy(call->call.pool, call->reply.key, START_LENGTH),
                                    .hash = {hash, sizeof hash},
                                    .request = request};
    if (key_store_create(worker, &key, LIVE_LIMIT, &call->reply.api_key) != 0)
        return -1;
    if (call->reply.api_key.id == 0) {
        refuse(&call->call, &refusal_too_many_api_keys);
        return 0;
    }
    links_mail_notice(worker, account.id, "api_key_added", call->call.header.trace);
    return note_key(worker, &call->call, "authn_token_created", call->reply.api_key.id);
}

int create_api_key(struct worker *worker, struct create_api_key_call *calls, size_t count) {
    if (sign_in_lock_callers(worker, calls, sizeof *calls, count) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (create_one(worker, &calls[i]) != 0)
            return -1;
    return 0;
}

int list_api_keys(struct worker *worker, struct list_api_keys_call *calls, size_t count) {
    struct pool *pool = worker_pool(worker);
    int64_t *user_ids = pool_alloc(pool, count * sizeof *user_ids);
    struct list_api_keys_reply *lists = pool_alloc(pool, count * sizeof *lists);
    for (size_t i = 0; i < count; i++)
        user_ids[i] = calls[i].call.header.caller.user_id;
    if (key_store_list(worker, user_ids, count, lists) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        calls[i].reply = lists[i];
    return 0;
}

int revoke_api_key(struct worker *worker, struct revoke_api_key_call *calls, size_t count) {
    struct pool *pool = worker_pool(worker);
    int64_t *key_ids = pool_alloc(pool, count * sizeof *key_ids);
    int64_t *user_ids = pool_alloc(pool, count * sizeof *user_ids);
    const char **sessions = pool_alloc(pool, count * sizeof *sessions);
    size_t revoked_count = 0;
    for (size_t i = 0; i < count; i++) {
        key_ids[i] = calls[i].request.key_id;
        user_ids[i] = calls[i].call.header.caller.user_id;
    }
    if (key_store_revoke(worker, key_ids, user_ids, count, sessions) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (!sessions[i]) {
            refuse(&calls[i].call, &refusal_api_key_not_found);
            continue;
        }
        calls[i].reply.message = "API key revoked";
        sessions[revoked_count++] = sessions[i];
        if (note_key(worker, &calls[i].call, "authn_token_revoked", key_ids[i]) != 0)
            return -1;
    }
    if (revoked_count == 0 || !revocations_publish(sessions, revoked_count))
        return 0; /* what Redis could not be told now, revocations_tick() tells it */
    return sessions_store_mark_published(worker, sessions, revoked_count);
}

static void answer_identity(struct identify_key_call *call, const struct key_identity *identity) {
    struct identify_key_reply *reply = &call->reply;
    bool held_back = second_factor_is_required(identity->role) && !identity->factor_is_active;
    reply->user_id = identity->user_id;
    reply->role = held_back ? "user" : identity->role;
    reply->verified = identity->verified;
    reply->session = identity->session;
    reply->key_id = identity->key_id;
    reply->scopes.items = key_store_scopes(identity->scopes, call->call.pool, &reply->scopes.count);
    if (identity->has_rate_limit)
        SET(*reply, rate_limit, identity->rate_limit);
    reply->expires_at_s = identity->expires_at_s;
}

/* The hash as bytes; no bytes at all match no key. */
static struct bytes read_hash(const char *digits, struct pool *pool) {
    unsigned char *hash = pool_alloc(pool, HASH_LENGTH);
    size_t length;
    if (sodium_hex2bin(hash, HASH_LENGTH, digits, strlen(digits), NULL, &length, NULL) != 0)
        length = 0;
    return (struct bytes){hash, length};
}

int identify_key(struct worker *worker, struct identify_key_call *calls, size_t count) {
    struct pool *pool = worker_pool(worker);
    struct bytes *hashes = pool_alloc(pool, count * sizeof *hashes);
    struct key_identity *identities = pool_alloc(pool, count * sizeof *identities);
    for (size_t i = 0; i < count; i++)
        hashes[i] = read_hash(calls[i].request.hash, pool);
    if (key_store_identify(worker, hashes, count, identities) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (identities[i].key_id)
            answer_identity(&calls[i], &identities[i]);
        else
            refuse(&calls[i].call, &refusal_invalid_token);
    return 0;
}
