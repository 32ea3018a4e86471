/* Makes the tokens of sessions; see tokens.h. Who may have them is decided before. */
#include "tokens.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "log.h"
#include "settings.h"
#include "summary.h"
#include "token.h"

#define REFRESH_TOKEN_LENGTH 32

void tokens_hash(const char *token, uint8_t ret_hash[TOKEN_HASH_SIZE]) {
    crypto_hash_sha256(ret_hash, (const unsigned char *)token, strlen(token));
}

static const char *new_refresh_token(struct pool *pool) {
    unsigned char secret[REFRESH_TOKEN_LENGTH];
    char text[sodium_base64_ENCODED_LEN(REFRESH_TOKEN_LENGTH, sodium_base64_VARIANT_URLSAFE_NO_PADDING)];
    randombytes_buf(secret, sizeof secret);
    sodium_bin2base64(text, sizeof text, secret, sizeof secret, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    return pool_text(pool, text);
}

/* In the call's pool; NULL: none could be made. */
static const char *new_access_token(const struct token_order *order, int64_t ttl_s) {
    struct token token = {.user_id = order->account->id, .verified = order->account->is_verified};
    snprintf(token.role, sizeof token.role, "%s", order->factor_is_due ? "user" : order->account->role);
    snprintf(token.session, sizeof token.session, "%s", order->session);
    char *made = token_issue(&token, settings.jwt_secret_key, clock_wall_ms() / 1000, ttl_s);
    const char *text = made ? pool_text(order->call->pool, made) : NULL;
    free(made);
    if (!text)
        log_line(LOG_LEVEL_ERROR, order->call->header.request_id, "no access token could be made");
    return text;
}

int tokens_make(const struct token_order *order, struct signed_in *ret_answer, struct new_session *ret_row) {
    struct call *call = order->call;
    int64_t ttl_s = order->left_s < settings.access_token_ttl_s ? order->left_s : settings.access_token_ttl_s;
    const char *access = new_access_token(order, ttl_s), *refresh = new_refresh_token(call->pool);
    if (!access)
        return -1;
    *ret_answer = (struct signed_in){.access_token = access,
                                     .refresh_token = refresh,
                                     .token_type = "Bearer",
                                     .expires_in = ttl_s,
                                     .user = summary_of(order->account)};
    if (order->factor_is_due)
        SET(*ret_answer, second_factor_setup_required, true);
    *ret_row = (struct new_session){
        .id = order->session, .user_id = order->account->id, .address = call->header.caller.address};
    tokens_hash(refresh, ret_row->hash);
    return 0;
}
