/* The operations about what is sent to webhook endpoints: a test, the log of deliveries, and sending them again. */
#include <inttypes.h>
#include <string.h>

#include "clock.h"
#include "deliveries_store.h"
#include "endpoint_calls.h"
#include "pages.h"
#include "uuid.h"

/* The body of a test; NULL where it does not fit the contract. */
static const char *test_body(int64_t endpoint_id, struct pool *pool) {
    char now[CLOCK_TEXT_SIZE];
    const struct webhook_tested_webhook body = {
        .type = "webhook.test", .timestamp = clock_text(clock_wall_ms(), now), .endpoint_id = endpoint_id};
    struct buffer message = {0}, json = {0};
    const char *text = NULL;
    codec_encode(&record_webhook_tested_webhook, &body, &message);
    if (codec_render(&record_webhook_tested_webhook, NULL, message.bytes, message.length, &json) == 0)
        text = pool_text(pool, buffer_text(&json));
    buffer_free(&message);
    buffer_free(&json);
    return text;
}

static struct endpoint_test test_of(const struct test_webhook_endpoint_call *call, struct pool *pool) {
    struct uuid id = uuid_new();
    char id_text[UUID_TEXT_SIZE];
    return (struct endpoint_test){.endpoint = endpoint_key_of(&call->call, call->request.endpoint_id),
                                  .cause = pool_printf(pool, "test:%s", uuid_text(&id, id_text)),
                                  .body = test_body(call->request.endpoint_id, pool),
                                  .trace = call->call.header.trace};
}

/* Only to endpoints that are at work. */
static int send_tests(struct worker *worker, struct test_webhook_endpoint_call *calls, size_t count,
                      const struct webhook_endpoint *endpoints) {
    struct pool *pool = worker_pool(worker);
    struct endpoint_test *tests = pool_alloc(pool, count * sizeof *tests);
    struct test_webhook_endpoint_reply **replies = pool_alloc(pool, count * sizeof *replies);
    const char **webhook_ids = pool_alloc(pool, count * sizeof *webhook_ids);
    size_t test_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (calls[i].call.refusal)
            continue;
        if (endpoints[i].has_disabled_reason == PRESENCE_SET) {
            refuse(&calls[i].call, &refusal_endpoint_disabled);
            continue;
        }
        replies[test_count] = &calls[i].reply;
        tests[test_count++] = test_of(&calls[i], pool);
    }
    if (test_count && deliveries_store_test(worker, tests, test_count, webhook_ids) != 0)
        return -1;
    for (size_t i = 0; i < test_count; i++)
        *replies[i] = (struct test_webhook_endpoint_reply){.message = "Test sent", .webhook_id = webhook_ids[i]};
    worker_wake(worker);
    return 0;
}

int test_webhook_endpoint(struct worker *worker, struct test_webhook_endpoint_call *calls, size_t count) {
    const struct webhook_endpoint *endpoints = ENDPOINTS_FIND(worker, calls, count);
    return endpoints ? send_tests(worker, calls, count, endpoints) : -1;
}

/* False: the call is refused. */
static bool want(struct list_webhook_deliveries_call *call, struct deliveries_wanted *ret_wanted) {
    const struct list_webhook_deliveries_request *request = &call->request;
    int64_t before_id;
    if (!page_begins(&call->call, request->has_after == PRESENCE_SET ? request->after : NULL, &before_id))
        return false;
    *ret_wanted = (struct deliveries_wanted){.endpoint = endpoint_key_of(&call->call, request->endpoint_id),
                                             .state = request->has_state == PRESENCE_SET ? request->state : NULL,
                                             .type = request->has_type == PRESENCE_SET ? request->type : NULL,
                                             .before_id = before_id,
                                             .limit = request->limit + 1};
    return true;
}

static void show_page(struct list_webhook_deliveries_call *call, const struct deliveries_page *page) {
    const char *next;
    call->reply.deliveries.items = page->items;
    call->reply.deliveries.count =
        page_ends(page->ids, page->count, (size_t)call->request.limit, call->call.pool, &next);
    SET_TEXT(call->reply, next, next);
}

