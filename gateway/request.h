/* One request on its way: from h2o, through route, caller, admission and contract, to a worker or a function of the
 * gateway, and back. It lives in h2o's pool of that request; when a client leaves, the pool goes and the request leaves
 * the place where it waits. */
#ifndef TITHI_REQUEST_H
#define TITHI_REQUEST_H

#include <h2o.h>
#include <uthash.h>

#include "codec.h"
#include "contract.h"
#include "envelope.h"
#include "limits.h"
#include "router.h"
#include "token.h"
#include "trace.h"

#define REQUEST_ID_LIMIT 128

struct answer;
struct connection;
struct key_grant;

struct request {
    h2o_req_t *h2o;
    struct connection *connection;
    struct uuid id;
    int64_t started_us;

    struct route_match match;
    const struct route *route;         /* NULL before one was found */
    const struct operation *operation; /* of the route */
    bool head;                         /* HEAD: GET without the body */
    bool keeps_coming;                 /* bytes of it that nobody read may still be on their way: close gently */

    const char *request_id;
    char address[INET6_ADDRSTRLEN];     /* the client's */
    char limit_scope[INET6_ADDRSTRLEN]; /* whose limits count where nobody is signed in */
    char trace[TRACE_SIZE];
    const char *origin; /* of a browser that CORS_ORIGINS names, or NULL */
    struct text_span query;

    bool token_given;
    bool by_cookie;               /* and not by a bearer in the Authorization header */
    struct text_span credentials; /* what follows "Bearer", or the cookie */
    struct token token;           /* user_id 0: nobody */
    bool shows_key;               /* the credentials are an API key */
    const struct key_grant *key;  /* what it may, in the request's pool; NULL: no API key */
    bool use_is_news;             /* notes.c has not heard of this session or key for a while */
    const struct refusal *turned_away; /* its caller is not believed: it only counts against the limits */
    struct quota quota, key_quota;

    struct text_span message;      /* by the contract, in the request's pool */
    const struct refusal *invalid; /* it does not keep to the contract */
    const char *details;           /* JSON object, goes with `invalid` */
    const char *missing;           /* JSON list of names, goes with missing_fields */

    bool has_command;
    struct uuid command;    /* derived from the Idempotency-Key */
    UT_hash_handle running; /* among the commands with a key */

    /* Where it waits: a list with its keeper, told by `leave` when the request goes. */
    struct request *prev, *next;
    void *place;
    void (*leave)(struct request *request);
    h2o_timeout_entry_t deadline;

    struct answer *answer; /* its bytes are on their way to the client */
    bool answered;
};

/* 0, or -1 (logged). */
int requests_start(void);

/* h2o's entry for all three listeners. */
int request_arrived(h2o_handler_t *handler, h2o_req_t *req);
/* For answers that h2o gives by itself (a body too large, broken chunks). */
struct request *request_new(h2o_req_t *req);

/* What keys.c found out: NULL where the API key is good. */
void request_identified(struct request *request, const struct refusal *refusal);
/* What admission.c found out. `revoked`: the session of its token was ended. */
void request_admitted(struct request *request, bool revoked);
/* A worker has answered, or somebody answered for it. */
void request_answered(struct request *request, struct answer *answer);

/* It no longer waits anywhere. */
void request_leave(struct request *request);

/* By its name in lower case, the first one; `bytes` is NULL where there is none. */
struct text_span request_header(const struct request *request, const char *name);
/* `bytes` is NULL where there is none, or none that can be believed. */
struct text_span request_cookie(const struct request *request, const char *name);

#endif
