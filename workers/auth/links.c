/* Tokens are made and hashed here, mails about accounts queued; see links.h. A queued mail holds no token: that is made
 * when it leaves. */
#include "links.h"

#include <ctype.h>
#include <string.h>

#include "account_mail.h"

#define TOKEN_SIZE 32
#define CHALLENGE_TTL_S 300
#define CHALLENGE_ATTEMPTS 5

/* The address itself stands in the row's body only, which goes with the row. */
static const char *key_of(struct pool *pool, const char *email) {
    char *lower = pool_text(pool, email), hex[2 * LINK_HASH_SIZE + 1];
    uint8_t hash[LINK_HASH_SIZE];
    for (char *at = lower; *at; at++)
        *at = (char)tolower((unsigned char)*at);
    links_hash(lower, hash);
    sodium_bin2hex(hex, sizeof hex, hash, sizeof hash);
    return pool_printf(pool, "address:%s ", hex);
}

void links_mail_verification(struct worker *worker, int64_t user_id, const struct call_header *cause) {
    account_mail_queue(worker, &(struct account_mail){.kind = "verify", .user_id = user_id, .cause = cause});
}

void links_mail_reset(struct worker *worker, const char *email, const struct call_header *cause) {
    const char *key = key_of(worker_pool(worker), email);
    account_mail_queue(worker, &(struct account_mail){.kind = "reset", .email = email, .key = key, .cause = cause});
}

int links_mail_change(struct worker *worker, int64_t user_id, const char *old_email, const char *email,
                      const struct call_header *cause) {
    const char *key = key_of(worker_pool(worker), email);
    if (links_store_drop_changes(worker, user_id, email) != 0)
        return -1;
    account_mail_queue(
        worker,
        &(struct account_mail){.kind = "email_change", .user_id = user_id, .email = email, .key = key, .cause = cause});
    account_mail_queue(
        worker,
        &(struct account_mail){
            .kind = "email_change_notice", .user_id = user_id, .email = old_email, .key = key, .trace = cause->trace});
    return 0;
}

void links_mail_changed(struct worker *worker, int64_t user_id, const char *old_email, const char *trace) {
    account_mail_queue(worker, &(struct account_mail){
                                   .kind = "email_changed", .user_id = user_id, .email = old_email, .trace = trace});
}

void links_mail_notice(struct worker *worker, int64_t user_id, const char *kind, const char *trace) {
    account_mail_queue(worker, &(struct account_mail){.kind = kind, .user_id = user_id, .trace = trace});
}

void links_hash(const char *token, uint8_t ret_hash[LINK_HASH_SIZE]) {
    crypto_hash_sha256(ret_hash, (const unsigned char *)token, strlen(token));
}

const char *links_new_token(struct pool *pool, uint8_t ret_hash[LINK_HASH_SIZE]) {
    unsigned char secret[TOKEN_SIZE];
    size_t size = sodium_base64_ENCODED_LEN(TOKEN_SIZE, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    char *token = pool_alloc(pool, size);
    randombytes_buf(secret, sizeof secret);
    sodium_bin2base64(token, size, secret, sizeof secret, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    links_hash(token, ret_hash);
    return token;
}

const char *links_new_challenge(struct worker *worker, int64_t user_id) {
    struct new_link link = {.purpose = "second_factor", .user_id = user_id, .ttl_s = CHALLENGE_TTL_S};
    const char *token = links_new_token(worker_pool(worker), link.hash);
    return links_store_add(worker, &link, 1) == 0 ? token : NULL;
}

int links_find_challenged(struct worker *worker, const char *const *challenges, size_t count, int64_t *ret_user_ids) {
    struct pool *pool = worker_pool(worker);
    struct bytes *hashes = pool_alloc(pool, count * sizeof *hashes);
    for (size_t i = 0; i < count; i++) {
        uint8_t *hash = pool_alloc(pool, LINK_HASH_SIZE);
        links_hash(challenges[i], hash);
        hashes[i] = (struct bytes){hash, LINK_HASH_SIZE};
    }
    return links_store_find_challenged(worker, hashes, count, ret_user_ids);
}

int links_look_at_challenge(struct worker *worker, const char *challenge, int64_t *ret_user_id) {
    uint8_t hash[LINK_HASH_SIZE];
    links_hash(challenge, hash);
    return links_store_try(worker, hash, CHALLENGE_ATTEMPTS, ret_user_id);
}

int links_use_challenge(struct worker *worker, const char *challenge) {
    uint8_t hash[LINK_HASH_SIZE];
    links_hash(challenge, hash);
    return links_store_end(worker, hash);
}
