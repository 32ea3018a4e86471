/* How a provider is asked over HTTP. A question is one call of the provider's interface: perhaps several requests, one
 * after another or side by side, and exactly one answer. What comes back is classified here, once for all providers:
 * done, refused for good, or to be asked again. */
#ifndef TITHI_PAYMENT_QUESTION_H
#define TITHI_PAYMENT_QUESTION_H

#include <jansson.h>

#include "buffer.h"
#include "provider.h"
#include "urls.h"

struct question;

struct ask {
    const char *method; /* NULL: POST where there is a body, else GET */
    const char *path;   /* NULL: it could not be built, which counts as refused */
    const char *body;
    const char *header; /* one more; may be NULL */
    int64_t limit_ms;   /* shorter than the question's; 0: not */
    bool once;          /* of no idempotency key: never sent twice */
};

struct api {
    const char *name;                            /* for logs and errors */
    const char *const *url;                      /* the setting: scheme, host and port */
    const char *content_type;                    /* of what we send */
    const char *(*authorization)(struct pool *); /* the header's whole line */
    /* pay_back.c asks by these. */
    const char *refunds_path[2]; /* of a payment: what stands before and after its id */
    const char *refunds_items;   /* the list's member */
    int (*read_refund)(json_t *refund, struct pool *pool, struct fact *ret_fact); /* 0, or -1: it is none */
    struct ask (*post_refund)(struct question *);                                 /* "/v1/refunds/%s" answers one */
    int64_t complained_mono_ms; /* when the log last told that our keys are refused */
};

/* What one request heard. Lives until the step returns. */
struct heard {
    enum provider_fate fate; /* DONE: `json` is an object */
    json_t *json;
    const char *error; /* NULL where DONE */
    int64_t retry_after_s;
};

struct question {
    struct api *api;
    struct http_client *client;
    struct pool *pool; /* all that belongs to the question, the answer included */
    int64_t deadline_mono_ms;
    struct provider_order order; /* copies of what was asked; texts in the pool */
    struct provider_refund refund;
    provider_done *done;
    void *context;
    struct provider_answer answer; /* as far as it is known */
    struct fact *facts;
    size_t fact_capacity;
    struct heard refused;     /* by a request whose refusal may have a good reason: a second request looks closer */
    const char *link_refusal; /* why no payment link was made */
    unsigned open_parts;      /* of requests side by side */
    bool closing;             /* the look-up is part of close_order */
};

/* Runs once per request: with what was heard, perhaps before question_ask() returns. Sends the next request, or ends
 * the question. */
typedef void question_step(struct question *, const struct heard *);

struct question *question_new(struct api *api, const struct provider_link *link, int64_t limit_ms, provider_done *done,
                              void *context);
void question_take_order(struct question *question, const struct provider_order *order);
void question_take_refund(struct question *question, const struct provider_refund *refund);

/* A path with an id between these; NULL where the id is none that may stand there. */
const char *question_path(struct question *question, const char *before, const char *id, const char *after);
void question_ask(struct question *question, question_step *step, const struct ask *ask);

void question_fact(struct question *question, const struct fact *fact);
/* These end it: done with what the answer and the facts hold, or with the fate and error of what was heard. The
 * question is gone afterwards. */
void question_end(struct question *question);
void question_give_up(struct question *question, const struct heard *heard);
/* Gives up because an answer was not as it must be. */
void question_odd(struct question *question, const char *what);
/* Keeps a refusal for question_give_up(question, &question->refused). */
void question_keep_refusal(struct question *question, const struct heard *heard);

/* The page that a customer comes back to after paying. */
const char *question_return_url(struct question *question);

/* Is it one of these codes, each followed by a blank? */
bool currency_is_among(const char *currency, const char *codes);

/* Checks of settings, for provider.check: NULL, or what is wrong. */
const char *check_api_url(const char *name, const char *url);
const char *check_header_text(const char *name, const char *text);

#endif
