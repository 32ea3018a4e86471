/* The ways of a refund: made under an idempotency key, looked for among the payment's refunds where the key may have
 * been forgotten or the refusal may come from an attempt whose answer was lost. */
#include "pay_back.h"

#include <string.h>

#include "log.h"
#include "reading.h"

#define PAY_BACK_MS 15000
#define LOOK_UP_MS 10000

static bool agrees(const char *wanted, const char *given) {
    return !wanted || (given && strcmp(wanted, given) == 0);
}

/* Asked for again after a failure, a refund has a further name: "rfnd_…", "rfnd_…-1". */
static bool is_same_refund(const char *a, const char *b) {
    size_t length = strcspn(a, "-");
    return strcspn(b, "-") == length && strncmp(a, b, length) == 0;
}

/* 1: it is a refund of this payment; 0: of another; -1: it is none. */
static int read_refund(struct question *question, json_t *refund, struct fact *ret_fact) {
    if (question->api->read_refund(refund, question->pool, ret_fact) != 0)
        return -1;
    ret_fact->order_id = question->refund.order_id;
    return agrees(question->refund.provider_payment_id, ret_fact->provider_payment_id);
}

/* Ours among a payment's refunds, if it is there: under whatever name it was made, or under the one that we ask by
 * where it has failed. 0, or -1: it is no list of refunds. */
static int take_from_list(struct question *question, json_t *list) {
    json_t *items = json_object_get(list, question->api->refunds_items), *refund;
    struct fact failed = {0};
    size_t i;
    if (!json_is_array(items))
        return -1;
    json_array_foreach(items, i, refund) {
        struct fact fact;
        int ours = read_refund(question, refund, &fact);
        if (ours < 0)
            return -1;
        if (!ours || !fact.refund_id || !is_same_refund(fact.refund_id, question->refund.refund_id))
            continue;
        if (fact.kind != FACT_REFUND_FAILED)
            question_fact(question, &fact);
        else if (strcmp(fact.refund_id, question->refund.refund_id) == 0)
            failed = fact;
    }
    if (failed.refund_id && !question->answer.fact_count)
        question_fact(question, &failed);
    return 0;
}

/* The answer about one refund need not echo our name: it may have been made in the provider's dashboard. */
static void on_refund(struct question *question, const struct heard *heard) {
    struct fact fact;
    if (heard->fate != PROVIDER_DONE) {
        question_give_up(question, heard);
    } else if (read_refund(question, heard->json, &fact) <= 0 ||
               !agrees(question->refund.provider_refund_id, fact.provider_refund_id) ||
               (fact.refund_id && !is_same_refund(fact.refund_id, question->refund.refund_id))) {
        question_odd(question, "what is not this refund");
    } else {
        fact.refund_id = question->refund.refund_id;
        question_fact(question, &fact);
        question_end(question);
    }
}

static void on_list(struct question *question, const struct heard *heard) {
    if (heard->fate != PROVIDER_DONE)
        question_give_up(question, heard);
    else if (take_from_list(question, heard->json) != 0)
        question_odd(question, "what is no list of refunds");
    else
        question_end(question);
}

static void ask_for_list(struct question *question, question_step *step) {
    const char *const *path = question->api->refunds_path;
    question_ask(
        question, step,
        &(struct ask){.path = question_path(question, path[0], question->refund.provider_payment_id, path[1])});
}

static struct question *refund_question(struct api *api, const struct provider_link *link, int64_t limit_ms,
                                        const struct provider_refund *refund, provider_done *done, void *context) {
    struct question *question = question_new(api, link, limit_ms, done, context);
    question_take_refund(question, refund);
    return question;
}

void pay_back_look_up(struct api *api, const struct provider_link *link, const struct provider_refund *refund,
                      provider_done *done, void *context) {
    struct question *question = refund_question(api, link, LOOK_UP_MS, refund, done, context);
    if (refund->provider_refund_id)
        question_ask(question, on_refund,
                     &(struct ask){.path = question_path(question, "/v1/refunds/", refund->provider_refund_id, "")});
    else
        ask_for_list(question, on_list);
}

/* That the list was refused says nothing about the refund. */
static void give_up_list(struct question *question, const struct heard *heard) {
    question_give_up(
        question,
        &(struct heard){.fate = PROVIDER_AGAIN, .error = heard->error, .retry_after_s = heard->retry_after_s});
}

/* Money that the account lacks today it may have tomorrow. Both providers say so in words only. */
static bool is_for_now(const struct heard *refused) {
    return refused->error && (strcasestr(refused->error, "balance") || strcasestr(refused->error, "insufficient"));
}

/* A refusal stands unless the refund is there. */
static void on_list_after_refusal(struct question *question, const struct heard *heard) {
    if (heard->fate != PROVIDER_DONE) {
        give_up_list(question, heard);
    } else if (take_from_list(question, heard->json) != 0) {
        question_odd(question, "what is no list of refunds");
    } else if (question->answer.fact_count) {
        question_end(question);
    } else if (is_for_now(&question->refused)) {
        log_warn("refund %s waits for money: %s", question->refund.refund_id, question->refused.error);
        give_up_list(question, &question->refused);
    } else {
        question_give_up(question, &question->refused);
    }
}

static void on_posted(struct question *question, const struct heard *heard) {
    if (heard->fate == PROVIDER_REFUSED) {
        question_keep_refusal(question, heard);
        ask_for_list(question, on_list_after_refusal);
    } else {
        on_refund(question, heard);
    }
}

static void post(struct question *question) {
    const struct ask ask = question->api->post_refund(question);
    question_ask(question, on_posted, &ask);
}

static void on_list_before(struct question *question, const struct heard *heard) {
    if (heard->fate != PROVIDER_DONE)
        give_up_list(question, heard);
    else if (take_from_list(question, heard->json) != 0)
        question_odd(question, "what is no list of refunds");
    else if (question->answer.fact_count)
        question_end(question);
    else
        post(question);
}

void pay_back(struct api *api, const struct provider_link *link, const struct provider_refund *refund,
              provider_done *done, void *context) {
    struct question *question = refund_question(api, link, PAY_BACK_MS, refund, done, context);
    if (!is_provider_id(refund->provider_payment_id))
        question_give_up(question, &(struct heard){.fate = PROVIDER_REFUSED,
                                                   .error = "its payment has no id that a provider could know"});
    else if (refund->asked_before)
        ask_for_list(question, on_list_before);
    else
        post(question);
}
