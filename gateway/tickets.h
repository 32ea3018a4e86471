/* Tickets for /ws and /sse: for who has shown a token, key or cookie, since browsers can send none of these with a
 * WebSocket. Signed, good for one connection and for half a minute. */
#ifndef TITHI_TICKETS_H
#define TITHI_TICKETS_H

#include "token.h"
#include "uuid.h"

struct refusal;
struct request;

#define TICKET_TTL_S 30
#define TICKET_SIZE 120

struct ticket {
    struct uuid id;
    int64_t user_id;
    char session[UUID_TEXT_SIZE]; /* with which the connection ends */
    int64_t session_expires_s;    /* of the token that was shown: then it ends too; wall clock */
    int64_t expires_ms;
};

/* Returns `ret_text`. */
const char *ticket_issue(const struct token *token, char ret_text[TICKET_SIZE]);
/* Is it one of ours and still good? Whether it was used, ticket_redeem() knows. 0 or -1. */
int ticket_read(const char *text, struct ticket *ret_ticket);

/* Uses it up. `redeemed` follows, perhaps before this returns, unless the client leaves: with NULL, or with the refusal
 * where it was used before or its session has ended. The request waits here. */
typedef void ticket_redeemed(struct request *request, const struct ticket *ticket, const struct refusal *refusal);
void ticket_redeem(struct request *request, const struct ticket *ticket, ticket_redeemed *redeemed);

/* Once in a while. */
void tickets_poll(void);

#endif
