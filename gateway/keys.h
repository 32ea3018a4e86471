/* API keys (tk_…) in the place of access tokens: whose is one, and what may it do? The auth worker is asked once for
 * each key that comes, and again when its answer has grown old. */
#ifndef TITHI_KEYS_H
#define TITHI_KEYS_H

#include "codec.h"
#include "limits.h"

struct refusal;
struct request;

/* What a key is good for, besides being its person. */
struct key_grant {
    int64_t id;
    unsigned scopes;            /* 1 << SCOPE_READ … */
    struct limit_policy policy; /* its own limit; count 0: none */
};

/* 1 << SCOPE_READ of "read" …; 0: there is no such scope. */
unsigned keys_scope_bit(const char *name, size_t length);

bool keys_is_key(struct text_span credentials);

/* Is the answer remembered? Then the request's token and key are filled in, or `ret_refusal` is set. */
bool keys_recall(struct request *request, const struct refusal **ret_refusal);
/* request_identified() follows, perhaps before this returns; the request waits here, for as long as its deadline lets
 * it.
 */
void keys_ask(struct request *request);
/* Once in a while: ends questions that nobody answers. */
void keys_poll(void);

#endif
