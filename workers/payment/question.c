/* The requests of a question on http.h. A question lives from question_new() until its end, and with it its pool; a
 * request that could not even be sent is heard like one that failed, so no path leads past the one answer. */
#include "question.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "codec.h"
#include "log.h"
#include "reading.h"
#include "settings.h"

#define COMPLAINT_MS 60000
#define HEADERS_LIMIT 6

struct exchange { /* one request */
    struct question *question;
    question_step *step;
};

static const char *copy(struct pool *pool, const char *text) {
    return text ? pool_text(pool, text) : NULL;
}

struct question *question_new(struct api *api, const struct provider_link *link, int64_t limit_ms, provider_done *done,
                              void *context) {
    struct pool *pool = pool_new();
    struct question *question = pool_alloc(pool, sizeof *question);
    question->api = api;
    question->client = link->client;
    question->pool = pool;
    question->deadline_mono_ms = clock_mono_ms() + limit_ms;
    question->done = done;
    question->context = context;
    return question;
}

void question_take_order(struct question *question, const struct provider_order *order) {
    struct pool *pool = question->pool;
    question->order = (struct provider_order){
        .receipt = copy(pool, order->receipt),
        .amount_minor = order->amount_minor,
        .currency = copy(pool, order->currency),
        .title = copy(pool, order->title),
        .booking_reference = copy(pool, order->booking_reference),
        .customer_name = copy(pool, order->customer_name),
        .customer_email = copy(pool, order->customer_email),
        .expires_at_s = order->expires_at_s,
        .asked_before = order->asked_before,
        .order_id = copy(pool, order->order_id),
        .payment_url = copy(pool, order->payment_url),
        .provider_payment_id = copy(pool, order->provider_payment_id),
    };
}

void question_take_refund(struct question *question, const struct provider_refund *refund) {
    struct pool *pool = question->pool;
    question->refund = (struct provider_refund){
        .refund_id = copy(pool, refund->refund_id),
        .provider_refund_id = copy(pool, refund->provider_refund_id),
        .provider_payment_id = copy(pool, refund->provider_payment_id),
        .order_id = copy(pool, refund->order_id),
        .amount_minor = refund->amount_minor,
        .currency = copy(pool, refund->currency),
        .asked_before = refund->asked_before,
    };
}

const char *question_path(struct question *question, const char *before, const char *id, const char *after) {
    return is_provider_id(id) ? pool_printf(question->pool, "%s%s%s", before, id, after) : NULL;
}

/* "BAD_REQUEST_ERROR: The amount must be …", as both providers' errors can be read; NULL: there is nothing to read. */
static const char *error_words(json_t *json, struct pool *pool) {
    json_t *error = json_object_get(json, "error");
    const char *code = read_words(error, "code", pool), *words = read_words(error, "description", pool);
    code = code ? code : read_words(error, "type", pool);
    words = words ? words : read_words(error, "message", pool);
    return code && words ? pool_printf(pool, "%s: %s", code, words) : code ? code : words;
}

/* Razorpay answers 400 to wrong keys in places. */
static bool keys_are_refused(long status, const char *words) {
    return status == 401 || status == 403 ||
           (status == 400 && words &&
            (strcasestr(words, "api key provided is invalid") || strcasestr(words, "authentication failed")));
}

/* The operator can repair that, and nothing may be lost until then: loud, but not for every payment. */
static void complain_about_keys(struct api *api, long status) {
    int64_t now_ms = clock_mono_ms();
    if (api->complained_mono_ms && now_ms - api->complained_mono_ms < COMPLAINT_MS)
        return;
    api->complained_mono_ms = now_ms;
    log_error("%s refuses our keys (%ld): no payment or refund goes through until they are right", api->name, status);
}

/* Of 4xx: it took too long, something else is under way, is locked or has failed, or we ask too often. */
static bool is_for_now(long status) {
    return status == 408 || status == 409 || (status >= 423 && status <= 425) || status == 429;
}

static struct heard hear(struct question *question, const struct http_response *response) {
    struct pool *pool = question->pool;
    const char *name = question->api->name;
    long status = response->status;
    struct heard heard = {.fate = PROVIDER_AGAIN, .retry_after_s = response->retry_after_s};
    if (status == 0) {
        heard.error = pool_printf(pool, "%s did not answer: %s", name, response->error);
        return heard;
    }
    heard.json = read_object(response->body, response->body_length);
    const char *words = status >= 400 ? error_words(heard.json, pool) : NULL;
    bool good = status >= 200 && status < 300;
    if (good && heard.json) {
        heard.fate = PROVIDER_DONE;
    } else if (keys_are_refused(status, words)) {
        complain_about_keys(question->api, status);
        heard.error = pool_printf(pool, "%s refuses our keys (%ld)", name, status);
    } else if (status >= 400 && status < 500 && !is_for_now(status)) {
        heard.fate = PROVIDER_REFUSED;
        heard.error = pool_printf(pool, "%s answered %ld%s%s", name, status, words ? ": " : "", words ? words : "");
    } else {
        heard.error = pool_printf(pool, "%s answered %ld%s", name, status, good ? " with what is no JSON object" : "");
    }
    return heard;
}

