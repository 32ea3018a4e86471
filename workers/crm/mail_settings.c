/* Which kinds of mail somebody gets, in which language: changed by themselves, or by a mail's link, which ends one kind
 * (RFC 8058) and needs no signing in. */
#include <ctype.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "mail_settings_store.h"

#define PROOF_SIZE 33

/* Every kind, once: KIND(member of the records, what it is called). */
#define KINDS                                                                                                          \
    KIND(booking, "mails about your bookings")                                                                         \
    KIND(payment, "mails about your payments")                                                                         \
    KIND(change, "mails about changes of events")                                                                      \
    KIND(reminder, "reminders of events")                                                                              \
    KIND(digest, "daily digests")

int get_mail_settings(struct worker *worker, struct get_mail_settings_call *calls, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (store_read_mail_settings(worker, calls[i].call.header.caller.user_id, &calls[i].reply) != 0)
            return -1;
        if (!calls[i].reply.language)
            refuse(&calls[i].call, &refusal_invalid_token);
    }
    return 0;
}

static struct mail_change change_of(const struct update_mail_settings_request *request, int64_t user_id,
                                    struct pool *pool) {
#define KIND(member, called) +1
    const size_t kind_count = 0 KINDS;
#undef KIND
    const char **refused = pool_alloc(pool, kind_count * sizeof *refused);
    const char **wanted = pool_alloc(pool, kind_count * sizeof *wanted);
    struct mail_change change = {.user_id = user_id,
                                 .language = request->language,
                                 .time_zone = request->time_zone,
                                 .refused = refused,
                                 .wanted = wanted};
#define KIND(member, called)                                                                                           \
    if (request->has_##member == PRESENCE_SET)                                                                         \
        *(request->member ? &wanted[change.wanted_count++] : &refused[change.refused_count++]) = #member;
    KINDS
#undef KIND
    return change;
}

/* In the order they came: what a later one says of the same person counts. */
int update_mail_settings(struct worker *worker, struct update_mail_settings_call *calls, size_t count) {
    for (size_t i = 0; i < count; i++) {
        int64_t user_id = calls[i].call.header.caller.user_id;
        const struct mail_change change = change_of(&calls[i].request, user_id, calls[i].call.pool);
        if (store_read_mail_settings(worker, user_id, &calls[i].reply) != 0)
            return -1;
        if (!calls[i].reply.language)
            refuse(&calls[i].call, &refusal_invalid_token);
        else if (store_change_mail_settings(worker, &change) != 0 ||
                 store_read_mail_settings(worker, user_id, &calls[i].reply) != 0)
            return -1;
    }
    return 0;
}

/* What a link's token says: <user>.<kind>.<proof>. */
struct link {
    int64_t user_id;
    const char *kind, *called, *proof; /* kind NULL: it is none of ours */
};

static struct link read_link(const char *token, struct pool *pool) {
    struct link link = {.user_id = 0};
    char *end, *kind;
    if (!isdigit((unsigned char)*token))
        return link;
    link.user_id = strtoll(token, &end, 10); /* what is too large is nobody's */
    if (*end != '.' || !(end = strchr(kind = pool_text(pool, end + 1), '.')))
        return link;
    *end = '\0';
    link.proof = end + 1;
#define KIND(member, called_)                                                                                          \
    if (strcmp(kind, #member) == 0)                                                                                    \
        link.kind = #member, link.called = called_;
    KINDS
#undef KIND
    return link;
}

/* As unsubscribe_token() of the database makes it. */
static void write_proof(const char *key, const char *kind, char ret_proof[PROOF_SIZE]) {
    unsigned char hash[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_state state;
    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, (const unsigned char *)key, strlen(key));
    crypto_hash_sha256_update(&state, (const unsigned char *)kind, strlen(kind));
    crypto_hash_sha256_final(&state, hash);
    for (size_t i = 0; i < PROOF_SIZE - 1; i++)
        ret_proof[i] = "ghijklmnopabcdef"[i % 2 ? hash[i / 2] & 15 : hash[i / 2] >> 4];
    ret_proof[PROOF_SIZE - 1] = '\0';
}

static bool is_proven(const struct link *link, const char *key) {
    char proof[PROOF_SIZE];
    if (!link->kind || !key || strlen(link->proof) != PROOF_SIZE - 1)
        return false;
    write_proof(key, link->kind, proof);
    return sodium_memcmp(proof, link->proof, PROOF_SIZE - 1) == 0;
}

int unsubscribe(struct worker *worker, struct unsubscribe_call *calls, size_t count) {
    struct pool *pool = worker_pool(worker);
    struct link *links = pool_alloc(pool, count * sizeof *links);
    int64_t *ids = pool_alloc(pool, count * sizeof *ids);
    const char **kinds = pool_alloc(pool, count * sizeof *kinds);
    struct mail_key *keys = pool_alloc(pool, count * sizeof *keys);
    size_t proven = 0;
    for (size_t i = 0; i < count; i++) {
        links[i] = read_link(calls[i].request.token, pool);
        ids[i] = links[i].user_id;
    }
    if (store_read_mail_keys(worker, ids, count, keys) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (!is_proven(&links[i], keys[i].key)) {
            refuse(&calls[i].call, &refusal_unsubscribe_link_invalid);
            continue;
        }
        ids[proven] = links[i].user_id;
        kinds[proven++] = links[i].kind;
        calls[i].reply.message = pool_printf(pool, "You will get no more %s", links[i].called);
        calls[i].reply.language = keys[i].language;
    }
    return proven ? store_refuse_mails(worker, ids, kinds, proven) : 0;
}