int list_webhook_deliveries(struct worker *worker, struct list_webhook_deliveries_call *calls, size_t count) {
    struct pool *pool = worker_pool(worker);
    struct deliveries_wanted *wanted = pool_alloc(pool, count * sizeof *wanted);
    struct deliveries_page *pages = pool_alloc(pool, count * sizeof *pages), *page = pages;
    size_t wanted_count = 0;
    if (!ENDPOINTS_FIND(worker, calls, count))
        return -1;
    for (size_t i = 0; i < count; i++)
        if (!calls[i].call.refusal && want(&calls[i], &wanted[wanted_count]))
            wanted_count++;
    if (deliveries_store_list(worker, wanted, wanted_count, pages) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (!calls[i].call.refusal)
            show_page(&calls[i], page++);
    return 0;
}

int get_webhook_delivery(struct worker *worker, struct get_webhook_delivery_call *calls, size_t count) {
    struct pool *pool = worker_pool(worker);
    struct delivery_key *keys = pool_alloc(pool, count * sizeof *keys);
    struct get_webhook_delivery_reply **replies = pool_alloc(pool, count * sizeof *replies);
    for (size_t i = 0; i < count; i++) {
        keys[i] = (struct delivery_key){.endpoint = endpoint_key_of(&calls[i].call, calls[i].request.endpoint_id),
                                        .webhook_id = calls[i].request.webhook_id};
        replies[i] = &calls[i].reply;
    }
    if (deliveries_store_read(worker, keys, count, replies) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (!calls[i].reply.url)
            refuse(&calls[i].call, &refusal_delivery_not_found);
    return 0;
}

int replay_webhook_delivery(struct worker *worker, struct replay_webhook_delivery_call *calls, size_t count) {
    struct pool *pool = worker_pool(worker);
    struct delivery_key *keys = pool_alloc(pool, count * sizeof *keys);
    struct replayed *replayed = pool_alloc(pool, count * sizeof *replayed);
    for (size_t i = 0; i < count; i++)
        keys[i] = (struct delivery_key){.endpoint = endpoint_key_of(&calls[i].call, calls[i].request.endpoint_id),
                                        .webhook_id = calls[i].request.webhook_id};
    if (deliveries_store_replay(worker, keys, count, replayed) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        calls[i].reply.message = "The delivery is due again";
        calls[i].reply.replayed = replayed[i].count;
        if (!replayed[i].found)
            refuse(&calls[i].call, &refusal_delivery_not_found);
        else if (replayed[i].disabled)
            refuse(&calls[i].call, &refusal_endpoint_disabled);
        else if (replayed[i].count == 0)
            refuse(&calls[i].call, &refusal_delivery_in_progress);
    }
    worker_wake(worker);
    return 0;
}

static struct replay_span span_of(const struct replay_webhook_deliveries_call *call) {
    const struct replay_webhook_deliveries_request *request = &call->request;
    return (struct replay_span){.endpoint = endpoint_key_of(&call->call, request->endpoint_id),
                                .from = request->from,
                                .to = request->has_to == PRESENCE_SET ? request->to : NULL,
                                .state = strcmp(request->state, "all") == 0 ? NULL : request->state};
}

int replay_webhook_deliveries(struct worker *worker, struct replay_webhook_deliveries_call *calls, size_t count) {
    struct pool *pool = worker_pool(worker);
    struct replay_span *spans = pool_alloc(pool, count * sizeof *spans);
    struct replayed *replayed = pool_alloc(pool, count * sizeof *replayed);
    for (size_t i = 0; i < count; i++)
        spans[i] = span_of(&calls[i]);
    if (deliveries_store_replay_spans(worker, spans, count, replayed) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        calls[i].reply.message = pool_printf(pool, "%" PRId64 " deliveries are due again", replayed[i].count);
        calls[i].reply.replayed = replayed[i].count;
        if (!replayed[i].found)
            refuse(&calls[i].call, &refusal_endpoint_not_found);
        else if (replayed[i].backwards)
            refuse_field(&calls[i].call, &refusal_validation_error, "to", "is before from");
        else if (replayed[i].disabled)
            refuse(&calls[i].call, &refusal_endpoint_disabled);
    }
    worker_wake(worker);
    return 0;
}