static void on_response(void *context, const struct http_response *response) {
    struct exchange *exchange = context;
    struct heard heard = hear(exchange->question, response);
    exchange->step(exchange->question, &heard);
    json_decref(heard.json);
}

static int64_t time_left_ms(const struct question *question, const struct ask *ask) {
    int64_t left_ms = question->deadline_mono_ms - clock_mono_ms();
    return ask->limit_ms && ask->limit_ms < left_ms ? ask->limit_ms : left_ms;
}

void question_ask(struct question *question, question_step *step, const struct ask *ask) {
    struct pool *pool = question->pool;
    int64_t timeout_ms = time_left_ms(question, ask);
    const char *headers[HEADERS_LIMIT] = {"Accept: application/json", question->api->authorization(pool)};
    size_t count = 2;
    if (!ask->path) {
        step(question, &(struct heard){.fate = PROVIDER_REFUSED,
                                       .error = "what was to be asked for has no id that a provider could know"});
        return;
    }
    if (timeout_ms <= 0) {
        step(question, &(struct heard){.fate = PROVIDER_AGAIN,
                                       .error = pool_printf(pool, "%s took too long", question->api->name)});
        return;
    }
    if (ask->body)
        headers[count++] = pool_printf(pool, "Content-Type: %s", question->api->content_type);
    if (ask->header)
        headers[count++] = ask->header;
    struct exchange *exchange = pool_alloc(pool, sizeof *exchange);
    *exchange = (struct exchange){.question = question, .step = step};
    const struct http_request request = {.method = ask->method,
                                         .url = pool_printf(pool, "%s%s", *question->api->url, ask->path),
                                         .headers = headers,
                                         .body = ask->body,
                                         .body_length = ask->body ? strlen(ask->body) : 0,
                                         .timeout_ms = timeout_ms,
                                         .once = ask->once};
    if (http_send(question->client, &request, on_response, exchange) != 0)
        step(question, &(struct heard){.fate = PROVIDER_AGAIN,
                                       .error = pool_printf(pool, "%s cannot be asked: its address is no URL",
                                                            question->api->name)});
}

void question_fact(struct question *question, const struct fact *fact) {
    struct provider_answer *answer = &question->answer;
    if (answer->fact_count == question->fact_capacity) {
        question->fact_capacity = question->fact_capacity ? 2 * question->fact_capacity : 4;
        struct fact *more = pool_alloc(question->pool, question->fact_capacity * sizeof *more);
        for (size_t i = 0; i < answer->fact_count; i++)
            more[i] = question->facts[i];
        question->facts = more;
        answer->facts = more;
    }
    question->facts[answer->fact_count++] = *fact;
}

/* The callback may ask the next question; this one has nothing to say any more. */
static void finish(struct question *question) {
    struct pool *pool = question->pool;
    question->done(question->context, &question->answer);
    pool_destroy(&pool);
}

void question_end(struct question *question) {
    question->answer.fate = PROVIDER_DONE;
    finish(question);
}

void question_give_up(struct question *question, const struct heard *heard) {
    question->answer =
        (struct provider_answer){.fate = heard->fate, .error = heard->error, .retry_after_s = heard->retry_after_s};
    finish(question);
}

void question_odd(struct question *question, const char *what) {
    question_give_up(
        question, &(struct heard){.fate = PROVIDER_AGAIN,
                                  .error = pool_printf(question->pool, "%s answered %s", question->api->name, what)});
}

void question_keep_refusal(struct question *question, const struct heard *heard) {
    question->refused =
        (struct heard){.fate = heard->fate, .error = heard->error, .retry_after_s = heard->retry_after_s};
}

const char *question_return_url(struct question *question) {
    struct buffer path = {0};
    buffer_append_text(&path, "/app/bookings?paid=");
    url_append(&path, question->order.booking_reference);
    const char *url = public_page(buffer_text(&path), question->pool);
    buffer_free(&path);
    return url;
}

bool currency_is_among(const char *currency, const char *codes) {
    if (currency_decimals(currency) < 0)
        return false;
    const char padded[] = {currency[0], currency[1], currency[2], ' ', '\0'};
    return strstr(codes, padded);
}

const char *check_api_url(const char *name, const char *url) {
    static char sentence[200];
    const char *host = strstr(url, "://");
    host = host ? host + 3 : "";
    const char *problem = *host && strcspn(host, "/?#@\\ ") == strlen(host)
                              ? url_problem(url)
                              : "must be an address without user, path or query, like https://api.example.com";
    snprintf(sentence, sizeof sentence, "%s %s", name, problem ? problem : "");
    return problem ? sentence : NULL;
}

const char *check_header_text(const char *name, const char *text) {
    static char sentence[120];
    snprintf(sentence, sizeof sentence, "%s holds characters that no header can carry", name);
    for (; *text; text++)
        if (!isgraph((unsigned char)*text))
            return sentence;
    return NULL;
}
