/* Tickets; see tickets.h. They are kept nowhere until they are used: then by their id, in Redis for all gateways and
 * in this process for while Redis is away. */
#include "tickets.h"

#include <endian.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "clock.h"
#include "gateway.h"
#include "operations.h"
#include "redis.h"
#include "request.h"
#include "settings.h"

#define KEPT_MS 60000          /* that it was used; longer than it is good on any gateway's clock */
#define ANSWER_LIMIT_MS 300    /* of Redis */
#define PURPOSE "tithi ticket" /* the key signs other things too */

/* As it is signed; numbers are big-endian. */
struct __attribute__((packed)) content {
    struct uuid id, session;
    uint64_t user_id, session_expires_s, expires_ms;
};

struct __attribute__((packed)) signed_content {
    struct content content;
    unsigned char signature[crypto_auth_hmacsha256_BYTES];
};

_Static_assert(sodium_base64_ENCODED_LEN(sizeof(struct signed_content), sodium_base64_VARIANT_URLSAFE_NO_PADDING) <=
                   TICKET_SIZE,
               "a ticket has room");

struct used {
    struct uuid id;
    int64_t until_ms;
    UT_hash_handle hh;
};

/* One that Redis is asked about. */
struct redemption {
    struct redemption *prev, *next;
    struct request *request; /* NULL: its client has left */
    struct ticket ticket;
    ticket_redeemed *redeemed;
    int64_t asked_ms;
    bool was_used;
};

static struct {
    struct used *used;              /* oldest first */
    struct redemption *redemptions; /* oldest first */
} tickets;

static void sign(const struct content *content, const char *key, unsigned char *ret_signature) {
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, (const unsigned char *)key, strlen(key));
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)PURPOSE, sizeof PURPOSE);
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)content, sizeof *content);
    crypto_auth_hmacsha256_final(&state, ret_signature);
}

static bool is_signed_by(const struct signed_content *shown, const char *key) {
    unsigned char signature[sizeof shown->signature];
    if (!*key)
        return false;
    sign(&shown->content, key, signature);
    return sodium_memcmp(signature, shown->signature, sizeof signature) == 0;
}

const char *ticket_issue(const struct token *token, char ret_text[TICKET_SIZE]) {
    struct signed_content made = {.content = {
                                      .user_id = htobe64((uint64_t)token->user_id),
                                      .session_expires_s = htobe64((uint64_t)token->expires_at_s),
                                      .expires_ms = htobe64((uint64_t)clock_wall_ms() + TICKET_TTL_S * 1000),
                                  }};
    randombytes_buf(&made.content.id, sizeof made.content.id);
    if (uuid_parse(token->session, &made.content.session) != 0)
        abort(); /* tokens and keys were checked for it */
    sign(&made.content, settings.jwt_secret_key, made.signature);
    return sodium_bin2base64(ret_text, TICKET_SIZE, (const unsigned char *)&made, sizeof made,
                             sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

int ticket_read(const char *text, struct ticket *ret_ticket) {
    struct signed_content shown;
    size_t length;
    if (sodium_base642bin((unsigned char *)&shown, sizeof shown, text, strlen(text), NULL, &length, NULL,
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
        length != sizeof shown ||
        (!is_signed_by(&shown, settings.jwt_secret_key) && !is_signed_by(&shown, settings.jwt_previous_secret_key)))
        return -1;
    const struct content *content = &shown.content;
    struct ticket ticket = {
        .id = content->id,
        .user_id = (int64_t)be64toh(content->user_id),
        .session_expires_s = (int64_t)be64toh(content->session_expires_s),
        .expires_ms = (int64_t)be64toh(content->expires_ms),
    };
    uuid_text(&content->session, ticket.session);
    if (ticket.expires_ms <= clock_wall_ms())
        return -1;
    *ret_ticket = ticket;
    return 0;
}

/* False: it was used here before. */
static bool note_use(const struct uuid *id) {
    struct used *used;
    HASH_FIND(hh, tickets.used, id, sizeof *id, used);
    if (used)
        return false;
    used = calloc(1, sizeof *used);
    if (!used)
        abort();
    used->id = *id;
    used->until_ms = clock_mono_ms() + KEPT_MS;
    HASH_ADD(hh, tickets.used, id, sizeof used->id, used);
    return true;
}

static void leave(struct request *request) {
    ((struct redemption *)request->place)->request = NULL;
}

/* SET … NX: nil where somebody was first. */
static void on_noted(redisAsyncContext *context, void *reply_, void *redemption_) {
    (void)context;
    const redisReply *reply = reply_;
    ((struct redemption *)redemption_)->was_used = reply && reply->type == REDIS_REPLY_NIL;
}

/* The mark of an ended session; the last answer. */
static void on_session(redisAsyncContext *context, void *reply_, void *redemption_) {
    (void)context;
    const redisReply *reply = reply_;
    struct redemption *redemption = redemption_;
    struct request *request = redemption->request;
    bool refused = redemption->was_used || (reply && reply->type == REDIS_REPLY_STRING);
    DL_DELETE(tickets.redemptions, redemption);
    if (request) {
        request->leave = NULL;
        redemption->redeemed(request, &redemption->ticket, refused ? &refusal_ticket_invalid : NULL);
    }
    free(redemption);
}

static void ask(struct redemption *redemption) {
    char id[UUID_TEXT_SIZE];
    redis_ask(on_noted, redemption, "SET tithi:ticket:%s 1 NX PX %d", uuid_text(&redemption->ticket.id, id), KEPT_MS);
    redis_ask(on_session, redemption, "GET tithi:revoked:%s", redemption->ticket.session);
}

void ticket_redeem(struct request *request, const struct ticket *ticket, ticket_redeemed *redeemed) {
    if (!note_use(&ticket->id)) {
        redeemed(request, ticket, &refusal_ticket_invalid);
        return;
    }
    struct redemption *redemption = calloc(1, sizeof *redemption);
    if (!redemption)
        abort();
    redemption->request = request;
    redemption->ticket = *ticket;
    redemption->redeemed = redeemed;
    redemption->asked_ms = clock_mono_ms();
    request->place = redemption;
    request->leave = leave;
    DL_APPEND(tickets.redemptions, redemption);
    ask(redemption);
}

void tickets_poll(void) {
    int64_t now_ms = clock_mono_ms();
    if (tickets.redemptions && now_ms - tickets.redemptions->asked_ms > ANSWER_LIMIT_MS)
        redis_drop("no answer in time");
    while (tickets.used && tickets.used->until_ms <= now_ms) {
        struct used *used = tickets.used;
        HASH_DEL(tickets.used, used);
        free(used);
    }
}
